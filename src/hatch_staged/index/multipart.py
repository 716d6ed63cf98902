"""A ``multipart/form-data`` body, read part by part as it comes (RFC 7578).  The only importer of python_multipart.

Nothing here holds a part in memory, or more of its headers than a name needs.
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from hatch_staged.index.refusals import InvalidRequestError, MediaTypeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

CONTENT_TYPE = "multipart/form-data"

#: Of one part (bytes); there is room for the longest field and file name.
_LONGEST_HEADERS = 4096


@dataclass(frozen=True)
class Part:
    """A field of the form; its content has to be read before the next part is."""

    name: str
    #: None for a field that is no file
    filename: str | None
    content: AsyncIterator[bytes]


async def parts(chunks: AsyncIterator[bytes], content_type: str) -> AsyncIterator[Part]:
    """Yield the parts of the body that comes in `chunks`; `content_type` is its type, with the boundary.

    Raises `MediaTypeError` if it is of another type, and `InvalidRequestError` if it is no form, or has no end.
    """
    kind, options = parse_options_header(content_type)
    if kind != CONTENT_TYPE.encode() or not options.get(b"boundary"):
        raise MediaTypeError(f"The content type has to be {CONTENT_TYPE} with a boundary.")
    reader = _Reader(chunks, options[b"boundary"])
    while (headers := await reader.next_part()) is not None:
        _, named = parse_options_header(headers.get(b"content-disposition"))
        filename = named.get(b"filename")
        yield Part(
            name=_text(named.get(b"name", b"")),
            filename=None if filename is None else _text(filename),
            content=reader.content(),
        )


class _Reader:
    """The body as a sequence: the headers of a part, pieces of its content, None for its end, and so on."""

    def __init__(self, chunks: AsyncIterator[bytes], boundary: bytes) -> None:
        self._chunks = chunks
        self._read: deque[dict[bytes, bytes] | bytes | None] = deque()
        self._headers: dict[bytes, bytes] = {}
        self._field, self._value = b"", b""
        self._ended = False
        with _invalid():
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._on_field,
                    "on_header_value": self._on_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._on_data,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
            )

    async def next_part(self) -> dict[bytes, bytes] | None:
        """Return the headers of the next part, None if there is none."""
        while not self._read:
            if self._ended:
                return None
            await self._feed()
        headers = self._read.popleft()
        assert isinstance(headers, dict)  # noqa: S101 - what comes after a part's end
        return headers

    async def content(self) -> AsyncIterator[bytes]:
        """Yield the content of the part whose headers were returned last."""
        while True:
            while not self._read:
                await self._feed()
            piece = self._read.popleft()
            if piece is None:
                return
            assert isinstance(piece, bytes)  # noqa: S101 - what comes after a part's headers
            yield piece

    async def _feed(self) -> None:
        chunk = await anext(self._chunks, None)
        if chunk is None:
            raise InvalidRequestError("The form ends in the middle.")
        with _invalid():
            self._parser.write(chunk)

    def _begin(self) -> None:
        self._headers = {}

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]
        self._bound()

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._bound()

    def _end_header(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field, self._value = b"", b""

    def _end_headers(self) -> None:
        self._read.append(self._headers)

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self._read.append(data[start:end])

    def _end_part(self) -> None:
        self._read.append(None)

    def _end(self) -> None:
        self._ended = True

    def _bound(self) -> None:
        kept = sum(len(name) + len(value) for name, value in self._headers.items())
        if kept + len(self._field) + len(self._value) > _LONGEST_HEADERS:
            raise InvalidRequestError("A part of the form has too long headers.")


@contextmanager
def _invalid() -> Iterator[None]:
    try:
        yield
    except FormParserError:
        raise InvalidRequestError("The body is not a multipart form.") from None


def _text(name: bytes) -> str:
    return name.decode(errors="replace")
