"""Faults of the states of a session and of publication."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from tests.conformance.configurations import DEFERRED
from tests.conformance.faults.changes import (
    both,
    header,
    key,
    refusal,
    replaced,
    session_transition,
    status,
    success,
    worded,
)
from tests.conformance.faults.means import PUBLISH, STATUS, Exchange
from tests.conformance.faults.mutant import mutant

from hatch_staged.index import catalogue, publication
from hatch_staged.index.database import file_rows, project_rows, published_rows, schema, session_rows
from hatch_staged.index.refusals import ConflictingError, RefusedError
from hatch_staged.protocol import states
from hatch_staged.protocol.states import SessionEvent, SessionState

if TYPE_CHECKING:
    from collections.abc import Callable

OPEN, PROCESSING, PUBLISHED, ERROR, CANCELED = SessionState
CHANGE, EXTEND, PUBLISHING, DEFER = SessionEvent.CHANGE, SessionEvent.EXTEND, SessionEvent.PUBLISH, SessionEvent.DEFER


def _unfinished_are_left_out(_sound: Callable[..., Any]) -> Callable[..., Any]:
    return lambda tx, session: file_rows.staged(tx, session.id)


def _nameless(exchange: Exchange) -> None:
    exchange.answer = {"type": "about:blank", "status": exchange.status, "title": "No", "meta": exchange.answer["meta"]}


def _error_after_refusal(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Move a session to "error" whenever its publication is refused."""

    def publish(index: Any, principal: Any, session_id: str) -> Any:
        try:
            return sound(index, principal, session_id)
        except (RefusedError, states.RefusedTransitionError):
            with index.database.writing() as tx:
                session = session_rows.find(tx, session_id)
                if session is not None and session.state is OPEN:
                    session_rows.write(tx, replace(session, state=ERROR))
            raise

    return publish


def _nothing(_sound: object) -> Callable[..., None]:
    return lambda *_: None


def _fail_without_notices(sound: Callable[..., Any]) -> Callable[..., Any]:
    def fail(index: Any, session_id: str, refusal: RefusedError) -> None:
        sound(index, session_id, type(refusal)(""))
        with index.database.writing() as tx:
            session = session_rows.find(tx, session_id)
            if session is not None:
                session_rows.write(tx, replace(session, notices=()))

    return fail


