"""How much is read of an archive of somebody else's, and what it is called when that is not enough."""

from __future__ import annotations

import errno
import os
import tarfile
import zipfile
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import gzip
    from collections.abc import Iterator

#: No METADATA or PKG-INFO of a real project comes near (bytes).
MAX_METADATA_SIZE = 8 * 1024 * 1024
#: What is read in one go, and the names of all entries together (bytes): more than the central directory of a wheel
#: with `MAX_ENTRIES` files of usual names.
MAX_READ = 16 * 1024 * 1024
#: An archive with more entries is refused.
MAX_ENTRIES = 100_000
#: An sdist that unpacks to more bytes is refused.
MAX_UNPACKED_SIZE = 2 * 1024 * 1024 * 1024

#: What unpacks to this (bytes) may have any ratio; above it, one of `_MAX_RATIO`, as PyPI has it.
_HARMLESS_SIZE = 64 * 1024 * 1024
_MAX_RATIO = 50

_LONGEST_SHOWN = 200

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
    """The file is no valid distribution, or not the one that its name says; says in a sentence what is wrong."""


@contextmanager
def broken_as_such() -> Iterator[None]:
    """Raise `ArchiveError` for whatever the readers of archives raise because of what they read."""
    try:
        yield
    except ArchiveError:
        raise
    except _BROKEN as error:
        # EINVAL: the archive sends us to a place before the file's beginning.  Anything else is the disk's fault.
        if isinstance(error, OSError) and error.errno not in {None, errno.EINVAL}:
            raise
        raise ArchiveError(f"broken archive: {error}") from None


def size_of(file: IO[bytes]) -> int:
    """Return how many bytes `file` has; it is at its beginning then."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


def most_unpacked(packed: int) -> int:
    """Return to how many bytes an archive of `packed` bytes may unpack: more, and it is made to fill a disk."""
    return max(_HARMLESS_SIZE, _MAX_RATIO * packed)


def read_at_once(file: IO[bytes] | gzip.GzipFile, size: int, most: int = MAX_READ) -> bytes:
    """Return as ``file.read`` does; raise `ArchiveError` if it is more than `most` bytes."""
    content = file.read(most + 1 if size < 0 else min(size, most + 1))
    if len(content) > most:
        raise ArchiveError("broken archive: a header that is larger than any real one")
    return content


def read_member(member: IO[bytes], name: str, limit: int) -> bytes:
    """Return all of `member`, which is called `name`; raise `ArchiveError` if it is more than `limit`."""
    content = member.read(limit + 1)
    if len(content) > limit:
        raise ArchiveError(f"{shown(name)} has more than {limit} bytes")
    return content


def decoded(raw: bytes, name: str) -> str:
    """Return the text of the file `name`; raise `ArchiveError` if it is none."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise ArchiveError(f"{shown(name)} is no UTF-8") from None


def shown(text: str) -> str:
    """Return a name or value out of an archive as a sentence can have it: short, and with nothing unprintable."""
    return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}...")
