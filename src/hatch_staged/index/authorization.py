"""Who asks, and whether they may (PEP 694, "Authentication and Authorization").

Asked anew on each request, so that a revoked token or a new owner counts at once: "contemporaneously on each request".
A request may take long, so the token is asked again within each transaction that decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatch_staged.index.database import member_rows, project_rows, session_rows, token_rows
from hatch_staged.index.records import Permission
from hatch_staged.index.refusals import ForbiddenError, UnauthenticatedError, UnknownError
from hatch_staged.index.tokens import digest_of

if TYPE_CHECKING:
    from hatch_staged.index.core import Index
    from hatch_staged.index.database.engine import Transaction
    from hatch_staged.index.records import Project, PublishingSession, Token


@dataclass(frozen=True)
class Principal:
    """Who makes a request, and what their token allows; see `hatch_staged.index.records.Token`."""

    token_id: str
    user: str
    permissions: frozenset[Permission]
    projects: frozenset[str]

    def has(self, permission: Permission) -> bool:
        """Whether the token allows `permission` somewhere."""
        return permission in self.permissions or Permission.ADMIN in self.permissions


def authenticate(index: Index, secret: str | None) -> Principal:
    """Return the principal whose token has this secret; raise `UnauthenticatedError` if there is none."""
    if secret is None:
        raise UnauthenticatedError("This needs a token: Basic with the user __token__, or Bearer.")
    with index.database.reading() as tx:
        token = token_rows.find_valid(tx, digest_of(secret))
    if token is None:
        raise UnauthenticatedError("The token is unknown or was revoked.")
    return _principal(token)


def recall(tx: Transaction, token_id: str | None) -> Principal:
    """Return the principal whose token is `token_id`; raise `ForbiddenError` if it was revoked since."""
    token = None if token_id is None else token_rows.find(tx, token_id)
    if token is None:
        raise ForbiddenError("The token that asked for this was revoked.")
    return _principal(token)


def reserve(tx: Transaction, principal: Principal, project: str) -> Project:
    """Return `project` (normalized), reserved for the principal if the name was free.

    Raises `ForbiddenError` if it belongs to somebody else, or the token does not allow staging it.
    """
    _allow(tx, principal, project, principal.user, Permission.STAGE)
    found = project_rows.reserve(tx, project, principal.user)
    _allow(tx, principal, project, found.owner, Permission.STAGE)
    return found


def find_session(tx: Transaction, principal: Principal, session_id: str, *permissions: Permission) -> PublishingSession:
    """Return the session `session_id`, if the principal has one of `permissions` for its project.

    Raises `UnknownError` or `ForbiddenError`.
    """
    session = session_rows.find(tx, session_id)
    if session is None:
        raise UnknownError("There is no such session.")
    require(tx, principal, session, *permissions)
    return session


def check(tx: Transaction, principal: Principal, project: str, *permissions: Permission) -> None:
    """Raise `ForbiddenError` unless the principal has one of `permissions` for `project`, be it free or not."""
    found = project_rows.find(tx, project)
    _allow(tx, principal, project, found.owner if found else principal.user, *permissions)


def require(tx: Transaction, principal: Principal, session: PublishingSession, *permissions: Permission) -> None:
    """Raise `ForbiddenError` unless the principal has one of `permissions` for the project of `session`, now."""
    project = project_rows.find(tx, session.project)
    # A canceled first session leaves no project; the session's creator may still look at how it ended.
    _allow(tx, principal, session.project, project.owner if project else session.created_by, *permissions)


def _principal(token: Token) -> Principal:
    return Principal(token_id=token.id, user=token.user, permissions=token.permissions, projects=token.projects)


def _allow(tx: Transaction, principal: Principal, project: str, owner: str, *permissions: Permission) -> None:
    principal = recall(tx, principal.token_id)
    if not _reaches(tx, principal, project, owner):
        raise ForbiddenError(f"This token may not be used for the project {project}.")
    if not any(principal.has(permission) for permission in permissions):
        wanted = " or ".join(permission.value for permission in permissions)
        raise ForbiddenError(f"This token does not have the permission to {wanted}.")


def _reaches(tx: Transaction, principal: Principal, project: str, owner: str) -> bool:
    """Whether the token is good for `project` (normalized), which belongs to `owner`."""
    if principal.projects:
        return project in principal.projects
    everywhere = Permission.ADMIN in principal.permissions
    return everywhere or principal.user == owner or member_rows.has(tx, project, principal.user)
