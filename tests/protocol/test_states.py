"""The state machines, over every state and every event."""

from __future__ import annotations

import itertools

import pytest

from hatch_staged.protocol.states import (
    FILE_TRANSITIONS,
    SESSION_TRANSITIONS,
    FileEvent,
    FileState,
    RefusedTransitionError,
    SessionEvent,
    SessionState,
    file_after,
    session_after,
)

# PEP 694, "Publishing Session States", row by row as it stands there (its two rows about rejections have no target).
# "Publish retried" is in our words the two events that "behave like publishing from open"; an extension, which the
# table leaves out, is one of "the identical set of operations" of both editable states.
SESSION_TABLE = """
open       | A file is uploaded, replaced, or deleted            | open
open       | Publish request completed immediately               | published
open       | Publish request accepted for deferred processing    | processing
open       | Publish request fails synchronously                 | open
error      | Publish request fails synchronously                 | error
open       | Session canceled                                    | canceled
error      | Session canceled                                    | canceled
processing | Deferred processing succeeds                        | published
processing | Deferred processing fails                           | error
error      | A file is uploaded, replaced, or deleted            | error
error      | Publish request accepted for deferred processing    | processing
error      | Publish request completed immediately               | published
open       | The session is extended                             | open
error      | The session is extended                             | error
"""

# PEP 694, "File Upload Session States", and "File Upload Session Extension" of a file that is being uploaded.
FILE_TABLE = """
pending    | Upload mechanism executes                           | pending
pending    | Completion request completed immediately            | completed
pending    | Completion request accepted for deferred processing | processing
pending    | Completion request fails synchronously              | error
pending    | Cancellation requested or file deleted              | canceled
processing | Deferred processing succeeds                        | completed
processing | Deferred processing fails                           | error
completed  | Cancellation requested or file deleted              | canceled
error      | Cancellation requested or file deleted              | canceled
pending    | The file upload session is extended                 | pending
"""


def rows(table: str) -> dict[tuple[str, str], str]:
    cells = ([cell.strip().lower() for cell in line.split("|")] for line in table.strip().splitlines())
    return {(state, event): target for state, event, target in cells}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(SessionState, SessionEvent)))
def test_sessions(state: SessionState, event: SessionEvent) -> None:
    target = rows(SESSION_TABLE).get((state.value, event.value))
    if target is None:
        with pytest.raises(RefusedTransitionError) as caught:
            session_after(state, event)
        assert (caught.value.state, caught.value.event) == (state, event)
        assert str(caught.value) == f"refused while {state.value}: {event.value}"
    else:
        assert session_after(state, event) is SessionState(target)


@pytest.mark.parametrize(("state", "event"), list(itertools.product(FileState, FileEvent)))
def test_files(state: FileState, event: FileEvent) -> None:
    target = rows(FILE_TABLE).get((state.value, event.value))
    if target is None:
        with pytest.raises(RefusedTransitionError):
            file_after(state, event)
    else:
        assert file_after(state, event) is FileState(target)


def test_the_tables_above_have_no_row_that_matches_nothing() -> None:
    assert set(rows(SESSION_TABLE)) == {(state.value, event.value) for state, event in SESSION_TRANSITIONS}
    assert set(rows(FILE_TABLE)) == {(state.value, event.value) for state, event in FILE_TRANSITIONS}


def test_terminal_states_are_those_that_nothing_leaves() -> None:
    left = {state for state, _event in SESSION_TRANSITIONS}
    assert {state for state in SessionState if state.terminal} == set(SessionState) - left


def test_editable_states_are_those_whose_files_change() -> None:
    changing = {state for state, event in SESSION_TRANSITIONS if event is SessionEvent.CHANGE}
    assert {state for state in SessionState if state.editable} == changing


def test_both_editable_states_permit_the_same() -> None:
    permitted = {
        state: {event for of, event in SESSION_TRANSITIONS if of is state}
        for state in (SessionState.OPEN, SessionState.ERROR)
    }
    assert permitted[SessionState.OPEN] == permitted[SessionState.ERROR]
