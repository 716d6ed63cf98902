"""What is in a source distribution ("Source distribution format"): one folder, with a PKG-INFO, and safe to unpack."""

from __future__ import annotations

import gzip
import tarfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, cast

from packaging.utils import canonicalize_name

from hatch_staged.archives import pax
from hatch_staged.archives.bounds import (
    MAX_ENTRIES,
    MAX_METADATA_SIZE,
    MAX_READ,
    MAX_UNPACKED_SIZE,
    ArchiveError,
    most_unpacked,
    read_at_once,
    read_member,
    shown,
    size_of,
)
from hatch_staged.archives.paths import check_nesting, parts_below
from hatch_staged.protocol.versions import parse_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_staged.protocol.distributions import Distribution

# All headers of one entry together (bytes).  Names and extended headers of real ones have a few KiB; tarfile also
# reads maps of sparse files, and any number of headers for the same entry, before anybody sees the entry.
_MAX_HEADERS = 64 * 1024


def inspect(file: IO[bytes], distribution: Distribution) -> bytes:
    """Return the PKG-INFO in `file`; raise `ArchiveError` if it is no valid sdist of the name of `distribution`."""
    found = None
    # Every path but those of folders: nothing can lie below one.
    occupied: set[str] = set()
    with _open(file) as archive:
        for entry, parts in _placed(archive, distribution):
            _check_kind(entry, parts)
            if entry.isdir():
                continue
            occupied.add("/".join(parts))
            if parts[1:] == ("PKG-INFO",):
                if found is not None:
                    raise ArchiveError(f"the entry {shown(entry.name)} is there twice")
                # Of a regular file only: a link would have tarfile look for its target through the whole archive.
                if not entry.isreg():
                    raise ArchiveError(f"the entry {shown(entry.name)} is no file")
                found = archive.read(entry)
    check_nesting(occupied)
    if found is None:
        raise ArchiveError("a source distribution has a PKG-INFO in its top folder, this one has none")
    return found


def names(file: IO[bytes]) -> Iterator[str]:
    """Yield the names of all entries."""
    with _open(file) as archive:
        for entry in archive:
            yield entry.name


class _Unpacked:
    """What a gzip file unpacks to, for tarfile: forward only and bounded, wherever the entries say that others are.

    To go back would be to unpack it all again.
    """

    def __init__(self, file: gzip.GzipFile, limit: int) -> None:
        self._file = file
        self._limit = limit
        self.tell = file.tell
        #: what was handed out last
        self.last = b""
        #: how many bytes are handed out before somebody sets this again
        self.left = _MAX_HEADERS
        self._extended = 0

    def read(self, size: int = -1) -> bytes:
        """Return as a file does; raise `ArchiveError` if it is more than we hand out, now or in all."""
        extended = pax.announces(self.last)
        self.last = read_at_once(self._file, size, self.left)
        self.left -= len(self.last)
        self._bound(self._file.tell())
        if extended:
            self._extended += pax.check(self.last)
            if self._extended > MAX_READ:
                raise ArchiveError(f"its extended headers have more than {MAX_READ} bytes together")
        return self.last

    def seek(self, offset: int) -> int:
        """Skip what is before `offset`; raise `ArchiveError` if that is not ahead of us, or too far."""
        self._bound(offset)
        if offset < self._file.tell():
            raise ArchiveError("broken archive: an entry that ends before it begins")
        return self._file.seek(offset)

    def _bound(self, position: int) -> None:
        if position > self._limit:
            raise ArchiveError(f"it unpacks to more than {self._limit} bytes")


