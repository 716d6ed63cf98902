"""What is in a wheel ("Binary distribution format"): one ``.dist-info``, and nothing that RECORD does not know."""

from __future__ import annotations

import csv
import io
import itertools
import math
import re
import stat
import unicodedata
import zipfile
from contextlib import contextmanager
from email.parser import HeaderParser
from typing import IO, TYPE_CHECKING, cast

from packaging.utils import canonicalize_name

from hatch_staged.archives import zip_layout
from hatch_staged.archives.bounds import (
    MAX_ENTRIES,
    MAX_METADATA_SIZE,
    MAX_READ,
    ArchiveError,
    decoded,
    most_unpacked,
    read_at_once,
    read_member,
    shown,
    size_of,
)
from hatch_staged.archives.paths import check_nesting, check_portable
from hatch_staged.protocol.versions import parse_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from hatch_staged.protocol.distributions import Distribution

# What every installer unpacks; for the others zipfile has no bound, either.
_COMPRESSIONS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_DIST_INFO = ".dist-info"
# Larger than that of any real wheel (bytes), and more tags than any has.
_MAX_WHEEL_FILE = 64 * 1024
_MAX_TAGS = 10_000
_PARTS_OF_A_TAG = 3
# A line of RECORD is a path, a hash and a size (bytes).
_MAX_LINE = 16 * 1024
#: "RECORD.jws and RECORD.p7s [...] are not mentioned in RECORD", and RECORD need not mention itself.
_NOT_RECORDED = ("RECORD", "RECORD.jws", "RECORD.p7s")


def inspect(file: IO[bytes], distribution: Distribution) -> bytes:
    """Return the METADATA in `file`; raise `ArchiveError` if it is no valid wheel of the name of `distribution`."""
    packed = size_of(file)
    with _open(file) as archive:
        zip_layout.check(file, archive.infolist())
        files = _files(archive.infolist())
        if sum(entry.file_size for entry in files.values()) > most_unpacked(packed):
            raise ArchiveError(f"it unpacks to more than {most_unpacked(packed)} bytes")
        folder = _dist_info(files, distribution)
        for name in ("METADATA", "WHEEL", "RECORD"):
            if f"{folder}/{name}" not in files:
                raise ArchiveError(f"there is no {folder}/{name}")
        _check_wheel(_read(archive, f"{folder}/WHEEL", _MAX_WHEEL_FILE), f"{folder}/WHEEL", distribution)
        _check_record(_read(archive, f"{folder}/RECORD", MAX_READ), folder, files.keys())
        return _read(archive, f"{folder}/METADATA", MAX_METADATA_SIZE)


def names(file: IO[bytes]) -> list[str]:
    """Return the names of all entries."""
    with _open(file) as archive:
        return archive.namelist()


