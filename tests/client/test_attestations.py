"""Attestations on disk: which are whose, and which are none."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from tests.index.attesting import attestation, encoded, statement

from hatch_staged.client.attestations import MAX_SIZE, AttestationFile, as_array, attested_by, beside, fault
from hatch_staged.protocol.distributions import parse_filename

WHEEL = "foo-1.0-py3-none-any.whl"
DIGEST = "0123456789abcdef" * 4


def attested(artifact: Path, *, sha256: str = "", kind: str = "publish") -> Path:
    """Write an attestation beside `artifact` that nobody signed, and return its path."""
    sha256 = sha256 or hashlib.sha256(artifact.read_bytes()).hexdigest()
    path = artifact.with_name(f"{artifact.name}.{kind}.attestation")
    path.write_text(json.dumps(attestation(statement(artifact.name, sha256))))
    return path


@pytest.mark.parametrize(
    ("name", "artifact"),
    [
        (f"{WHEEL}.publish.attestation", WHEEL),
        ("foo-1.0.tar.gz.slsa.attestation", "foo-1.0.tar.gz"),
        (f"{WHEEL}.attestation", None),
        (f"{WHEEL}.publish.attestation.asc", None),
        (f"{WHEEL}.other.attestation", None),
        (".publish.attestation", None),
        (WHEEL, None),
    ],
)
def test_a_name_says_of_what_an_attestation_is(name: str, artifact: str | None) -> None:
    path = attested_by(Path("dist") / name)
    assert path == (None if artifact is None else Path("dist") / artifact)


def test_those_beside_an_artifact_make_one_array(tmp_path: Path) -> None:
    artifact = tmp_path / WHEEL
    artifact.write_bytes(b"wheel")
    assert beside(artifact) == ()
    assert as_array(()) == b"[]"
    paths = [attested(artifact), attested(artifact, kind="slsa")]
    (tmp_path / f"{WHEEL}.other.attestation").write_bytes(b"")

    found = beside(artifact)

    assert [file.path for file in found] == paths
    assert json.loads(as_array(found)) == [json.loads(path.read_bytes()) for path in paths]


def judged(raw: bytes) -> str:
    return fault(AttestationFile(Path(f"{WHEEL}.publish.attestation"), raw), parse_filename(WHEEL), DIGEST)


def written(said: object, **changes: object) -> bytes:
    return json.dumps(attestation(said, **changes)).encode()


def test_one_of_this_file_is_right_in_whatever_spelling() -> None:
    assert judged(written(statement(WHEEL, DIGEST))) == ""
    assert judged(written(statement("Foo-1.0.0-py3-none-any.whl", DIGEST.upper()))) == ""


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b" ", "this is no attestation (PEP 740): there is nothing in it"),
        (b"[]", "this is no attestation"),
        (b"\xff", "this is no attestation"),
        (b"[" * 100_000, "this is no attestation"),
        (b",".join([written(statement(WHEEL, DIGEST))] * 2), "this is no attestation (PEP 740): More than 1"),
        (written(statement(WHEEL, DIGEST), version=2), "this is no attestation"),
        (
            written(statement(WHEEL, DIGEST), envelope={"statement": encoded(b"{"), "signature": encoded(b"x")}),
            "in the",
        ),
        (written(statement(WHEEL, DIGEST, predicateType="other")), "this is no attestation"),
        (
            written(statement(WHEEL, "a" * 64)),
            f"of a file with the sha256 {'a' * 64}, the artifact's is {DIGEST}: sign",
        ),
        (written(statement("foo-1.1-py3-none-any.whl", DIGEST)), "an attestation is of foo-1.1-py3-none-any.whl"),
        (written(statement("foo", DIGEST)), "an attestation is of something else"),
        (b" " * (MAX_SIZE + 1), "more than 1048576 bytes"),
    ],
)
def test_what_is_none_of_this_file_says_why(raw: bytes, told: str) -> None:
    assert told in judged(raw)
