"""What a wheel or a source distribution says of itself: its core metadata, read with bounded work.

The client reads it before it sends a byte, the index before it accepts one.

Sources: the packaging specifications "Binary distribution format", "Source distribution format", "Core metadata".
"""

from __future__ import annotations

import errno
import gzip
import tarfile
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

from packaging.metadata import parse_email
from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion

from hatch_staged.protocol.distributions import Distribution, Kind
from hatch_staged.protocol.versions import parse_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.utils import NormalizedName
    from packaging.version import Version

#: No METADATA or PKG-INFO of a real project comes near (bytes).
MAX_METADATA_SIZE = 8 * 1024 * 1024
#: An archive with more entries, or an sdist that unpacks to more bytes before what is looked for, is refused.
MAX_ENTRIES = 100_000
MAX_UNPACKED_SIZE = 2 * 1024 * 1024 * 1024

# more than the central directory of a wheel with `MAX_ENTRIES` files of usual names
_MAX_READ = 16 * 1024 * 1024
# what each entry of a central directory begins with
_ENTRY = b"PK\1\2"
# What zipfile, tarfile, gzip, zlib and email raise when the bytes are wrong, documented or not.
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    OverflowError,
)


class ArchiveError(ValueError):
    """The file is no valid distribution, or not the one that its name says."""


@dataclass(frozen=True)
class CoreMetadata:
    """The core metadata of a distribution, as far as staging needs it."""

    project: NormalizedName
    version: Version
    requires_python: str | None
    #: the METADATA or PKG-INFO file, byte for byte
    raw: bytes


def read_metadata(file: IO[bytes], distribution: Distribution) -> CoreMetadata:
    """Return the core metadata in `file`, a seekable archive.

    Raises `ArchiveError` if the archive is broken, has no metadata, or has the metadata of something other than what
    the file name (`distribution`) says.
    """
    read = _read_wheel if distribution.kind is Kind.WHEEL else _read_sdist
    with _broken_as_such():
        metadata = _parse(read(file, distribution))
    if (metadata.project, metadata.version) != (distribution.project, distribution.version):
        raise ArchiveError(
            f"the metadata inside is of {metadata.project} {metadata.version}, "
            f"the file name says {distribution.project} {distribution.version}"
        )
    return metadata


def holds(file: IO[bytes], distribution: Distribution, name: str) -> bool:
    """Whether `file`, a seekable archive, has an entry called `name` in any of its folders.

    Raises `ArchiveError` if the archive is broken.
    """
    with _broken_as_such():
        if distribution.kind is Kind.WHEEL:
            with _open_wheel(file) as wheel:
                return any(each.rpartition("/")[2] == name for each in wheel.namelist())
        with _open_sdist(file) as sdist:
            return any(entry.name.rpartition("/")[2] == name for entry in _entries(sdist))


@contextmanager
def _broken_as_such() -> Iterator[None]:
    try:
        yield
    except ArchiveError:
        raise
    except _BROKEN as error:
        # EINVAL: the archive sends us to a place before the file's beginning.  Anything else is the disk's fault.
        if isinstance(error, OSError) and error.errno not in {None, errno.EINVAL}:
            raise
        raise ArchiveError(f"broken archive: {error}") from None


def _parse(raw: bytes) -> CoreMetadata:
    fields, _unparsed = parse_email(raw)
    try:
        return CoreMetadata(
            project=canonicalize_name(fields["name"], validate=True),
            version=parse_version(fields["version"]),
            requires_python=fields.get("requires_python"),
            raw=raw,
        )
    except KeyError as error:
        raise ArchiveError(f"the metadata inside has no {error.args[0]}") from None
    except (InvalidName, InvalidVersion) as error:
        raise ArchiveError(f"the metadata inside is wrong: {error}") from None


