"""The requests of PEP 694 and of the simple API, one method for each: typed values in, typed values or an error out."""

from __future__ import annotations

from contextlib import contextmanager
from typing import IO, TYPE_CHECKING
from urllib.parse import urljoin

import msgspec
from packaging.utils import canonicalize_name

from hatch_staged.client.answers import Answer, Asked, decode, printable, refusal
from hatch_staged.client.transport import Repeat
from hatch_staged.errors import ArtifactError, ProtocolError, StagedError, StageGoneError
from hatch_staged.protocol import messages, problems, simple
from hatch_staged.protocol.distributions import parse_filename
from hatch_staged.protocol.states import FileState, SessionState
from hatch_staged.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from types import TracebackType

    from typing_extensions import Self

    from hatch_staged.client.artifacts import Artifact
    from hatch_staged.client.transport import Content, Transport
    from hatch_staged.protocol.mechanisms import HttpPostBytes

_CHUNK = 256 * 1024

_HEADERS = {
    # "all non-file-upload requests defined in this PEP MUST include a Content-Type header value of", GET included
    "Content-Type": messages.CONTENT_TYPE,
    "Accept": f"{messages.CONTENT_TYPE}, {problems.CONTENT_TYPE}",
}
_JSON_PAGES = (simple.CONTENT_TYPE, "application/json")

_CREATED = 201
_ACCEPTED = 202
_CONFLICT = 409
#: "not there", and "not there any more"
_NOT_THERE = frozenset({404, 410})


