"""Rows of members: who may use a project beside its owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, insert, select

from hatch_staged.index.database import schema
from hatch_staged.index.database.engine import TakenError, Transaction, unique

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

_TABLE = schema.members


def has(tx: Transaction, project: str, user: str) -> bool:
    """Whether `user` is a member of `project` (normalized)."""
    return bool(tx.scalar(select(exists().where(*_one(project, user)))))


def add(tx: Transaction, project: str, user: str) -> bool:
    """Make `user` a member of `project` (normalized); return False if that is so already."""
    try:
        with unique(tx):
            tx.execute(insert(_TABLE).values(project=project, user=user))
    except TakenError:
        return False
    return True


def remove(tx: Transaction, project: str, user: str) -> bool:
    """Let `user` be no member of `project` (normalized) any more; return False if they were none."""
    return tx.execute(delete(_TABLE).where(*_one(project, user))).rowcount == 1


def of_project(tx: Transaction, project: str) -> tuple[str, ...]:
    """Return the members of `project` (normalized), sorted."""
    return tuple(tx.scalars(select(_TABLE.c.user).where(_TABLE.c.project == project).order_by(_TABLE.c.user)))


def _one(project: str, user: str) -> tuple[ColumnElement[bool], ...]:
    return (_TABLE.c.project == project, _TABLE.c.user == user)
