"""Lets a virtual environment import staged packages from nowhere but itself.

The folder that somebody works in stands before the installed packages on `sys.path` (``python -c``, ``python -m``,
pytest with its root folder), so a checkout whose package lies right in it would be tested in place of the release.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_staged.stage import installed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_NAME = "_hatch_staged_precedence"

_MODULE = '''"""Written by hatch-staged: the staged packages come from here, whatever stands before on sys.path."""

import os
import sys
from importlib.machinery import PathFinder

FOLDER = {folder!r}
NAMES = frozenset({names!r})


class StagedFinder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in NAMES:
            return None
        # in a namespace package, which may have its other parts elsewhere
        return PathFinder.find_spec(name, [os.path.join(FOLDER, *name.split(".")[:-1])])


sys.meta_path.insert(0, StagedFinder)
'''


def give(dist_infos: Iterable[Path]) -> None:
    """Let Python import what the installed distributions, given by their ``.dist-info`` folders, have at the top.

    It is written into the folder that they are installed in, in place of what was given before.
    """
    by_folder: dict[Path, set[str]] = {}
    for dist_info in dist_infos:
        by_folder.setdefault(dist_info.parent, set()).update(installed.modules(dist_info))
    for folder, names in by_folder.items():
        text = _MODULE.format(folder=str(folder), names=sorted(names))
        (folder / f"{_NAME}.py").write_text(text, encoding="utf-8")
        (folder / f"{_NAME}.pth").write_text(f"import {_NAME}\n", encoding="utf-8")
