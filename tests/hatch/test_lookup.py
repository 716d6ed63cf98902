"""Hatch finds our plugin without a search, and every other one as ever."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING

import pytest
from hatch.plugin.manager import PluginManager
from hatchling.plugin.manager import ClassRegister

from hatch_staged.hatch import hooks
from hatch_staged.hatch.collector import StagedEnvironmentCollector
from hatch_staged.hatch.environment import StagedEnvironment
from hatch_staged.hatch.lookup import extend
from hatch_staged.hatch.publisher import StagedPublisher

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def extended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Extend Hatch during a test, twice, as where the startup file is read twice."""
    get = ClassRegister.get
    # the startup file may have taken `pytest tests/hatch` for Hatch
    monkeypatch.setattr(ClassRegister, "get", vars(get).get("__wrapped__", get))
    extend(ClassRegister)
    extend(ClassRegister)


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list that grows with each search through what is installed."""
    made = []
    search = importlib.metadata.distributions

    def counted() -> Iterator[importlib.metadata.Distribution]:
        made.append("searched")
        return iter(search())

    monkeypatch.setattr(importlib.metadata, "distributions", counted)
    return made


def test_ours_are_found_without_a_search(searches: list[str]) -> None:
    manager = PluginManager()
    assert manager.environment_collector.get("staged") is StagedEnvironmentCollector
    assert manager.environment.get("staged") is StagedEnvironment
    assert manager.publisher.get("staged") is StagedPublisher
    assert manager.environment.get("virtual") is not None
    assert searches == []


def test_any_other_is_searched_for(searches: list[str]) -> None:
    manager = PluginManager()
    assert manager.environment.get("staged") is StagedEnvironment
    assert manager.environment.get("container") is None
    assert searches == ["searched"]
    assert manager.environment.get("staged") is StagedEnvironment
    assert manager.manager.get_plugin("staged") is hooks


def test_ours_are_known_after_a_search(searches: list[str]) -> None:
    manager = PluginManager()
    assert "staged" in manager.environment.collect()
    assert manager.environment.get("staged") is StagedEnvironment
    assert searches == ["searched"]
