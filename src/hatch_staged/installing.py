"""Installing staged releases into the environment of any interpreter: verified, chosen for it, and nothing else."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_staged import holding
from hatch_staged.errors import ConfigurationError, StagedError, WrongBytesError
from hatch_staged.releases import in_stage_file
from hatch_staged.stage import installers, selection, session_tokens
from hatch_staged.stage.installation import requirement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from hatch_staged.desk import Desk
    from hatch_staged.stage.installers import Installer
    from hatch_staged.stage.selection import Interpreter
    from hatch_staged.stage.use import Obtained, Standing

    #: Runs a command with these environment variables to its end, its output for the user to see; the exit code.
    RunInstaller = Callable[[list[str], Mapping[str, str]], int]

_HINT = "--python names one: an interpreter, or the folder of a virtual environment"


@dataclass(frozen=True)
class Target:
    """Where to install, and how: `verbosity` is that of Hatch, `arguments` are for the installer."""

    python: str
    arguments: tuple[str, ...] = ()
    verbosity: int = 0

    @property
    def dry(self) -> bool:
        """Whether the installer shall only say what it would do."""
        return "--dry-run" in self.arguments


def run_installer(command: list[str], variables: Mapping[str, str]) -> int:
    """Run an installer, all of its output on stderr: stdout is for what we have to say."""
    return subprocess.run(command, env=variables, stdout=2, check=False).returncode


def find_python(asked: str | None, variables: Mapping[str, str]) -> str:
    """Return the interpreter `asked` for: a path, a command, or the folder of a virtual environment.

    None asks for that of the active virtual environment.  Raises `ConfigurationError` where none is active: never is it
    the Python that happens to run us, or one that belongs to the system.
    """
    if asked is not None:
        return _in_folder(Path(asked)) if Path(asked).is_dir() else asked
    active = variables.get("VIRTUAL_ENV")
    if not active:
        raise ConfigurationError("no virtual environment is active", hint=_HINT)
    if not (Path(active) / "pyvenv.cfg").is_file():
        raise ConfigurationError("VIRTUAL_ENV names no virtual environment", where=active, hint=_HINT)
    return _in_folder(Path(active))


def _in_folder(folder: Path) -> str:
    for path in (folder / "bin" / "python", folder / "Scripts" / "python.exe", folder / "python.exe"):
        if path.is_file():
            return str(path)
    raise ConfigurationError("there is no Python in this folder", where=str(folder), hint=_HINT)


def install(
    desk: Desk, target: Target, *, tell: Callable[[str], None], run: RunInstaller = run_installer
) -> tuple[Standing, ...]:
    """Install every release of the stage file into the environment of `target.python`, and return them.

    All are installed at once, so that those that depend on each other see each other; `tell` takes what is installed.
    Raises what `holding.look` and `holding.obtain` do, `ConfigurationError` where there is no installer, `StagedError`
    where it fails, and `WrongBytesError` where it installs something else in the place of what is staged.
    """
    installers.refuse_elsewhere(target.arguments)
    interpreter = selection.probe(target.python)
    installer = installers.find(interpreter)
    standings = holding.look(desk, in_stage_file(desk))
    for standing in standings:
        tell(standing.describe(desk.now()))
    obtained = [holding.obtain(desk, standing, interpreter) for standing in standings]
    variables = installers.variables(os.environ, session_tokens.known(each.release for each in standings))
    with tempfile.TemporaryDirectory(prefix="hatch-staged-install-") as folder:
        constraints = Path(folder, "staged.txt")
        constraints.write_text("".join(f"{each}\n" for each in _requirements(obtained)), encoding="utf-8")
        work = _Work(interpreter, installer, run, installers.constraining_builds(variables, constraints))
        work.install(obtained, target)
    return standings


@dataclass(frozen=True)
class _Work:
    interpreter: Interpreter
    installer: Installer
    run: RunInstaller
    variables: Mapping[str, str]

    def install(self, obtained: Sequence[Obtained], target: Target) -> None:
        self._run(self.installer.installing(_requirements(obtained), target.arguments, target.verbosity))
        if target.dry:
            return
        others, _ = self._not_staged(obtained)
        if not others:
            return
        self._run(self.installer.replacing(_requirements(others)))
        others, something_else = self._not_staged(obtained)
        if not others:
            return
        hint = f"look into the configuration and the arguments of {self.installer.name}"
        if something_else:
            self._run(self.installer.removing(something_else))
            hint = f"what it installed was removed again; {hint}"
        names = ", ".join(one.path.name for one in others)
        raise WrongBytesError(
            f"{self.installer.name} did not install {names}, or something else in its place",
            where=self.interpreter.executable,
            hint=hint,
        )

    def _not_staged(self, obtained: Sequence[Obtained]) -> tuple[list[Obtained], list[str]]:
        """Return those that the environment has not from us, and the projects of which it has something else."""
        installed = installers.records(self.interpreter, [one.project for one in obtained])
        others = [one for one in obtained if installed.get(one.project) != one.path]
        return others, [one.project for one in others if one.project in installed]

    def _run(self, command: list[str]) -> None:
        try:
            code = self.run(command, self.variables)
        except OSError as error:
            what = f"cannot run {self.installer.name}: {error.strerror}"
            raise StagedError(what, where=self.interpreter.executable) from error
        if code != 0:
            what = f"{self.installer.name} could not install what is staged (exit code {code})"
            raise StagedError(what, where=self.interpreter.executable, hint="it said why, above")


def _requirements(obtained: Iterable[Obtained]) -> list[str]:
    return [requirement(one.path, one.project, sha256=one.artifact.sha256) for one in obtained]
