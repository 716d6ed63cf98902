"""What a declaration may say."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_staged.index.refusals import InvalidRequestError
from hatch_staged.index.validation import SECURE_ALGORITHMS, check_hashes


@pytest.mark.parametrize("algorithm", sorted(SECURE_ALGORITHMS))
def test_every_secure_algorithm_is_enough(algorithm: str) -> None:
    digest = hashlib.new(algorithm, b"data").hexdigest()
    assert check_hashes({algorithm: digest.upper()}) == {algorithm: digest}


def test_others_may_come_along() -> None:
    hashes = {name: hashlib.new(name, b"data", usedforsecurity=False).hexdigest() for name in ("md5", "sha1", "sha256")}
    assert check_hashes(hashes) == hashes


@pytest.mark.parametrize(
    ("hashes", "source"),
    [
        ({}, "hashes"),
        ({"md5": "0" * 32, "sha1": "0" * 40}, "hashes"),
        ({"sha256": "0" * 64, "sha0": "0" * 40}, "hashes.sha0"),
        ({"sha256": "0" * 64, "shake_128": "0" * 40}, "hashes.shake_128"),
        ({"SHA256": "0" * 64}, "hashes.SHA256"),
        ({"sha256": "0" * 64, "Sha512": "0" * 128}, "hashes.Sha512"),
        ({"sha256": "0" * 64, "blake2b512": "0" * 128}, "hashes.blake2b512"),
        (dict.fromkeys(("sha256", "sha3_256", "blake2s", "sha512_256", "md5"), "0" * 64), "hashes"),
        ({"sha256": "0" * 63}, "hashes.sha256"),
        ({"sha256": "0" * 62 + "  "}, "hashes.sha256"),
        ({"sha256": "x" * 64}, "hashes.sha256"),
        ({"sha256": "\u0660" * 64}, "hashes.sha256"),
    ],
)
def test_wrong_hashes_are_named(hashes: dict[str, str], source: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        check_hashes(hashes)
    assert [error.source for error in caught.value.errors] == [source]


@given(st.dictionaries(st.sampled_from(sorted(hashlib.algorithms_available)) | st.text(), st.text()))
def test_anything_else_is_refused(hashes: dict[str, str]) -> None:
    with pytest.raises(InvalidRequestError):
        check_hashes(hashes)
