"""Rows of published files: the one namespace of file names.

A name that is only reserved, for a publication that is being processed, has its row here too, so that nobody else can
get it; what reads published files does not see it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, func, insert, literal, select, update

from hatch_staged.index.database import file_rows, schema
from hatch_staged.index.database.engine import TakenError, Transaction, unique

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement, Select

    from hatch_staged.index.records import Artifact, PublishingSession

_TABLE, _FILES = schema.published_files, schema.files
_PUBLIC = _TABLE.c.published_at.is_not(None)
_PUBLISHED_AS = select(_TABLE.c.filename).where(_TABLE.c.name_key == bindparam("name_key"))


def add(tx: Transaction, file: Artifact, *, project: str, at: datetime) -> bool:
    """Publish `file`; return False if its name is published or reserved already, in whatever spelling."""
    row = {"filename": file.filename, "name_key": file.name_key, "version": file.version, "file_id": file.file_id}
    try:
        with unique(tx):
            tx.execute(insert(_TABLE).values(**row, project=project, published_at=at))
    except TakenError:
        return False
    return True


def reserve(tx: Transaction, session: PublishingSession) -> tuple[str, ...]:
    """Reserve the names of the session's completed files; return those that somebody has, and then reserve none."""
    columns = ["filename", "name_key", "project", "version", "file_id"]
    names = select(
        _FILES.c.filename, _FILES.c.name_key, literal(session.project), literal(session.version), _FILES.c.id
    ).where(*file_rows.completed(session.id))
    try:
        with unique(tx):
            tx.execute(insert(_TABLE).from_select(columns, names))
    except TakenError:
        taken = select(_FILES.c.filename).join(_TABLE, _TABLE.c.name_key == _FILES.c.name_key)
        return tuple(tx.scalars(taken.where(*file_rows.completed(session.id)).order_by(_FILES.c.filename)))
    return ()


def publish(tx: Transaction, session_id: str, at: datetime) -> None:
    """Make the files of the session public, whose names are reserved."""
    tx.execute(update(_TABLE).where(*_reserved(session_id)).values(published_at=at))


def release(tx: Transaction, session_id: str) -> None:
    """Make the names available again that are reserved for the session."""
    tx.execute(delete(_TABLE).where(*_reserved(session_id)))


def total_size(tx: Transaction, project: str) -> int:
    """Return how many bytes the published files of `project` (normalized) have together."""
    of_project = select(func.sum(_FILES.c.received_size)).join(_TABLE).where(_TABLE.c.project == project, _PUBLIC)
    total: int | None = tx.scalar(of_project)
    return total or 0


def published_as(tx: Transaction, name_key: str) -> str | None:
    """Return the name of the file that is published, or about to be, and whose name has this key."""
    filename: str | None = tx.scalar(_PUBLISHED_AS, {"name_key": name_key})
    return filename


def find(tx: Transaction, filename: str) -> Artifact | None:
    """Return the published file `filename`."""
    row = tx.execute(_select().where(_TABLE.c.filename == filename, _PUBLIC)).mappings().one_or_none()
    return None if row is None else file_rows.artifact(row, version=row["release"], upload_time=row["published_at"])


def of_project(tx: Transaction, project: str) -> tuple[Artifact, ...]:
    """Return the published files of `project` (normalized), by name."""
    rows = tx.execute(_select().where(_TABLE.c.project == project, _PUBLIC).order_by(_TABLE.c.filename))
    return tuple(
        file_rows.artifact(row, version=row["release"], upload_time=row["published_at"]) for row in rows.mappings()
    )


def _select() -> Select[Any]:
    return select(_FILES, _TABLE.c.version.label("release"), _TABLE.c.published_at).join(_TABLE)


def _reserved(session_id: str) -> tuple[ColumnElement[bool], ...]:
    return (~_PUBLIC, _TABLE.c.file_id.in_(select(_FILES.c.id).where(_FILES.c.session_id == session_id)))