class _Zipped:
    """A wheel's file for zipfile, which reads a central directory in one go and parses it, whatever its size."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek = file.seek
        self.tell = file.tell
        self.seekable = file.seekable

    def read(self, size: int = -1) -> bytes:
        """Return as a file does; raise `ArchiveError` if it is more than we hand out."""
        content = _frugally(self._file, size)
        if content.count(_ENTRY) > MAX_ENTRIES:
            raise ArchiveError(f"more than {MAX_ENTRIES} entries")
        return content


class _Unpacked:
    """What a gzip file unpacks to, for tarfile: forward only and bounded, wherever the entries say that others are.

    To go back would be to unpack it all again.
    """

    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file
        self.tell = file.tell

    def read(self, size: int = -1) -> bytes:
        """Return as a file does; raise `ArchiveError` if it is more than we hand out, at once or in all."""
        content = _frugally(self._file, size)
        _bound_unpacked(self._file.tell())
        return content

    def seek(self, offset: int) -> int:
        """Skip what is before `offset`; raise `ArchiveError` if that is not ahead of us, or too far."""
        _bound_unpacked(offset)
        if offset < self._file.tell():
            raise ArchiveError("broken archive: an entry that ends before it begins")
        return self._file.seek(offset)


def _frugally(file: IO[bytes] | gzip.GzipFile, size: int) -> bytes:
    content = file.read(_MAX_READ + 1 if size < 0 else min(size, _MAX_READ + 1))
    if len(content) > _MAX_READ:
        raise ArchiveError(f"a header of more than {_MAX_READ} bytes")
    return content


def _bound_unpacked(position: int) -> None:
    if position > MAX_UNPACKED_SIZE:
        raise ArchiveError(f"it unpacks to more than {MAX_UNPACKED_SIZE} bytes")


@contextmanager
def _open_wheel(file: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(cast("IO[bytes]", _Zipped(file))) as archive:
        yield archive


@contextmanager
def _open_sdist(file: IO[bytes]) -> Iterator[tarfile.TarFile]:
    with (
        gzip.open(file) as unpacked,
        tarfile.open(fileobj=cast("IO[bytes]", _Unpacked(unpacked)), mode="r:") as archive,
    ):
        yield archive


def _read_wheel(file: IO[bytes], distribution: Distribution) -> bytes:
    with _open_wheel(file) as archive:
        # "{distribution}-{version}.dist-info" need not be normalized in old wheels, so any one folder counts.
        found = [
            entry
            for entry in archive.infolist()
            if entry.filename.count("/") == 1 and entry.filename.endswith(".dist-info/METADATA")
        ]
        if len(found) != 1:
            raise ArchiveError(f"a wheel has one .dist-info/METADATA, {distribution.filename} has {len(found)}")
        # zipfile unpacks the others without a bound, and not every installer knows them
        if found[0].compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise ArchiveError(f"{found[0].filename} is neither stored nor deflated")
        with archive.open(found[0]) as member:
            return _bounded(member)


def _read_sdist(file: IO[bytes], distribution: Distribution) -> bytes:
    with _open_sdist(file) as archive:
        for entry in _entries(archive):
            # Of a regular file only: a link would have tarfile look for its target through the whole archive.
            if entry.isreg() and entry.name.count("/") == 1 and entry.name.endswith("/PKG-INFO"):
                return _bounded(cast("IO[bytes]", archive.extractfile(entry)))
    raise ArchiveError(f"a source distribution has a PKG-INFO in its top folder, {distribution.filename} has none")


def _entries(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for count, entry in enumerate(archive, 1):
        yield entry
        if count >= MAX_ENTRIES:
            raise ArchiveError(f"more than {MAX_ENTRIES} entries")


def _bounded(member: IO[bytes]) -> bytes:
    raw = member.read(MAX_METADATA_SIZE + 1)
    if len(raw) > MAX_METADATA_SIZE:
        raise ArchiveError(f"metadata of more than {MAX_METADATA_SIZE} bytes")
    return raw
