"""The check of a release: installed into a fresh environment, compared with its RECORD, imported, and tried there."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_staged import installing, termination
from hatch_staged.errors import ConfigurationError, StagedError, WrongBytesError
from hatch_staged.installing import Target, run_installer
from hatch_staged.releases import in_stage_file
from hatch_staged.stage import installed, installers, precedence, selection, session_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from hatch_staged.desk import Desk
    from hatch_staged.installing import RunInstaller
    from hatch_staged.stage.use import Standing

    #: Runs a command with these environment variables in that folder to its end; the exit code.
    RunCommand = Callable[[Sequence[str], Mapping[str, str], Path], int]

#: What would let a Python of the environment import from elsewhere.
_LEADING_ELSEWHERE = ("PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__")

_IMPORT = "import importlib, sys; importlib.import_module(sys.argv[1])"


@dataclass(frozen=True)
class Trial:
    """What to do with what is staged.

    `python` is the interpreter (a path or a command) whose kind the environment is to be of, `with_pip` whether it
    has a pip, which installs then, in place of uv.  `requirements` are installed, too.  `copied` are files and folders
    that lie in the working folder of `command`; without a command nothing is run but the imports.
    """

    python: str
    with_pip: bool = False
    requirements: tuple[str, ...] = ()
    copied: tuple[Path, ...] = ()
    command: tuple[str, ...] = ()
    verbosity: int = 0


def try_out(
    desk: Desk,
    trial: Trial,
    *,
    tell: Callable[[str], None],
    notice: Callable[[str], None],
    install: RunInstaller = run_installer,
    run: RunCommand = termination.run,
) -> tuple[Standing, ...]:
    """Check every release of the stage file in an environment that ends with this call, however that ends.

    `tell` takes what goes on, `notice` each fault.  Raises what `installing.install` does, `WrongBytesError` if an
    installed file has other bytes than its RECORD says, and `StagedError` if anything else is wrong with it, if
    something cannot be imported, or if the command fails.
    """
    in_stage_file(desk)
    with _folder(notice) as folder:
        working = folder / "work"
        working.mkdir()
        _copy(trial.copied, working)
        environment = folder / "environment"
        python = _make(environment, trial.python, with_pip=trial.with_pip)
        standings = installing.install(
            desk, Target(python, trial.requirements, trial.verbosity), tell=tell, run=install
        )
        tokens = session_tokens.known(each.release for each in standings)
        bench = _Bench(environment, python, working, _variables(environment, python, tokens))
        bench.check(standings, tell, notice)
        if trial.command:
            # the command may put a folder with a checkout before what is installed
            precedence.give(installed.dist_info(environment, each.release.project) for each in standings)
            bench.run(trial.command, run)
    return standings


@contextmanager
def _folder(notice: Callable[[str], None]) -> Iterator[Path]:
    with termination.like_an_interrupt():
        folder = Path(tempfile.mkdtemp(prefix="hatch-staged-test-")).resolve()
        try:
            yield folder
        finally:
            with termination.uninterrupted():
                shutil.rmtree(folder, ignore_errors=True)
                if folder.exists():
                    notice(f"{folder} could not be removed")


def _copy(paths: Sequence[Path], folder: Path) -> None:
    here = Path.cwd()
    for path in paths:
        whole = path.absolute()
        if here.is_relative_to(os.path.normpath(whole)):
            raise ConfigurationError(
                "a copy of the whole folder would bring the checkout along",
                where=str(path),
                hint="copy what the command needs, such as `--copy tests`",
            )
        inside = Path(os.path.normpath(whole)).is_relative_to(here)
        target = folder / (os.path.relpath(whole, here) if inside else path.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            left_out = shutil.ignore_patterns("__pycache__")
            shutil.copytree(path, target, symlinks=True, ignore=left_out, dirs_exist_ok=True)
        else:
            shutil.copy2(path, target)


def _make(environment: Path, python: str, *, with_pip: bool) -> str:
    """Make a virtual environment and return its interpreter."""
    options = () if with_pip else ("--without-pip",)
    try:
        made = selection.run([python, "-I", "-m", "venv", *options, str(environment)])
    except OSError as error:
        raise ConfigurationError(f"cannot run the interpreter: {error.strerror}", where=python) from error
    if made.returncode != 0:
        reason = [line for line in (*made.stdout.splitlines(), *made.stderr.splitlines()) if line.strip()]
        raise StagedError(
            f"cannot make a virtual environment: {' '.join(reason[:3]) or f'exit code {made.returncode}'}",
            where=python,
            hint="--installer uv, which needs no pip in it" if with_pip else "another --python",
        )
    return installing.find_python(str(environment), {})


def _variables(environment: Path, python: str, tokens: Sequence[str]) -> dict[str, str]:
    """Return the present variables with the environment active, in place of any other one, and without our secrets."""
    variables = installers.variables(os.environ, tokens)
    for name in _LEADING_ELSEWHERE:
        variables.pop(name, None)
    programs = str(Path(python).parent)
    path = variables.get("PATH", os.defpath).split(os.pathsep)
    if active := variables.get("VIRTUAL_ENV"):
        left = {os.path.normcase(Path(active) / name) for name in ("bin", "Scripts")}
        path = [each for each in path if os.path.normcase(each) not in left]
    return {**variables, "VIRTUAL_ENV": str(environment), "PATH": os.pathsep.join([programs, *path])}


@dataclass(frozen=True)
class _Bench:
    """An environment with what is staged in it, and a folder to work in, which has nothing of a checkout."""

    environment: Path
    python: str
    working: Path
    variables: Mapping[str, str]

    def check(self, standings: Sequence[Standing], tell: Callable[[str], None], notice: Callable[[str], None]) -> None:
        """Check what is installed; raise `StagedError` or `WrongBytesError` once all faults were told."""
        faulty, other_bytes = [], False
        for standing in standings:
            name = standing.release.label
            dist_info = installed.dist_info(self.environment, standing.release.project)
            count, wrong = installed.check_record(dist_info, self.environment)
            faults = [str(each) for each in wrong]
            other_bytes = other_bytes or any(each.other_bytes for each in wrong)
            # what RECORD does not say rightly it cannot be asked for
            modules = () if wrong else installed.modules(dist_info)
            faults += [fault for module in modules if (fault := self._failure(module, tell)) is not None]
            for fault in faults:
                notice(f"{name}: {fault}")
            if faults:
                faulty.append(f"{name} ({faults[0]}{f', and {len(faults) - 1} more' if len(faults) > 1 else ''})")
            else:
                can = f"it imports as {', '.join(modules)}" if modules else "it has nothing to import"
                tell(f"{name}: {count} files are as its RECORD says, {can}")
        if faulty:
            kind = WrongBytesError if other_bytes else StagedError
            raise kind(
                f"what is staged is not sound: {', '.join(faulty)}", hint="mend it, build it, and stage it again"
            )

    def _failure(self, module: str, tell: Callable[[str], None]) -> str | None:
        """Return why `module` cannot be imported, None if it can; `tell` gets all of what Python says."""
        # isolated: from the environment, never from the folder that it is in
        command = [self.python, "-I", "-c", _IMPORT, module]
        ended = subprocess.run(
            command,
            cwd=self.working,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if ended.returncode == 0:
            return None
        said = [line for line in ended.stderr.splitlines() if line.strip()]
        for line in said:
            tell(line)
        return f"{module} cannot be imported: {said[-1] if said else f'exit code {ended.returncode}'}"

    def run(self, command: Sequence[str], run: RunCommand) -> None:
        """Run `command` in the working folder; raise `StagedError` if it fails."""
        name, *arguments = command
        path = str(self.working / name) if os.path.dirname(name) else name  # noqa: PTH120 - "./x" has a folder
        program = shutil.which(path, path=str(Path(self.python).parent))
        if program is None:
            raise ConfigurationError(
                f"there is no {name} in the environment",
                hint="--with puts what it belongs to there; a program from elsewhere is named by its path",
            )
        code = run([program, *arguments], self.variables, self.working)
        if code != 0:
            how = f"exit code {code}" if code > 0 else f"signal {-code}"
            raise StagedError(f"{name} failed ({how})", hint="it said why, above")
