"""Rows of published files: the one namespace of file names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from hatch_staged.index.database import file_rows, schema
from hatch_staged.index.database.engine import TakenError, Transaction, unique

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Select

    from hatch_staged.index.records import Artifact

_TABLE = schema.published_files


def add(tx: Transaction, file: Artifact, *, project: str, at: datetime) -> bool:
    """Publish `file`; return False if a file of this name is published already, in whatever spelling."""
    row = {"filename": file.filename, "name_key": file.name_key, "version": file.version, "file_id": file.file_id}
    try:
        with unique(tx):
            tx.execute(insert(_TABLE).values(**row, project=project, published_at=at))
    except TakenError:
        return False
    return True


def published_as(tx: Transaction, name_key: str) -> str | None:
    """Return the name of the published file whose name has this key."""
    filename: str | None = tx.scalar(select(_TABLE.c.filename).where(_TABLE.c.name_key == name_key))
    return filename


def find(tx: Transaction, filename: str) -> Artifact | None:
    """Return the published file `filename`."""
    row = tx.execute(_select().where(_TABLE.c.filename == filename)).mappings().one_or_none()
    return None if row is None else file_rows.artifact(row, version=row["release"], upload_time=row["published_at"])


def of_project(tx: Transaction, project: str) -> tuple[Artifact, ...]:
    """Return the published files of `project` (normalized), by name."""
    rows = tx.execute(_select().where(_TABLE.c.project == project).order_by(_TABLE.c.filename))
    return tuple(
        file_rows.artifact(row, version=row["release"], upload_time=row["published_at"]) for row in rows.mappings()
    )


def _select() -> Select[Any]:
    return select(schema.files, _TABLE.c.version.label("release"), _TABLE.c.published_at).join(_TABLE)
