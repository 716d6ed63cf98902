"""Rows of file upload sessions, and of the core metadata of completed files."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, func, insert, select, update

from hatch_staged.index.database import schema
from hatch_staged.index.records import Artifact, FileUpload, Received
from hatch_staged.protocol.states import FileState

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import ColumnElement, RowMapping

    from hatch_staged.index.database.engine import Transaction

_TABLE = schema.files
_UPLOAD = (
    _TABLE.c.id,
    _TABLE.c.session_id,
    _TABLE.c.filename,
    _TABLE.c.name_key,
    _TABLE.c.size,
    _TABLE.c.hashes,
    _TABLE.c.state,
    _TABLE.c.notice,
    _TABLE.c.object_key,
    _TABLE.c.received_size,
    _TABLE.c.received_hashes,
    _TABLE.c.attested,
)
_OF_SESSION = _TABLE.c.session_id == bindparam("session_id")
_PRESENT = (_OF_SESSION, _TABLE.c.state != FileState.CANCELED)
_FIND = select(*_UPLOAD).where(_TABLE.c.id == bindparam("id"))
_FIND_NAMED = select(*_UPLOAD).where(*_PRESENT, _TABLE.c.name_key == bindparam("name_key"))
_ALL_OF_SESSION = select(*_UPLOAD).where(*_PRESENT).order_by(_TABLE.c.filename)
_TOTAL = select(func.count(), func.sum(_TABLE.c.size).filter(_TABLE.c.state != FileState.CANCELED)).where(_OF_SESSION)
_ADD = insert(_TABLE)
_ADD_CORE_METADATA = insert(schema.core_metadata)
# The columns are those of its parameters.
_CHANGE = update(_TABLE).where(_TABLE.c.id == bindparam("changed"))


def add(tx: Transaction, file: FileUpload) -> None:
    """Add `file`, of which no bytes have arrived; its session must have none of this name."""
    tx.execute(
        _ADD,
        {
            "id": file.id,
            "session_id": file.session_id,
            "filename": file.filename,
            "name_key": file.name_key,
            "size": file.size,
            "hashes": dict(file.hashes),
            "state": file.state,
            "notice": file.notice,
            "attested": False,
        },
    )


def find(tx: Transaction, file_id: str) -> FileUpload | None:
    """Return the file upload session `file_id`."""
    row = tx.execute(_FIND, {"id": file_id}).mappings().one_or_none()
    return None if row is None else _upload(row)


def of_session(tx: Transaction, session_id: str) -> tuple[FileUpload, ...]:
    """Return the files of a publishing session by name, without the canceled ones."""
    rows = tx.execute(_ALL_OF_SESSION, {"session_id": session_id})
    return tuple(_upload(row) for row in rows.mappings())


def total(tx: Transaction, session_id: str) -> tuple[int, int]:
    """Return how many files a publishing session has, with the canceled ones, and the bytes declared of the others."""
    count, size = tx.execute(_TOTAL, {"session_id": session_id}).one()
    return count, size or 0


def find_named(tx: Transaction, session_id: str, name_key: str) -> FileUpload | None:
    """Return the file of a publishing session whose name has this key, unless it was canceled."""
    row = tx.execute(_FIND_NAMED, {"session_id": session_id, "name_key": name_key}).mappings().one_or_none()
    return None if row is None else _upload(row)


def record_received(tx: Transaction, file_id: str, received: Received) -> None:
    """Let the row of the file point at the bytes that have arrived."""
    hashes = dict(received.hashes)
    _change(tx, file_id, object_key=received.object_key, received_size=received.size, received_hashes=hashes)


def record_completed(
    tx: Transaction, file_id: str, *, at: datetime, requires_python: str | None, core_metadata: bytes
) -> None:
    """Keep what completion found out about the file."""
    digest = hashlib.sha256(core_metadata).hexdigest()
    _change(tx, file_id, completed_at=at, requires_python=requires_python, metadata_sha256=digest)
    tx.execute(_ADD_CORE_METADATA, {"file_id": file_id, "raw": core_metadata})


def processing(tx: Transaction) -> tuple[str, ...]:
    """Return the ids of the files whose completion is to be carried out."""
    return tuple(tx.scalars(select(_TABLE.c.id).where(schema.IN_PROCESSING)))


def update_state(tx: Transaction, file_id: str, state: FileState, *, notice: str = "") -> None:
    """Move the file to `state`."""
    _change(tx, file_id, state=state, notice=notice)


def note(tx: Transaction, session_id: str, filename: str, notice: str) -> None:
    """Say something about a completed file of a publishing session."""
    tx.execute(update(_TABLE).where(*completed(session_id), _TABLE.c.filename == filename).values(notice=notice))


def clear_notices(tx: Transaction, session_id: str) -> None:
    """Forget what was said about the completed files of a publishing session."""
    tx.execute(update(_TABLE).where(*completed(session_id)).values(notice=""))


def discard(tx: Transaction, file_id: str) -> None:
    """Mark the file as canceled and forget all that belongs to it; its object is the caller's to delete."""
    for table in (schema.core_metadata, schema.attestations):
        tx.execute(delete(table).where(table.c.file_id == file_id))
    _change(tx, file_id, state=FileState.CANCELED, notice="", object_key=None, attested=False)


