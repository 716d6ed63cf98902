"""Whether a file is a wheel or a source distribution as the packaging specifications have it, found with bounded work.

The client asks before it sends a byte, the index before it accepts a file: what one refuses, so does the other.  Where
the specifications leave room, what PyPI refuses is refused, and what it takes is taken.

`wheels` and `sdists` know what is in an archive, `zip_layout` that a ZIP file means the same to all who read it,
`pax` which extended headers a tar file may have, `paths` where entries may lie, `core_metadata` what METADATA and
PKG-INFO may say, `bounds` how much is read of anything.

Sources: the packaging specifications "Binary distribution format", "Source distribution format", "Core metadata".
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from hatch_staged.archives import core_metadata, sdists, wheels
from hatch_staged.archives.bounds import ArchiveError, broken_as_such
from hatch_staged.archives.core_metadata import CoreMetadata
from hatch_staged.protocol.distributions import Kind

if TYPE_CHECKING:
    from collections.abc import Collection

    from hatch_staged.protocol.distributions import Distribution

__all__ = ["ArchiveError", "CoreMetadata", "held", "inspect"]


def inspect(file: IO[bytes], distribution: Distribution) -> CoreMetadata:
    """Return the core metadata in `file`, a seekable archive.

    Raises `ArchiveError` if it is not a valid archive of its kind, or not of what its file name (`distribution`) says.
    Of a wheel, only what is read is unpacked: hashes in RECORD and checksums of other entries are not checked.
    """
    read = wheels.inspect if distribution.kind is Kind.WHEEL else sdists.inspect
    with broken_as_such():
        return core_metadata.check(read(file, distribution), distribution)


def held(file: IO[bytes], distribution: Distribution, names: Collection[str]) -> frozenset[str]:
    """Return those of `names` that an entry of `file`, a seekable archive, has in any of its folders.

    Raises `ArchiveError` if the archive is broken.
    """
    entries = wheels.names if distribution.kind is Kind.WHEEL else sdists.names
    with broken_as_such():
        return frozenset(names).intersection(each.rpartition("/")[2] for each in entries(file))
