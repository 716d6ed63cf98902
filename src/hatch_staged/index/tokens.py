"""API tokens: created, listed, revoked by whoever has the index's database, that is its operator."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from hatch_staged.errors import ConfigurationError
from hatch_staged.index.database import token_rows
from hatch_staged.index.projects import normalized
from hatch_staged.index.records import Permission, Token

if TYPE_CHECKING:
    from collections.abc import Collection

    from hatch_staged.index.core import Index

#: Makes a leaked token recognizable.
PREFIX = "hst_"
DEFAULT_PERMISSIONS = frozenset({Permission.STAGE, Permission.PUBLISH})

_ID_LENGTH = 12


def create(
    index: Index,
    *,
    user: str,
    permissions: Collection[Permission] = DEFAULT_PERMISSIONS,
    projects: Collection[str] = (),
) -> str:
    """Return the secret of a new token of `user`; it is stored nowhere, so that this is the only time.

    Without `projects` it is good for the projects that the user owns or is a member of, and for new names.  With them,
    it is good for exactly these, whoever owns them.  Raises `ConfigurationError` if something is missing or a project
    name is not valid.
    """
    if not user.strip():
        raise ConfigurationError("a token needs the name of its user")
    if not permissions:
        raise ConfigurationError("a token needs at least one permission")
    secret = PREFIX + index.new_token()
    digest = digest_of(secret)
    token = Token(
        # Part of the digest, so that it tells nothing of the secret that the database does not tell.
        id=digest[:_ID_LENGTH],
        user=user,
        permissions=frozenset(permissions),
        projects=frozenset(normalized(project) for project in projects),
        created_at=index.clock(),
    )
    with index.database.writing() as tx:
        token_rows.add(tx, token, digest=digest)
    return secret


def every(index: Index) -> tuple[Token, ...]:
    """Return all tokens, the revoked ones too, oldest first."""
    with index.database.reading() as tx:
        return token_rows.every(tx)


def revoke(index: Index, token_id: str) -> bool:
    """Revoke the token `token_id` at once; return False if there is no such valid token."""
    with index.database.writing() as tx:
        return token_rows.revoke(tx, token_id, index.clock())


def digest_of(secret: str) -> str:
    """Return what the database knows of a secret; with 256 random bits in it, a plain SHA-256 cannot be reversed."""
    return hashlib.sha256(secret.encode()).hexdigest()
