"""Faults of the states of a session and of publication."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

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

from hatch_staged.index import publication
from hatch_staged.index.database import file_rows, session_rows
from hatch_staged.index.refusals import RefusedError
from hatch_staged.protocol import states
from hatch_staged.protocol.states import SessionEvent, SessionState

if TYPE_CHECKING:
    from collections.abc import Callable

OPEN, PROCESSING, PUBLISHED, ERROR, CANCELED = SessionState
CHANGE, EXTEND, PUBLISHING, DEFER = SessionEvent.CHANGE, SessionEvent.EXTEND, SessionEvent.PUBLISH, SessionEvent.DEFER


def _unfinished_are_left_out(_sound: Callable[..., Any]) -> Callable[..., Any]:
    return lambda tx, session: file_rows.staged(tx, session.id)


def _stateless(exchange: Exchange) -> None:
    """Say something of states where nothing is said of the file."""
    told = re.sub(rb"\b(pending|error)\b", b"unfinished", exchange.body)
    exchange.body = told
    exchange.answer = {**exchange.answer, "type": "https://index.test/pending-or-error", "title": "pending, error"}


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
    mutant(
        "an open session takes no files",
        session_transition(OPEN, CHANGE, None),
        "SESSION-STATE-02",
        "SESSION-TRANSITION-02",
        "FILE-CREATE-01",
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
    mutant("nobody says in which state a file is", refusal(PUBLISH, _stateless), "SESSION-PUBLISH-05"),
    mutant(
        "nobody says which file is unfinished",
        refusal(PUBLISH, _nameless),
        "SESSION-ATOMIC-15",
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
        "SESSION-PUBLISH-14",
        "SESSION-TRANSITION-08",
        "SESSION-STATE-06",
        where=DEFERRED,
    ),
    mutant(
        "nobody says why a deferred publication failed",
        replaced(publication, "_fail", _fail_without_notices),
        "SESSION-ATOMIC-17",
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
)
