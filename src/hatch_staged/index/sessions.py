"""Publishing sessions: created, looked at, extended, published, canceled (PEP 694, "Publishing Session")."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from packaging.utils import InvalidName, canonicalize_name, canonicalize_version
from packaging.version import InvalidVersion, Version

from hatch_staged.index import authorization, cancellation
from hatch_staged.index.database import file_rows, project_rows, published_rows, session_rows
from hatch_staged.index.database.engine import TakenError
from hatch_staged.index.expiry import expire_due
from hatch_staged.index.records import FileUpload, Permission, PublishingSession
from hatch_staged.index.refusals import ConflictingError, InvalidRequestError, SessionExistsError, UnknownError
from hatch_staged.protocol.problems import ProblemError
from hatch_staged.protocol.states import FileState, SessionEvent, SessionState, session_after

if TYPE_CHECKING:
    from hatch_staged.index.authorization import Principal
    from hatch_staged.index.core import Index
    from hatch_staged.index.database.engine import Transaction

# No file name has room for a longer name or version (characters).
_LONGEST = 200


@dataclass(frozen=True)
class SessionStatus:
    """A publishing session with its files, without the canceled ones, by name."""

    session: PublishingSession
    files: tuple[FileUpload, ...] = ()


def create(index: Index, principal: Principal, *, name: str, version: str) -> SessionStatus:
    """Create a session and, if the project is new, reserve its name.

    Raises `InvalidRequestError` for a name or version that is not valid, `ForbiddenError`, and `SessionExistsError` if
    there is a live session for this project and version.
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
        authorization.reserve(tx, principal, project)
        try:
            session_rows.add(tx, session)
        except TakenError:
            live = session_rows.live(tx, project, session.version_key)
            raise SessionExistsError(
                f"{project} {live.version} has a session that is {live.state.value}; use it, or cancel it first.",
                session_id=live.id,
            ) from None
    return SessionStatus(session)


def status(index: Index, principal: Principal, session_id: str) -> SessionStatus:
    """Return the session, also after its end."""
    expire_due(index)
    with index.database.reading() as tx:
        session = find(tx, principal, session_id, Permission.STAGE, Permission.PUBLISH)
        return SessionStatus(session, file_rows.of_session(tx, session.id))


def extend(index: Index, principal: Principal, session_id: str, *, seconds: int) -> SessionStatus:
    """Let the session live for more `seconds`, as far as the limits allow: never less than it had."""
    expire_due(index)
    with index.database.writing() as tx:
        session = find(tx, principal, session_id, Permission.STAGE, Permission.PUBLISH)
        session_after(session.state, SessionEvent.EXTEND)
        longest = timedelta(seconds=index.limits.longest_session)
        # Bounded before it is added: a wish may be larger than any date.
        wished = session.expires_at + timedelta(seconds=min(seconds, index.limits.longest_session))
        expires_at = max(session.expires_at, min(wished, session.created_at + longest))
        session_rows.update_expiry(tx, session.id, expires_at)
        return SessionStatus(replace(session, expires_at=expires_at), file_rows.of_session(tx, session.id))


def publish(index: Index, principal: Principal, session_id: str) -> SessionStatus:
    """Make all files of the session public at once, or none.

    Raises `ConflictingError` if a file is not completed or its name is published already; the session then stays as
    it is.
    """
    expire_due(index)
    now = index.clock()
    with index.database.writing() as tx:
        session = find(tx, principal, session_id, Permission.PUBLISH)
        state = session_after(session.state, SessionEvent.PUBLISH)
        files = file_rows.of_session(tx, session.id)
        _refuse_unfinished(files)
        project_rows.register(tx, session.project, now)
        taken = [
            ProblemError(source=artifact.filename, message="A file of this name is published.")
            for artifact in file_rows.staged(tx, session.id)
            if not published_rows.add(tx, artifact, project=session.project, at=now)
        ]
        if taken:
            raise ConflictingError("Published files cannot be replaced; delete these from the session.", errors=taken)
        session_rows.update_state(tx, session.id, state)
        return SessionStatus(replace(session, state=state), files)


def cancel(index: Index, principal: Principal, session_id: str) -> SessionStatus:
    """Cancel the session and discard its files."""
    expire_due(index)
    with index.database.writing() as tx:
        session = find(tx, principal, session_id, Permission.PUBLISH)
        keys = cancellation.discard(tx, session, expired=False)
    for key in keys:
        index.objects.delete(key)
    return SessionStatus(replace(session, state=SessionState.CANCELED))


def find(tx: Transaction, principal: Principal, session_id: str, *permissions: Permission) -> PublishingSession:
    """Return the session `session_id`, if the principal has one of `permissions` for its project.

    Raises `UnknownError` or `ForbiddenError`.
    """
    session = session_rows.find(tx, session_id)
    if session is None:
        raise UnknownError("There is no such session.")
    authorization.require(tx, principal, session, *permissions)
    return session


def _refuse_unfinished(files: tuple[FileUpload, ...]) -> None:
    # "This precondition is deliberately expressed as an allow-list -- only ``completed`` files may be published"
    unfinished = [file for file in files if file.state is not FileState.COMPLETED]
    if unfinished:
        raise ConflictingError(
            "Every file must be completed before the session can be published.",
            errors=[
                ProblemError(source=file.filename, message=f"This file is {file.state.value}.") for file in unfinished
            ],
        )


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
