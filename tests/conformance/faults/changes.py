"""Single changes: of an answer, of a request, of a function, of a state machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatch_staged.protocol import states

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.faults.means import Apply, Change, Endpoint, Exchange, Faults

    Endpoints = Endpoint | tuple[Endpoint, ...]

    from hatch_staged.protocol.states import FileEvent, FileState, SessionEvent, SessionState


def answer(endpoints: Endpoints, change: Change) -> Apply:
    """Return what changes every answer of some endpoints."""
    return lambda index: index.answers(endpoints, change)


def success(endpoints: Endpoints, change: Change) -> Apply:
    """Return what changes every answer of some endpoints with a status below 300."""
    return answer(endpoints, lambda exchange: change(exchange) if exchange.ok else None)


def refusal(endpoints: Endpoints, change: Change) -> Apply:
    """Return what changes every error of some endpoints."""
    return answer(endpoints, lambda exchange: change(exchange) if exchange.status >= 400 else None)


def request(endpoints: Endpoints, change: Change) -> Apply:
    """Return what changes every request to some endpoints."""
    return lambda index: index.requests(endpoints, change)


def status(code: int) -> Change:
    """Answer with this status."""

    def change(exchange: Exchange) -> None:
        exchange.status = code

    return change


def instead_of(code: int, other: int) -> Change:
    """Answer with another status where the index answers with this one."""

    def change(exchange: Exchange) -> None:
        if exchange.status == code:
            exchange.status = other

    return change


def header(name: str, value: str | None) -> Change:
    """Answer with this header, or without it."""

    def change(exchange: Exchange) -> None:
        exchange.headers.pop(name, None)
        if value is not None:
            exchange.headers[name] = value

    return change


def key(*path: str, to: object) -> Change:
    """Answer with this value at a place in the JSON object; a function makes it of the value that is there."""

    def change(exchange: Exchange) -> None:
        answer = exchange.answer
        inner = _inner(answer, path)
        if inner is not None and path[-1] in inner:
            inner[path[-1]] = to(inner[path[-1]]) if callable(to) else to
            exchange.answer = answer

    return change


def worded(word: str, other: str) -> Callable[[str], str]:
    """Return what puts another word in the place of one."""
    return lambda told: other if told == word else told


def without(*path: str) -> Change:
    """Answer without a key of the JSON object."""

    def change(exchange: Exchange) -> None:
        answer = exchange.answer
        inner = _inner(answer, path)
        if inner is not None:
            inner.pop(path[-1], None)
            exchange.answer = answer

    return change


def with_key(name: str, value: object) -> Change:
    """Answer with one more key in the JSON object."""

    def change(exchange: Exchange) -> None:
        exchange.answer = {**exchange.answer, name: value}

    return change


def replaced(owner: object, name: str, make: Callable[[Any], Any]) -> Apply:
    """Return what puts something else in the place of a function."""
    return lambda index: index.replace(owner, name, make)


def session_transition(state: SessionState, event: SessionEvent, to: SessionState | None) -> Apply:
    """Return what lets `event` lead from `state` to `to`, or refuses it, whatever the table says."""
    return replaced(states, "SESSION_TRANSITIONS", lambda table: _changed(table, (state, event), to))


def file_transition(state: FileState, event: FileEvent, to: FileState | None) -> Apply:
    """Return the same for a file upload session."""
    return replaced(states, "FILE_TRANSITIONS", lambda table: _changed(table, (state, event), to))


def both(*faults: Apply) -> Apply:
    """Return what puts in a fault that takes more than one change."""

    def apply(index: Faults) -> None:
        for fault in faults:
            fault(index)

    return apply


def filled_in(name: str, value: object) -> Change:
    """Ask with this key where there is none, so that nobody misses it."""

    def change(exchange: Exchange) -> None:
        exchange.message = {name: value, **exchange.message}

    return change


def _changed(table: Any, transition: tuple[object, object], to: object) -> dict[Any, Any]:
    kept = {each: after for each, after in table.items() if each != transition}
    return kept if to is None else {**kept, transition: to}


def _inner(answer: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any] | None:
    found: object = answer
    for name in path[:-1]:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None
