"""Forms as clients of the legacy API send them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tests.index.uploading import chunked

from hatch_staged.index.multipart import Part
from hatch_staged.protocol.distributions import Kind, parse_filename

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.index.building import Built

BOUNDARY = "----boundary"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"

#: A field of a form: its name, its value, and a file name if it is a file.
Field = tuple[str, bytes, str | None]


def form(built: Built, *, without: str = "", **changes: str) -> list[Field]:
    """Return the fields that a client sends for `built`, with some of them changed, added or left out.

    A colon, which no keyword has, is written as ``action`` is here.
    """
    said = parse_filename(built.filename)
    fields = {
        ":action": "file_upload",
        "protocol_version": "1",
        "name": said.project,
        "version": str(said.version),
        "filetype": "sdist" if said.kind is Kind.SDIST else "bdist_wheel",
        "md5_digest": hashlib.md5(built.data, usedforsecurity=False).hexdigest(),
        "sha256_digest": built.sha256,
        "blake2_256_digest": hashlib.blake2b(built.data, digest_size=32).hexdigest(),
        "description": "A description.\n" * 10,
        **{":action" if name == "action" else name: value for name, value in changes.items()},
    }
    fields.pop(without, None)
    return [*((name, value.encode(), None) for name, value in fields.items()), ("content", built.data, built.filename)]


async def parts(fields: list[Field]) -> AsyncIterator[Part]:
    """Yield the fields as the index's front does."""
    for name, value, filename in fields:
        yield Part(name, filename, chunked(value))


def encode(fields: list[Field]) -> bytes:
    """Return the fields as the body of a request."""
    body = bytearray()
    for name, value, filename in fields:
        named = "" if filename is None else f'; filename="{filename}"\r\nContent-Type: application/octet-stream'
        body += (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + value + b"\r\n"
        )
    return bytes(body + f"--{BOUNDARY}--\r\n".encode())