def _public_while_processing(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Publish in the moment of the request, and have it processed after."""

    def defer(index: Any, principal: Any, session_id: str) -> Any:
        accepted = sound(index, principal, session_id)
        with index.database.writing() as tx:
            project_rows.register(tx, accepted.project, index.clock())
            published_rows.publish(tx, session_id, index.clock())
        return accepted

    return defer


def _staged_files_are_public(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Show what is staged among what is published."""

    def published(index: Any, project: str) -> catalogue.Listing:

        with index.database.reading() as tx:
            rows = tx.execute(select(schema.sessions.c.id).where(schema.sessions.c.project == project, schema.LIVE))
            staged = tuple(artifact for row in rows for artifact in file_rows.staged(tx, row.id))
        try:
            listed = sound(index, project).artifacts
        except RefusedError:
            if not staged:
                raise
            listed = ()
        return catalogue.Listing(project, (*listed, *staged))

    return published


def _one_file_is_dropped(sound: Callable[..., Any]) -> Callable[..., Any]:
    def of_project(tx: Any, project: str) -> Any:
        return sound(tx, project)[:1]

    return of_project


def _names_of_open_sessions_are_taken(sound: Callable[..., Any]) -> Callable[..., Any]:
    def published_as(tx: Any, name_key: str) -> Any:

        staged = select(schema.files.c.filename).where(schema.files.c.name_key == name_key)
        return sound(tx, name_key) or tx.scalar(staged.where(schema.files.c.state == states.FileState.COMPLETED))

    return published_as


def _reserved_late(sound: Callable[..., Any]) -> Callable[..., Any]:
    def settle(tx: Any, index: Any, session: Any, event: SessionEvent) -> Any:
        taken = published_rows.reserve(tx, session)
        if taken:
            raise ConflictingError("Published files cannot be replaced.")
        return sound(tx, index, session, event)

    return settle


PUBLICATION = (
    # Publishing Session States
    mutant("a published session takes files", session_transition(PUBLISHED, CHANGE, PUBLISHED), "SESSION-STATE-08"),
    mutant("a canceled session takes files", session_transition(CANCELED, CHANGE, CANCELED), "SESSION-STATE-15"),
    mutant("a canceled session is published", session_transition(CANCELED, PUBLISHING, PUBLISHED), "SESSION-STATE-15"),
    mutant(
        "a published session is canceled",
        session_transition(PUBLISHED, SessionEvent.CANCEL, CANCELED),
        "SESSION-STATE-08",
        "SESSION-CANCEL-08",
    ),
    mutant(
        "an open session cannot be canceled",
        session_transition(OPEN, SessionEvent.CANCEL, None),
        "SESSION-TRANSITION-07",
    ),
    # Complete a Publishing Session
    mutant(
        "a publication is answered with 200",
        success(PUBLISH, status(200)),
        "SESSION-TRANSITION-03",
    ),
    mutant(
        "a publication has no Location",
        success(PUBLISH, header("location", None)),
        "SESSION-PUBLISH-13",
    ),
    mutant(
        "unfinished files are left out",
        replaced(publication, "_publishable", _unfinished_are_left_out),
        "SESSION-PUBLISH-03",
        "SESSION-PUBLISH-04",
        "SESSION-PUBLISH-08",
        "SESSION-TRANSITION-05",
        "FILE-STATE-08",
    ),
    mutant(
        "an unfinished file is a bad request",
        refusal(PUBLISH, status(400)),
        "SESSION-PUBLISH-04",
        "SESSION-TRANSITION-05",
    ),
    mutant(
        "nobody says which file is unfinished",
        refusal(PUBLISH, _nameless),
        "SESSION-PUBLISH-05",
        "SESSION-ATOMIC-16",
    ),
    mutant(
        "a refused publication is an error of the session",
        replaced(publication, "publish", _error_after_refusal),
        "SESSION-PUBLISH-06",
        "SESSION-PUBLISH-16",
        "SESSION-TRANSITION-06",
        "SESSION-TRANSITION-13",
        "SESSION-TRANSITION-14",
    ),
    mutant(
        "a published session stays open",
        success(STATUS, key("status", to=worded("published", "open"))),
        "SESSION-STATE-07",
        "SESSION-TRANSITION-03",
    ),
    # Atomic Publication and Conflicts
    mutant("staged files are public", replaced(catalogue, "published", _staged_files_are_public), "SESSION-CREATE-14"),
    mutant(
        "one file of a release is dropped",
        replaced(published_rows, "of_project", _one_file_is_dropped),
        "SESSION-ATOMIC-01",
    ),
    mutant(
        "an open session reserves its names",
        replaced(published_rows, "published_as", _names_of_open_sessions_are_taken),
        "SESSION-ATOMIC-13",
    ),
    # Deferred
    mutant(
        "an accepted publication is answered with 201",
        success(PUBLISH, status(201)),
        "SESSION-TRANSITION-03",
        where=DEFERRED,
    ),
    mutant(
        "files are taken while a session is in processing",
        session_transition(PROCESSING, CHANGE, PROCESSING),
        "SESSION-STATE-05",
        where=DEFERRED,
    ),
    mutant(
        "a session in processing is canceled",
        session_transition(PROCESSING, SessionEvent.CANCEL, CANCELED),
        "SESSION-CANCEL-09",
        "SESSION-TRANSITION-10",
        where=DEFERRED,
    ),
    mutant(
        "a session in processing seems to be open",
        success(STATUS, key("status", to=worded("processing", "open"))),
        "SESSION-STATE-04",
        "SESSION-TRANSITION-04",
        where=DEFERRED,
    ),
    mutant(
        "a session whose deferred publication succeeded is open again",
        session_transition(PROCESSING, SessionEvent.SUCCEED, OPEN),
        "SESSION-TRANSITION-08",
        "SESSION-STATE-06",
        where=DEFERRED,
    ),
    mutant(
        "nobody says why a deferred publication failed",
        replaced(publication, "_fail", _fail_without_notices),
        "SESSION-STATE-11",
        "SESSION-PUBLISH-15",
        where=DEFERRED,
    ),
    mutant(
        "a failed session is canceled",
        session_transition(PROCESSING, SessionEvent.FAIL, CANCELED),
        "SESSION-STATE-09",
        "SESSION-TRANSITION-09",
        where=DEFERRED,
    ),
    mutant(
        "a failed session takes no files",
        session_transition(ERROR, CHANGE, None),
        "SESSION-STATE-10",
        "SESSION-TRANSITION-11",
        where=DEFERRED,
    ),
    mutant(
        "a failed session cannot be published again",
        both(session_transition(ERROR, DEFER, None), session_transition(ERROR, PUBLISHING, None)),
        "SESSION-STATE-13",
        "SESSION-TRANSITION-12",
        where=DEFERRED,
    ),
    mutant(
        "a failed session cannot be canceled",
        session_transition(ERROR, SessionEvent.CANCEL, None),
        "SESSION-TRANSITION-07",
        where=DEFERRED,
    ),
    mutant(
        "files are public while they are processed",
        replaced(publication, "_defer", _public_while_processing),
        "SESSION-ATOMIC-10",
        where=DEFERRED,
    ),
    mutant(
        "names are reserved when a publication is carried out, not before",
        both(replaced(publication, "_reserve", _nothing), replaced(publication, "_settle", _reserved_late)),
        "SESSION-ATOMIC-05",
        "SESSION-ATOMIC-06",
        "SESSION-ATOMIC-08",
        "SESSION-ATOMIC-09",
        where=DEFERRED,
    ),
    mutant(
        "names stay reserved after a failure",
        replaced(published_rows, "release", _nothing),
        "SESSION-ATOMIC-12",
        where=DEFERRED,
    ),
)
