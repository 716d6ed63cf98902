"""What the tests of the conformance suite share."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock
from tests.conformance.configurations import CONFIGURATIONS
from tests.conformance.fake_index import TOKEN, FakeIndex
from tests.conformance.trials import Trial, Verdict, Workshop

from hatch_staged.conformance.wire import Principal, Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conformance.configurations import Configuration


@pytest.fixture
def fake() -> Iterator[FakeIndex]:
    """Run an index that does as it is told."""
    with FakeIndex() as index:
        yield index


@pytest.fixture
def wire() -> Iterator[Wire]:
    """Return connections that may make a few requests."""
    wire = Wire(limit=20)
    yield wire
    wire.close()


@pytest.fixture
def owner(wire: Wire) -> Principal:
    """Return somebody whom the fake index knows."""
    return Principal(wire, TOKEN)


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Configuration], Workshop]]:
    """Return a function that returns the process that serves our index in a configuration."""
    with ExitStack() as stack:
        opened: dict[str, Workshop] = {}

        def in_configuration(configuration: Configuration) -> Workshop:
            if configuration.name not in opened:
                folder = tmp_path_factory.mktemp(configuration.name)
                opened[configuration.name] = stack.enter_context(Workshop(configuration, folder))
            return opened[configuration.name]

        yield in_configuration


@pytest.fixture(scope="session")
def sound(
    tmp_path_factory: pytest.TempPathFactory,
    pytestconfig: pytest.Config,
    workshop: Callable[[Configuration], Workshop],
) -> Callable[[Configuration], Trial]:
    """Return a function that returns what the whole suite says of our sound index; tried once, by one worker."""
    folder = tmp_path_factory.getbasetemp()
    if hasattr(pytestconfig, "workerinput"):  # one of several workers, whose folders are beside each other
        folder = folder.parent

    def in_configuration(configuration: Configuration) -> Trial:
        kept = folder / f"sound-{configuration.name}.json"
        with FileLock(kept.with_suffix(".lock")):
            if not kept.exists():
                kept.write_text(json.dumps(asdict(workshop(configuration).try_index())))
        told = json.loads(kept.read_text())
        return Trial(**{**told, "verdicts": {name: Verdict(**each) for name, each in told["verdicts"].items()}})

    return in_configuration


@pytest.fixture(scope="session")
def seen_right(sound: Callable[[Configuration], Trial]) -> set[str]:
    """Return the requirements that our sound index is seen to meet, in one configuration or another."""
    # Side by side, as what is deferred or expires is waited for; not all of them, as they watch the clock.
    with ThreadPoolExecutor(3) as executor:
        trials = executor.map(sound, CONFIGURATIONS)
        return {identifier for trial in trials for identifier in trial.with_result("passed")}
