"""The collector `staged`: turns the listed environments into staged ones while there is a stage file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatch.env.collectors.plugin.interface import EnvironmentCollectorInterface

from hatch_staged.errors import ConfigurationError
from hatch_staged.hatch import context
from hatch_staged.hatch.display import reporting

if TYPE_CHECKING:
    from collections.abc import Mapping

TYPE = "staged"
#: The type of environment that a staged one replaces.
PLAIN_TYPE = "virtual"
_FIELD = "tool.hatch.env.collectors.staged.envs"


class StagedEnvironmentCollector(EnvironmentCollectorInterface):
    """``[tool.hatch.env.collectors.staged]`` with ``envs``: names of environments, or of matrices for all of theirs."""

    PLUGIN_NAME = "staged"

    def finalize_config(self, config: dict[str, dict[str, Any]]) -> None:
        """Give the listed environments the type `staged` if there is a stage file.

        The others are told their own type outright: they would inherit ours from a listed template.
        """
        with reporting():
            if not context.stage_file_in_use(self.root):
                return
            envs = self._envs(config)
            types = {name: _type_of(name, config) for name in config}
            for name, kind in types.items():
                if name in envs and kind != PLAIN_TYPE:
                    raise ConfigurationError(
                        f"environment `{name}` has the type `{kind}`, which cannot install a staged release",
                        hint=f"take it out of {_FIELD}, or set HATCH_STAGED=off",
                    )
                config[name]["type"] = TYPE if name in envs else kind

    def _envs(self, config: Mapping[str, object]) -> list[str]:
        envs = self.config.get("envs", ["default"])
        if not isinstance(envs, list) or not all(isinstance(name, str) for name in envs):
            raise ConfigurationError(f"{_FIELD} must be an array of strings")
        unknown = [name for name in envs if name not in config]
        if unknown:
            raise ConfigurationError(f"{_FIELD} names unknown environments: {', '.join(unknown)}")
        return envs


def _type_of(name: str, config: Mapping[str, Mapping[str, Any]]) -> str:
    # As Hatch inherits: from the template, which is `default` unless said otherwise, and a detached one from nobody.
    # A circle or an unknown template is Hatch's to report.
    followed: set[str] = set()
    while name in config and name not in followed:
        followed.add(name)
        if "type" in config[name]:
            return str(config[name]["type"])
        name = name if config[name].get("detached") else config[name].get("template", "default")
    return PLAIN_TYPE
