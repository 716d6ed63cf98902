"""The state machines of PEP 694, as tables.

A key that is absent from a table is a transition that the PEP refuses (with ``409 Conflict``).  The tables do not
know whether a client or an index asks.

Sources: PEP 694, "Publishing Session States" and "File Upload Session States".
"""

from __future__ import annotations

from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping


class SessionState(str, Enum):
    """The states of a publishing session, as the ``status`` key spells them."""

    OPEN = "open"
    PROCESSING = "processing"
    PUBLISHED = "published"
    ERROR = "error"
    CANCELED = "canceled"

    @property
    def terminal(self) -> bool:
        """Whether no further change is possible, which frees the name-version pair for another session."""
        return self in {SessionState.PUBLISHED, SessionState.CANCELED}

    @property
    def editable(self) -> bool:
        """Whether files may change: "both ``open`` and ``error`` are editable states"."""
        return self in {SessionState.OPEN, SessionState.ERROR}


class SessionEvent(str, Enum):
    """What can happen to a publishing session."""

    CHANGE = "a file is uploaded, replaced, or deleted"
    EXTEND = "the session is extended"
    PUBLISH = "publish request completed immediately"
    DEFER = "publish request accepted for deferred processing"
    REFUSE = "publish request fails synchronously"
    SUCCEED = "deferred processing succeeds"
    FAIL = "deferred processing fails"
    CANCEL = "session canceled"


class FileState(str, Enum):
    """The states of a file upload session, as the ``status`` key spells them."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    ERROR = "error"
    CANCELED = "canceled"


class FileEvent(str, Enum):
    """What can happen to a file upload session."""

    TRANSFER = "upload mechanism executes"
    EXTEND = "the file upload session is extended"
    COMPLETE = "completion request completed immediately"
    DEFER = "completion request accepted for deferred processing"
    REFUSE = "completion request fails synchronously"
    SUCCEED = "deferred processing succeeds"
    FAIL = "deferred processing fails"
    CANCEL = "cancellation requested or file deleted"


SESSION_TRANSITIONS: Mapping[tuple[SessionState, SessionEvent], SessionState] = MappingProxyType(
    {
        (SessionState.OPEN, SessionEvent.CHANGE): SessionState.OPEN,
        (SessionState.OPEN, SessionEvent.EXTEND): SessionState.OPEN,
        (SessionState.OPEN, SessionEvent.PUBLISH): SessionState.PUBLISHED,
        (SessionState.OPEN, SessionEvent.DEFER): SessionState.PROCESSING,
        (SessionState.OPEN, SessionEvent.REFUSE): SessionState.OPEN,
        (SessionState.OPEN, SessionEvent.CANCEL): SessionState.CANCELED,
        (SessionState.PROCESSING, SessionEvent.SUCCEED): SessionState.PUBLISHED,
        (SessionState.PROCESSING, SessionEvent.FAIL): SessionState.ERROR,
        (SessionState.ERROR, SessionEvent.CHANGE): SessionState.ERROR,
        (SessionState.ERROR, SessionEvent.EXTEND): SessionState.ERROR,
        (SessionState.ERROR, SessionEvent.PUBLISH): SessionState.PUBLISHED,
        (SessionState.ERROR, SessionEvent.DEFER): SessionState.PROCESSING,
        (SessionState.ERROR, SessionEvent.REFUSE): SessionState.ERROR,
        (SessionState.ERROR, SessionEvent.CANCEL): SessionState.CANCELED,
    }
)

FILE_TRANSITIONS: Mapping[tuple[FileState, FileEvent], FileState] = MappingProxyType(
    {
        (FileState.PENDING, FileEvent.TRANSFER): FileState.PENDING,
        (FileState.PENDING, FileEvent.EXTEND): FileState.PENDING,
        (FileState.PENDING, FileEvent.COMPLETE): FileState.COMPLETED,
        (FileState.PENDING, FileEvent.DEFER): FileState.PROCESSING,
        (FileState.PENDING, FileEvent.REFUSE): FileState.ERROR,
        (FileState.PENDING, FileEvent.CANCEL): FileState.CANCELED,
        (FileState.PROCESSING, FileEvent.SUCCEED): FileState.COMPLETED,
        (FileState.PROCESSING, FileEvent.FAIL): FileState.ERROR,
        (FileState.COMPLETED, FileEvent.CANCEL): FileState.CANCELED,
        (FileState.ERROR, FileEvent.CANCEL): FileState.CANCELED,
    }
)

_State = TypeVar("_State", SessionState, FileState)
_Event = TypeVar("_Event", SessionEvent, FileEvent)


class RefusedTransitionError(Exception):
    """The tables have no transition for this event in this state."""

    def __init__(self, state: SessionState | FileState, event: SessionEvent | FileEvent) -> None:
        super().__init__(f"refused while {state.value}: {event.value}")
        self.state = state
        self.event = event


def session_after(state: SessionState, event: SessionEvent) -> SessionState:
    """Return the state of a publishing session after `event`; raise `RefusedTransitionError` if there is none."""
    return _after(SESSION_TRANSITIONS, state, event)


def file_after(state: FileState, event: FileEvent) -> FileState:
    """Return the state of a file upload session after `event`; raise `RefusedTransitionError` if there is none."""
    return _after(FILE_TRANSITIONS, state, event)


def _after(transitions: Mapping[tuple[_State, _Event], _State], state: _State, event: _Event) -> _State:
    try:
        return transitions[state, event]
    except KeyError:
        raise RefusedTransitionError(state, event) from None