class _Zipped:
    """A wheel's file for zipfile, which reads a central directory in one go and parses it, whatever its size."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek = file.seek
        self.tell = file.tell
        self.seekable = file.seekable

    def read(self, size: int = -1) -> bytes:
        """Return as a file does; raise `ArchiveError` if it is more than we hand out."""
        content = read_at_once(self._file, size)
        zip_layout.bound_directory(content)
        return content


@contextmanager
def _open(file: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(cast("IO[bytes]", _Zipped(file))) as archive:
        yield archive


def _files(entries: Sequence[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """Return what is no folder by name, after a check of every name, kind and compression."""
    seen: set[str] = set()
    files: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        # What it is called in the file: zipfile cuts at NUL, and turns backslashes on Windows.
        name = entry.orig_filename
        check_portable(name)
        same = unicodedata.normalize("NFC", name).removesuffix("/")
        if same in seen:
            raise ArchiveError(f"the entry {shown(name)} is there twice")
        seen.add(same)
        if entry.compress_type not in _COMPRESSIONS:
            raise ArchiveError(f"the entry {shown(name)} is neither stored nor deflated")
        # Installers write a link as a text that says where it would lead.
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise ArchiveError(f"the entry {shown(name)} is a link, which no wheel can have")
        if not name.endswith("/"):
            files[name] = entry
        elif entry.file_size:
            raise ArchiveError(f"the entry {shown(name)} is a folder with content")
    check_nesting(files)
    return files


def _dist_info(files: dict[str, zipfile.ZipInfo], distribution: Distribution) -> str:
    """Return the one "{distribution}-{version}.dist-info", which old wheels do not spell as their file name does."""
    tops = {name.partition("/")[0] for name in files if "/" in name}
    found = sorted(top for top in tops if top.lower().endswith(_DIST_INFO))
    if len(found) != 1:
        raise ArchiveError(f"a wheel has one {_DIST_INFO} folder, this one has {len(found)}")
    project, _, version = found[0].removesuffix(_DIST_INFO).partition("-")
    try:
        said = (canonicalize_name(project), parse_version(version))
    except ValueError:
        said = None
    if said != (distribution.project, distribution.version):
        raise ArchiveError(
            f"the folder {shown(found[0])} is not of {distribution.project} {distribution.version}, "
            "which the file name says"
        )
    return found[0]


def _read(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    with archive.open(name) as member:
        return read_member(member, name, limit)


def _check_wheel(raw: bytes, name: str, distribution: Distribution) -> None:
    """Raise `ArchiveError` unless WHEEL is of a version that is known, and allows what the file name promises."""
    fields = HeaderParser().parsestr(decoded(raw, name))
    version = str(fields.get("Wheel-Version", "")).strip()
    # "A wheel installer should warn if Wheel-Version is greater than the version it supports, and must fail if
    # Wheel-Version has a greater major version".
    if re.fullmatch(r"1\.[0-9]+", version) is None:
        raise ArchiveError(f"{shown(name)} has the Wheel-Version {shown(version)}, not 1.x")
    allowed: set[tuple[str, ...]] = set()
    for line in fields.get_all("Tag", []):
        sets = [part.split(".") for part in str(line).strip().lower().split("-")]
        if len(sets) != _PARTS_OF_A_TAG or not all(itertools.chain(*sets)):
            raise ArchiveError(f"{shown(name)} has the Tag {shown(str(line))}, which is none")
        if len(allowed) + math.prod(map(len, sets)) > _MAX_TAGS:
            raise ArchiveError(f"{shown(name)} has more than {_MAX_TAGS} tags")
        allowed.update(itertools.product(*sets))
    # The file name may say less than the file could do: browsers and compilers in wheels of pure Python code are
    # renamed for their platform.  It may not say more.
    for tag in sorted(distribution.tags, key=str):
        if allowed.isdisjoint(itertools.product([tag.interpreter], [tag.abi, "none"], [tag.platform, "any"])):
            raise ArchiveError(f"{shown(name)} has no Tag for {tag}, which the file name says")


def _check_record(raw: bytes, folder: str, files: AbstractSet[str]) -> None:
    """Raise `ArchiveError` unless RECORD lists the files of the wheel, all of them and no others.

    "Apart from RECORD and its signatures, installation will fail if any file in the archive is not both mentioned and
    correctly hashed in RECORD."  PyPI has announced to refuse it; a file that nobody lists is what reviews overlook.
    """
    unlisted = set(files) - {f"{folder}/{name}" for name in _NOT_RECORDED}
    try:
        for row in _rows(raw, f"{folder}/RECORD"):
            name = row[0].replace("\\", "/") if row else ""
            if name and name not in files and name.removeprefix(f"{folder}/") not in _NOT_RECORDED:
                raise ArchiveError(f"{folder}/RECORD lists {shown(name)}, which is not there")
            unlisted.discard(name)
    except csv.Error as error:
        raise ArchiveError(f"{folder}/RECORD is no CSV: {error}") from None
    if unlisted:
        raise ArchiveError(f"{shown(min(unlisted))} is not listed in {folder}/RECORD")


def _rows(raw: bytes, name: str) -> Iterator[list[str]]:
    """Yield the rows of a RECORD, each of which is a line: no path has the end of one in it."""
    for number, line in enumerate(io.BytesIO(raw)):
        if number >= MAX_ENTRIES or len(line) > _MAX_LINE:
            raise ArchiveError(f"{name} has more than {MAX_ENTRIES} lines, or one of more than {_MAX_LINE} bytes")
        # strict: a row that goes on in the next line is an error
        yield from csv.reader([decoded(line, name)], strict=True)