class Client:
    """An Upload 2.0 index, seen from outside.  A context manager that closes its transport.

    Every method raises `UnreachableError` where there is no answer, `NotAllowedError` where the index does not let us,
    `StageGoneError` for what it does not know (any more), `ConflictError` for a 409, `ProtocolError` for an answer
    that is none of Upload 2.0, and `StagedError` where it refuses for another reason.  Each waits and repeats within
    the transport's patience.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        credentials = transport.credentials
        # what no error may show, whatever the index echoes
        self._secrets = set() if credentials is None else {credentials.secret}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._transport.__exit__(kind, error, traceback)

    @property
    def endpoint(self) -> str:
        """The URL of the root endpoint."""
        return self._transport.endpoint

    def create_or_join(self, project: str, version: str) -> tuple[messages.Session, bool]:
        """Create the publishing session of `project` and `version`, or join the one that there is.

        Returns it, and whether it has just been created.

        "the server MUST respond with a 409 Conflict and MUST include a Location header"; earlier drafts answered 200
        with the session.  Raises `ConfigurationError` where the endpoint does not speak Upload 2.0.
        """
        # twice is once: the second request joins the session that the first one made
        return self._create_or_join(project, version, Repeat.ALWAYS)

    def find_session(self, project: str, version: str) -> messages.Session | None:
        """Return the live publishing session of `project` and `version`, or None if there is none.

        PEP 694 has no call that lists sessions: only an attempt to create one tells, and if that succeeds, there was
        none, so the new one is canceled at once.  One that has files is not new, whatever the index calls it.
        """
        # not again after a lost answer: the session found then would be the one that the lost request made
        session, created = self._create_or_join(project, version, Repeat.UNHEEDED)
        if created and not session.files:
            self.cancel(session)
            return None
        return session

    def _create_or_join(self, project: str, version: str, repeat: Repeat) -> tuple[messages.Session, bool]:
        """Return the session, and whether it has just been created."""
        request = messages.CreateSession(meta=messages.META, name=project, version=version)
        answer = self._ask("POST", self.endpoint, Asked.ROOT, request, repeat=repeat, also_expected={_CONFLICT})
        if answer.status != _CONFLICT:
            return self._session(answer, Asked.ROOT), answer.status == _CREATED
        if answer.location is None:
            raise refusal(answer, Asked.ROOT, self._secrets)
        self._transport.trust(answer.location)
        return self.session(answer.location), False

    def session(self, url: str) -> messages.Session:
        """Return the status of the publishing session at `url` (its ``links.session``).

        In this session, as in those of all other methods, notices and file names are such as may be shown.
        """
        return self.look(url)[0]

    def look(self, url: str) -> tuple[messages.Session, float | None]:
        """Return what `session` does, and for how many seconds the index wants to be left alone, if it says so."""
        answer = self._ask("GET", url, Asked.SESSION, repeat=Repeat.ALWAYS)
        return self._session(answer, Asked.SESSION), self._wanted_pause(answer)

    def wait_for_files(self, session: messages.Session, filenames: Collection[str]) -> messages.Session:
        """Return the session as soon as none of its files with these names is ``processing``."""

        def settled(found: messages.Session) -> bool:
            return all(
                file.status is not FileState.PROCESSING for name, file in found.files.items() if name in filenames
            )

        return self._transport.waiter.until_settled(lambda: self.look(session.links.session), settled)

    def publish(self, session: messages.Session) -> messages.Session:
        """Publish the session, wait for deferred processing, and return the published session.

        Raises `StagedError` with the index's notices where deferred processing fails: the session stays editable.
        """
        answer = self._ask("POST", session.links.publish, Asked.SESSION, _action())
        if answer.status != _ACCEPTED:
            # No further look: the status URL of a published session "MAY return 404", and published it is.
            return msgspec.structs.replace(session, status=SessionState.PUBLISHED)
        published = self._transport.waiter.until_settled(
            lambda: self.look(session.links.session),
            lambda found: found.status is not SessionState.PROCESSING,
            first_pause=self._wanted_pause(answer),
        )
        if published.status is SessionState.PUBLISHED:
            return published
        if published.status is SessionState.CANCELED:
            raise StageGoneError("the session was canceled before it was published")
        reasons = [*published.notices, *(f"{n}: {notice}" for n, f in published.files.items() for notice in f.notices)]
        raise StagedError(
            f"the index could not publish: {'; '.join(reasons) or 'it gave no reason'}",
            hint="the stage is still there: mend it and publish again, or cancel it",
        )

    def cancel(self, session: messages.Session) -> None:
        """Cancel the session, which discards its files."""
        self._ask("DELETE", session.links.session, Asked.SESSION, repeat=Repeat.ALWAYS)

    def extend(self, session: messages.Session, seconds: int) -> messages.Session:
        """Ask for `seconds` more, and return the session with the ``expires-at`` that the index grants.

        "The number of seconds specified is just a suggestion".  Raises `StagedError` where the index has no extensions.
        """
        if session.links.extend is None:
            raise StagedError("this index does not extend sessions")
        request = messages.Extend(meta=messages.META, extend_for=seconds)
        return self._session(self._ask("POST", session.links.extend, Asked.SESSION, request), Asked.SESSION)

    def create_file(self, session: messages.Session, artifact: Artifact, mechanism: str) -> messages.FileUploadSession:
        """Create the file upload session of `artifact`, to be sent by `mechanism`."""
        request = messages.CreateFile(
            meta=messages.META,
            filename=artifact.filename,
            size=artifact.size,
            hashes=dict(artifact.hashes),
            mechanism=mechanism,
        )
        answer = self._ask("POST", session.links.upload, Asked.SESSION, request)
        return self._file(answer)

    def send_bytes(self, mechanism: HttpPostBytes, artifact: Artifact, progress: Callable[[int], None]) -> None:
        """Execute ``http-post-bytes``: send the file from disk; `progress` takes each number of bytes handed over.

        Raises `ArtifactError` if the file is not as long as it was when it was hashed.
        """
        headers = {**_HEADERS, "Content-Type": "application/octet-stream", "Content-Length": str(artifact.size)}
        self._transport.trust(mechanism.file_url)
        try:
            with artifact.path.open("rb") as file:
                answer = self._transport.exchange(
                    "POST",
                    mechanism.file_url,
                    headers=headers,
                    content=lambda: _pieces(file, artifact, progress),
                    # after a refusal only a new file upload session makes sure what the index has of the bytes
                    repeat=Repeat.UNSENT,
                )
        except OSError as error:
            raise ArtifactError(f"this cannot be read: {error.strerror}", where=str(artifact.path)) from error
        if not answer.successful:
            raise refusal(answer, Asked.FILE, self._secrets)

    def complete(self, file: messages.FileUploadSession) -> FileState:
        """Complete the file upload session, wait for deferred processing, and return what became of it.

        That is ``completed``, ``error`` or ``canceled``; a failure that the index tells at once is raised.
        """
        answer = self._ask("POST", file.links.complete, Asked.FILE, _action())
        if answer.status != _ACCEPTED:
            return FileState.COMPLETED

        def look() -> tuple[FileState, float | None]:
            status = self._ask("GET", file.links.file_upload_session, Asked.FILE, repeat=Repeat.ALWAYS)
            return self._file(status).status, self._wanted_pause(status)

        in_flight = {FileState.PENDING, FileState.PROCESSING}
        return self._transport.waiter.until_settled(
            look, lambda state: state not in in_flight, first_pause=self._wanted_pause(answer)
        )

    def delete_file(self, url: str) -> None:
        """Cancel or delete the file at `url`: its ``link`` in the session, or its ``file-upload-session``.

        One that is not there any more is deleted.
        """
        self._ask("DELETE", url, Asked.FILE, repeat=Repeat.ALWAYS, also_expected=_NOT_THERE)

    def project_page(self, url: str, project: str) -> simple.ProjectPage | None:
        """Return the page of `project` in the simple repository at `url`, or None if it has none (any more).

        The URLs of its files are absolute, hash names and digests in lower case.  Raises `ProtocolError` for a page
        that is not the JSON of PEP 691.
        """
        page_url = f"{url.rstrip('/')}/{canonicalize_name(project)}/"
        answer = self._transport.fetch(page_url, headers={"Accept": simple.CONTENT_TYPE})
        if answer.status in _NOT_THERE:
            return None
        if not answer.successful:
            raise refusal(answer, Asked.SIMPLE, self._secrets)
        page = decode(answer, simple.ProjectPage, Asked.SIMPLE)
        if answer.media_type not in _JSON_PAGES or not page.meta.api_version.startswith("1."):
            said = printable(f"{answer.media_type}, version {page.meta.api_version}", self._secrets)
            raise ProtocolError(f"the page is not JSON of the simple API 1.x: {said}", where=redact(page_url))
        return msgspec.structs.replace(page, files=tuple(_normalized(file, answer.url) for file in page.files))

    @contextmanager
    def download(self, url: str) -> Iterator[Iterator[bytes]]:
        """Open the file at `url`: a context manager that gives its bytes in pieces, as the index has them."""
        with self._transport.stream(url, headers={"Accept": "*/*"}) as (answer, pieces):
            if not answer.successful:
                raise refusal(answer, Asked.SIMPLE, self._secrets)
            yield pieces

    def _ask(
        self,
        method: str,
        url: str,
        asked: Asked,
        message: msgspec.Struct | None = None,
        *,
        repeat: Repeat = Repeat.UNHEEDED,
        also_expected: Collection[int] = (),
    ) -> Answer:
        content: Content = None if message is None else messages.encode(message)
        answer = self._transport.exchange(method, url, headers=_HEADERS, content=content, repeat=repeat)
        if answer.successful or answer.status in also_expected:
            return answer
        raise refusal(answer, asked, self._secrets)

    def _wanted_pause(self, answer: Answer) -> float | None:
        return self._transport.waiter.retry_after(answer.headers.get("retry-after"))

    def _session(self, answer: Answer, asked: Asked) -> messages.Session:
        session = decode(answer, messages.Session, asked)
        links = (session.links.session, session.links.upload, session.links.publish, session.links.extend)
        for link in (*links, *(file.link for file in session.files.values())):
            if link is not None:
                self._transport.trust(link)
        if session.session_token:
            self._secrets.add(session.session_token)
        for filename in session.files:
            self._refuse_unshowable(filename, answer.url)
        files = {
            name: msgspec.structs.replace(file, notices=self._shown(file.notices))
            for name, file in session.files.items()
        }
        return msgspec.structs.replace(session, files=files, notices=self._shown(session.notices))

    def _shown(self, notices: Iterable[str]) -> tuple[str, ...]:
        """Return what the index said as it may be shown, here and everywhere behind."""
        return tuple(printable(notice, self._secrets) for notice in notices)

    def _refuse_unshowable(self, filename: str, url: str) -> None:
        try:
            parse_filename(filename)
        except ValueError:
            # Somebody else's file, of a kind that we do not know, is no reason; what a terminal must not get is one.
            if printable(filename, self._secrets) != filename:
                what = "the session has a file with a name that cannot be shown"
                raise ProtocolError(what, where=redact(url)) from None

    def _file(self, answer: Answer) -> messages.FileUploadSession:
        file = decode(answer, messages.FileUploadSession, Asked.FILE)
        self._transport.trust(file.links.file_upload_session)
        self._transport.trust(file.links.complete)
        return file


def _normalized(file: simple.ListedFile, base: str) -> simple.ListedFile:
    try:
        url = urljoin(base, file.url)
    except ValueError:
        raise ProtocolError(f"this is not the URL of {printable(file.filename)}", where=redact(file.url)) from None
    hashes = {name.lower(): digest.lower() for name, digest in file.hashes.items()}
    return msgspec.structs.replace(file, url=url, hashes=hashes)


def _action() -> messages.Action:
    return messages.Action(meta=messages.META)


def _pieces(file: IO[bytes], artifact: Artifact, progress: Callable[[int], None]) -> Iterator[bytes]:
    file.seek(0)
    left = artifact.size
    while piece := file.read(_CHUNK):
        left -= len(piece)
        if left < 0:
            break
        yield piece
        progress(len(piece))
    if left:
        raise ArtifactError("the file changed while it was being staged", where=str(artifact.path))
