"""The bytes of files, by key: in a folder or in memory.  The only importer of obstore.

An object is whole or absent, whatever interrupts its writing.  Nothing here holds a whole file in memory.
"""

from __future__ import annotations

import errno
import io
import os
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from obstore import BytesStream, ReadableFile
    from obstore.store import ObjectStore

#: An S3-compatible store takes 10,000 parts of at least 5 MiB.
_PART_SIZE = 5 * 1024 * 1024
_READ_SIZE = 256 * 1024
# An archive is read here and there, and each piece of an object is a request: one that is this small is read at once.
_SMALL_SIZE = 1024 * 1024

# What obstore's folder store calls a file that it has not finished writing, see `FolderObjects.discard_partial`.
_PARTIAL = re.compile(r".+#\d+")


@dataclass(frozen=True)
class StoredObject:
    """An object in a listing."""

    key: str
    modified: datetime


class ObjectsError(Exception):
    """An object cannot be read.

    It is no `OSError`, because the readers of archives take these for faults of the archive.
    """


class Objects(Protocol):
    """Where the bytes are."""

    def create(self, key: str) -> AbstractContextManager[Callable[[bytes], object]]:
        """Give what writes the object `key` (blocking): it is there once the block is left, but not after an error."""

    def open(self, key: str) -> BinaryIO:
        """Return the object as a seekable file (blocking); raise `FileNotFoundError` if there is none.

        The file raises `ObjectsError` where the object cannot be read.
        """

    async def stream(self, key: str, begin: int, end: int) -> AsyncIterator[bytes]:
        """Return the bytes of the object from `begin` to `end` in chunks; raise `FileNotFoundError` if there is none.

        There has to be at least one byte.
        """

    def size(self, key: str) -> int:
        """Return how many bytes the object has (blocking); raise `FileNotFoundError` if there is none."""

    def delete(self, key: str) -> None:
        """Delete the object, if it is there (blocking)."""

    def list(self) -> Iterator[StoredObject]:
        """Yield every object (blocking)."""

    def discard_partial(self) -> None:
        """Discard what interrupted writes left behind; only while nobody writes."""


class _StoreObjects:
    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @contextmanager
    def create(self, key: str) -> Iterator[Callable[[bytes], object]]:
        # Leaving the block without an error makes the object visible; with one, what was written is dropped.
        with obstore.open_writer(self._store, key, buffer_size=_PART_SIZE, max_concurrency=1) as writer:
            yield writer.write

    def open(self, key: str) -> BinaryIO:
        found = obstore.get(self._store, key)
        size = found.meta["size"]
        small = size <= _SMALL_SIZE
        reader = io.BytesIO(found.bytes()) if small else obstore.open_reader(self._store, key, buffer_size=_READ_SIZE)
        return cast("BinaryIO", io.BufferedReader(_Reader(reader, size), buffer_size=_READ_SIZE))

    async def stream(self, key: str, begin: int, end: int) -> AsyncIterator[bytes]:
        found = await obstore.get_async(self._store, key, options={"range": (begin, end)})
        return _chunks(found.stream(min_chunk_size=_READ_SIZE))

    def size(self, key: str) -> int:
        return obstore.head(self._store, key)["size"]

    def delete(self, key: str) -> None:
        try:
            obstore.delete(self._store, key)
        except FileNotFoundError:
            return

    def list(self) -> Iterator[StoredObject]:
        for batch in obstore.list(self._store):
            for meta in batch:
                yield StoredObject(meta["path"], meta["last_modified"])

    def discard_partial(self) -> None:
        """Nothing to do: the store itself forgets unfinished writes."""


class MemoryObjects(_StoreObjects):
    """Bytes that live as long as the process."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())


class FolderObjects(_StoreObjects):
    """Bytes in files below `folder`, which is created if need be."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        super().__init__(LocalStore(prefix=folder))
        self._folder = folder

    @contextmanager
    def create(self, key: str) -> Iterator[Callable[[bytes], object]]:
        """Give what writes the object; a power failure after the block does not lose it, as the row will promise."""
        with super().create(key) as write:
            yield write
        _sync(self._folder / key)

    def discard_partial(self) -> None:
        """Delete the unfinished files of a process that was killed; obstore hides them from its listings."""
        for path in self._folder.rglob("*#*"):
            if _PARTIAL.fullmatch(path.name):
                path.unlink()


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    if sys.platform != "win32":  # where a folder cannot be opened
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


async def _chunks(stream: BytesStream) -> AsyncIterator[bytes]:
    async for chunk in stream:
        yield bytes(chunk)


class _Reader(io.RawIOBase):
    """What obstore reads, as a raw file of the standard library, which zipfile and tarfile can read."""

    def __init__(self, reader: ReadableFile | io.BytesIO, size: int) -> None:
        super().__init__()
        self._reader = reader
        self._size = size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io passes a memoryview
        try:
            chunk = self._reader.read(len(buffer))
        except (OSError, BaseError) as error:
            raise ObjectsError(str(error)) from error
        buffer[: len(chunk)] = memoryview(chunk)
        return len(chunk)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._reader.tell(), io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return self._reader.seek(base + offset)

    def tell(self) -> int:
        return self._reader.tell()
