"""Bytes that arrive, on their way into an object: written in a thread while the next ones come."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from hatch_staged.index.objects import Objects

# What is written at once (bytes): of less, the change of threads would take longer.
_BLOCK_SIZE = 1024 * 1024

_Kept = TypeVar("_Kept")


async def store(
    objects: Objects,
    key: str,
    chunks: AsyncIterator[bytes],
    *,
    look: Callable[[bytes], object],
    keep: Callable[[], _Kept],
) -> _Kept:
    """Store `chunks` as the object `key`, and return what `keep` returns, which is called when it is there.

    Both `look`, which gets every byte, and `keep` may block.  If anything raises, the error passes, and nothing is
    stored.  From the last byte on the thread decides what becomes of them: it goes on when we are canceled.
    """
    writing = _Writing(objects, key, look)
    parts: list[bytes] = []
    collected = 0
    running: asyncio.Future[None] | None = None
    try:
        async for chunk in chunks:
            parts.append(chunk)
            collected += len(chunk)
            if collected >= _BLOCK_SIZE:
                block = b"".join(parts)
                parts, collected = [], 0
                if running is not None:
                    await _end_of(running)
                running = asyncio.ensure_future(asyncio.to_thread(writing.write, block))
        if running is not None:
            await _end_of(running)
    except BaseException as error:
        if running is not None:
            # a thread cannot be interrupted
            await asyncio.wait([running])
        await asyncio.to_thread(writing.discard, error)
        raise
    return await asyncio.to_thread(writing.finish, b"".join(parts), keep)


async def _end_of(running: asyncio.Future[None]) -> None:
    # To await it itself would let who cancels us cancel it, too: then it counts as ended, and its thread goes on.
    await asyncio.wait([running])
    running.result()


class _Writing:
    """An object while it is written; everything here blocks, and is called by one thread at a time."""

    def __init__(self, objects: Objects, key: str, look: Callable[[bytes], object]) -> None:
        self._objects = objects
        self._key = key
        self._look = look
        self._opened = ExitStack()
        self._write: Callable[[bytes], object] | None = None

    def write(self, block: bytes) -> None:
        if self._write is None:
            self._write = self._opened.enter_context(self._objects.create(self._key))
        self._look(block)
        self._write(block)

    def finish(self, block: bytes, keep: Callable[[], _Kept]) -> _Kept:
        try:
            with self._opened:
                self.write(block)
            return keep()
        except BaseException:
            self._objects.delete(self._key)
            raise

    def discard(self, error: BaseException) -> None:
        self._opened.__exit__(type(error), error, error.__traceback__)
