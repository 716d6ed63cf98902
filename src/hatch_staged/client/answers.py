"""What an answer of the index means when it is not the one hoped for: the only place that turns one into an error."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urljoin

import msgspec

from hatch_staged.client.credentials import WAYS
from hatch_staged.errors import (
    ConfigurationError,
    ConflictError,
    NotAllowedError,
    ProtocolError,
    StagedError,
    StageGoneError,
    UnreachableError,
    one_line,
)
from hatch_staged.protocol import messages, problems
from hatch_staged.redaction import redact, scrub

if TYPE_CHECKING:
    from collections.abc import Mapping

#: More than this of what an index says helps nobody (characters).
_LONGEST = 500

_DOES_NOT_SPEAK = "this URL does not speak Upload 2.0 (PEP 694)"
_WHAT_WORKS = 'repo = "local" stages on this machine; for the legacy API use plain `hatch publish`, which publishes'

#: Statuses that an Upload 2.0 root endpoint has no reason to give to a well-formed request.
_FOREIGN_STATUSES = frozenset({404, 405, 406, 410, 415, 501})


class FailingError(UnreachableError):
    """The index failed, and it is open whether it did what it was asked for.

    `retry_after` is how many seconds it wants to be left alone, if it says so.
    """

    retry_after: float | None = None


class GarbledError(ProtocolError):
    """The index did what it was asked for, most likely, but what it says about that did not arrive whole."""

    retry_after: float | None = None


class Asked(str, Enum):
    """What a request was about, as far as the meaning of its answer depends on it."""

    ROOT = "the root endpoint"
    SESSION = "the publishing session"
    FILE = "the file upload session"
    SIMPLE = "the page or file"


@dataclass(frozen=True)
class _Meaning:
    error: type[StagedError]
    #: may hold one ``{}``, which stands for what was asked about
    what: str
    hint: str = ""


_GONE = _Meaning(
    StageGoneError,
    "the index does not know {}",
    "if it was canceled or has expired, `hatch publish --staged` makes a new one",
)
_FAILING = _Meaning(FailingError, "the index failed", "try again later")
_REFUSED = _Meaning(StagedError, "the index refused")

_BY_STATUS: Mapping[int, _Meaning] = MappingProxyType(
    {
        401: _Meaning(NotAllowedError, "the index does not accept the credentials", WAYS),
        403: _Meaning(NotAllowedError, "these credentials do not allow this", "use others, or ask for the right to it"),
        404: _GONE,
        409: _Meaning(ConflictError, "the index refused"),
        408: _FAILING,
        410: _GONE,
        429: _FAILING,
    }
)
_SERVER_ERRORS = 500


@dataclass(frozen=True)
class Answer:
    """A response, read to its end."""

    url: str
    status: int
    #: names in lower case
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def successful(self) -> bool:
        """Whether the status is one of 200 to 299."""
        return 200 <= self.status < 300  # noqa: PLR2004 # the definition of success

    @property
    def redirected(self) -> str | None:
        """The absolute URL that a redirect points to, None if this is no redirect."""
        return self.location if self.status in {301, 302, 303, 307, 308} else None

    @property
    def location(self) -> str | None:
        """The absolute URL in the ``Location`` header, None if there is none to be made out."""
        try:
            return urljoin(self.url, self.headers["location"])
        except (KeyError, ValueError):
            return None

    @property
    def media_type(self) -> str:
        """The media type without parameters, in lower case; empty if there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


_Decoded = TypeVar("_Decoded", bound=msgspec.Struct)


def decode(answer: Answer, kind: type[_Decoded], asked: Asked) -> _Decoded:
    """Return the message in a successful answer; raise `ProtocolError` if there is none.

    That is a `GarbledError` for what is no JSON.

    At the root endpoint, where any web page may be, what does not even claim to be a message is a
    `ConfigurationError`.
    """
    try:
        return messages.decode(answer.body, kind)
    except msgspec.DecodeError as error:
        if asked is Asked.ROOT and answer.media_type != messages.CONTENT_TYPE:
            raise _does_not_speak(answer, f"it answers a new session with {answer.media_type or 'nothing'}") from None
        wrong = printable(str(error))
        kind_of_error = ProtocolError if isinstance(error, msgspec.ValidationError) else GarbledError
        raise kind_of_error(
            f"the index answered about {asked.value} with a body that its specification does not allow: {wrong}",
            where=redact(answer.url),
        ) from None


def refusal(answer: Answer, asked: Asked) -> StagedError:
    """Return the error that an unsuccessful answer is.

    What the index says goes into it, as far as it is a problem details object.
    """
    problem = problems.decode(answer.body)
    said = printable(problem.sentences()) if problem else ""
    if asked is Asked.ROOT and _foreign(answer, problem):
        return _does_not_speak(answer, f"it answers {answer.status} {said}".strip())
    if answer.redirected:
        return ProtocolError(
            f"the index redirects where PEP 694 has no redirect, to {redact(answer.redirected)}",
            where=redact(answer.url),
        )
    meaning = _BY_STATUS.get(answer.status, _FAILING if answer.status >= _SERVER_ERRORS else _REFUSED)
    told = f"{meaning.what.format(asked.value)} ({answer.status})" + (f": {said}" if said else "")
    return meaning.error(told, where=redact(answer.url), hint=meaning.hint)


def printable(text: str) -> str:
    """Return `text` of a foreign origin as one line of bearable length, without control characters and secrets."""
    text = one_line(scrub(text))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _foreign(answer: Answer, problem: problems.Problem | None) -> bool:
    """Whether this refusal of a new session cannot come from an Upload 2.0 index."""
    if answer.status in _FOREIGN_STATUSES or answer.status < 400:  # noqa: PLR2004 # not an error: a redirect
        return True
    speaks = answer.media_type in {problems.CONTENT_TYPE, messages.CONTENT_TYPE} or bool(problem and problem.title)
    # These say enough whoever sends them: a proxy's login page, a rate limit, a server that is down.
    telling = answer.status in {401, 403, 409, 429} or answer.status >= _SERVER_ERRORS
    return not (speaks or telling)


def _does_not_speak(answer: Answer, seen: str) -> ConfigurationError:
    hint = f"set the URL to {redact(answer.redirected)}" if answer.redirected else _WHAT_WORKS
    return ConfigurationError(f"{_DOES_NOT_SPEAK}: {seen}", where=redact(answer.url), hint=hint)
