"""The suite against our index as a process of its own, in several ways, and against what others might do otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conformance.configurations import CONFIGURATIONS, OURS, POOR

from hatch_staged.conformance.requirements import requirements, unobservable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.configurations import Configuration
    from tests.conformance.trials import Trial

    Sound = Callable[[Configuration], Trial]

pytestmark = pytest.mark.journey

#: What nothing can be seen of, and why.
ABSENT = {
    "SESSION-STATE-12": "whatever a file is to blame for, our index finds within the request to publish",
    "SESSION-ATOMIC-18": "whatever a file is to blame for, our index finds within the request to publish",
}
#: What an index may leave undone that has as little as the PEP allows.
LEFT_UNDONE = {"ERROR-03", "FILE-STATUS-04", "SESSION-RETENTION-01", "SESSION-TOKEN-01"}


@pytest.mark.parametrize("configuration", OURS, ids=lambda each: each.name)
def test_our_index_meets_every_requirement(configuration: Configuration, sound: Sound) -> None:
    trial = sound(configuration)
    assert trial.with_result("failed") == {}
    assert trial.code == 0, trial.printed


@pytest.mark.parametrize(
    "configuration", [each for each in CONFIGURATIONS if each not in OURS], ids=lambda each: each.name
)
def test_an_index_that_is_right_in_another_way_meets_every_requirement_too(
    configuration: Configuration, sound: Sound
) -> None:
    trial = sound(configuration)
    assert trial.with_result("failed").keys() == (LEFT_UNDONE if configuration is POOR else set())
    assert trial.code == 0, trial.printed


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=lambda each: each.name)
def test_there_is_a_verdict_on_every_requirement(configuration: Configuration, sound: Sound) -> None:
    assert sound(configuration).verdicts.keys() == requirements().keys()


def test_everything_that_can_be_observed_is_seen_in_one_of_these_ways(seen_right: set[str]) -> None:
    assert requirements().keys() - unobservable().keys() - seen_right == ABSENT.keys()
