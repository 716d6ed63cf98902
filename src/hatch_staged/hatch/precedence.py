"""Lets a virtual environment import staged packages from nowhere but itself.

The folder that somebody works in stands before the installed packages on `sys.path` (``python -c``, ``python -m``,
pytest with its root folder), so a checkout whose package lies right in it would be tested in place of the release.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_NAME = "_hatch_staged_precedence"

_MODULE = '''"""Written by hatch-staged: the staged packages come from here, whatever stands before on sys.path."""

import sys
from importlib.machinery import PathFinder

FOLDER = {folder!r}
NAMES = frozenset({names!r})


class StagedFinder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if path is not None or name not in NAMES:
            return None
        spec = PathFinder.find_spec(name, [FOLDER])
        # a namespace package may have its other parts elsewhere
        return None if spec is None or spec.origin is None else spec


sys.meta_path.insert(0, StagedFinder)
'''


def give(dist_infos: Iterable[Path]) -> None:
    """Let Python import what the installed distributions, given by their ``.dist-info`` folders, have at the top.

    It is written into the folder that they are installed in, in place of what was given before.
    """
    by_folder: dict[Path, set[str]] = {}
    for dist_info in dist_infos:
        by_folder.setdefault(dist_info.parent, set()).update(_top_level(dist_info))
    for folder, names in by_folder.items():
        text = _MODULE.format(folder=str(folder), names=sorted(names))
        (folder / f"{_NAME}.py").write_text(text, encoding="utf-8")
        (folder / f"{_NAME}.pth").write_text(f"import {_NAME}\n", encoding="utf-8")


def _top_level(dist_info: Path) -> set[str]:
    """Return the names of the packages and modules that a distribution has put beside its ``.dist-info`` folder."""
    names = set()
    with (dist_info / "RECORD").open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            first, slash, _ = row[0].partition("/")
            name = first if slash else first.partition(".")[0]
            if name.isidentifier() and (slash or first.endswith((".py", ".so", ".pyd"))):
                names.add(name)
    return names
