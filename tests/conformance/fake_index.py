"""The smallest thing that the suite takes for an index: it creates and deletes sessions, and does as a test says.

Over real sockets, and without any code of our index.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.in_thread import InThread

TOKEN = "t0ken-of-the-owner"
UPLOAD_JSON = "application/vnd.pypi.upload.v2+json"
META = {"api-version": "2.0"}


@dataclass(frozen=True)
class Reply:
    """An answer."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def reply(status: int, message: object, kind: str = UPLOAD_JSON, **headers: str) -> Reply:
    """Return an answer in JSON; underscores in the names of `headers` stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps(message).encode(), {"Content-Type": kind, **named})


class FakeIndex(InThread):
    """The index.  `created` is the status of a session's creation; `script` has the answers to other requests."""

    def __init__(self) -> None:
        self.created = 201
        #: whether the answer to a creation says where the session is
        self.located = True
        #: how it takes credentials
        self.challenge = "Basic"
        #: (method, path) -> answers, one after the other; the last one stays
        self.script: dict[tuple[str, str], list[Reply]] = {}
        self.seen: list[Seen] = []
        super().__init__(ThreadingHTTPServer(("127.0.0.1", 0), _handler(self)))

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def root(self) -> str:
        """The root endpoint."""
        return f"{self.origin}/root"

    def asked(self, method: str, path: str) -> list[Seen]:
        """Return the requests of `method` to `path`."""
        return [seen for seen in self.seen if (seen.method, seen.path) == (method, path)]

    def session(self, number: int) -> dict[str, object]:
        """Return the body that describes a session."""
        at = f"{self.origin}/sessions/{number}"
        return {"meta": META, "links": {"session": at, "upload": f"{at}/files", "publish": f"{at}/publish"}}

    def answer(self, seen: Seen) -> Reply:
        """Return the answer to a request."""
        self.seen.append(seen)
        replies = self.script.get((seen.method, seen.path), [])
        if replies:
            return replies.pop(0) if len(replies) > 1 else replies[0]
        if not self._knows(seen.headers.get("authorization", "")):
            return Reply(401, headers={"WWW-Authenticate": self.challenge})
        if (seen.method, seen.path) == ("POST", "/root"):
            return self._create(seen)
        return Reply(204) if seen.method == "DELETE" else Reply(404)

    def _create(self, seen: Seen) -> Reply:
        if "name" not in json.loads(seen.body):
            return Reply(400)
        body = self.session(len(self.seen))
        links = body["links"]
        assert isinstance(links, dict)
        return reply(self.created, body, **({"Location": links["session"]} if self.located else {}))

    def _knows(self, credentials: str) -> bool:
        basic = base64.b64encode(f"__token__:{TOKEN}".encode()).decode()
        known = {"Basic": f"Basic {basic}", "Bearer": f"Bearer {TOKEN}"}
        return any(scheme in self.challenge and credentials == told for scheme, told in known.items())


def _handler(index: FakeIndex) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_DELETE(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            given = index.answer(Seen(self.command, self.path, headers, body))
            self.send_response(given.status)
            for name, value in given.headers.items():
                self.send_header(name, value)
            if given.status != 204:
                self.send_header("Content-Length", str(len(given.body)))
            self.end_headers()
            if given.status != 204:
                self.wfile.write(given.body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    return Handler
