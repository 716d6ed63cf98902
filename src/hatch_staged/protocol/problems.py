"""Problem details (RFC 9457) as PEP 694, "Errors", uses and extends them."""

from __future__ import annotations

import msgspec

from hatch_staged.protocol.messages import Meta

#: "SHOULD use the ``application/problem+json`` media type"
CONTENT_TYPE = "application/problem+json"


class ProblemError(msgspec.Struct, frozen=True, kw_only=True):
    """One of the ``errors``: "intended for human interpretation to aid in diagnosing underlying issue"."""

    source: str
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem details object, with the extension members ``meta`` and ``errors``."""

    title: str = ""
    status: int = 0
    #: RFC 9457's member; PEP 694 spells it ``details``, which `decode` takes too.
    detail: str = ""
    type: str = "about:blank"
    meta: Meta | None = None
    errors: tuple[ProblemError, ...] = ()

    def sentences(self) -> str:
        """Return all that the problem tells a person, as one line."""
        told = [f"{error.source}: {error.message}" for error in self.errors]
        return "; ".join(part.strip() for part in (self.title, self.detail, *told) if part.strip())


def encode(problem: Problem) -> bytes:
    """Return `problem` as JSON."""
    return msgspec.json.encode(problem)


def decode(body: bytes) -> Problem | None:
    """Return the problem in `body`, or None if it holds none (a proxy's HTML page, for example)."""
    try:
        fields = msgspec.json.decode(body, type=dict[str, object])
        fields.setdefault("detail", fields.get("details", ""))
        # An index may write any api-version into an error; the rest of the message still tells the user something.
        fields.pop("meta", None)
        return msgspec.convert(fields, Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
