"""Publishing sessions: created, looked at, extended, published, canceled (PEP 694, "Publishing Session")."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from packaging.utils import InvalidName, canonicalize_name, canonicalize_version
from packaging.version import InvalidVersion, Version

from hatch_staged.index import authorization, cancellation, publication
from hatch_staged.index.authorization import find_session
from hatch_staged.index.database import file_rows, project_rows, session_rows
from hatch_staged.index.database.engine import TakenError
from hatch_staged.index.expiry import expire_due
from hatch_staged.index.records import FileUpload, Permission, PublishingSession
from hatch_staged.index.refusals import ConflictingError, InvalidRequestError, SessionExistsError
from hatch_staged.protocol.problems import ProblemError
from hatch_staged.protocol.states import SessionEvent, SessionState, session_after

if TYPE_CHECKING:
    from hatch_staged.index.authorization import Principal
    from hatch_staged.index.core import Index

# No file name has room for a longer name or version (characters).
_LONGEST = 200


@dataclass(frozen=True)
class SessionStatus:
    """A publishing session with its files, without the canceled ones, by name."""

    session: PublishingSession
    files: tuple[FileUpload, ...] = ()


def create(index: Index, principal: Principal, *, name: str, version: str) -> SessionStatus:
    """Create a session and, if the project is new, reserve its name.

    Raises `InvalidRequestError` for a name or version that is not valid, `ForbiddenError`, `SessionExistsError` if
    there is a live session for this project and version, and `ConflictingError` if the project has too many others, or
    the name is new and the user has reserved too many.
    """
    project, parsed = _project(name), _version(version)
    expire_due(index)
    now = index.clock()
    session = PublishingSession(
        id=index.new_token(),
        token=index.new_token(),
        project=project,
        version=str(parsed),
        version_key=canonicalize_version(parsed),
        created_by=principal.user,
        created_at=now,
        expires_at=now + timedelta(seconds=index.limits.session_lifetime),
        state=SessionState.OPEN,
    )
    with index.database.writing() as tx:
        # First, because a 403 "takes precedence over the 409 Conflict so that the existence of the in-progress
        # session is not disclosed".
        reserved = authorization.reserve(tx, principal, project)
        try:
            session_rows.add(tx, session)
        except TakenError:
            live = session_rows.live(tx, project, session.version_key)
            raise SessionExistsError(
                f"{project} {live.version} has a session that is {live.state.value}; use it, or cancel it first.",
                session_id=live.id,
            ) from None
        count = session_rows.count_live(tx, project)
        if count > index.limits.open_sessions:
            raise ConflictingError(
                f"{project} has {index.limits.open_sessions} sessions that are not through, which is the limit; "
                "publish or cancel one of them first."
            )
        is_new = reserved.registered_at is None and count == 1
        if is_new and project_rows.count_reserved(tx, reserved.owner) > index.limits.reserved_names:
            raise ConflictingError(
                f"{reserved.owner} has reserved {index.limits.reserved_names} names of which nothing is published, "
                "which is the limit; publish or cancel a session of one of them first."
            )
    return SessionStatus(session)


def status(index: Index, principal: Principal, session_id: str) -> SessionStatus:
    """Return the session, also after its end."""
    expire_due(index)
    with index.database.reading() as tx:
        session = find_session(tx, principal, session_id, Permission.STAGE, Permission.PUBLISH)
        return SessionStatus(session, file_rows.of_session(tx, session.id))


def extend(index: Index, principal: Principal, session_id: str, *, seconds: int) -> SessionStatus:
    """Let the session live for more `seconds`, as far as the limits allow: never less than it had."""
    expire_due(index)
    with index.database.writing() as tx:
        session = find_session(tx, principal, session_id, Permission.STAGE, Permission.PUBLISH)
        session_after(session.state, SessionEvent.EXTEND)
        longest = timedelta(seconds=index.limits.longest_session)
        # Bounded before it is added: a wish may be larger than any date.
        wished = session.expires_at + timedelta(seconds=min(seconds, index.limits.longest_session))
        extended = replace(session, expires_at=max(session.expires_at, min(wished, session.created_at + longest)))
        session_rows.write(tx, extended)
        return SessionStatus(extended, file_rows.of_session(tx, session.id))


def publish(index: Index, principal: Principal, session_id: str) -> SessionStatus:
    """Make all files of the session public at once, or none, see `publication`; many are left to the worker."""
    expire_due(index)
    session = publication.publish(index, principal, session_id)
    with index.database.reading() as tx:
        return SessionStatus(session, file_rows.of_session(tx, session.id))


def cancel(index: Index, principal: Principal, session_id: str) -> SessionStatus:
    """Cancel the session and discard its files."""
    expire_due(index)
    with index.database.writing() as tx:
        session = find_session(tx, principal, session_id, Permission.PUBLISH)
        canceled, keys = cancellation.discard(tx, session, index.clock(), expired=False)
    for key in keys:
        index.objects.delete(key)
    return SessionStatus(canceled)


def _project(name: str) -> str:
    _bound("name", name)
    try:
        return canonicalize_name(name, validate=True)
    except InvalidName:
        raise _invalid("name", f"{name!r} is not a valid project name.") from None


def _version(version: str) -> Version:
    _bound("version", version)
    try:
        return Version(version)
    except InvalidVersion:
        raise _invalid("version", f"{version!r} is not a valid version.") from None


def _bound(source: str, value: str) -> None:
    if len(value) > _LONGEST:
        raise _invalid(source, f"A {source} can have at most {_LONGEST} characters.")


def _invalid(source: str, message: str) -> InvalidRequestError:
    return InvalidRequestError(message, errors=[ProblemError(source=source, message=message)])
