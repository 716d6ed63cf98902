"""Faults of file upload sessions: their creation, bytes, completion and deletion."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select
from tests.conformance.configurations import DEFERRED
from tests.conformance.faults.changes import (
    answer,
    both,
    file_transition,
    filled_in,
    header,
    instead_of,
    key,
    refusal,
    replaced,
    request,
    status,
    success,
    worded,
)
from tests.conformance.faults.means import (
    COMPLETE,
    CREATE_FILE,
    DELETE_FILE,
    FILE_BODIES,
    FILE_STATUS,
    SEND,
    Exchange,
)
from tests.conformance.faults.mutant import mutant

from hatch_staged.index import completion, uploads, validation
from hatch_staged.index.database import file_rows, published_rows, schema
from hatch_staged.protocol.states import FileEvent, FileState

if TYPE_CHECKING:
    from collections.abc import Callable

_OF_SESSION = schema.files.c.session_id == bindparam("session_id")


def _nothing(_sound: object) -> Callable[..., None]:
    return lambda *_arguments: None


def _any_filename(exchange: Exchange) -> None:
    if exchange.status == 400 and "filename" in exchange.body.decode():
        exchange.status = 409


def _accepted_without(name: str) -> Callable[[Exchange], None]:
    def change(exchange: Exchange) -> None:
        if name not in exchange.message:
            exchange.status = 202

    return change


def _any_mechanism(exchange: Exchange) -> None:
    if "mechanism" in exchange.message:
        exchange.message = {**exchange.message, "mechanism": "http-post-bytes"}


def _any_hashes(sound: Callable[..., Any]) -> Callable[..., Any]:
    def inspect(objects: Any, file: Any, received: Any) -> Any:
        return sound(objects, replace(file, hashes={}), received)

    return inspect


def _any_size(sound: Callable[..., Any]) -> Callable[..., Any]:
    def inspect(objects: Any, file: Any, received: Any) -> Any:
        return sound(objects, replace(file, size=received.size), received)

    return inspect


def _replaced_silently(sound: Callable[..., Any]) -> Callable[..., Any]:
    def replaced(tx: Any, session_id: str, name_key: str) -> Any:
        present = file_rows.find_named(tx, session_id, name_key)
        if present is not None:
            file_rows.discard(tx, present.id)
            return present
        return sound(tx, session_id, name_key)

    return replaced


def _pending_after_failure(sound: Callable[..., Any]) -> Callable[..., Any]:
    def settle(tx: Any, index: Any, file: Any, event: FileEvent, findings: Any) -> Any:
        return file if event in {FileEvent.REFUSE, FileEvent.FAIL} else sound(tx, index, file, event, findings)

    return settle


def _gone_when_canceled(exchange: Exchange) -> None:
    if exchange.answer.get("status") == "canceled":
        exchange.status = 404


FILES = (
    # Create a File Upload Session
    mutant(
        "an upload is begun with 201",
        success(CREATE_FILE, status(201)),
        "FILE-CREATE-26",
        "FILE-TRANSITION-01",
    ),
    mutant("a wrong file name is a conflict", refusal(CREATE_FILE, _any_filename), "FILE-CREATE-08"),
    mutant(
        "a file need not have a name",
        answer(CREATE_FILE, _accepted_without("filename")),
        "FILE-CREATE-06",
    ),
    mutant(
        "a file need not have a size",
        request(CREATE_FILE, filled_in("size", 1000)),
        "FILE-CREATE-09",
    ),
    mutant(
        "a file need not have hashes",
        request(CREATE_FILE, filled_in("hashes", {"sha256": "0" * 64})),
        "FILE-CREATE-10",
    ),
    mutant(
        "a file need not have a mechanism",
        request(CREATE_FILE, filled_in("mechanism", "http-post-bytes")),
        "FILE-CREATE-17",
    ),
    mutant(
        "an unknown mechanism is a bad request",
        refusal(CREATE_FILE, instead_of(422, 400)),
        "FILE-CREATE-28",
    ),
    mutant("every mechanism is taken", request(CREATE_FILE, _any_mechanism), "FILE-CREATE-28"),
    mutant(
        "a published name is taken again",
        replaced(published_rows, "published_as", lambda _sound: lambda *_: None),
        "FILE-CREATE-23",
    ),
    mutant(
        "a refused upload is a bad request",
        refusal(CREATE_FILE, instead_of(409, 400)),
        "FILE-CREATE-23",
        "FILE-REPLACE-02",
        "FILE-CREATE-30",
    ),
    # Replacing a Partially or Fully Uploaded File
    mutant(
        "a pending file is replaced",
        replaced(uploads, "_replace", _replaced_silently),
        "FILE-STATE-04",
        "FILE-REPLACE-02",
    ),
    # Complete a File Upload Session
    mutant("a completion is answered with 200", success(COMPLETE, status(200)), "FILE-TRANSITION-03"),
    mutant(
        "a completion has no Location",
        success(COMPLETE, header("location", None)),
        "FILE-COMPLETE-05",
    ),
    mutant("hashes are not checked", replaced(validation, "inspect", _any_hashes), "FILE-STATE-07"),
    mutant("sizes are not checked", replaced(validation, "inspect", _any_size), "FILE-CREATE-09"),
    mutant(
        "a file whose completion fails stays pending",
        replaced(completion, "settle", _pending_after_failure),
        "FILE-STATE-12",
        "FILE-TRANSITION-05",
        "FILE-COMPLETE-09",
        "FILE-TRANSITION-13",
    ),
    mutant(
        "a failed completion is answered with 201",
        answer(COMPLETE, instead_of(400, 201)),
        "FILE-COMPLETE-09",
    ),
    mutant(
        "a file in error takes new bytes",
        file_transition(FileState.ERROR, FileEvent.TRANSFER, FileState.PENDING),
        "FILE-STATE-16",
    ),
    mutant(
        "a file in error is sent again and completed",
        both(
            file_transition(FileState.ERROR, FileEvent.TRANSFER, FileState.ERROR),
            file_transition(FileState.ERROR, FileEvent.COMPLETE, FileState.COMPLETED),
        ),
        "FILE-STATE-16",
        "FILE-TRANSITION-12",
    ),
    mutant(
        "bytes make a file complete",
        success(FILE_STATUS, key("status", to=worded("pending", "completed"))),
        "FILE-STATE-03",
        "FILE-TRANSITION-02",
    ),
    # Cancellation and Deletion
    mutant("a deletion is answered with 200", success(DELETE_FILE, status(200)), "FILE-DELETE-03"),
    mutant(
        "a completed file cannot be deleted",
        file_transition(FileState.COMPLETED, FileEvent.CANCEL, None),
        "FILE-DELETE-04",
        "FILE-STATE-09",
        "FILE-TRANSITION-10",
    ),
    mutant(
        "a file in error cannot be deleted",
        file_transition(FileState.ERROR, FileEvent.CANCEL, None),
        "FILE-DELETE-04",
        "FILE-TRANSITION-11",
    ),
    mutant(
        "a pending file cannot be deleted",
        file_transition(FileState.PENDING, FileEvent.CANCEL, None),
        "FILE-DELETE-04",
        "FILE-TRANSITION-06",
    ),
    mutant(
        "a deleted file is gone without a trace",
        success(FILE_STATUS, _gone_when_canceled),
        "FILE-STATUS-04",
    ),
    mutant(
        "a deleted file says that it is completed",
        success(FILE_STATUS, key("status", to=worded("canceled", "completed"))),
        "SESSION-FILES-08",
        "FILE-STATE-01",
        "FILE-STATE-09",
        "FILE-STATE-13",
        "FILE-TRANSITION-06",
        "FILE-TRANSITION-13",
    ),
    mutant(
        "a deleted file stays listed",
        replaced(file_rows, "_ALL_OF_SESSION", lambda sound: select(*sound.selected_columns).where(_OF_SESSION)),
        "SESSION-FILES-06",
        "SESSION-FILES-07",
    ),
    # http-post-bytes
    mutant("bytes are not taken", answer(SEND, status(501)), "MECHANISM-01", "HTTP-POST-BYTES-01", "WORKFLOW-01"),
    mutant(
        "the mechanism has no URL",
        success(FILE_BODIES, key("mechanism", to={"identifier": "http-post-bytes"})),
        "HTTP-POST-BYTES-01",
    ),
    # Deferred
    mutant(
        "an accepted completion is answered with 201",
        success(COMPLETE, status(201)),
        "FILE-TRANSITION-03",
        where=DEFERRED,
    ),
    mutant(
        "a file in processing is deleted",
        file_transition(FileState.PROCESSING, FileEvent.CANCEL, FileState.CANCELED),
        "FILE-DELETE-05",
        "FILE-TRANSITION-09",
        where=DEFERRED,
    ),
    mutant(
        "a file whose deferred completion failed is pending again",
        file_transition(FileState.PROCESSING, FileEvent.FAIL, FileState.PENDING),
        "FILE-TRANSITION-08",
        "FILE-STATE-12",
        where=DEFERRED,
    ),
    mutant(
        "a file whose deferred completion succeeded is in error",
        file_transition(FileState.PROCESSING, FileEvent.SUCCEED, FileState.ERROR),
        "FILE-TRANSITION-07",
        where=DEFERRED,
    ),
    mutant(
        "a file in processing seems to be pending",
        success(FILE_STATUS, key("status", to=worded("processing", "pending"))),
        "FILE-STATE-05",
        "FILE-TRANSITION-04",
        where=DEFERRED,
    ),
)
