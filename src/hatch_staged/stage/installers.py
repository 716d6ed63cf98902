"""pip and uv, as commands that install into an environment, and what they say to have installed (PEP 610)."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from hatch_staged.errors import ConfigurationError, StagedError
from hatch_staged.redaction import without_secrets
from hatch_staged.stage import selection

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from hatch_staged.stage.selection import Interpreter, Run

    #: Finds a program by its name; `path` is where to look in place of ``PATH``.
    Which = Callable[..., str | None]

#: pip and uv both understand three of ``-q`` or ``-v``, and not more.
_MOST_FLAGS = 3

#: Options that install somewhere else than into the environment of the interpreter.
_ELSEWHERE = ("--target", "--prefix", "--root", "--user", "-t")
#: Variables that do the same.  In a container, or a job of CI, they may be there for everything else that is installed.
_VARIABLES_ELSEWHERE = frozenset(
    ("PIP_PREFIX", "PIP_PYTHON", "PIP_ROOT", "PIP_TARGET", "PIP_USER", "UV_PYTHON", "UV_SYSTEM_PYTHON")
)

# Runs in the target interpreter.
_RECORDS = """\
import json, sys
from importlib.metadata import PackageNotFoundError, distribution
found = {}
for name in sys.argv[1:]:
    try:
        record = distribution(name).read_text("direct_url.json")
    except PackageNotFoundError:
        continue
    found[name] = json.loads(record)["url"] if record else ""
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Installer:
    """An installer for the environment of one interpreter: `install` and `uninstall` are its commands."""

    name: str
    install: tuple[str, ...]
    uninstall: tuple[str, ...]

    def installing(self, requirements: Sequence[str], arguments: Sequence[str], verbosity: int) -> list[str]:
        """Return the command that installs `requirements` and whatever `arguments` say."""
        flags = ["-q" if verbosity < 0 else "-v"] * min(abs(verbosity), _MOST_FLAGS)
        return [*self.install, *flags, *requirements, *arguments]

    def replacing(self, requirements: Sequence[str]) -> list[str]:
        """Return the command that installs `requirements` in place of what is there of the same version."""
        # pip takes a wheel of the version that is there for what is there; uv is not so easily content
        return [*self.install, "-q", "--force-reinstall", "--no-deps", *requirements]

    def removing(self, projects: Collection[str]) -> list[str]:
        """Return the command that uninstalls `projects`."""
        return [*self.uninstall, *projects]


def find(interpreter: Interpreter, which: Which = shutil.which) -> Installer:
    """Return the pip of `interpreter`, or uv if it has none; raise `ConfigurationError` if there is no uv either.

    uv is the one on the path, or the one that came with Hatch, which lies beside our own Python.
    """
    python = interpreter.executable
    if interpreter.has_pip:
        # isolated: it shall be the pip that is installed there, not what lies in the folder that we are in
        pip = (python, "-I", "-m", "pip", "--disable-pip-version-check")
        return Installer("pip", (*pip, "install"), (*pip, "uninstall", "-y"))
    program = which("uv") or which("uv", path=str(Path(sys.executable).parent))
    if program is None:
        raise ConfigurationError(
            "there is no installer: this Python has no pip, and there is no uv",
            where=python,
            hint=f"{python} -m ensurepip, or install uv",
        )
    uv, here = (program, "pip"), ("--python", python)
    return Installer("uv", (*uv, "install", *here), (*uv, "uninstall", *here))


def refuse_elsewhere(arguments: Sequence[str]) -> None:
    """Raise `ConfigurationError` if `arguments` for an installer lead out of the interpreter's environment."""
    for argument in arguments:
        option = argument[:2] if argument.startswith("-t") else argument.partition("=")[0]
        if option in _ELSEWHERE:
            raise ConfigurationError(
                f"{option} would install somewhere else than into the environment of the interpreter",
                hint="`hatch stage export --format requirements` tells pip and uv what to install wherever you like",
            )


def variables(inherited: Mapping[str, str], tokens: Collection[str]) -> dict[str, str]:
    """Return the environment variables for an installer, which runs build backends, and shows the indexes that it uses.

    Ours stay here, and so does each word of its own that has one of the session `tokens` in it, such as the URL of a
    stage among the indexes: what is staged it gets from us.  So do those that lead out of the environment that it shall
    install into: nothing that is staged gets into the Python of the system.
    """
    kept = {}
    for name, value in without_secrets(inherited).items():
        if name in _VARIABLES_ELSEWHERE:
            continue
        if name.startswith(("PIP_", "UV_")) and any(token in value for token in tokens):
            kept[name] = " ".join(word for word in value.split() if not any(token in word for token in tokens))
        else:
            kept[name] = value
    return kept


def constraining_builds(variables: Mapping[str, str], constraints: Path) -> dict[str, str]:
    """Return `variables` with which an installer follows the file `constraints`, too, for what an isolated build needs.

    A build that needs a staged project would get it from an index otherwise, from whoever has its name there, as it
    does with pip before 25.3.
    """
    # As URLs, for both are lists with spaces between the files.  Builds of an older pip follow PIP_CONSTRAINT, but what
    # is installed does so, too, and no pip before 26.1 bears `foo @ URL` there where somebody needs `foo[extra]`.
    names = ("PIP_BUILD_CONSTRAINT", "UV_BUILD_CONSTRAINT")
    return {**variables, **{name: f"{variables.get(name, '')} {constraints.as_uri()}".lstrip() for name in names}}


def records(interpreter: Interpreter, projects: Sequence[str], run: Run = selection.run) -> dict[str, Path | None]:
    """Return, for each of `projects` that the environment of `interpreter` has, the file that it was installed from.

    It is None for one that was installed from somewhere else.
    """
    completed = run([interpreter.executable, "-I", "-c", _RECORDS, *projects])
    try:
        found: dict[str, str] = json.loads(completed.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        reason = (completed.stderr.strip().splitlines() or [f"exit code {completed.returncode}"])[-1]
        what = f"cannot see what is installed: {reason}"
        raise StagedError(what, where=interpreter.executable) from None
    return {name: _file(url) for name, url in found.items()}


def _file(url: str) -> Path | None:
    parts = urlsplit(url)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else None
