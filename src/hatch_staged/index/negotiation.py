"""Which representation of a simple page a client gets (PEP 691, "Version + Format Selection")."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache

from hatch_staged.protocol.media_types import SIMPLE as JSON_TYPE


class Format(str, Enum):
    """A representation, by the content type that it is served with; preferred first."""

    HTML = "text/html"
    HTML_V1 = "application/vnd.pypi.simple.v1+html"
    JSON = JSON_TYPE


# "latest" stands for the newest version that there is.
_LATEST = {
    "application/vnd.pypi.simple.latest+json": Format.JSON,
    "application/vnd.pypi.simple.latest+html": Format.HTML_V1,
}


@lru_cache(maxsize=64)
def choose(accept: str) -> Format | None:
    """Return the best format for an Accept header (RFC 9110, section 12.5.1), or None if it takes none of them.

    Among equals HTML wins, which every client understands.
    """
    ranges = dict(_range(part) for part in (accept or "*/*").split(",") if part.strip())
    return max(
        (kind for kind in Format if _quality(kind, ranges) > 0),
        key=lambda kind: _quality(kind, ranges),
        default=None,
    )


def _range(part: str) -> tuple[str, float]:
    media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
    return media_type, next((_number(piece[2:]) for piece in parameters if piece.startswith("q=")), 1.0)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _quality(kind: Format, ranges: dict[str, float]) -> float:
    """Return how much a client wants `kind`; the most specific range counts."""
    names = [kind.value, *(latest for latest, meant in _LATEST.items() if meant is kind)]
    names += [f"{kind.value.partition('/')[0]}/*", "*/*"]
    return next((ranges[name] for name in names if name in ranges), 0.0)
