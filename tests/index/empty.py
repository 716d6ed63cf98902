"""An empty index, whose tables are made once in a process: the migrations take longer than most tests."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from hatch_staged.index.core import open_index

_DATABASE = "index.sqlite3"


def database(folder: Path) -> Path:
    """Put its database into `folder`, which is made if need be, and return the file."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / _DATABASE
    path.touch(mode=0o600)
    path.write_bytes(_content())
    return path


@cache
def _content() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        open_index(Path(folder)).close()
        return (Path(folder) / _DATABASE).read_bytes()
