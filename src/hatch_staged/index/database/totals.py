"""How many rows there are of what: for the operator, without a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from hatch_staged.index.database import schema
from hatch_staged.protocol.states import FileState, SessionState

if TYPE_CHECKING:
    from sqlalchemy import Column

    from hatch_staged.index.database.engine import Transaction


def sessions(tx: Transaction) -> dict[SessionState, int]:
    """Return how many publishing sessions are in each state; those that have ended are forgotten after a while."""
    return dict.fromkeys(SessionState, 0) | _by_state(tx, schema.sessions.c.state)


def files(tx: Transaction) -> dict[FileState, int]:
    """Return how many files are in each state, published ones included."""
    return dict.fromkeys(FileState, 0) | _by_state(tx, schema.files.c.state)


def projects(tx: Transaction) -> int:
    """Return how many projects are registered."""
    registered = schema.projects.c.registered_at.is_not(None)
    return tx.scalar(select(func.count()).select_from(schema.projects).where(registered)) or 0


def published(tx: Transaction) -> tuple[int, int]:
    """Return how many files are published, and their bytes."""
    table = schema.published_files
    found = select(func.count(), func.sum(schema.files.c.received_size)).select_from(table.join(schema.files))
    count, size = tx.execute(found.where(table.c.published_at.is_not(None))).one()
    return count, size or 0


def _by_state(tx: Transaction, state: Column[Any]) -> dict[Any, int]:
    return {row[0]: row[1] for row in tx.execute(select(state, func.count()).group_by(state))}
