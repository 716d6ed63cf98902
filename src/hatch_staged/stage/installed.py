"""What an installer has written down of a distribution: its RECORD, and what of it can be imported.

The specifications are "Recording installed projects" and "Binary distribution format" of packaging.python.org.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import os
from dataclasses import dataclass
from keyword import iskeyword
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from hatch_staged.errors import StagedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PIECE = 1024 * 1024
_FIELDS = 3

#: Of a module, whatever comes between its name and this (``_foo.cpython-314-darwin.so``).
_MODULE_SUFFIXES = frozenset({".py", ".pyc", ".so", ".pyd"})
_CACHE = "__pycache__"
_PACKAGE = "__init__"

#: "The name of a hash algorithm from hashlib.algorithms_guaranteed", without those whose digests have any length; in a
#: wheel it "must be sha256 or better; specifically, md5 and sha1 are not permitted".
_HASHES = frozenset(hashlib.algorithms_guaranteed) - {"md5", "sha1", "shake_128", "shake_256"}

#: "Apart from RECORD, RECORD.jws and RECORD.p7s, installation will fail if any file in the archive is not both
#: mentioned and correctly hashed in RECORD"; what an installer compiles has no hash either.
_UNHASHED_NAMES = frozenset({"RECORD", "RECORD.jws", "RECORD.p7s"})


@dataclass(frozen=True)
class Fault:
    """A line of a RECORD, by the file's `name` there, and what the disk says against it.

    `other_bytes` is whether the file is there, with others than the line says.
    """

    name: str
    sentence: str
    other_bytes: bool = False

    def __str__(self) -> str:
        return f"{self.name} {self.sentence}"


def dist_info(environment: Path, project: str) -> Path:
    """Return the ``.dist-info`` folder of `project` in the virtual environment `environment`.

    Raises `StagedError` if it is not installed there.
    """
    for folder in environment.glob("[Ll]ib/**/site-packages/*.dist-info"):
        if canonicalize_name(folder.name.partition("-")[0]) == canonicalize_name(project):
            return folder
    raise StagedError(f"the installer did not install {project}", where=str(environment))


def check_record(dist_info: Path, environment: Path) -> tuple[int, tuple[Fault, ...]]:
    """Return how many files the RECORD of an installed distribution names, and what is wrong with them.

    "For any file, either or both of the hash and size fields may be left empty."  But every file of a wheel has a hash,
    and so has what pip and uv write beside it, so a line without one is a fault where it must have one.
    """
    record = dist_info / "RECORD"
    try:
        rows = list(_rows(record))
    except FileNotFoundError:
        return 0, (Fault(f"{dist_info.name}/RECORD", "is not there"),)
    except (csv.Error, UnicodeDecodeError) as error:
        return 0, (Fault(f"{dist_info.name}/RECORD", f"cannot be read: {error}"),)
    faults = (_fault(row, dist_info, environment) for row in rows)
    return len(rows), tuple(fault for fault in faults if fault is not None)


def _fault(row: list[str], dist_info: Path, environment: Path) -> Fault | None:
    if len(row) != _FIELDS:
        return Fault(repr(",".join(row)), "is no line of a RECORD")
    name, hashed, size = row
    # "either absolute, or relative to the directory containing the .dist-info directory"
    path = Path(os.path.normpath(dist_info.parent / name))
    if not path.is_relative_to(environment):
        return Fault(name, "is outside of the environment")
    if not path.is_file():
        return Fault(name, "is missing")
    algorithm, _, digest = hashed.partition("=")
    if algorithm not in _HASHES and not (hashed == "" and _goes_unhashed(PurePosixPath(name), dist_info.name)):
        return Fault(name, "has no hash" if hashed == "" else "has no hash of a kind that a wheel may have")
    different = _difference(path, size, algorithm, digest.rstrip("="))
    return None if different is None else Fault(name, different, other_bytes=True)


def _difference(path: Path, size: str, algorithm: str, digest: str) -> str | None:
    if size and size != str(path.stat().st_size):
        return f"has {path.stat().st_size} bytes, not {size}"
    return f"has another {algorithm}" if algorithm and digest != _digest(path, algorithm) else None


def _goes_unhashed(name: PurePosixPath, dist_info: str) -> bool:
    return name.suffix == ".pyc" or (name.parent.name == dist_info and name.name in _UNHASHED_NAMES)


def _digest(path: Path, algorithm: str) -> str:
    """Return "the urlsafe-base64-nopad encoding of the digest" of a file."""
    hasher = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        for piece in iter(lambda: file.read(_PIECE), b""):
            hasher.update(piece)
    return base64.urlsafe_b64encode(hasher.digest()).rstrip(b"=").decode()


def modules(dist_info: Path) -> tuple[str, ...]:
    """Return the names of the packages and modules of an installed distribution that are in no other package of it.

    They stand beside its ``.dist-info`` folder, or in namespace packages there, which are nobody's alone.  RECORD says
    so; ``top_level.txt`` is not asked, for only some build backends write it, and no specification knows it.
    """
    paths = [PurePosixPath(row[0].replace("\\", "/")) for row in _rows(dist_info / "RECORD") if row]
    return tuple(sorted(_outermost(path for path in paths if not path.is_absolute())))


def _outermost(paths: Iterable[PurePosixPath]) -> set[str]:
    parts = [(*path.parts[:-1], path.name.partition(".")[0]) for path in paths if path.suffix in _MODULE_SUFFIXES]
    importable = [each for each in parts if all(map(_can_be_imported, each))]
    packages = {each[:-1] for each in importable if each[-1] == _PACKAGE}
    found = set()
    for each in importable:
        prefixes = (each[:length] for length in range(1, len(each)))
        found.add(".".join(next((prefix for prefix in prefixes if prefix in packages), each)))
    return found


def _can_be_imported(name: str) -> bool:
    return name.isidentifier() and not iskeyword(name) and name != _CACHE


def _rows(record: Path) -> Iterator[list[str]]:
    with record.open(encoding="utf-8", newline="") as file:
        yield from csv.reader(file)
