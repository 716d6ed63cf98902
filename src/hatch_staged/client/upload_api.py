"""The requests of PEP 694 and of the simple API, one method for each: typed values in, typed values or an error out."""

from __future__ import annotations

from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, TypeVar
from urllib.parse import urljoin

import msgspec

from hatch_staged.client import pages
from hatch_staged.client.answers import Asked, decode, printable
from hatch_staged.client.conversation import HEADERS, Conversation, nothing
from hatch_staged.client.transport import Repeat
from hatch_staged.errors import ArtifactError, ProtocolError, StagedError, StageGoneError, UnreachableError
from hatch_staged.protocol import media_types, messages, simple
from hatch_staged.protocol.mechanisms import names
from hatch_staged.protocol.states import FileState, SessionState
from hatch_staged.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from hatch_staged.client.answers import Answer
    from hatch_staged.client.artifacts import Artifact
    from hatch_staged.client.transport import Content, Transport
    from hatch_staged.client.waiting import Waiter
    from hatch_staged.protocol.mechanisms import HttpPostBytes

_Page = TypeVar("_Page", simple.ProjectPage, simple.RootPage)

_CHUNK = 256 * 1024

_JSON_PAGES = (media_types.SIMPLE, "application/json")

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
    the transport's patience.  Where the answer to a change is lost, or says that the index failed, the status is asked
    for before the change is asked for again: nothing is repeated blindly.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._talk = Conversation(transport)

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

    @property
    def waiter(self) -> Waiter:
        """The clock and the patience of all requests."""
        return self._transport.waiter

    def create_or_join(self, project: str, version: str) -> tuple[messages.Session, bool]:
        """Create the publishing session of `project` and `version`, or join the one that there is.

        Returns it, and whether it has just been created.

        "the server MUST respond with a 409 Conflict and MUST include a Location header"; earlier drafts answered 200
        with the session.  Raises `ConfigurationError` where the endpoint does not speak Upload 2.0.
        """
        # twice is once: the second request joins the session that the first one made
        return self._talk.surely(lambda: self._create_or_join(project, version, Repeat.UNSENT), nothing)

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
        answer = self._talk.ask("POST", self.endpoint, Asked.ROOT, request, repeat=repeat, also_expected={_CONFLICT})
        if answer.status != _CONFLICT:
            return self._talk.session(answer, Asked.ROOT), answer.status == _CREATED
        if answer.location is None:
            raise self._talk.refusal(answer, Asked.ROOT)
        self._transport.trust(answer.location)
        return self.session(answer.location), False

    def session(self, url: str) -> messages.Session:
        """Return the status of the publishing session at `url` (its ``links.session``).

        In this session, as in those of all other methods, notices and file names are such as may be shown.
        """
        return self.look(url)[0]

    def look(self, url: str) -> tuple[messages.Session, float | None]:
        """Return what `session` does, and for how many seconds the index wants to be left alone, if it says so."""
        return self._talk.look_at_session(url)

    def wait_for_files(self, session: messages.Session, filenames: Collection[str]) -> messages.Session:
        """Return the session as soon as none of its files with these names is ``processing``."""
        return self._when_none_is(session, filenames, {FileState.PROCESSING})

    def wait_for_others(self, session: messages.Session, filenames: Collection[str]) -> messages.Session:
        """Return the session as soon as nobody uploads these files any more, or when that has taken too long."""
        in_flight = {FileState.PENDING, FileState.PROCESSING}
        try:
            return self._when_none_is(session, filenames, in_flight, at_most=self.waiter.patience.others)
        except UnreachableError:
            return self.session(session.links.session)

    def _when_none_is(
        self,
        session: messages.Session,
        filenames: Collection[str],
        states: Collection[FileState],
        *,
        at_most: float | None = None,
    ) -> messages.Session:
        def settled(found: messages.Session) -> bool:
            return not any(name in filenames and file.status in states for name, file in found.files.items())

        url = session.links.session
        return self.waiter.until_settled(lambda: self._talk.look_at_session(url), settled, at_most=at_most)

    def publish(self, session: messages.Session) -> messages.Session:
        """Publish the session, wait for deferred processing, and return the published session.

        Raises `StagedError` with the index's notices where deferred processing fails: the session stays editable.
        Raises `StageGoneError` also where the index no longer knows the session that it was asked to publish, and in
        these words: it may be published then, for its status URL "MAY return 404".
        """
        url = session.links.session

        def status() -> tuple[messages.Session, float | None]:
            try:
                return self._talk.look_at_session(url)
            except StageGoneError as error:
                what = "the index was asked to publish the session, and does not know it any more: it may be public"
                raise StageGoneError(what, where=redact(url), hint="look for it where the index publishes") from error

        def ask() -> tuple[messages.Session, float | None]:
            answer = self._talk.ask("POST", session.links.publish, Asked.SESSION, _action())
            # No further look at a published one: see above, and published it is.
            state = SessionState.PROCESSING if answer.status == _ACCEPTED else SessionState.PUBLISHED
            return msgspec.structs.replace(session, status=state), self._talk.wanted_pause(answer)

        def look() -> tuple[messages.Session, float | None] | None:
            found, pause = status()
            return None if found.status.editable else (found, pause)

        published, pause = self._talk.surely(ask, look)
        if published.status is SessionState.PROCESSING:
            published = self._transport.waiter.until_settled(
                status,
                lambda found: found.status is not SessionState.PROCESSING,
                first_pause=pause,
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

        def ask() -> bool:
            self._talk.ask("DELETE", session.links.session, Asked.SESSION)
            return True

        def look() -> bool | None:
            try:
                return self.session(session.links.session).status is SessionState.CANCELED or None
            except StageGoneError:
                # it was there when we asked
                return True

        self._talk.surely(ask, look)

    def extend(self, session: messages.Session, seconds: int) -> messages.Session:
        """Ask for `seconds` more, and return the session with the ``expires-at`` that the index grants.

        "The number of seconds specified is just a suggestion".  Raises `StagedError` where the index has no extensions.
        """
        if session.links.extend is None:
            raise StagedError("this index does not extend sessions")
        link = session.links.extend
        request = messages.Extend(meta=messages.META, extend_for=seconds)

        def look() -> messages.Session | None:
            found = self.session(session.links.session)
            return found if found.expires_at > session.expires_at else None

        def ask() -> messages.Session:
            return self._talk.session(self._talk.ask("POST", link, Asked.SESSION, request), Asked.SESSION)

        return self._talk.surely(ask, look)

    def extend_file(self, file: messages.FileUploadSession, seconds: int) -> messages.FileUploadSession:
        """Do the same for a file upload session."""
        if file.links.extend is None:
            raise StagedError("this index does not extend file upload sessions")
        link = file.links.extend
        request = messages.Extend(meta=messages.META, extend_for=seconds)

        def look() -> messages.FileUploadSession | None:
            found, _ = self._talk.look_at_file(file.links.file_upload_session)
            return found if found.expires_at > file.expires_at else None

        return self._talk.surely(lambda: self._talk.file(self._talk.ask("POST", link, Asked.FILE, request)), look)

    def create_file(self, session: messages.Session, artifact: Artifact, mechanism: str) -> messages.FileUploadSession:
        """Create the file upload session of `artifact`, to be sent by `mechanism`.

        Where the answer is lost, the one that is pending under this name is ours, or as good: what it was announced
        to be, the index compares with the bytes.
        """
        request = messages.CreateFile(
            meta=messages.META,
            filename=artifact.filename,
            size=artifact.size,
            hashes=dict(artifact.hashes),
            mechanism=mechanism,
        )

        def look() -> messages.FileUploadSession | None:
            listed = self.session(session.links.session).files.get(artifact.filename)
            if listed is None or listed.status is not FileState.PENDING:
                return None
            found, _ = self._talk.look_at_file(listed.link)
            return found if names(found.mechanism, mechanism) else None

        def ask() -> messages.FileUploadSession:
            return self._talk.file(self._talk.ask("POST", session.links.upload, Asked.SESSION, request))

        return self._talk.surely(ask, look)

    def send_bytes(self, mechanism: HttpPostBytes, artifact: Artifact, progress: Callable[[int], None]) -> None:
        """Execute ``http-post-bytes``: send the file from disk; `progress` takes each number of bytes handed over.

        Raises `ArtifactError` if the file is not as long as it was when it was hashed.
        """
        headers = {**HEADERS, "Content-Type": "application/octet-stream", "Content-Length": str(artifact.size)}
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
            raise self._talk.refusal(answer, Asked.FILE)
        self._talk.from_index(answer, Asked.FILE)

    def send_attestations(self, url: str, attestations: bytes) -> None:
        """POST `attestations`, "a JSON array of attestation objects", to the ``attestations_url`` of a mechanism."""
        headers = {"Content-Type": "application/json"}
        self.execute("POST", url, headers=headers, content=attestations, authorized=True, idempotent=False)

    def execute(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: Content,
        authorized: bool,
        idempotent: bool,
    ) -> Answer:
        """Make a request of a mechanism; `url` is as the index named it, which gets the credentials if `authorized`."""
        if authorized:
            self._transport.trust(url)
        answer = self._transport.exchange(
            method,
            url,
            headers={"Accept": f"{HEADERS['Accept']}, */*", **headers},
            content=content,
            repeat=Repeat.ALWAYS if idempotent else Repeat.UNHEEDED,
            authorized=authorized,
        )
        if not answer.successful:
            raise self._talk.refusal(answer, Asked.FILE)
        # where the credentials do not go, some other server is
        return self._talk.from_index(answer, Asked.FILE) if authorized else answer

    def file(self, url: str) -> messages.FileUploadSession:
        """Return the status of the file upload session at `url`: its ``link`` in the session."""
        return self._talk.look_at_file(url)[0]

    def complete(self, file: messages.FileUploadSession, *, meanwhile: Callable[[], object] = nothing) -> FileState:
        """Complete the file upload session, wait for deferred processing, and return what became of it.

        That is ``completed``, ``error`` or ``canceled``; a failure that the index tells at once is raised.
        `meanwhile` is called before each look at what is being processed: that may take half an hour.
        """
        url = file.links.file_upload_session

        def ask() -> tuple[FileState, float | None]:
            answer = self._talk.ask("POST", file.links.complete, Asked.FILE, _action())
            state = FileState.PROCESSING if answer.status == _ACCEPTED else FileState.COMPLETED
            return state, self._talk.wanted_pause(answer)

        def state_of() -> tuple[FileState, float | None]:
            meanwhile()
            found, pause = self._talk.look_at_file(url)
            return found.status, pause

        def look() -> tuple[FileState, float | None] | None:
            found = state_of()
            return None if found[0] is FileState.PENDING else found

        state, pause = self._talk.surely(ask, look)
        if state is not FileState.PROCESSING:
            return state
        in_flight = {FileState.PENDING, FileState.PROCESSING}
        return self._transport.waiter.until_settled(state_of, lambda each: each not in in_flight, first_pause=pause)

    def file_state(self, url: str) -> FileState | None:
        """Return the state of the file upload session at `url`, None if the index does not know it (any more)."""
        try:
            return self._talk.look_at_file(url)[0].status
        except StageGoneError:
            return None

    def delete_file(self, url: str) -> None:
        """Cancel or delete the file at `url`: its ``link`` in the session, or its ``file-upload-session``.

        One that is not there any more is deleted.
        """

        def ask() -> bool:
            self._talk.ask("DELETE", url, Asked.FILE, also_expected=_NOT_THERE)
            return True

        def look() -> bool | None:
            return self.file_state(url) in {None, FileState.CANCELED} or None

        self._talk.surely(ask, look)

    def project_page(self, url: str, project: str) -> simple.ProjectPage | None:
        """Return the page of `project` in the simple repository at `url`, or None if it has none (any more).

        The URLs of its files are absolute, hash names and digests in lower case.  Raises `ProtocolError` for a page
        that is not the JSON of PEP 691.
        """
        found = self._page(pages.address(url, project), simple.ProjectPage)
        if found is None:
            return None
        page, base = found
        return msgspec.structs.replace(page, files=tuple(_normalized(file, base) for file in page.files))

    def projects(self, url: str) -> tuple[str, ...] | None:
        """Return the names on the first page of the simple repository at `url`, or None if it has none (any more).

        They are as the index spells them, and may be anything.  Raises `ProtocolError` as `project_page` does.
        """
        found = self._page(f"{url.rstrip('/')}/", simple.RootPage)
        return None if found is None else tuple(project.name for project in found[0].projects)

    def _page(self, url: str, kind: type[_Page]) -> tuple[_Page, str] | None:
        """Return the page at `url` and where it is in the end, None if there is none."""
        return self._talk.surely(lambda: self._page_once(url, kind), nothing)

    def _page_once(self, url: str, kind: type[_Page]) -> tuple[_Page, str] | None:
        answer = self._transport.fetch(url, headers={"Accept": media_types.SIMPLE}, repeat=Repeat.UNSENT)
        if answer.status in _NOT_THERE:
            return None
        if not answer.successful:
            raise self._talk.refusal(answer, Asked.SIMPLE)
        page = decode(answer, kind, Asked.SIMPLE)
        if answer.media_type not in _JSON_PAGES or not page.meta.api_version.startswith("1."):
            said = printable(f"{answer.media_type}, version {page.meta.api_version}")
            raise ProtocolError(f"the page is not JSON of the simple API 1.x: {said}", where=redact(url))
        return page, answer.url

    @contextmanager
    def download(self, url: str) -> Iterator[Iterator[bytes]]:
        """Open the file at `url`: a context manager that gives its bytes in pieces, as the index has them."""
        with self._transport.stream(url, headers={"Accept": "*/*"}) as (answer, pieces):
            if not answer.successful:
                raise self._talk.refusal(answer, Asked.SIMPLE)
            yield pieces


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
    if again := file.tell():
        # the index refused the credentials after it had the bytes, and there are others
        progress(-again)
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
