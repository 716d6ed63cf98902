"""Rows of attestations; `file_rows.discard` forgets them with their file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, insert, select, update

from hatch_staged.index.database import schema

if TYPE_CHECKING:
    from hatch_staged.index.database.engine import Transaction

_TABLE, _FILES = schema.attestations, schema.files
_FIND = select(_TABLE.c.raw).where(_TABLE.c.file_id == bindparam("file_id"))


def put(tx: Transaction, file_id: str, raw: bytes | None) -> None:
    """Let `raw` be the attestations of the file in place of any others; None for no attestations."""
    tx.execute(delete(_TABLE).where(_TABLE.c.file_id == file_id))
    if raw is not None:
        tx.execute(insert(_TABLE).values(file_id=file_id, raw=raw))
    tx.execute(update(_FILES).where(_FILES.c.id == file_id).values(attested=raw is not None))


def find(tx: Transaction, file_id: str) -> bytes | None:
    """Return the attestations of the file, if there are any: a JSON array."""
    raw: bytes | None = tx.scalar(_FIND, {"file_id": file_id})
    return raw
