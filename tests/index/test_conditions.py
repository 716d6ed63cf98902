"""Requests for a part, or for what is new."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from hatch_staged.index.conditions import entity_tag, is_known, wanted

TAG = entity_tag(b"content")


@pytest.mark.parametrize("given", [TAG, f"W/{TAG}", "*", f'"other", {TAG}', f'W/"other",W/{TAG}'])
def test_known(given: str) -> None:
    assert is_known(Headers({"If-None-Match": given}), TAG)


@pytest.mark.parametrize("headers", [{}, {"If-None-Match": ""}, {"If-None-Match": '"other"'}, {"If-Match": TAG}])
def test_not_known(headers: dict[str, str]) -> None:
    assert not is_known(Headers(headers), TAG)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=2-5", (2, 6)),
        ("bytes=2-", (2, 10)),
        ("bytes=2-99", (2, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-99", (0, 10)),
        ("Bytes= 2 - 5", (2, 6)),
        # what may be ignored, or has to be
        ("", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=5-2", None),
        ("bytes=0-1,4-5", None),
        ("items=0-1", None),
        ("bytes=\xb2-2", None),
        (f"bytes={'9' * 5000}-", None),
    ],
)
def test_a_part(asked: str, expected: tuple[int, int] | None) -> None:
    assert wanted(Headers({"Range": asked}), TAG, 10) == expected


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=10-12", "bytes=999999999999999999-", "bytes=-0"])
def test_a_part_that_is_not_there(asked: str) -> None:
    with pytest.raises(HTTPException) as caught:
        wanted(Headers({"Range": asked}), TAG, 10)
    assert caught.value.status_code == 416
    assert caught.value.headers == {"Content-Range": "bytes */10"}


@pytest.mark.parametrize(("tag", "expected"), [(TAG, (2, 6)), (f"W/{TAG}", None), ('"other"', None), ("", None)])
def test_a_part_of_the_same_only(tag: str, expected: tuple[int, int] | None) -> None:
    assert wanted(Headers({"Range": "bytes=2-5", "If-Range": tag}), TAG, 10) == expected


@given(st.text(alphabet="bytes=0123456789-, ", max_size=40).map(lambda text: f"bytes={text}"), st.integers(0, 100))
def test_whatever_is_asked_for(asked: str, size: int) -> None:
    try:
        part = wanted(Headers({"Range": asked}), TAG, size)
    except HTTPException:
        return
    assert part is None or 0 <= part[0] < part[1] <= size
