"""Faults of the end of sessions (cancellation, expiry, retention), of their extension, and of stages."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.conformance.configurations import DEFERRED, SHORT_LIVED
from tests.conformance.faults.changes import answer, both, key, replaced, status, success, worded
from tests.conformance.faults.means import (
    CREATE,
    CREATE_FILE,
    FILE_STATUS,
    STAGE_PAGE,
    STAGED_FILE,
    STATUS,
    Exchange,
    Faults,
)
from tests.conformance.faults.mutant import mutant

from hatch_staged.index import cancellation, catalogue
from hatch_staged.index.database import file_rows, session_rows
from hatch_staged.index.records import PublishingSession
from hatch_staged.index.refusals import ConflictingError
from hatch_staged.protocol.states import FileState

if TYPE_CHECKING:
    from collections.abc import Callable


def _stay_readable(_sound: Callable[..., Any]) -> Callable[..., Any]:
    """Show what was staged, whatever became of the session."""

    def staged(index: Any, session_token: str) -> Any:
        with index.database.reading() as tx:
            session = session_rows.find_by_token(tx, session_token)
            if session is None:
                return _sound(index, session_token)
            return catalogue.Listing(session.project, file_rows.staged(tx, session.id))

    return staged


def _nothing(_sound: object) -> Callable[..., None]:
    return lambda *_arguments: None


def _refused_while_files_process(sound: Callable[..., Any]) -> Callable[..., Any]:
    def discard(tx: Any, session: Any, *arguments: Any, **named: Any) -> Any:
        if any(file.state is FileState.PROCESSING for file in file_rows.of_session(tx, session.id)):
            raise ConflictingError("A file is in processing.")
        return sound(tx, session, *arguments, **named)

    return discard


def _refused_with_pending_files(sound: Callable[..., Any]) -> Callable[..., Any]:
    def discard(tx: Any, session: Any, *arguments: Any, **named: Any) -> Any:
        if any(file.state is FileState.PENDING for file in file_rows.of_session(tx, session.id)):
            raise ConflictingError("A file is pending.")
        return sound(tx, session, *arguments, **named)

    return discard


def _gone(*states: str) -> Callable[[Exchange], None]:
    def change(exchange: Exchange) -> None:
        if exchange.answer.get("status") in states:
            exchange.status = 404

    return change


def _never(_sound: object) -> Callable[..., tuple[()]]:
    return lambda *_arguments: ()


def _five_seconds_early(sound: Callable[..., Any]) -> Callable[..., Any]:
    def due(asked: Any, now: datetime) -> Any:
        return sound(asked, now + timedelta(seconds=5))

    return due


def _blocked_for_good(index: Faults) -> None:
    """Refuse a session for every release that had one."""
    seen: dict[tuple[str, str], str] = {}

    def change(exchange: Exchange) -> None:
        told = (exchange.message.get("name", ""), exchange.message.get("version", ""))
        if exchange.ok and told in seen:
            exchange.status = 409
            exchange.headers["location"] = seen[told]
        elif exchange.ok:
            seen[told] = exchange.headers["location"]

    index.answers(CREATE, change=change)


def _other_bytes(exchange: Exchange) -> None:
    if exchange.ok and not exchange.path.endswith(".metadata"):
        exchange.body = exchange.body[:-1] + b"?"


def _empty_page(sound: Callable[..., Any]) -> Callable[..., Any]:
    return lambda index, token: catalogue.Listing(sound(index, token).project, ())


def _remembered() -> Callable[[Exchange], None]:
    """Answer again what was answered about a file, when nobody knows it any more."""
    known: dict[str, bytes] = {}

    def change(exchange: Exchange) -> None:
        if exchange.ok:
            known[urlsplit(exchange.answer["links"]["file-upload-session"]).path] = exchange.body
        elif exchange.status == 404 and exchange.path in known:
            exchange.status, exchange.body = 200, known[exchange.path]

    return change


ENDS = (
    # Publishing Session Cancellation
    mutant(
        "a canceled session stays open",
        success(STATUS, key("status", to=worded("canceled", "open"))),
        "SESSION-CANCEL-02",
        "SESSION-CANCEL-06",
        "SESSION-STATE-14",
        "SESSION-TRANSITION-07",
    ),
    mutant(
        "a canceled session is forgotten at once",
        success(STATUS, _gone("canceled")),
        "SESSION-RETENTION-01",
        "SESSION-RETENTION-03",
        where=SHORT_LIVED,
    ),
    mutant(
        "a published session is forgotten",
        success(STATUS, _gone("published")),
        "SESSION-RETENTION-01",
    ),
    mutant("files of a canceled session stay completed", replaced(file_rows, "discard", _nothing), "SESSION-CANCEL-15"),
    mutant(
        "what was staged stays readable",
        both(
            replaced(catalogue, "staged", _stay_readable),
            replaced(file_rows, "discard", _nothing),
            replaced(cancellation, "discard", lambda sound: lambda *a, **n: (sound(*a, **n)[0], ())),
        ),
        "SESSION-CANCEL-03",
        "SESSION-CANCEL-04",
    ),
    mutant(
        "a session with a pending file cannot be canceled",
        replaced(cancellation, "discard", _refused_with_pending_files),
        "SESSION-CANCEL-11",
    ),
    mutant(
        "a session with a file in processing cannot be canceled",
        replaced(cancellation, "discard", _refused_while_files_process),
        "SESSION-CANCEL-12",
        where=DEFERRED,
    ),
    mutant(
        "a release has one session for good",
        _blocked_for_good,
        "SESSION-MULTIPLE-08",
        "SESSION-STATE-17",
        "SESSION-RETENTION-07",
    ),
    # Expiry, Session Status Retention
    mutant(
        "a file is remembered for longer than its session",
        answer((CREATE_FILE, FILE_STATUS), _remembered()),
        "FILE-STATUS-05",
        where=SHORT_LIVED,
    ),
    mutant(
        "sessions never expire",
        replaced(session_rows, "due", _never),
        "SESSION-CREATE-13",
        "SESSION-RESPONSE-12",
        where=SHORT_LIVED,
    ),
    mutant(
        "sessions expire too early",
        both(
            replaced(session_rows, "due", _five_seconds_early),
            replaced(PublishingSession, "is_due", _five_seconds_early),
        ),
        "FILE-RESPONSE-09",
        "SESSION-RESPONSE-13",
        where=SHORT_LIVED,
    ),
    # Staged Previews
    mutant("a stage shows nothing", replaced(catalogue, "staged", _empty_page), "STAGE-04", "SESSION-LINKS-08"),
    mutant(
        "a stage serves other bytes",
        answer(STAGED_FILE, _other_bytes),
        "STAGE-04",
        "SESSION-LINKS-08",
    ),
    mutant(
        "a stage has no pages", answer(STAGE_PAGE, status(404)), "STAGE-03", "STAGE-05", "STAGE-02", "SESSION-TOKEN-05"
    ),
)
