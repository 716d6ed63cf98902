"""Publication: all files of a session become public at once, or none (PEP 694, "Atomic Publication and Conflicts").

That happens within the request, or, with many files, after it: then their names are reserved meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_staged.index import authorization
from hatch_staged.index.database import file_rows, project_rows, published_rows, session_rows
from hatch_staged.index.records import Permission
from hatch_staged.index.refusals import ConflictingError, RefusedError
from hatch_staged.protocol.problems import ProblemError
from hatch_staged.protocol.states import FileState, SessionEvent, SessionState, session_after

if TYPE_CHECKING:
    from hatch_staged.index.authorization import Principal
    from hatch_staged.index.core import Index
    from hatch_staged.index.database.engine import Transaction
    from hatch_staged.index.records import Artifact, PublishingSession


def publish(index: Index, principal: Principal, session_id: str) -> PublishingSession:
    """Publish the session, or accept that for `carry_out`; return it as published, or in processing.

    Raises `ConflictingError` if a file is not completed, its name is taken or its bytes are not there, or the project
    would have too many; the session then stays as it is, and reserves nothing.
    """
    with index.database.reading() as tx:
        artifacts = _publishable(tx, _find(tx, principal, session_id, SessionEvent.PUBLISH))
    if len(artifacts) > index.limits.immediate_files:
        return _defer(index, principal, session_id)
    lost = _lost(index, artifacts)
    with index.database.writing() as tx:
        session = _find(tx, principal, session_id, SessionEvent.PUBLISH)
        if _publishable(tx, session) != artifacts:
            raise ConflictingError("The files of the session changed while it was being published.")
        _refuse_lost(lost)
        _reserve(tx, session)
        return _settle(tx, index, session, SessionEvent.PUBLISH)


def carry_out(index: Index, session_id: str) -> None:
    """Finish the publication of a session that is in processing: it becomes published, or is in error and says why."""
    with index.database.reading() as tx:
        session = session_rows.find(tx, session_id)
        artifacts = file_rows.staged(tx, session_id)
    if session is None or session.state is not SessionState.PROCESSING:
        return
    lost = _lost(index, artifacts)
    try:
        with index.database.writing() as tx:
            session = session_rows.find(tx, session_id)
            # Another worker may have been faster.
            if session is None or session.state is not SessionState.PROCESSING:
                return
            # "such as an exhausted quota or a revoked permission"
            authorization.require(tx, authorization.recall(tx, session.publishing_token), session, Permission.PUBLISH)
            _refuse_lost(lost)
            _settle(tx, index, session, SessionEvent.SUCCEED)
    except RefusedError as refusal:
        _fail(index, session_id, refusal)


def check_quota(tx: Transaction, index: Index, project: str, artifacts: tuple[Artifact, ...]) -> None:
    """Raise `ConflictingError` if `project` (normalized) would have too many bytes with `artifacts`."""
    published = published_rows.total_size(tx, project)
    total = published + sum(artifact.size for artifact in artifacts)
    # Nothing new is no reason to refuse, whatever there is: the limit may have been lowered.
    if total > max(index.limits.project_size, published):
        raise ConflictingError(
            f"The published files of {project} would have {total} bytes together; "
            f"this index takes {index.limits.project_size}."
        )


def _find(tx: Transaction, principal: Principal, session_id: str, event: SessionEvent) -> PublishingSession:
    session = authorization.find_session(tx, principal, session_id, Permission.PUBLISH)
    session_after(session.state, event)
    return session


def _publishable(tx: Transaction, session: PublishingSession) -> tuple[Artifact, ...]:
    """Return the files of the session; raise `ConflictingError` unless all of them are completed."""
    # "This precondition is deliberately expressed as an allow-list -- only ``completed`` files may be published"
    unfinished = [file for file in file_rows.of_session(tx, session.id) if file.state is not FileState.COMPLETED]
    if unfinished:
        raise ConflictingError(
            "Every file must be completed before the session can be published.",
            errors=[
                ProblemError(source=file.filename, message=f"This file is {file.state.value}.") for file in unfinished
            ],
        )
    return file_rows.staged(tx, session.id)


def _lost(index: Index, artifacts: tuple[Artifact, ...]) -> list[Artifact]:
    """Return the files whose bytes are not there; it may take long, so outside of transactions."""
    return [artifact for artifact in artifacts if _size(index, artifact) != artifact.size]


def _size(index: Index, artifact: Artifact) -> int | None:
    try:
        return index.objects.size(artifact.object_key)
    except FileNotFoundError:
        return None


def _refuse_lost(lost: list[Artifact]) -> None:
    if lost:
        raise ConflictingError(
            "The index has lost the bytes of files; upload them again.",
            errors=[
                ProblemError(source=artifact.filename, message="The bytes of this file are lost.") for artifact in lost
            ],
        )


def _defer(index: Index, principal: Principal, session_id: str) -> PublishingSession:
    with index.database.writing() as tx:
        session = _find(tx, principal, session_id, SessionEvent.DEFER)
        artifacts = _publishable(tx, session)
        check_quota(tx, index, session.project, artifacts)
        _reserve(tx, session)
        accepted = session.after(SessionEvent.DEFER, index.clock(), publishing_token=principal.token_id)
        _move(tx, accepted)
        return accepted


def _reserve(tx: Transaction, session: PublishingSession) -> None:
    """Take the names: "the server MUST atomically reserve the filenames of all files in the session"."""
    taken = published_rows.reserve(tx, session)
    if taken:
        raise ConflictingError(
            "Published files cannot be replaced; delete these from the session.",
            errors=[
                ProblemError(source=filename, message="A file of this name is published, or about to be.")
                for filename in taken
            ],
        )


def _settle(tx: Transaction, index: Index, session: PublishingSession, event: SessionEvent) -> PublishingSession:
    """Publish the files of the session, whose names are reserved."""
    now = index.clock()
    check_quota(tx, index, session.project, file_rows.staged(tx, session.id))
    project_rows.register(tx, session.project, now)
    published_rows.publish(tx, session.id, now)
    published = session.after(event, now)
    _move(tx, published)
    return published


def _fail(index: Index, session_id: str, refusal: RefusedError) -> None:
    """Put the session into "error": "the human-readable reason MUST be reported in the session's ``notices``"."""
    with index.database.writing() as tx:
        session = session_rows.find(tx, session_id)
        if session is None or session.state is not SessionState.PROCESSING:
            return
        # "the server MUST release the reservation, making those filenames available again"
        published_rows.release(tx, session_id)
        reasons = (refusal.detail, *(f"{error.source}: {error.message}" for error in refusal.errors))
        _move(tx, session.after(SessionEvent.FAIL, index.clock(), notices=reasons))
        for error in refusal.errors:
            file_rows.note(tx, session_id, error.source, error.message)


def _move(tx: Transaction, session: PublishingSession) -> None:
    """Write down the new state; the notices on its files belonged to the one before."""
    session_rows.write(tx, session)
    file_rows.clear_notices(tx, session.id)
