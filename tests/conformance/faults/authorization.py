"""Faults of authentication and authorization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.conformance.faults.changes import answer, header, instead_of, refusal, replaced
from tests.conformance.faults.means import (
    CANCEL,
    COMPLETE,
    CREATE,
    CREATE_FILE,
    DELETE_FILE,
    EXTEND,
    FILE_STATUS,
    PUBLISH,
    SEND,
    STAGE,
    STAGE_PAGE,
    STAGED_FILE,
    STATUS,
    UPLOAD_API,
    Endpoint,
    Exchange,
    Faults,
)
from tests.conformance.faults.mutant import Mutant, mutant

from hatch_staged.index import authorization
from hatch_staged.index.refusals import ForbiddenError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.faults.means import Apply

    from hatch_staged.index.authorization import Principal


def _open_to_strangers(*endpoints: Endpoint) -> Apply:
    """Ask nobody for permission on these endpoints."""

    def make(sound: Callable[..., None]) -> Callable[..., None]:
        def allow(*asked: Any, **named: Any) -> None:
            if not any(endpoint.asked for endpoint in endpoints):
                sound(*asked, **named)

        return allow

    return replaced(authorization, "_allow", make)


def _only_whoever_created(index: Faults) -> None:
    """Tie a session to the user that created it."""

    def make(sound: Callable[..., None]) -> Callable[..., None]:
        def require(tx: Any, principal: Principal, session: Any, *permissions: Any) -> None:
            sound(tx, principal, session, *permissions)
            if principal.user != session.created_by:
                raise ForbiddenError("This session is somebody else's.")

        return require

    index.replace(authorization, "require", make)


def _also_whoever_created(index: Faults) -> None:
    """Let whoever created a session go on with it, whatever became of their permission."""

    def make(sound: Callable[..., None]) -> Callable[..., None]:
        def require(tx: Any, principal: Principal, session: Any, *permissions: Any) -> None:
            if principal.user != session.created_by:
                sound(tx, principal, session, *permissions)

        return require

    index.replace(authorization, "require", make)


def _once_allowed(index: Faults) -> None:
    """Remember who was allowed, and let them do it ever after."""
    allowed: set[tuple[str, str]] = set()

    def make(sound: Callable[..., None]) -> Callable[..., None]:
        def require(tx: Any, principal: Principal, session: Any, *permissions: Any) -> None:
            if (principal.user, session.id) not in allowed:
                sound(tx, principal, session, *permissions)
            allowed.add((principal.user, session.id))

        return require

    index.replace(authorization, "require", make)


def _once_denied(index: Faults) -> None:
    """Remember who was denied, and deny it ever after."""
    denied: set[tuple[str, str]] = set()

    def make(sound: Callable[..., None]) -> Callable[..., None]:
        def require(tx: Any, principal: Principal, session: Any, *permissions: Any) -> None:
            try:
                sound(tx, principal, session, *permissions)
            except ForbiddenError:
                denied.add((principal.user, session.id))
            if (principal.user, session.id) in denied:
                raise ForbiddenError("You were told so.")

        return require

    index.replace(authorization, "require", make)


def _without_credentials(endpoint: Endpoint) -> Apply:
    """Take a request without credentials as the owner's."""

    def apply(index: Faults) -> None:
        def change(exchange: Exchange) -> None:
            exchange.asked_headers.setdefault("authorization", f"Bearer {index.owner_token}")

        index.requests(endpoint, change)

    return apply


def _guarded_stage(exchange: Exchange) -> None:
    if "authorization" not in exchange.asked_headers:
        exchange.status = 401


def _open(name: str, endpoint: Endpoint, *breaks: str) -> Mutant:
    return mutant(f"a stranger may {name}", _open_to_strangers(endpoint), *breaks)


AUTHORIZATION = (
    mutant("a missing token is answered with 403", refusal(UPLOAD_API, instead_of(401, 403)), "AUTH-04"),
    mutant(
        "a missing token is answered without a challenge",
        refusal(UPLOAD_API, header("www-authenticate", None)),
        "AUTH-02",
    ),
    mutant(
        "a challenge is no challenge",
        refusal(UPLOAD_API, header("www-authenticate", "please: log in")),
        "AUTH-01",
    ),
    mutant(
        "a stranger gets 404",
        refusal(UPLOAD_API, instead_of(403, 404)),
        "AUTH-05",
        "AUTH-09",
        "SESSION-CREATE-19",
    ),
    mutant("a stranger gets 409", refusal(UPLOAD_API, instead_of(403, 409)), "SESSION-MULTIPLE-05"),
    mutant(
        "nobody is asked for permission", _open_to_strangers(*UPLOAD_API), "AUTH-05", "AUTH-07", "AUTH-08", "AUTH-15"
    ),
    _open("create a session for somebody's project", CREATE, "SESSION-CREATE-19"),
    _open("see a session", STATUS, "AUTH-07"),
    _open("cancel a session", CANCEL, "AUTH-15"),
    _open("publish a session", PUBLISH, "AUTH-15", "SECURITY-01"),
    _open("extend a session", EXTEND, "AUTH-15", "SECURITY-01"),
    _open("begin an upload", CREATE_FILE, "AUTH-15"),
    _open("see a file upload session", FILE_STATUS, "AUTH-07"),
    _open("delete a file", DELETE_FILE, "AUTH-15"),
    _open("send the bytes of a file", SEND, "SECURITY-01"),
    _open("complete a file", COMPLETE, "AUTH-15", "SECURITY-01"),
    mutant("bytes are taken from anybody", _without_credentials(SEND), "HTTP-POST-BYTES-02"),
    mutant("a session is shown to anybody", _without_credentials(STATUS), "AUTH-01"),
    mutant(
        "a session is its creator's alone",
        _only_whoever_created,
        "AUTH-10",
        "AUTH-11",
        "SESSION-CREATE-17",
        "SECURITY-02",
    ),
    mutant("a session stays its creator's", _also_whoever_created, "AUTH-12", "SECURITY-01"),
    mutant("who was allowed once stays allowed", _once_allowed, "AUTH-08", "AUTH-12"),
    mutant("who was denied once stays denied", _once_denied, "AUTH-13"),
    mutant(
        "a stage is shown to those with a token only",
        answer((STAGE, STAGE_PAGE, STAGED_FILE), _guarded_stage),
        "AUTH-17",
        "AUTH-18",
    ),
    mutant(
        "staged files are given to those with a token only",
        answer(STAGED_FILE, _guarded_stage),
        "AUTH-18",
    ),
)
