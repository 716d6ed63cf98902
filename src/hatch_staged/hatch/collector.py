"""The collector `staged`: turns the listed environments into staged ones while there is a stage file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatch.env.collectors.plugin.interface import EnvironmentCollectorInterface

from hatch_staged.errors import ConfigurationError
from hatch_staged.hatch import context
from hatch_staged.hatch.display import reporting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

TYPE = "staged"
#: The type of environment that a staged one replaces.
PLAIN_TYPE = "virtual"
_FIELD = "tool.hatch.env.collectors.staged.envs"


class StagedEnvironmentCollector(EnvironmentCollectorInterface):
    """``[tool.hatch.env.collectors.staged]`` with ``envs``: names of environments, or of matrices for all of theirs."""

    PLUGIN_NAME = "staged"

    #: Those listed that can only be environments of a matrix, which are made after `finalize_config`.
    _of_matrices: Sequence[str] = ()

    def finalize_config(self, config: dict[str, dict[str, Any]]) -> None:
        """Give the listed environments and matrices the type `staged` if there is a stage file.

        The others are told their own type outright: they would inherit ours from a listed template.
        """
        with reporting():
            if not context.stage_file_in_use(self.root):
                return
            envs = self._envs()
            for name, kind in {name: _type_of(name, config) for name in config}.items():
                config[name]["type"] = kind
            _stage([name for name in envs if name in config], config)
            self._of_matrices = [name for name in envs if name not in config]

    def finalize_environments(self, config: dict[str, dict[str, Any]]) -> None:
        """Give it to the environments of matrices that are listed themselves."""
        with reporting():
            if unknown := [name for name in self._of_matrices if name not in config]:
                raise ConfigurationError(f"{_FIELD} names unknown environments: {', '.join(unknown)}")
            _stage(self._of_matrices, config)

    def _envs(self) -> list[str]:
        envs = self.config.get("envs", ["default"])
        if not isinstance(envs, list) or not all(isinstance(name, str) for name in envs):
            raise ConfigurationError(f"{_FIELD} must be an array of strings")
        return envs


def _stage(names: Iterable[str], config: Mapping[str, dict[str, Any]]) -> None:
    for name in names:
        kind = config[name]["type"]
        if kind not in {PLAIN_TYPE, TYPE}:
            raise ConfigurationError(
                f"environment `{name}` has the type `{kind}`, which cannot install a staged release",
                hint=f"take it out of {_FIELD}, or set HATCH_STAGED=off",
            )
        config[name]["type"] = TYPE


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
