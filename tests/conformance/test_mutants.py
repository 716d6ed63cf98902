"""A check that cannot fail is no check: every fault that is put into our index is caught by the suite."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tests.conformance.mutants import MUTANTS

from hatch_staged.conformance.requirements import requirements, unobservable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.configurations import Configuration
    from tests.conformance.faults.mutant import Mutant
    from tests.conformance.trials import Workshop


@pytest.mark.journey
def test_what_mutants_break_is_seen_to_be_right_without_them(seen_right: set[str]) -> None:
    # That none of it fails without them is said in test_our_index.  It takes longest, so it comes first, and no other
    # worker waits for it.
    assert {identifier for mutant in MUTANTS for identifier in mutant.breaks} <= seen_right


@pytest.mark.journey
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_caught(mutant: Mutant, workshop: Callable[[Configuration], Workshop]) -> None:
    broken = {*mutant.breaks}
    trial = workshop(mutant.where).try_index(mutant=mutant.name, only=mutant.breaks)
    failed = trial.with_result("failed")
    assert broken <= failed.keys(), trial.verdicts if failed else trial.printed
    fatal = any(trial.verdicts[identifier].level.startswith("MUST") for identifier in failed)
    assert trial.code == (1 if fatal else 0)


def test_mutants_have_names_of_their_own() -> None:
    assert [name for name, count in Counter(mutant.name for mutant in MUTANTS).items() if count > 1] == []


def test_mutants_break_what_can_be_observed() -> None:
    for mutant in MUTANTS:
        assert mutant.breaks, mutant.name
        assert {*mutant.breaks} <= requirements().keys() - unobservable().keys(), mutant.name


def test_there_are_mutants_in_every_section_of_the_pep() -> None:
    observable = {each.section for each in requirements().values() if each.id not in unobservable()}
    broken = {requirements()[identifier].section for mutant in MUTANTS for identifier in mutant.breaks}
    assert observable - broken == set()