def leave_session(tx: Transaction, session_id: str) -> None:
    """Forget the canceled files of a publishing session that has ended; the others, which are published, are kept."""
    tx.execute(delete(_TABLE).where(_TABLE.c.session_id == session_id, _TABLE.c.state == FileState.CANCELED))
    tx.execute(update(_TABLE).where(_TABLE.c.session_id == session_id).values(session_id=None))


def staged(tx: Transaction, session_id: str) -> tuple[Artifact, ...]:
    """Return the completed files of a publishing session, by name."""
    rows = tx.execute(
        select(_TABLE, schema.sessions.c.version)
        .join(schema.sessions)
        .where(*completed(session_id))
        .order_by(_TABLE.c.filename)
    )
    return tuple(artifact(row, version=row["version"], upload_time=row["completed_at"]) for row in rows.mappings())


def core_metadata(tx: Transaction, file_id: str) -> bytes | None:
    """Return the METADATA or PKG-INFO of a completed file, byte for byte."""
    raw: bytes | None = tx.scalar(select(schema.core_metadata.c.raw).where(schema.core_metadata.c.file_id == file_id))
    return raw


def referenced(tx: Transaction, keys: Collection[str]) -> frozenset[str]:
    """Return those of `keys` that are of objects that a row points at."""
    return frozenset(tx.scalars(select(_TABLE.c.object_key).where(_TABLE.c.object_key.in_(keys))))


def artifact(row: RowMapping, *, version: str, upload_time: datetime) -> Artifact:
    """Return the completed file in `row`, which has the columns of the table."""
    return Artifact(
        file_id=row["id"],
        filename=row["filename"],
        name_key=row["name_key"],
        size=row["received_size"],
        hashes=row["received_hashes"],
        object_key=row["object_key"],
        version=version,
        requires_python=row["requires_python"],
        metadata_sha256=row["metadata_sha256"],
        upload_time=upload_time,
        attested=row["attested"],
    )


def completed(session_id: str) -> tuple[ColumnElement[bool], ...]:
    """Return the condition of the completed files of a publishing session."""
    return (_TABLE.c.session_id == session_id, _TABLE.c.state == FileState.COMPLETED)


def _change(tx: Transaction, file_id: str, **columns: object) -> None:
    tx.execute(_CHANGE, {"changed": file_id, **columns})


def _upload(row: RowMapping) -> FileUpload:
    received = None
    if row["object_key"] is not None:
        received = Received(object_key=row["object_key"], size=row["received_size"], hashes=row["received_hashes"])
    return FileUpload(
        id=row["id"],
        session_id=row["session_id"],
        filename=row["filename"],
        name_key=row["name_key"],
        size=row["size"],
        hashes=row["hashes"],
        state=row["state"],
        received=received,
        notice=row["notice"],
        attested=row["attested"],
    )
