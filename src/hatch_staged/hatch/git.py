"""Whether git would take a file that is nobody else's business; Hatch's builds take what git does not ignore, too."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def warning(path: Path) -> str | None:
    """Return what a person is told of `path`, which has session tokens in it; nothing if git does not see it."""
    if not _would_be_committed(path):
        return None
    return f"git does not ignore {path.name}: whoever gets it can install this unpublished release"


def _would_be_committed(path: Path) -> bool:
    """Whether `path` is in a git repository that does not ignore it."""
    try:
        asked = subprocess.run(
            ["git", "check-ignore", "--quiet", str(path.absolute())],  # noqa: S607 - whichever git the user has
            cwd=path.parent,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        return False
    return asked.returncode == 1
