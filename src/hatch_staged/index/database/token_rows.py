"""Rows of API tokens, known by the digest of their secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, exists, insert, select, update

from hatch_staged.index.database import schema
from hatch_staged.index.records import Permission, Token

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import CursorResult, RowMapping

    from hatch_staged.index.database.engine import Transaction

_TABLE = schema.tokens
_SHOWN = [column for column in _TABLE.c if column is not _TABLE.c.digest]
_VALID = select(*_SHOWN).where(_TABLE.c.revoked_at.is_(None))
_FIND = _VALID.where(_TABLE.c.id == bindparam("id"))
_FIND_BY_DIGEST = _VALID.where(_TABLE.c.digest == bindparam("digest"))


def add(tx: Transaction, token: Token, *, digest: str) -> None:
    """Add `token`, whose secret has the SHA-256 `digest` (hex)."""
    tx.execute(
        insert(_TABLE).values(
            id=token.id,
            digest=digest,
            user=token.user,
            permissions=sorted(permission.value for permission in token.permissions),
            projects=sorted(token.projects),
            created_at=token.created_at,
        )
    )


def any_ever(tx: Transaction) -> bool:
    """Whether there has ever been a token; rows of revoked ones stay."""
    return bool(tx.scalar(select(exists().select_from(_TABLE))))


def find_valid(tx: Transaction, digest: str) -> Token | None:
    """Return the token whose secret has this digest, unless it was revoked."""
    return _one(tx.execute(_FIND_BY_DIGEST, {"digest": digest}))


def find(tx: Transaction, token_id: str) -> Token | None:
    """Return the token `token_id`, unless it was revoked."""
    return _one(tx.execute(_FIND, {"id": token_id}))


def every(tx: Transaction) -> tuple[Token, ...]:
    """Return all tokens, the revoked ones too, oldest first."""
    rows = tx.execute(select(*_SHOWN).order_by(_TABLE.c.created_at, _TABLE.c.id))
    return tuple(_token(row) for row in rows.mappings())


def made_for(tx: Transaction, project: str, user: str) -> tuple[Token, ...]:
    """Return the tokens of `user` that were made for `project` (normalized) and are not revoked, oldest first."""
    theirs = (each for each in every(tx) if each.user == user and each.revoked_at is None)
    return tuple(each for each in theirs if project in each.projects)


def revoke(tx: Transaction, token_id: str, at: datetime) -> bool:
    """Revoke the token `token_id`; return False if there is no such valid token."""
    changed = tx.execute(
        update(_TABLE).where(_TABLE.c.id == token_id, _TABLE.c.revoked_at.is_(None)).values(revoked_at=at)
    )
    return changed.rowcount == 1


def _one(found: CursorResult[Any]) -> Token | None:
    row = found.mappings().one_or_none()
    return None if row is None else _token(row)


def _token(row: RowMapping) -> Token:
    return Token(
        id=row["id"],
        user=row["user"],
        permissions=frozenset(Permission(permission) for permission in row["permissions"]),
        projects=frozenset(row["projects"]),
        created_at=row["created_at"],
        revoked_at=row["revoked_at"],
    )
