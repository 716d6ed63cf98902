"""Faults of what is public, and of whose a file name is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select
from tests.conformance.configurations import DEFERRED
from tests.conformance.faults.changes import (
    both,
    replaced,
)
from tests.conformance.faults.mutant import mutant

from hatch_staged.index import catalogue, publication
from hatch_staged.index.database import file_rows, project_rows, published_rows, schema
from hatch_staged.index.refusals import ConflictingError, RefusedError
from hatch_staged.protocol import states
from hatch_staged.protocol.states import SessionEvent, SessionState

if TYPE_CHECKING:
    from collections.abc import Callable

OPEN, PROCESSING, PUBLISHED, ERROR, CANCELED = SessionState
CHANGE, EXTEND, PUBLISHING, DEFER = SessionEvent.CHANGE, SessionEvent.EXTEND, SessionEvent.PUBLISH, SessionEvent.DEFER


def _nothing(_sound: object) -> Callable[..., None]:
    return lambda *_: None


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


def _overwriting(_sound: object) -> Callable[..., None]:
    return lambda *_: None


def _replacing(sound: Callable[..., Any]) -> Callable[..., Any]:
    def add(tx: Any, file: Any, **where: Any) -> Any:
        tx.execute(delete(schema.published_files).where(schema.published_files.c.name_key == file.name_key))
        return sound(tx, file, **where)

    return add


def _replacing_all(sound: Callable[..., Any]) -> Callable[..., Any]:
    def reserve(tx: Any, session: Any) -> Any:
        keys = [artifact.name_key for artifact in file_rows.staged(tx, session.id)]
        tx.execute(delete(schema.published_files).where(schema.published_files.c.name_key.in_(keys)))
        return sound(tx, session)

    return reserve


ATOMICITY = (
    # Atomic Publication and Conflicts
    mutant(
        "a published session has published nothing",
        replaced(published_rows, "publish", _nothing),
        "SESSION-STATE-07",
        "SESSION-ATOMIC-11",
    ),
    mutant(
        "the legacy API replaces published files",
        both(replaced(published_rows, "published_as", _overwriting), replaced(published_rows, "add", _replacing)),
        "SESSION-ATOMIC-02",
    ),
    mutant(
        "a session replaces published files",
        replaced(published_rows, "reserve", _replacing_all),
        "SESSION-ATOMIC-04",
        "FILE-CREATE-25",
    ),
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