class _Archive:
    """The entries of a tar file, one after the other, each forgotten when the next one is asked for."""

    def __init__(self, unpacked: _Unpacked, archive: tarfile.TarFile) -> None:
        self._unpacked = unpacked
        self._archive = archive

    def __iter__(self) -> Iterator[tarfile.TarInfo]:
        count = 0
        while (entry := self._next()) is not None:
            yield entry
            count += 1
            if count >= MAX_ENTRIES:
                raise ArchiveError(f"more than {MAX_ENTRIES} entries")
        # tarfile stops at the first header that is none; a reader that does not would see what follows.
        while True:
            if any(self._unpacked.last):
                raise ArchiveError("broken archive: there is something after its last entry")
            self._unpacked.left = MAX_READ
            if not self._unpacked.read(64 * 1024):
                return

    def _next(self) -> tarfile.TarInfo | None:
        self._unpacked.left = _MAX_HEADERS
        entry = self._archive.next()
        pax.check_global(self._archive.pax_headers)
        self._archive.members.clear()  # type: ignore[attr-defined] # typeshed has not got it
        return entry

    def read(self, entry: tarfile.TarInfo) -> bytes:
        """Return the content of the regular file `entry`, the last one that was asked for."""
        self._unpacked.left = MAX_READ
        return read_member(cast("IO[bytes]", self._archive.extractfile(entry)), entry.name, MAX_METADATA_SIZE)


@contextmanager
def _open(file: IO[bytes]) -> Iterator[_Archive]:
    limit = min(MAX_UNPACKED_SIZE, most_unpacked(size_of(file)))
    with gzip.open(file) as unzipped:
        unpacked = _Unpacked(unzipped, limit)
        with tarfile.open(fileobj=cast("IO[bytes]", unpacked), mode="r:") as archive:
            yield _Archive(unpacked, archive)


def _placed(archive: _Archive, distribution: Distribution) -> Iterator[tuple[tarfile.TarInfo, tuple[str, ...]]]:
    """Yield each entry with the parts of its path; raise `ArchiveError` if one is not in the top folder."""
    top = ""
    total = 0
    for entry in archive:
        total += len(entry.name)
        if total > MAX_READ:
            raise ArchiveError(f"the names of all entries have more than {MAX_READ} characters")
        parts = parts_below(entry.name)
        if not parts and entry.isdir():
            continue  # "./", where somebody packed all of a folder
        if not top and parts and _is_top(parts[0], distribution):
            top = parts[0]
        if not parts or parts[0] != top:
            expected = top or f"{distribution.project}-{distribution.version}"
            raise ArchiveError(f"the entry {shown(entry.name)} is not in the one top folder, {expected}")
        yield entry, parts


def _is_top(folder: str, distribution: Distribution) -> bool:
    """Whether `folder` is "{name}-{version}", in whatever spelling; an old version may have a dash in it."""
    for position, character in enumerate(folder[:1000]):
        if character == "-" and canonicalize_name(folder[:position]) == distribution.project:
            try:
                return parse_version(folder[position + 1 :]) == distribution.version
            except ValueError:
                continue
    return False


def _check_kind(entry: tarfile.TarInfo, parts: tuple[str, ...]) -> None:
    if entry.issparse():
        raise ArchiveError(f"the entry {shown(entry.name)} is sparse, which not every reader of tar files knows")
    if entry.islnk():
        # from the archive's root
        target = parts_below(entry.linkname)
        if target[:1] != parts[:1]:
            raise ArchiveError(f"the entry {shown(entry.name)} is a link to {shown(entry.linkname)}, outside")
    elif entry.issym():
        _check_link(entry, parts)
    elif not (entry.isreg() or entry.isdir()):
        raise ArchiveError(f"the entry {shown(entry.name)} is neither a file, a folder nor a link")


def _check_link(entry: tarfile.TarInfo, parts: tuple[str, ...]) -> None:
    """Raise `ArchiveError` unless the symbolic link leads to somewhere in the top folder.

    It may climb at its beginning only, where the folders it climbs out of are known to be none: after the name of
    another link, ".." would be somewhere else.  Nothing may lie below a link, see `check_nesting`.
    """
    target = [part for part in entry.linkname.replace("\\", "/").split("/") if part not in {"", "."}]
    climbs = next((count for count, part in enumerate(target) if part != ".."), len(target))
    # The link's own name and the top folder are not to be climbed out of.
    if entry.linkname.startswith(("/", "\\")) or ":" in entry.linkname[:2] or climbs > len(parts) - 2:
        raise ArchiveError(f"the entry {shown(entry.name)} is a link to {shown(entry.linkname)}, outside")
    if ".." in target[climbs:]:
        raise ArchiveError(f"the entry {shown(entry.name)} is a link with '..' inside its target")
