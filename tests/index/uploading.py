"""Use cases in one go, for tests about what comes after."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hatch_staged.index import uploads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.index.building import Built

    from hatch_staged.index.authorization import Principal
    from hatch_staged.index.core import Index
    from hatch_staged.index.database.engine import Transaction
    from hatch_staged.index.records import PublishingSession
    from hatch_staged.index.uploads import FileStatus


async def chunked(data: bytes, size: int = 100) -> AsyncIterator[bytes]:
    """Yield `data` in pieces."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


def create(index: Index, principal: Principal, session: PublishingSession, built: Built) -> FileStatus:
    """Create a file upload session as a client would for `built`."""
    return uploads.create(
        index,
        principal,
        session.id,
        filename=built.filename,
        size=len(built.data),
        hashes=built.hashes,
        mechanism="http-post-bytes",
    )


def receive(index: Index, principal: Principal, file: FileStatus, chunks: AsyncIterator[bytes]) -> None:
    """Take the bytes that come in `chunks`."""
    asyncio.run(uploads.begin(index, principal, file.address).take(chunks))


def send(index: Index, principal: Principal, file: FileStatus, data: bytes) -> None:
    """Send bytes."""
    receive(index, principal, file, chunked(data))


def stage(index: Index, principal: Principal, session: PublishingSession, built: Built) -> FileStatus:
    """Create, send and complete."""
    file = create(index, principal, session, built)
    send(index, principal, file, built.data)
    return uploads.complete(index, principal, file.address)


def referenced(tx: Transaction) -> set[str]:
    """Return the key of every object that a row points at."""
    return {key for (key,) in tx.exec_driver_sql("SELECT object_key FROM files WHERE object_key IS NOT NULL")}


def put(index: Index, key: str, data: bytes) -> None:
    """Store an object; in the place of another one, as a failing disk might."""
    with index.objects.create(key) as write:
        write(data)
