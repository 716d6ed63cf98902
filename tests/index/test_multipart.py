"""Forms, read as they come."""

from __future__ import annotations

import asyncio
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.index import forms
from tests.index.uploading import chunked

from hatch_staged.index import multipart
from hatch_staged.index.refusals import InvalidRequestError, MediaTypeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.index.forms import Field

FIELDS: list[Field] = [
    ("name", b"foo", None),
    ("empty", b"", None),
    ("content", b"\r\n----boundary\r\n--" * 3, "a.bin"),
    ("name", "ü\r\n".encode(), None),
]


async def read(chunks: AsyncIterator[bytes], content_type: str = forms.CONTENT_TYPE) -> list[Field]:
    """Return all that `parts` yields."""
    return [
        (part.name, b"".join([piece async for piece in part.content]), part.filename)
        async for part in multipart.parts(chunks, content_type)
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 1000])
def test_pieces_of_any_size_give_the_same_parts(size: int) -> None:
    assert asyncio.run(read(chunked(forms.encode(FIELDS), size))) == FIELDS


@given(st.lists(st.binary(max_size=50)), st.integers(1, 100))
def test_any_content_comes_through(contents: list[bytes], size: int) -> None:
    fields: list[Field] = [("content", content, "a.bin") for content in contents if b"----boundary" not in content]
    assert asyncio.run(read(chunked(forms.encode(fields), size))) == fields


@pytest.mark.parametrize("end", range(0, len(forms.encode(FIELDS)) - 2, 7))
def test_form_that_ends_early_is_refused(end: int) -> None:
    with pytest.raises(InvalidRequestError):
        asyncio.run(read(chunked(forms.encode(FIELDS)[:end])))


@pytest.mark.parametrize(
    "body",
    [
        b"no form",
        b"------other\r\n",
        b"------boundary\r\nContent Disposition: x\r\n\r\n",
        b"------boundary\r\n: x\r\n\r\n",
        b"------boundary\r\nX: " + b"x" * 5000,
        b"------boundary\r\n" + b"x" * 5000,
        b"------boundary\r\n" + b"".join(b"X%d: x\r\n" % number for number in range(1000)),
    ],
)
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        asyncio.run(read(chunked(body)))


@pytest.mark.parametrize(
    "content_type",
    ["", "multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=x", "text/plain"],
)
def test_other_types_are_refused(content_type: str) -> None:
    with pytest.raises(MediaTypeError):
        asyncio.run(read(chunked(b""), content_type))


def test_boundary_that_is_too_long_is_refused() -> None:
    with pytest.raises(InvalidRequestError):
        asyncio.run(read(chunked(b""), f"multipart/form-data; boundary={'x' * 1000}"))


def test_part_without_a_name_has_an_empty_one() -> None:
    body = b"------boundary\r\n\r\nvalue\r\n------boundary--\r\n"
    assert asyncio.run(read(chunked(body))) == [("", b"value", None)]


def test_large_file_takes_no_memory() -> None:
    piece, pieces = bytes(64 * 1024), 1000

    async def arriving() -> AsyncIterator[bytes]:
        start, end = forms.encode([("content", b"|", "a.bin")]).split(b"|")
        yield start
        for _ in range(pieces):
            yield piece
        yield end

    async def consume() -> int:
        async for part in multipart.parts(arriving(), forms.CONTENT_TYPE):
            return sum([len(got) async for got in part.content])
        return 0

    tracemalloc.start()
    try:
        assert asyncio.run(consume()) == len(piece) * pieces
        assert tracemalloc.get_traced_memory()[1] < 2 * 1024 * 1024
    finally:
        tracemalloc.stop()
