"""Run every check of the project: style, types, imports, docs, and the tests on more than one Python.

On the Python that runs this all tests run, and their coverage is measured; on the oldest other one that is here
those that start no long chain of processes, and the main job.  `--everything` runs all tests on every Python.

The tools live in `.venv/` inside the clone, the environments that Hatch makes of `pyproject.toml` in `.venv/hatch/`.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from bootstrap import SCRIPTS, make_environment, require_python, run, tell

CLONE = Path(__file__).resolve().parent.parent
ENVIRONMENT = CLONE / ".venv"
THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
#: Tests often wait for a process, so one more than there are processors keeps these busy.
WORKERS = str((os.cpu_count() or 1) + 1)
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")


def main() -> None:
    """Run all checks; exit with something other than 0 at the first that fails."""
    require_python()
    everything = "--everything" in sys.argv[1:]
    tell("Set up: Hatch, in .venv")
    make_environment(ENVIRONMENT, "hatch>=1.18")
    tell("Style, types and the direction of imports")
    hatch("run", "lint:all")
    tell("The docs, warnings as errors")
    hatch("run", "docs:build")
    others = other_pythons()
    for version in others if everything else others[:1]:
        tell(f"The tests on Python {version}")
        chosen = [] if everything else ["-m", "not journey"]
        hatch("test", "--python", version, "--", "-n", WORKERS, *chosen)
    tell(f"All tests on Python {THIS_PYTHON}, and what they cover")
    hatch("test", "--python", THIS_PYTHON, "--cover", "--", "-n", WORKERS)


def hatch(*arguments: str) -> None:
    """Run Hatch in the clone, with the folders and the Pythons of `variables`."""
    command = [str(ENVIRONMENT / SCRIPTS / "hatch"), *arguments]
    run(command, cwd=CLONE, env=variables(), shown=shlex.join(["hatch", *arguments]))


def other_pythons() -> list[str]:
    """Return the versions that are on this machine, oldest first, but for the one that runs this; name the missing."""
    here = []
    for version in PYTHONS:
        if version == THIS_PYTHON:
            continue
        if is_here(version):
            here.append(version)
        else:
            tell(f"Python {version} is not on this machine: not tested with it")
    return here


def is_here(version: str) -> bool:
    """Whether this machine has a Python of that version that runs."""
    try:
        command = [f"python{version}", "-c", ""]
        return subprocess.run(command, env=variables(), capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def variables() -> dict[str, str]:
    """Return the present variables, with Hatch's folders inside the clone and every Python of pyenv within reach."""
    own = ENVIRONMENT / "hatch"
    own.mkdir(parents=True, exist_ok=True)
    (own / "config.toml").touch()
    # pyenv's shims refuse every version but the chosen one, so Hatch is shown the versions themselves.
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    pythons = sorted(path for path in pyenv.glob("3.1[0-9]*/bin"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HATCH_", "VIRTUAL_ENV"))}
    return kept | {
        "HATCH_DATA_DIR": str(own / "data"),
        "HATCH_CACHE_DIR": str(own / "cache"),
        "HATCH_CONFIG": str(own / "config.toml"),
        "PATH": os.pathsep.join([*map(str, pythons), os.environ.get("PATH", os.defpath)]),
    }


if __name__ == "__main__":
    main()
