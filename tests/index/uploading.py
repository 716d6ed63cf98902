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


def send(index: Index, principal: Principal, file: FileStatus, data: bytes) -> None:
    """Send bytes."""
    asyncio.run(uploads.receive(index, principal, file.address, chunked(data)))


def stage(index: Index, principal: Principal, session: PublishingSession, built: Built) -> FileStatus:
    """Create, send and complete."""
    file = create(index, principal, session, built)
    send(index, principal, file, built.data)
    return uploads.complete(index, principal, file.address)


def referenced(tx: Transaction) -> set[str]:
    """Return the key of every object that a row points at."""
    return {key for (key,) in tx.exec_driver_sql("SELECT object_key FROM files WHERE object_key IS NOT NULL")}


def overwrite(index: Index, key: str, data: bytes) -> None:
    """Put other bytes in the place of an object, as a failing disk might."""
    asyncio.run(index.objects.put(key, chunked(data)))
