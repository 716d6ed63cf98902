"""Hatch finds our plugins by itself."""

from __future__ import annotations

from hatch.plugin.manager import PluginManager

from hatch_staged.hatch.collector import StagedEnvironmentCollector
from hatch_staged.hatch.environment import StagedEnvironment
from hatch_staged.hatch.publisher import StagedPublisher


def test_every_plugin_is_registered_under_its_name() -> None:
    plugins = PluginManager()
    assert plugins.publisher.get("staged") is StagedPublisher
    assert plugins.environment.get("staged") is StagedEnvironment
    assert plugins.environment_collector.get("staged") is StagedEnvironmentCollector
