"""The requirements as data, and the decorator that ties checks to them."""

from __future__ import annotations

import re

import pytest

from hatch_staged.conformance.requirements import covered_by, covers, requirements, unobservable


def test_identifiers_are_those_of_their_entries_and_every_entry_quotes_the_pep() -> None:
    for identifier, requirement in requirements().items():
        assert requirement.id == identifier
        assert re.fullmatch(r"[A-Z-]+-\d\d", identifier)
        assert requirement.level in {"MUST", "MUST NOT", "SHOULD", "SHOULD NOT"}
        assert requirement.section
        assert requirement.quote


def test_a_quote_with_a_level_in_capitals_has_that_level() -> None:
    for requirement in requirements().values():
        stated = re.findall(r"\b(?:MUST|SHOULD)(?: NOT)?\b", requirement.quote)
        assert not stated or requirement.level in stated, requirement.id


def test_only_what_must_be_is_fatal() -> None:
    fatal = {requirement.level for requirement in requirements().values() if requirement.fatal}
    assert fatal == {"MUST", "MUST NOT"}


def test_reasons_are_given_for_requirements_that_there_are() -> None:
    assert unobservable().keys() <= requirements().keys()
    assert all(re.fullmatch(r"[A-Z].{15,}\.", reason) for reason in unobservable().values())


def test_a_check_covers_what_stands_above_it_in_that_order() -> None:
    @covers("SESSION-CREATE-10", "the server returns a 201 Created response")
    @covers("SESSION-CREATE-11", "The response MUST also include a Location header")
    def check() -> None:
        pass

    assert covered_by(check) == ("SESSION-CREATE-10", "SESSION-CREATE-11")


def test_what_is_no_check_covers_nothing() -> None:
    assert covered_by(None) == ()


def test_a_sentence_that_the_pep_does_not_have_cannot_be_covered() -> None:
    with pytest.raises(ValueError, match="SESSION-CREATE-10 does not say: a 200"):
        covers("SESSION-CREATE-10", "a 200")


def test_a_requirement_that_is_not_there_cannot_be_covered() -> None:
    with pytest.raises(KeyError, match="SESSION-CREATE-99"):
        covers("SESSION-CREATE-99", "")
