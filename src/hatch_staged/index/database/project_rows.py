"""Rows of project names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, exists, func, insert, select, update

from hatch_staged.index.database import schema
from hatch_staged.index.database.engine import TakenError, Transaction, unique
from hatch_staged.index.records import Project

if TYPE_CHECKING:
    from datetime import datetime

_TABLE = schema.projects
_FIND = select(_TABLE).where(_TABLE.c.name == bindparam("name"))


def find(tx: Transaction, name: str) -> Project | None:
    """Return the project `name` (normalized), be it reserved or registered."""
    row = tx.execute(_FIND, {"name": name}).one_or_none()
    return None if row is None else Project(**row._asdict())


def reserve(tx: Transaction, name: str, owner: str) -> Project:
    """Return the project `name`, reserved for `owner` unless it was there."""
    try:
        with unique(tx):
            tx.execute(insert(_TABLE).values(name=name, owner=owner))
    except TakenError:
        pass
    row = tx.execute(_FIND, {"name": name}).one()
    return Project(**row._asdict())


def register(tx: Transaction, name: str, at: datetime) -> None:
    """Make the reservation of `name` permanent, unless it is."""
    tx.execute(update(_TABLE).where(_TABLE.c.name == name, _TABLE.c.registered_at.is_(None)).values(registered_at=at))


def give(tx: Transaction, name: str, owner: str) -> None:
    """Make `owner` the one to whom `name` belongs."""
    tx.execute(update(_TABLE).where(_TABLE.c.name == name).values(owner=owner))


def release(tx: Transaction, name: str) -> None:
    """Forget `name`, and its members, if it is only reserved and no live session needs the reservation any more."""
    live = exists().where(schema.sessions.c.project == name, schema.LIVE)
    reserved = select(_TABLE.c.name).where(_TABLE.c.name == name, _TABLE.c.registered_at.is_(None), ~live)
    tx.execute(delete(schema.members).where(schema.members.c.project.in_(reserved)))
    tx.execute(delete(_TABLE).where(_TABLE.c.name.in_(reserved)))


def count_reserved(tx: Transaction, owner: str) -> int:
    """Return how many names of `owner` are only reserved."""
    reserved = select(func.count()).where(_TABLE.c.owner == owner, _TABLE.c.registered_at.is_(None))
    count: int = tx.execute(reserved).scalar_one()
    return count


def every(tx: Transaction) -> tuple[Project, ...]:
    """Return all projects, be they reserved or registered, by name."""
    return tuple(Project(**row._asdict()) for row in tx.execute(select(_TABLE).order_by(_TABLE.c.name)))


def registered(tx: Transaction) -> tuple[str, ...]:
    """Return the names that are registered, sorted."""
    names = select(_TABLE.c.name).where(_TABLE.c.registered_at.is_not(None)).order_by(_TABLE.c.name)
    return tuple(tx.scalars(names))
