"""PEP 694, "Server Specific File Upload Mechanisms"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance.requirements import covers

if TYPE_CHECKING:
    from hatch_staged.conformance.steps import Session


@pytest.fixture
def identifiers(session: Session) -> list[str]:
    """Return the identifiers of the mechanisms that are the index's own."""
    own = [identifier for identifier in session.body["mechanisms"] if identifier != "http-post-bytes"]
    if not own:
        pytest.skip("the index has no mechanisms of its own")
    return own


@covers("MECHANISM-VENDOR-03", "<prefix>-<operator identifier>-<implementation identifier>")
def test_an_identifier_has_three_parts(identifiers: list[str]) -> None:
    for identifier in identifiers:
        parts = identifier.split("-", 2)
        assert len(parts) == 3, f"{identifier} has {len(parts)} parts"
        assert all(parts), f"a part of {identifier} is empty"


@covers("MECHANISM-VENDOR-04", "Server specific implementations MUST use vnd as their prefix.")
def test_an_identifier_begins_with_vnd(identifiers: list[str]) -> None:
    for identifier in identifiers:
        assert identifier.startswith("vnd-"), f"{identifier} does not begin with vnd-"


@covers("MECHANISM-VENDOR-05", "contain only alphanumeric characters [a-z0-9].")
def test_the_operator_has_letters_and_digits_only(identifiers: list[str]) -> None:
    for identifier in identifiers:
        operator = _part(identifier, 1)
        assert re.fullmatch("[a-z0-9]+", operator), f"the operator in {identifier} is {operator}"


@covers("MECHANISM-VENDOR-06", "contain only alphanumeric characters [a-z0-9] and -.")
def test_the_implementation_has_letters_digits_and_hyphens_only(identifiers: list[str]) -> None:
    for identifier in identifiers:
        implementation = _part(identifier, 2)
        assert re.fullmatch("[a-z0-9-]+", implementation), f"the implementation in {identifier} is {implementation}"


def _part(identifier: str, number: int) -> str:
    parts = identifier.split("-", 2)
    assert len(parts) == 3, f"{identifier} has {len(parts)} parts"
    return parts[number]
