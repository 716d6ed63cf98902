"""A small Upload 2.0 index for the client's tests, over real sockets: obliging by default, and scriptable.

It is written from PEP 694 and shares no code with our index or our messages, so that a misreading shows.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import sys
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import TYPE_CHECKING, Any

from tests.in_thread import InThread

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable


UPLOAD_JSON = "application/vnd.pypi.upload.v2+json"
PROBLEM_JSON = "application/problem+json"
SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
EXPIRES = "2030-08-01T12:00:00Z"
TOKEN = "s3ssion-t0ken-of-the-publishing-session"


@dataclass(frozen=True)
class Reply:
    """One answer; see also `DROP` and `LOSE`; `length` promises more bytes than there are."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None


DROP = Reply(0)
#: the index does what it is asked for, and drops the connection
LOSE = Reply(-1)


def reply(status: int, message: object, kind: str = UPLOAD_JSON, **headers: str) -> Reply:
    """Return an answer in JSON; underscores in the names of `headers` stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps(message).encode(), {"Content-Type": kind, **named})


def problem(status: int, title: str, **members: object) -> Reply:
    """Return problem details."""
    return reply(status, {"title": title, "status": status, "meta": {"api-version": "2.0"}, **members}, PROBLEM_JSON)


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class File:
    """A file upload session."""

    filename: str
    hashes: dict[str, str]
    size: int
    number: int
    status: str = "pending"
    content: bytes = b""
    #: how many looks at its status it stays in processing, and what it becomes then
    looks: int = 0
    outcome: str = "completed"
    notices: list[str] = field(default_factory=list)
    #: as they arrived
    attestations: bytes = b""


class UploadServer(InThread):
    """The index: set its attributes before a request; `script` puts answers in the place of its own."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.previews = True
        #: whether a stage has a page
        self.pages = True
        self.extensions = True
        self.file_extensions = False
        #: when session and files expire, and what the next extensions make of it
        self.expires = EXPIRES
        self.grants: list[str] = []
        self.hashes_listed = True
        #: whether it takes attestations, and the version of the simple API, which says since 1.3 who has some
        self.attesting = False
        self.page_version = "1.3"
        self.nested_mechanism = False
        self.mechanisms = ["vnd-acme-pigeon", "http-post-bytes"]
        self.join_status = 409
        self.notices: list[str] = []
        #: looks until a deferred completion or publication is over; 0 is at once
        self.deferred_files = 0
        self.deferred_publish = 0
        self.publish_outcome = "published"
        #: file name -> reason: refused when completed
        self.refused: dict[str, str] = {}
        #: whether it takes one upload at a time
        self.serial = False
        self.when_refused: Callable[[], object] = lambda: None
        self.status: str | None = None
        self.files: dict[str, File] = {}
        self.removed: list[str] = []
        self.seen: list[Seen] = []
        self._numbers = 0
        self._scripts: list[tuple[str, re.Pattern[str], list[Reply], Callable[[], object]]] = []
        self._lock = Lock()
        super().__init__(_Server(("127.0.0.1", 0), _handler(self)))
        self._scheme = "http" if tls is None else "https"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    @property
    def endpoint(self) -> str:
        """The root endpoint."""
        return f"{self.origin}/api/2.0/"

    def script(self, method: str, path: str, *replies: Reply, then: Callable[[], object] = lambda: None) -> None:
        """Answer the next requests of `method` to paths that match `path` with `replies`, one after the other.

        Each time `then` happens in the index.
        """
        self._scripts.append((method, re.compile(path), list(replies), then))

    def forget_scripts(self) -> None:
        """Answer by itself again."""
        self._scripts.clear()

    def asked(self, method: str, path: str = "") -> list[Seen]:
        """Return the requests of `method` to paths that match `path`."""
        return [seen for seen in self.seen if seen.method == method and re.search(path, seen.path)]

    def add_file(self, filename: str, content: bytes = b"", *, status: str = "completed", looks: int = 0) -> File:
        """Put a file into the session, which then exists."""
        self.status = self.status or "open"
        self._numbers += 1
        hashes = {"sha256": hashlib.sha256(content).hexdigest()}
        file = File(filename, hashes, len(content), self._numbers, status, content, looks)
        self.files[filename] = file
        return file

    def answer(self, seen: Seen) -> Reply:
        """Return the scripted answer, else what the index makes of it."""
        with self._lock:
            self.seen.append(seen)
            for method, path, replies, then in self._scripts:
                if replies and method == seen.method and path.search(seen.path):
                    scripted = replies.pop(0)
                    if scripted is LOSE:
                        self._answer(seen)
                    then()
                    return scripted
            return self._answer(seen)

    def session(self) -> dict[str, Any]:
        """Return the body that tells the status of the session."""
        base = f"{self.origin}/odd/place"
        links = {"session": f"{base}/s", "upload": f"{base}/u", "publish": f"{base}/p"}
        body: dict[str, Any] = {
            "meta": {"api-version": "2.0", "_unknown": 1},
            "links": links,
            "mechanisms": self.mechanisms,
            "expires-at": self.expires,
            "status": self.status,
            "files": {
                name: {"status": file.status, "link": f"{base}/f/{file.number}", "notices": file.notices}
                for name, file in self.files.items()
            },
            "notices": self.notices,
        }
        if self.extensions:
            links["extend"] = f"{base}/e"
        if self.previews:
            links["stage"] = f"{self.origin}/stage/{TOKEN}/simple/"
            body["session-token"] = TOKEN
        return body

    def file_status(self, file: File, status: int, *, state: str = "", mechanism: object = None) -> Reply:
        """Return an answer that tells the status of a file upload session."""
        base = f"{self.origin}/odd/place"
        fields = {"file_url": f"{base}/b/{file.number}"}
        if self.attesting:
            fields["attestations_url"] = f"{base}/a/{file.number}"
        extend = {"extend": f"{base}/x/{file.number}"} if self.file_extensions else {}
        flat = {"identifier": "http-post-bytes", **fields}
        links = {"file-upload-session": f"{base}/f/{file.number}", "complete": f"{base}/c/{file.number}", **extend}
        body = {
            "meta": {"api-version": "2.0"},
            "links": links,
            "status": state or file.status,
            "expires-at": self.expires,
            "mechanism": mechanism or ({"http-post-bytes": fields} if self.nested_mechanism else flat),
        }
        return reply(status, body, Retry_After="1")

    def _answer(self, seen: Seen) -> Reply:
        parts = seen.path.strip("/").split("/")
        if parts == ["api", "2.0"] and seen.method == "POST":
            return self._create()
        if parts[:2] == ["odd", "place"]:
            if parts[2] in {"f", "c", "x", "b", "a"}:
                return self._file(seen, parts[2], int(parts[3]))
            return self._session(seen, parts[2])
        if parts[0] == "stage" and self.previews and self.pages:
            return self._page(parts[3]) if len(parts) > 3 else self._root()  # stage, token, simple
        if parts[0] == "files":
            found = next((file for file in self.files.values() if file.number == int(parts[1])), None)
            return problem(404, "No such file") if found is None else Reply(200, found.content)
        return problem(404, "Nothing here")

    def _create(self) -> Reply:
        location = f"{self.origin}/odd/place/s"
        if self.status in {None, "published", "canceled"}:
            self.status = "open"
            return reply(201, self.session(), Location=location)
        if self.join_status == 200:
            return reply(200, self.session())
        return reply(409, {"title": "There is one"}, PROBLEM_JSON, Location="/odd/place/s")

    def _session(self, seen: Seen, what: str) -> Reply:
        if what == "s" and seen.method == "GET":
            self._look()
            return reply(200, self.session(), Retry_After="3")
        if what == "s" and seen.method == "DELETE":
            self.status = "canceled"
            return Reply(204)
        if what == "e":
            self.expires = self.grants.pop(0) if self.grants else self.expires
            return reply(200, self.session())
        if what == "p":
            self.status = "processing" if self.deferred_publish else self.publish_outcome
            return Reply(202 if self.deferred_publish else 201, headers={"Retry-After": "2"})
        return self._create_file(json.loads(seen.body))

    def _look(self) -> None:
        for file in self.files.values():
            _look_at(file)
        if self.status == "processing":
            self.deferred_publish -= 1
            if self.deferred_publish == 0:
                self.status = self.publish_outcome

    def _create_file(self, request: dict[str, Any]) -> Reply:
        if request["filename"] in self.files:
            return problem(409, "That file is there already")
        if self.serial and any(file.status == "pending" for file in self.files.values()):
            self.when_refused()
            return problem(409, "One at a time")
        self._numbers += 1
        file = File(request["filename"], request["hashes"], request["size"], self._numbers)
        self.files[file.filename] = file
        return self.file_status(file, 202)

    def _file(self, seen: Seen, what: str, number: int) -> Reply:
        file = next((file for file in self.files.values() if file.number == number), None)
        if file is None:
            return problem(404, "No such file")
        if what in {"a", "b"}:
            setattr(file, {"a": "attestations", "b": "content"}[what], seen.body)
            return Reply(200)
        if what == "c":
            return self._complete(file)
        if seen.method == "DELETE":
            if file.status == "processing":
                return problem(409, "It is being processed")
            self.removed.append(file.filename)
            del self.files[file.filename]
            return Reply(204)
        if what == "x":
            self.expires = self.grants.pop(0) if self.grants else self.expires
        else:
            _look_at(file)
        return self.file_status(file, 200)

    def _complete(self, file: File) -> Reply:
        right = file.size == len(file.content) and all(
            hashlib.new(algorithm, file.content).hexdigest() == digest for algorithm, digest in file.hashes.items()
        )
        reason = self.refused.get(file.filename, None if right else "the bytes are not those announced")
        if self.deferred_files:
            file.status, file.looks = "processing", self.deferred_files
            if reason is not None:
                file.outcome, file.notices = "error", [reason] if reason else []
            return Reply(202, headers={"Retry-After": "7"})
        if reason is not None:
            file.status = "error"
            return problem(400, "Refused", details=reason, errors=[{"source": "file", "message": file.filename}])
        file.status = "completed"
        return Reply(201)

    def _root(self) -> Reply:
        names = sorted({filename.partition("-")[0] for filename in self.files})
        projects = [{"name": name} for name in names]
        return reply(200, {"meta": {"api-version": self.page_version}, "projects": projects}, SIMPLE_JSON)

    def _page(self, project: str) -> Reply:
        files = [
            {
                "filename": name,
                "url": f"../../../../files/{file.number}/{name}",
                "hashes": file.hashes if self.hashes_listed else {},
                "size": len(file.content),
                **({"provenance": f"../{name}.provenance"} if file.attestations else {}),
            }
            for name, file in self.files.items()
            if file.status == "completed"
        ]
        if not files:
            return problem(404, "No such project")
        return reply(200, {"meta": {"api-version": self.page_version}, "name": project, "files": files}, SIMPLE_JSON)


class _Server(ThreadingHTTPServer):
    # so that closing it waits for the last answer
    daemon_threads = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Print what went wrong, except that a client hung up, as some tests make it."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type] # only the address is printed


def _look_at(file: File) -> None:
    if file.status == "processing":
        file.looks -= 1
        if file.looks <= 0:
            file.status = file.outcome


def _handler(index: UploadServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10
        # or head and body of an answer, written one after the other, take 40 ms
        disable_nagle_algorithm = True

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            made = index.answer(Seen(self.command, self.path, headers, body))
            if made is DROP or made is LOSE:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(made.status)
            for name, value in made.headers.items():
                self.send_header(name, value)
            if made.status != 204:
                self.send_header("Content-Length", str(made.length or len(made.body)))
            self.end_headers()
            self.wfile.write(made.body)
            self.close_connection = self.close_connection or made.length is not None

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 # the names that the base class looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # its name in the base class
            """Keep quiet."""

    return Handler
