"""Rows of publishing sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from hatch_staged.index.database import schema
from hatch_staged.index.database.engine import Transaction, unique
from hatch_staged.index.records import PublishingSession
from hatch_staged.protocol.states import SessionState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import CursorResult, Row

_TABLE = schema.sessions
_EDITABLE = [state for state in SessionState if state.editable]
_FIND = select(_TABLE).where(_TABLE.c.id == bindparam("id")).with_for_update()
_FIND_BY_TOKEN = select(_TABLE).where(_TABLE.c.token == bindparam("token")).with_for_update()
_DUE = select(_TABLE.c.id).where(_TABLE.c.expires_at <= bindparam("now"), schema.LIVE, _TABLE.c.state.in_(_EDITABLE))


def add(tx: Transaction, session: PublishingSession) -> None:
    """Add `session`; raise `TakenError` if its project and version have a live one."""
    with unique(tx):
        tx.execute(insert(_TABLE).values(**vars(session)))


def find(tx: Transaction, session_id: str) -> PublishingSession | None:
    """Return the session `session_id`, and keep other writers from changing it until the transaction ends."""
    return _one(tx.execute(_FIND, {"id": session_id}))


def find_by_token(tx: Transaction, token: str) -> PublishingSession | None:
    """Return the session whose session token is `token`."""
    return _one(tx.execute(_FIND_BY_TOKEN, {"token": token}))


def live(tx: Transaction, project: str, version_key: str) -> PublishingSession:
    """Return the session of this project and version that is in a non-terminal state."""
    row = tx.execute(
        select(_TABLE).where(_TABLE.c.project == project, _TABLE.c.version_key == version_key, schema.LIVE)
    ).one()
    return _session(row)


def count_live(tx: Transaction, project: str) -> int:
    """Return how many sessions of `project` (normalized) are in a non-terminal state."""
    count: int = tx.execute(
        select(func.count()).select_from(_TABLE).where(_TABLE.c.project == project, schema.LIVE)
    ).scalar_one()
    return count


def due(tx: Transaction, now: datetime) -> tuple[str, ...]:
    """Return the ids of the sessions whose time is up, see `PublishingSession.is_due`."""
    return tuple(tx.scalars(_DUE, {"now": now}))


def ended_before(tx: Transaction, before: datetime) -> tuple[str, ...]:
    """Return the ids of the sessions that ended at `before` or earlier."""
    return tuple(tx.scalars(select(_TABLE.c.id).where(_TABLE.c.ended_at <= before)))


def forget(tx: Transaction, session_id: str) -> None:
    """Delete the row of a session that no file belongs to any more."""
    tx.execute(delete(_TABLE).where(_TABLE.c.id == session_id))


def processing(tx: Transaction) -> tuple[str, ...]:
    """Return the ids of the sessions whose publication is to be carried out."""
    return tuple(tx.scalars(select(_TABLE.c.id).where(schema.IN_PROCESSING)))


def write(tx: Transaction, session: PublishingSession) -> None:
    """Write `session` over what was found of it in this transaction."""
    tx.execute(update(_TABLE).where(_TABLE.c.id == session.id).values(**vars(session)))


def _one(found: CursorResult[Any]) -> PublishingSession | None:
    row = found.one_or_none()
    return None if row is None else _session(row)


def _session(row: Row[Any]) -> PublishingSession:
    values = row._asdict()
    return PublishingSession(**{**values, "notices": tuple(values["notices"])})
