"""What a wheel or a source distribution says of itself: its core metadata, read with bounded work.

The client reads it before it sends a byte, the index before it accepts one.

Sources: the packaging specifications "Binary distribution format", "Source distribution format", "Core metadata".
"""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from packaging.metadata import parse_email
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from hatch_staged.protocol.distributions import Distribution, Kind

if TYPE_CHECKING:
    from packaging.utils import NormalizedName

#: No METADATA or PKG-INFO of a real project comes near (bytes).
MAX_METADATA_SIZE = 8 * 1024 * 1024
#: An archive with more entries, or an sdist that unpacks to more bytes before its PKG-INFO, is refused.
MAX_ENTRIES = 200_000
MAX_UNPACKED_SIZE = 16 * 1024 * 1024 * 1024


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
    try:
        raw = read(file, distribution)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ArchiveError(f"broken archive: {error}") from None
    metadata = _parse(raw)
    if (metadata.project, metadata.version) != (distribution.project, distribution.version):
        raise ArchiveError(
            f"the metadata inside is of {metadata.project} {metadata.version}, "
            f"the file name says {distribution.project} {distribution.version}"
        )
    return metadata


def _parse(raw: bytes) -> CoreMetadata:
    fields, _unparsed = parse_email(raw)
    try:
        return CoreMetadata(
            project=canonicalize_name(fields["name"]),
            version=Version(fields["version"]),
            requires_python=fields.get("requires_python"),
            raw=raw,
        )
    except KeyError as error:
        raise ArchiveError(f"the metadata inside has no {error.args[0]}") from None
    except InvalidVersion as error:
        raise ArchiveError(f"the metadata inside is wrong: {error}") from None


def _read_wheel(file: IO[bytes], distribution: Distribution) -> bytes:
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        if len(entries) > MAX_ENTRIES:
            raise ArchiveError(f"more than {MAX_ENTRIES} entries")
        # "{distribution}-{version}.dist-info" need not be normalized in old wheels, so any one folder counts.
        found = [
            entry
            for entry in entries
            if entry.filename.count("/") == 1 and entry.filename.endswith(".dist-info/METADATA")
        ]
        if len(found) != 1:
            raise ArchiveError(f"a wheel has one .dist-info/METADATA, {distribution.filename} has {len(found)}")
        with archive.open(found[0]) as member:
            return _bounded(member)


def _read_sdist(file: IO[bytes], distribution: Distribution) -> bytes:
    with tarfile.open(fileobj=file, mode="r|gz") as archive:
        for count, entry in enumerate(archive, 1):
            if count > MAX_ENTRIES or entry.offset > MAX_UNPACKED_SIZE:
                raise ArchiveError(f"more than {MAX_ENTRIES} entries or {MAX_UNPACKED_SIZE} bytes unpacked")
            if entry.name.count("/") == 1 and entry.name.endswith("/PKG-INFO"):
                member = archive.extractfile(entry)
                if member is not None:
                    return _bounded(member)
    raise ArchiveError(f"a source distribution has a PKG-INFO in its top folder, {distribution.filename} has none")


def _bounded(member: IO[bytes]) -> bytes:
    raw = member.read(MAX_METADATA_SIZE + 1)
    if len(raw) > MAX_METADATA_SIZE:
        raise ArchiveError(f"metadata of more than {MAX_METADATA_SIZE} bytes")
    return raw
