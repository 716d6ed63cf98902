"""Problem details (RFC 9457) as PEP 694, "Errors", uses and extends them."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from hatch_staged.protocol.messages import Meta

#: "SHOULD use the ``application/problem+json`` media type"
CONTENT_TYPE = "application/problem+json"


class ProblemError(msgspec.Struct, frozen=True, kw_only=True):
    """One of the ``errors``: "intended for human interpretation to aid in diagnosing underlying issue"."""

    source: str
    message: str

    def sentence(self) -> str:
        """Return what it tells a person: where, and what."""
        return ": ".join(part for part in (self.source.strip(), self.message.strip()) if part)


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A problem details object, with the extension members ``meta`` and ``errors``."""

    title: str = ""
    status: int = 0
    #: RFC 9457's member; PEP 694 spells it ``details``, which `decode` takes too.
    detail: str = ""
    type: str = "about:blank"
    meta: Meta | None = None
    errors: tuple[ProblemError, ...] = ()

    def sentences(self) -> str:
        """Return all that the problem tells a person, as sentences on one line; none of them twice."""
        told = (self.title, self.detail, *(error.sentence() for error in self.errors))
        # a dictionary, because it keeps the order
        sentences = dict.fromkeys(_sentence(each) for each in told)
        return " ".join(filter(None, sentences))


def _sentence(text: str) -> str:
    words = " ".join(text.split())
    return words if not words or words[-1] in ".!?\u2026" else f"{words}."


def encode(problem: Problem) -> bytes:
    """Return `problem` as JSON."""
    return msgspec.json.encode(problem)


def decode(body: bytes) -> Problem | None:
    """Return the problem in `body`, or None if it holds none (a proxy's HTML page, for example)."""
    try:
        members = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    members.setdefault("detail", members.get("details"))
    found = {}
    for field in msgspec.structs.fields(Problem):
        # RFC 9457, 3.1: "if a member's value type does not match the specified type, the member MUST be ignored"
        with suppress(KeyError, msgspec.ValidationError):
            found[field.name] = msgspec.convert(members[field.name], field.type)
    return Problem(**found)
