"""Bytes on their way into an object."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from hatch_staged.index.objects import FolderObjects, MemoryObjects
from hatch_staged.index.receiving import store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

MEBIBYTE = 1024 * 1024
PATIENCE = 30


async def chunked(*chunks: bytes | BaseException) -> AsyncIterator[bytes]:
    """Yield `chunks`; raise those that are errors."""
    for chunk in chunks:
        if isinstance(chunk, BaseException):
            raise chunk
        yield chunk


def files(folder: Path) -> list[Path]:
    """Return the files below `folder`, those that are not finished, too."""
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "chunks",
    [(), (b"",), (b"one", b"two"), (b"x" * MEBIBYTE,), tuple(bytes([each]) * (MEBIBYTE // 3) for each in range(20))],
)
def test_every_byte_is_looked_at_in_order_and_there_when_it_is_kept(tmp_path: Path, chunks: tuple[bytes, ...]) -> None:
    objects, seen, data = FolderObjects(tmp_path), bytearray(), b"".join(chunks)

    def keep() -> tuple[bytes, int]:
        return (tmp_path / "files" / "a").read_bytes(), threading.get_ident()

    stored, thread = asyncio.run(store(objects, "files/a", chunked(*chunks), look=seen.extend, keep=keep))
    assert (stored, bytes(seen)) == (data, data)
    assert thread != threading.get_ident()


@pytest.mark.parametrize("chunks", [(), (b"begun",), (b"x" * MEBIBYTE, b"y" * 10 * MEBIBYTE)])
def test_what_breaks_off_leaves_nothing(tmp_path: Path, chunks: tuple[bytes, ...]) -> None:
    objects = FolderObjects(tmp_path)
    with pytest.raises(ConnectionError):
        asyncio.run(store(objects, "files/a", chunked(*chunks, ConnectionError()), look=len, keep=pytest.fail))
    assert files(tmp_path) == []


@pytest.mark.parametrize("blocks", [0, 3])
def test_what_is_not_kept_leaves_nothing(tmp_path: Path, blocks: int) -> None:
    def refuse() -> None:
        raise PermissionError

    with pytest.raises(PermissionError):
        asyncio.run(
            store(FolderObjects(tmp_path), "a", chunked(*[b"x" * MEBIBYTE] * blocks, b"y"), look=len, keep=refuse)
        )
    assert files(tmp_path) == []


@pytest.mark.parametrize("good", [0, 2])
def test_full_disk_is_told_and_leaves_nothing(good: int) -> None:
    written: list[bytes] = []

    class Full(MemoryObjects):
        @contextmanager
        def create(self, key: str) -> Iterator[Callable[[bytes], object]]:
            with super().create(key) as write:

                def until_full(block: bytes) -> None:
                    if len(written) == good:
                        raise OSError("no space left")
                    written.append(block)
                    write(block)

                yield until_full

    objects = Full()
    with pytest.raises(OSError, match="no space left"):
        asyncio.run(store(objects, "a", chunked(*[b"x" * MEBIBYTE] * 5), look=len, keep=pytest.fail))
    assert len(written) == good
    assert list(objects.list()) == []


def test_what_is_not_safe_is_not_kept() -> None:
    class Unsafe(MemoryObjects):
        @contextmanager
        def create(self, key: str) -> Iterator[Callable[[bytes], object]]:
            with super().create(key) as write:
                yield write
            raise OSError("it may be lost with the power")

    objects = Unsafe()
    with pytest.raises(OSError, match="lost with the power"):
        asyncio.run(store(objects, "a", chunked(b"x"), look=len, keep=pytest.fail))
    assert list(objects.list()) == []


@pytest.mark.parametrize("blocks", [1, 2], ids=["while bytes come", "while it waits for the thread"])
def test_canceling_waits_for_the_thread_and_leaves_nothing(tmp_path: Path, blocks: int) -> None:
    looking, canceled, ended = threading.Event(), threading.Event(), []

    def look(_block: bytes) -> None:
        looking.set()
        assert canceled.wait(PATIENCE)
        ended.append(True)

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(blocks):
            yield b"x" * MEBIBYTE
        await asyncio.Event().wait()

    async def run() -> None:
        storing = asyncio.create_task(store(FolderObjects(tmp_path), "files/a", endless(), look=look, keep=pytest.fail))
        await asyncio.to_thread(looking.wait, PATIENCE)
        storing.cancel()
        for _ in range(5):  # more than it would take to discard
            await asyncio.to_thread(int)
        assert not storing.done()
        canceled.set()
        with pytest.raises(asyncio.CancelledError):
            await storing
        assert ended == [True]

    asyncio.run(run())
    assert files(tmp_path) == []


def test_from_the_last_byte_on_it_goes_on_when_it_is_canceled(tmp_path: Path) -> None:
    keeping, canceled, kept = threading.Event(), threading.Event(), threading.Event()

    def keep() -> None:
        keeping.set()
        assert canceled.wait(PATIENCE)
        kept.set()

    async def run() -> None:
        storing = asyncio.create_task(store(FolderObjects(tmp_path), "a", chunked(b"all"), look=len, keep=keep))
        await asyncio.to_thread(keeping.wait, PATIENCE)
        storing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await storing
        canceled.set()
        assert await asyncio.to_thread(kept.wait, PATIENCE)

    asyncio.run(run())
    assert [path.read_bytes() for path in files(tmp_path)] == [b"all"]
