"""Requests for what a client has not got yet: ``If-None-Match`` and ``Range`` (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import hashlib
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from starlette.datastructures import Headers

# One range; a server may ignore what asks for several.
_RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))", re.IGNORECASE)


def entity_tag(content: bytes) -> str:
    """Return the entity tag of `content`."""
    return f'"{hashlib.sha256(content).hexdigest()}"'


def is_known(headers: Headers, tag: str) -> bool:
    """Whether the client has what has this entity tag already."""
    given = headers.get("if-none-match")
    return given is not None and any(each.strip().removeprefix("W/") in {tag, "*"} for each in given.split(","))


def wanted(headers: Headers, tag: str, size: int) -> tuple[int, int] | None:
    """Return the begin and the end of the bytes that are asked for, or None for all `size` of them.

    Raises `HTTPException` if there are no such bytes.
    """
    asked = _RANGE.fullmatch(headers.get("range", "").replace(" ", ""))
    # "If the validator does not match, the server MUST ignore the Range header field"
    if asked is None or headers.get("if-range", tag) != tag:
        return None
    first, last, length = (int(digits) if digits else None for digits in asked.groups())
    if first is None:
        begin, end = max(0, size - (length or 0)), size
    else:
        begin, end = first, size if last is None else min(last + 1, size)
        if last is not None and last < first:
            return None  # "invalid", and so ignored
    if begin >= size:
        status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        raise HTTPException(status.value, headers={"Content-Range": f"bytes */{size}"})
    return begin, end
