"""What all requests of the client share: how they are asked, repeated and read, so that nothing is done twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from hatch_staged.client.answers import Answer, Asked, FailingError, GarbledError, decode, printable, refusal
from hatch_staged.client.transport import Repeat
from hatch_staged.errors import ConflictError, ProtocolError, StagedError
from hatch_staged.protocol import messages, problems
from hatch_staged.protocol.distributions import parse_filename
from hatch_staged.redaction import hide, redact

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from hatch_staged.client.transport import Content, Transport

_Value = TypeVar("_Value")

#: of every request but those with the bytes of a file
HEADERS = {
    # "all non-file-upload requests defined in this PEP MUST include a Content-Type header value of", GET included
    "Content-Type": messages.CONTENT_TYPE,
    "Accept": f"{messages.CONTENT_TYPE}, {problems.CONTENT_TYPE}",
}


def nothing() -> None:
    """Find nothing: what was a look itself is made again."""


class Conversation:
    """Requests to one index, and what it says.  The errors are those of `hatch_staged.client.upload_api.Client`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def ask(
        self,
        method: str,
        url: str,
        asked: Asked,
        message: msgspec.Struct | None = None,
        *,
        repeat: Repeat = Repeat.UNSENT,
        also_expected: Collection[int] = (),
    ) -> Answer:
        """Make one request of the upload API and return its answer; raise what any other answer means."""
        content: Content = None if message is None else messages.encode(message)
        answer = self._transport.exchange(method, url, headers=HEADERS, content=content, repeat=repeat)
        if answer.successful or answer.status in also_expected:
            return self.from_index(answer, asked)
        raise self.refusal(answer, asked)

    def from_index(self, answer: Answer, asked: Asked) -> Answer:
        """Return `answer`, unless it is a web page: that comes from something on the way, whatever its status says."""
        if answer.media_type == "text/html" and answer.successful and asked is not Asked.ROOT:
            raise GarbledError(
                f"a web page came in the place of an answer about {asked.value}", where=redact(answer.url)
            )
        return answer

    def surely(self, ask: Callable[[], _Value], look: Callable[[], _Value | None]) -> _Value:
        """Return what `ask` does, which is asked again where the index fails.

        Where it is open whether the index did it, `look` is asked first; what that returns counts, unless it is None:
        then the index has not done it.  A conflict, too, may come from what it had done already.
        """
        attempts = self._transport.attempts()
        failed = False
        while True:
            try:
                return ask()
            except (FailingError, GarbledError) as error:
                if not attempts.pause(f"{error.where}: {error.what}", error.retry_after):
                    raise
                failed = True
                found = look()
            except ConflictError:
                found = look() if failed else None
                if found is None:
                    raise
            if found is not None:
                return found

    def refusal(self, answer: Answer, asked: Asked) -> StagedError:
        """Return the error that an unsuccessful answer is."""
        error = refusal(answer, asked)
        if isinstance(error, FailingError):
            error.retry_after = self.wanted_pause(answer)
        return error

    def look_at_session(self, url: str) -> tuple[messages.Session, float | None]:
        """Return the status of a publishing session, and how many seconds to wait before the next look."""

        def look() -> tuple[messages.Session, float | None]:
            answer = self.ask("GET", url, Asked.SESSION)
            return self.session(answer, Asked.SESSION), self.wanted_pause(answer)

        return self.surely(look, nothing)

    def look_at_file(self, url: str) -> tuple[messages.FileUploadSession, float | None]:
        """Return the status of a file upload session, and likewise."""

        def look() -> tuple[messages.FileUploadSession, float | None]:
            answer = self.ask("GET", url, Asked.FILE)
            return self.file(answer), self.wanted_pause(answer)

        return self.surely(look, nothing)

    def wanted_pause(self, answer: Answer) -> float | None:
        """Return how many seconds the index wants to be left alone, None if it does not say."""
        return self._transport.waiter.retry_after(answer.headers.get("retry-after"))

    def session(self, answer: Answer, asked: Asked) -> messages.Session:
        """Read a publishing session; its links are trusted, its notices and file names may be shown."""
        session = decode(answer, messages.Session, asked)
        links = (session.links.session, session.links.upload, session.links.publish, session.links.extend)
        for link in (*links, *(file.link for file in session.files.values())):
            if link is not None:
                self._transport.trust(link)
        hide(session.session_token)
        if session.links.stage is not None:
            self._transport.safe(session.links.stage)
        for filename in session.files:
            self._refuse_unshowable(filename, answer.url)
        files = {
            name: msgspec.structs.replace(file, notices=_shown(file.notices)) for name, file in session.files.items()
        }
        return msgspec.structs.replace(session, files=files, notices=_shown(session.notices))

    def _refuse_unshowable(self, filename: str, url: str) -> None:
        try:
            parse_filename(filename)
        except ValueError:
            # Somebody else's file, of a kind that we do not know, is no reason; what a terminal must not get is one.
            if printable(filename) != filename:
                what = "the session has a file with a name that cannot be shown"
                raise ProtocolError(what, where=redact(url)) from None

    def file(self, answer: Answer) -> messages.FileUploadSession:
        """Read a file upload session; its links are trusted."""
        file = decode(answer, messages.FileUploadSession, Asked.FILE)
        self._transport.trust(file.links.file_upload_session)
        self._transport.trust(file.links.complete)
        if file.links.extend is not None:
            self._transport.trust(file.links.extend)
        return file


def _shown(notices: Iterable[str]) -> tuple[str, ...]:
    """Return what the index said as it may be shown, here and everywhere behind."""
    return tuple(map(printable, notices))
