"""The suite against our index as a process of its own, in the three ways in which it can be run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conformance.configurations import CONFIGURATIONS

from hatch_staged.conformance.requirements import requirements, unobservable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.configurations import Configuration
    from tests.conformance.trials import Trial

    Sound = Callable[[Configuration], Trial]

pytestmark = pytest.mark.journey

#: What our index does not have, so that nothing can be seen of it.
ABSENT: dict[str, str] = {}

each_configuration = pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=lambda each: each.name)


@each_configuration
def test_no_requirement_fails(configuration: Configuration, sound: Sound) -> None:
    trial = sound(configuration)
    assert trial.with_result("failed") == {}
    assert trial.code == 0, trial.err


@each_configuration
def test_there_is_a_verdict_on_every_requirement(configuration: Configuration, sound: Sound) -> None:
    assert sound(configuration).verdicts.keys() == requirements().keys()


def test_everything_that_can_be_observed_is_seen_in_one_of_the_three_ways(sound: Sound) -> None:
    seen = {identifier for each in CONFIGURATIONS for identifier in sound(each).with_result("passed")}
    assert requirements().keys() - unobservable().keys() - seen == ABSENT.keys()
