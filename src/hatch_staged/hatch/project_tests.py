"""The project's own tests, as Hatch runs them in environments that install what is staged."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch.project.core import Project
from hatch.utils.structures import EnvVars

from hatch_staged import termination
from hatch_staged.errors import ConfigurationError, StagedError
from hatch_staged.hatch import context
from hatch_staged.hatch.collector import TYPE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hatch.cli.application import Application

    from hatch_staged.desk import Desk

#: The script that is run if nobody says another.
SCRIPT = "test"

_HATCH = (sys.executable, "-m", "hatch")


@dataclass(frozen=True)
class ProjectTests:
    """A command for ``hatch run`` in an environment, or in all of a matrix."""

    app: Application
    desk: Desk
    environment: str
    command: Sequence[str]

    @property
    def script(self) -> tuple[str, ...]:
        """The arguments of ``hatch run``."""
        name, *arguments = self.command
        return f"{self.environment}:{name}", *arguments

    def run(self, *, stdout: int | None = None) -> None:
        """Run it in another Hatch, which follows the stage file of the desk.

        Raises `StagedError` if it fails, or if it was run nowhere.
        """
        app = self.app
        flags = [*["-v" if app.verbosity > 0 else "-q"] * abs(app.verbosity), *["--no-color"] * app.console.no_color]
        ran = f"`hatch run {shlex.join(self.script)}`"
        code = termination.run(
            [*_HATCH, *flags, "run", *self.script], self._environ, Path(app.project.location), stdout=stdout
        )
        if code != 0:
            raise StagedError(f"{ran} failed (exit code {code})")
        if not self._ran_somewhere():
            raise StagedError(f"{ran} tested nothing: none of its environments is compatible with this machine")

    def _ran_somewhere(self) -> bool:
        """Whether there is an environment of ours after a run.

        Of a matrix, Hatch leaves out what is not there and cannot be made here, and counts it as a success if that is
        every one.
        """
        find = [*_HATCH, "env", "find", self.environment]
        found = subprocess.run(
            find, env=self._environ, cwd=self.app.project.location, stdout=subprocess.PIPE, encoding="utf-8", check=True
        )
        return any((Path(folder) / "pyvenv.cfg").is_file() for folder in found.stdout.splitlines() if folder)

    @property
    def _environ(self) -> dict[str, str]:
        # nothing that is tested needs to know who publishes
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HATCH_INDEX_")}
        variables = {**kept, **_variables(self.app, self.desk)}
        variables.pop(context.SWITCH, None)
        return variables


def find(app: Application, desk: Desk, asked: str | None) -> ProjectTests | None:
    """Return what `asked`, ``[ENV:]SCRIPT [ARGS]``, means; without it, `SCRIPT` in the chosen environment.

    The environment has to install what is staged, or something else would be tested.  Raises `ConfigurationError` if
    that of `asked` does not; without `asked`, None if there is no such environment, or no such script in it.
    """
    configurations = _environments(app, desk)
    first, *arguments = [SCRIPT] if asked is None else _split(asked)
    environment, _, command = first.rpartition(":")
    environment = environment or app.env
    configured = configurations.get(environment, [])
    if asked is None:
        if not configured or not all(_installs(each) and SCRIPT in each.get("scripts", {}) for each in configured):
            return None
        return ProjectTests(app, desk, environment, (command,))
    if not configured:
        raise ConfigurationError(f"there is no environment `{environment}`", hint="hatch env show")
    if not all(map(_installs, configured)):
        raise ConfigurationError(
            f"the environment `{environment}` does not install what is staged, so it would test something else",
            hint="name it in tool.hatch.env.collectors.staged.envs; it must not have skip-install",
        )
    return ProjectTests(app, desk, environment, (command, *arguments))


def _split(text: str) -> list[str]:
    """Return the words of ``--run``, the first of which names a script, or a program."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ConfigurationError(f"--run {text}: {error}") from None
    if not words or not words[0].rpartition(":")[2]:
        raise ConfigurationError(f"--run {text!r} names no script", hint="--run [ENV:]SCRIPT, such as --run test")
    return words


def _environments(app: Application, desk: Desk) -> dict[str, list[Mapping[str, Any]]]:
    """Return the configuration of each environment, and of all of a matrix, as they are with the stage file."""
    # Hatch may have looked before there was one, and does not look again.
    project = Project(app.project.location)
    project.set_app(app)
    with EnvVars(_variables(app, desk), exclude=[context.SWITCH]), context.reading(app):
        config = project.config
        every = {**config.internal_envs, **config.envs}
        matrices = {**config.internal_matrices, **config.matrices}
    single = {name: [configuration] for name, configuration in every.items()}
    return {**single, **{name: [every[each] for each in matrix["envs"]] for name, matrix in matrices.items()}}


def _installs(configuration: Mapping[str, Any]) -> bool:
    return configuration["type"] == TYPE and not configuration.get("skip-install")


def _variables(app: Application, desk: Desk) -> dict[str, str]:
    """Return what makes another Hatch have the same folders, and the stage file of `desk`."""
    return {
        context.STAGE_FILE: str(desk.stage_file),
        "HATCH_DATA_DIR": str(app.data_dir),
        "HATCH_CACHE_DIR": str(app.cache_dir),
        "HATCH_CONFIG": str(app.config_file.path),
    }
