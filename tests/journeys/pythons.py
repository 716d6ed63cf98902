"""The Pythons of this machine."""

from __future__ import annotations

import shutil
import subprocess
import sys

THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
OLDEST_MINOR = 10


def pythons() -> dict[str, str]:
    """Return the Pythons that we support and this machine has, version to executable: this one, the others by age."""
    found = {f"3.{minor}": shutil.which(f"python3.{minor}") for minor in range(OLDEST_MINOR, 20)}
    others = {v: path for v, path in found.items() if path and v != THIS_PYTHON and _works(path)}
    return {THIS_PYTHON: sys.executable, **others}


def _works(python: str) -> bool:
    """Whether the command is a Python; a version manager's may be a stand-in for one that is not chosen."""
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0
