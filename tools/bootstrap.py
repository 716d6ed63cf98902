"""What both commands of the README share: virtual environments of their own, and steps told as a user types them."""

from __future__ import annotations

import shlex
import subprocess
import sys
import venv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

OLDEST_PYTHON = (3, 10)
SCRIPTS = "Scripts" if sys.platform == "win32" else "bin"


def require_python() -> None:
    """Exit with a sentence where this Python is too old."""
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(f"this needs Python {'.'.join(map(str, OLDEST_PYTHON))} or newer, with venv and pip")


def tell(text: str) -> None:
    """Print a heading."""
    print(f"\n# {text}", flush=True)


def run(command: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None, shown: str | None = None) -> None:
    """Show `command` (as `shown`, where the real one is too long) and run it; exit as it does if it fails."""
    print(f"$ {shown or shlex.join(command)}", flush=True)
    result = subprocess.run(command, cwd=cwd, env=env, check=False)
    if result.returncode:
        sys.exit(f"exit code {result.returncode}: {shlex.join(command)}")


def has_pip(python: Path) -> bool:
    """Whether `python` is there with pip: an environment whose making was interrupted is made anew."""
    try:
        return subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def make_environment(folder: Path, *requirements: str) -> Path:
    """Make sure that `folder` is a virtual environment with `requirements`; return its folder of programs."""
    programs = folder / SCRIPTS
    if not has_pip(programs / "python"):
        venv.create(folder, with_pip=True, clear=True)
    if requirements:
        install = [str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*install, *requirements], cwd=folder, shown=shlex.join(["pip", "install", *requirements]))
    return programs
