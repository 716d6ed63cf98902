"""Where the entries of an archive may lie: nowhere but below the folder that it is unpacked into."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from hatch_staged.archives.bounds import ArchiveError, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

# No system takes longer paths, and macOS none that is longer than a portable one.
_LONGEST = 4096
_LONGEST_PORTABLE = 1024
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DRIVE = re.compile(r"[A-Za-z]:")


def check_portable(path: str) -> None:
    """Raise `ArchiveError` unless `path` names one and the same place below any folder, on every system."""
    if len(path) > _LONGEST_PORTABLE:
        raise ArchiveError(f"the entry {shown(path)} has a name of more than {_LONGEST_PORTABLE} characters")
    if _CONTROL.search(path):
        raise ArchiveError(f"the entry {shown(path)} has a character in its name that cannot be printed")
    if "\\" in path:
        raise ArchiveError(f"the entry {shown(path)} has a backslash in its name")
    if path.startswith("/") or _DRIVE.match(path):
        raise ArchiveError(f"the entry {shown(path)} has an absolute path")
    parts = path.removesuffix("/").split("/")
    if not {"", ".", ".."}.isdisjoint(parts):
        raise ArchiveError(f"the entry {shown(path)} has an empty part, '.' or '..' in its path")


def parts_below(path: str) -> tuple[str, ...]:
    """Return the parts of `path`, without those that mean nothing; raise `ArchiveError` if it is absolute or climbs.

    A backslash is a character of a name on one system and a separator on another: it may climb on neither.
    """
    if len(path) > _LONGEST or "\0" in path:
        raise ArchiveError(f"the entry {shown(path)} has a name that no file can have")
    if path.startswith(("/", "\\")) or _DRIVE.match(path):
        raise ArchiveError(f"the entry {shown(path)} has an absolute path")
    if ".." in path.replace("\\", "/").split("/"):
        raise ArchiveError(f"the entry {shown(path)} has '..' in its path")
    return tuple(part for part in path.split("/") if part not in {"", "."})


def check_nesting(paths: Iterable[str]) -> None:
    """Raise `ArchiveError` if one of `paths` lies below another one; none of them is a folder."""
    # With the lowest character as separator, what lies below a path comes right after it.
    keys = sorted(path.replace("/", "\0") for path in paths)
    for above, below in pairwise(keys):
        if below.startswith(f"{above}\0"):
            inner, outer = below.replace("\0", "/"), above.replace("\0", "/")
            raise ArchiveError(f"the entry {shown(inner)} lies below {shown(outer)}, which is no folder")
