"""What is an attestation, and what is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.index.attesting import attestation, encoded, statement

from hatch_staged.protocol.attestations import decode

SHA256 = "ab" * 32
RIGHT = statement("foo-1.0.tar.gz", SHA256)


def refusal(content: object, most: int = 2) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    with pytest.raises(ValueError, match=r".+") as caught:
        decode(raw, most=most)
    return str(caught.value)


def test_subjects_of_attestations() -> None:
    slsa = statement("foo-1.0-py3-none-any.whl", SHA256.upper(), predicateType="https://slsa.dev/provenance/v1")
    raw = json.dumps([attestation(RIGHT, more="keys"), attestation({**slsa, "more": "keys"})]).encode()
    found = [(subject.name, subject.digest.sha256) for subject in decode(raw, most=2)]
    assert found == [("foo-1.0.tar.gz", SHA256), ("foo-1.0-py3-none-any.whl", SHA256.upper())]
    assert decode(b"[]", most=2) == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({}, "Expected `array`"),
        (b"", "truncated"),
        (b"\xff", "invalid start byte"),
        (json.dumps([attestation(RIGHT, more="?")]).encode().replace(b"?", b"\xff"), "invalid start byte"),
        (b'[{"x": ' + b"[" * 100_000, "nested too deeply"),
        ([1], "$[0]"),
        ([{}], "version"),
        ([attestation(RIGHT)] * 3, "More than 2 attestations"),
        ([attestation(RIGHT), attestation(RIGHT, version=2)], "$[1].version"),
        ([attestation(RIGHT, version="1")], "$[0].version"),
        ([attestation(RIGHT, envelope={"statement": encoded(b"{}")})], "signature"),
        ([attestation(RIGHT, envelope={"statement": "not base64!", "signature": "AA=="})], "$[0].envelope.statement"),
        ([attestation(RIGHT, envelope={"statement": "", "signature": "AA=="})], "$[0].envelope.statement"),
        ([attestation(RIGHT, verification_material={"transparency_entries": [{}]})], "certificate"),
        (
            [attestation(RIGHT, verification_material={"certificate": "AA==", "transparency_entries": []})],
            "transparency_entries",
        ),
        (
            [attestation(RIGHT, verification_material={"certificate": "AA==", "transparency_entries": [1]})],
            "transparency_entries",
        ),
    ],
)
def test_what_is_no_array_of_attestations(content: object, told: str) -> None:
    assert told in refusal(content)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"_type": "https://in-toto.io/Statement/v0.1"}, "$._type"),
        ({"predicateType": "https://example.com/"}, "$.predicateType"),
        ({"subject": []}, "$.subject"),
        ({"subject": RIGHT["subject"] * 2}, "$.subject"),
        ({"subject": [{"name": "foo-1.0.tar.gz"}]}, "digest"),
        ({"subject": [{"name": "foo-1.0.tar.gz", "digest": {"sha512": SHA256}}]}, "sha256"),
        ({"subject": [{"name": "foo-1.0.tar.gz", "digest": {"sha256": SHA256[1:]}}]}, "sha256"),
        ({"subject": [{"name": 1, "digest": {"sha256": SHA256}}]}, "name"),
    ],
)
def test_statements_that_are_none(changes: dict[str, Any], told: str) -> None:
    message = refusal([attestation(RIGHT), attestation({**RIGHT, **changes})])
    assert told in message
    assert message.endswith("in the statement of `$[1]`")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"\xff", "invalid start byte"),
        (json.dumps({**RIGHT, "more": "?"}).encode().replace(b"?", b"\xff"), "invalid start byte"),
        (b'{"x": ' + b"[" * 100_000, "nested too deeply"),
    ],
)
def test_statements_that_are_no_json(said: bytes, told: str) -> None:
    envelope = {"statement": encoded(said), "signature": "AA=="}
    assert told in refusal([attestation(RIGHT, envelope=envelope)])


@given(
    st.binary()
    | st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_anything_else_is_refused(content: object) -> None:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    try:
        found = decode(raw, most=2)
    except ValueError:
        return
    assert (found, json.loads(raw)) == ([], [])
