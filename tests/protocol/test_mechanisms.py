"""Mechanisms: the choice among them, the map of the one that every index has."""

from __future__ import annotations

import json

import msgspec
import pytest

from hatch_staged.protocol.mechanisms import (
    HTTP_POST_BYTES,
    HttpPostBytes,
    attestations_url,
    http_post_bytes,
    is_server_specific,
    negotiate,
)

FLAT = {"identifier": "http-post-bytes", "file_url": "f", "attestations_url": "a"}
NESTED = {"identifier": "http-post-bytes", "http-post-bytes": {"file_url": "f", "attestations_url": "a"}}


@pytest.mark.parametrize(
    ("offered", "known", "chosen"),
    [
        (["vnd-a-b", HTTP_POST_BYTES], {HTTP_POST_BYTES}, HTTP_POST_BYTES),
        (["vnd-a-b", HTTP_POST_BYTES], {HTTP_POST_BYTES, "vnd-a-b"}, "vnd-a-b"),
        (["vnd-a-b"], {HTTP_POST_BYTES}, None),
        ([], {HTTP_POST_BYTES}, None),
    ],
)
def test_the_first_that_both_know(offered: list[str], known: set[str], chosen: str | None) -> None:
    assert negotiate(offered, known) == chosen


@pytest.mark.parametrize("mechanism", [FLAT, NESTED, {"http-post-bytes": {"file_url": "f", "attestations_url": "a"}}])
def test_the_map_as_in_the_example_and_as_in_the_prose(mechanism: dict[str, object]) -> None:
    expected = HttpPostBytes(identifier=HTTP_POST_BYTES, file_url="f", attestations_url="a")
    assert http_post_bytes(mechanism) == expected


def test_attestations_are_optional() -> None:
    assert http_post_bytes({"identifier": HTTP_POST_BYTES, "file_url": "f"}).attestations_url is None


@pytest.mark.parametrize(
    "mechanism",
    [
        {},
        {"identifier": HTTP_POST_BYTES},
        {"file_url": "f"},
        {"identifier": HTTP_POST_BYTES, "file_url": 1},
        {"identifier": HTTP_POST_BYTES, "file-url": "f"},
        {"identifier": "vnd-pypi-x", "file_url": "f"},
        {"identifier": HTTP_POST_BYTES, "http-post-bytes": "f"},
    ],
)
def test_what_is_no_such_map(mechanism: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        http_post_bytes(mechanism)


def test_its_keys_are_written_in_snake_case() -> None:
    assert json.loads(msgspec.json.encode(http_post_bytes(NESTED))) == FLAT
    assert "attestations_url" not in json.loads(
        msgspec.json.encode(HttpPostBytes(identifier=HTTP_POST_BYTES, file_url="f"))
    )


@pytest.mark.parametrize(
    ("identifier", "specific"),
    [
        ("vnd-pypi-s3multipart-presigned-v2", True),
        ("vnd-acmecorp-postal", True),
        ("vnd-Acme.Corp-postal", True),
        (HTTP_POST_BYTES, False),
        ("vnd-acmecorp", False),
        ("vnd-acmecorp-", False),
        ("vnd--postal", False),
        ("x-acmecorp-postal", False),
        ("VND-acmecorp-postal", False),
        ("vnd-acmecorp-pos tal", False),
        ("vnd-acmecorp-postal\n", False),
        ("", False),
    ],
)
def test_what_is_server_specific_has_three_parts(identifier: str, *, specific: bool) -> None:
    assert is_server_specific(identifier) is specific


@pytest.mark.parametrize("mechanism", [FLAT, NESTED])
def test_where_attestations_go(mechanism: dict[str, object]) -> None:
    assert attestations_url(mechanism) == "a"
    assert attestations_url({"identifier": HTTP_POST_BYTES, "file_url": "f"}) is None
    assert attestations_url({"identifier": "vnd-acmecorp-postal", "attestations_url": "a"}) is None
