"""File upload mechanisms: negotiation, and the map of ``http-post-bytes`` (PEP 694)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

#: "Upload API version 2.0 compliant servers MUST support the ``http-post-bytes`` mechanism."
HTTP_POST_BYTES: Literal["http-post-bytes"] = "http-post-bytes"

#: "<prefix>-<operator identifier>-<implementation identifier>"; which characters the last two have is a SHOULD.
_SERVER_SPECIFIC = re.compile(r"vnd-[!-,.-~]+-[!-~]+")


class HttpPostBytes(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The ``mechanism`` map of ``http-post-bytes``; its keys are snake_case, alone in the protocol."""

    identifier: Literal["http-post-bytes"]
    #: "A client executes this mechanism by submitting a POST request to the ``file_url``"
    file_url: str
    #: "Servers MAY support uploading of digital attestations for files": absent where not supported.
    attestations_url: str | None = None


def negotiate(offered: Sequence[str], known: Collection[str]) -> str | None:
    """Return the first of `offered` ("sorted in server-preferred order") that is in `known`, or None."""
    return next((identifier for identifier in offered if identifier in known), None)


def is_server_specific(identifier: str) -> bool:
    """Whether `identifier` has the three parts of one: "implementations MUST use ``vnd`` as their ``prefix``"."""
    return _SERVER_SPECIFIC.fullmatch(identifier) is not None


def names(mechanism: Mapping[str, object], identifier: str) -> bool:
    """Whether the ``mechanism`` map of a file upload session is for `identifier`, in either form."""
    return mechanism.get("identifier") == identifier or identifier in mechanism


def http_post_bytes(mechanism: Mapping[str, object]) -> HttpPostBytes:
    """Read the ``mechanism`` map of a file upload session.

    The PEP's example is flat while its prose speaks of an ``http-post-bytes`` map inside; both are read.  Raises
    `msgspec.ValidationError` if it is neither.
    """
    nested = mechanism.get(HTTP_POST_BYTES)
    if isinstance(nested, dict):
        mechanism = {**nested, "identifier": HTTP_POST_BYTES}
    return msgspec.convert(mechanism, HttpPostBytes)


def attestations_url(mechanism: Mapping[str, object]) -> str | None:
    """Return where a file upload session by ``http-post-bytes`` takes attestations, None where it takes none."""
    try:
        return http_post_bytes(mechanism).attestations_url
    except msgspec.ValidationError:
        return None
