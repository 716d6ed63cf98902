"""What time does to sessions: they expire, and are forgotten; and the sweeping of bytes that nothing refers to."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

from hatch_staged.index import cancellation
from hatch_staged.index.background import never
from hatch_staged.index.database import file_rows, session_rows, token_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_staged.index.core import Index

# Objects that are looked up at once.
_BATCH = 500


def expire_due(index: Index, stopping: Callable[[], bool] = never) -> None:
    """Cancel the sessions whose time is up; how they ended stays known, their bytes go.

    Every use case that touches a session calls it first, so that no expired one is ever seen as live.
    """
    now = index.clock()
    with index.database.reading() as tx:
        due = session_rows.due(tx, now)
    for session_id in due:
        if stopping():
            return
        # Each in its own transaction, so that writers who want their turn do not wait for all.
        with index.database.writing() as tx:
            session = session_rows.find(tx, session_id)
            # Meanwhile it may have been extended, or have ended.
            if session is None or not session.is_due(now):
                continue
            _, keys = cancellation.discard(tx, session, now, expired=True)
        for key in keys:
            index.objects.delete(key)


def sweep_orphans(index: Index, stopping: Callable[[], bool] = never, *, older_than: int) -> None:
    """Delete the objects that no row points at and that are older than `older_than` seconds.

    They are what a crash leaves: bytes are stored before their row, and deleted after it.  Younger ones may belong to
    an upload whose row is about to be written.
    """
    before = index.clock() - timedelta(seconds=older_than)
    with index.database.reading() as tx:
        if not token_rows.any_ever(tx):
            # Nobody can have uploaded anything: the objects belong to another database, and would be lost.
            return
    old = (stored.key for stored in index.objects.list() if stored.modified < before)
    # In this order: an object that is listed and gets its row only after the look into the database is young.
    while not stopping() and (batch := tuple(islice(old, _BATCH))):
        with index.database.reading() as tx:
            referenced = file_rows.referenced(tx, batch)
        for key in batch:
            if key not in referenced:
                index.objects.delete(key)


def forget_ended(index: Index, stopping: Callable[[], bool] = never) -> None:
    """Forget the sessions that ended longer than `Limits.retention` ago, and their files but for the published ones.

    "After that retention period elapses, the server MAY return ``404 Not Found`` for the status URL."
    """
    before = index.clock() - timedelta(seconds=index.limits.retention)
    with index.database.reading() as tx:
        ended = session_rows.ended_before(tx, before)
    for session_id in ended:
        if stopping():
            return
        # Each in its own transaction, so that writers who want their turn do not wait for all.
        with index.database.writing() as tx:
            file_rows.leave_session(tx, session_id)
            session_rows.forget(tx, session_id)


def sweep(index: Index, stopping: Callable[[], bool] = never) -> None:
    """Do all of this, as a running index does every `Limits.sweep_interval`; return early if `stopping`."""
    expire_due(index, stopping)
    forget_ended(index, stopping)
    sweep_orphans(index, stopping, older_than=index.limits.orphan_age)
