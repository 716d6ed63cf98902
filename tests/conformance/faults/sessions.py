"""Faults of the creation of sessions, and of their tokens."""

from __future__ import annotations

import base64
import hashlib
import itertools
import secrets
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name, canonicalize_version
from sqlalchemy import select
from sqlalchemy.exc import NoResultFound
from tests.conformance.faults.changes import (
    answer,
    header,
    instead_of,
    refusal,
    replaced,
    status,
    success,
)
from tests.conformance.faults.means import (
    CREATE,
    Exchange,
    Faults,
)
from tests.conformance.faults.mutant import mutant

from hatch_staged.index import catalogue, sessions
from hatch_staged.index.database import project_rows, schema, session_rows
from hatch_staged.index.refusals import ForbiddenError, SessionExistsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_staged.index.core import Index


def _elsewhere(exchange: Exchange) -> None:
    if "location" in exchange.headers:
        exchange.headers["location"] += "elsewhere/"


# Names


def _forget_reservations(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Let everybody have a name that is not registered yet."""

    def reserve(tx: Any, name: str, owner: str) -> Any:
        found = sound(tx, name, owner)
        return found if found.registered_at else replace(found, owner=owner)

    return reserve


def _one_registers_names(index: Faults) -> None:
    """Let nobody but the owner have a new name."""
    credentials = base64.b64encode(f"__token__:{index.owner_token}".encode()).decode()

    def change(exchange: Exchange) -> None:
        if exchange.ok and credentials not in exchange.asked_headers.get("authorization", ""):
            exchange.status = 403

    index.answers(CREATE, change)


def _given_to_nobody(sound: Callable[..., Any]) -> Callable[..., Any]:
    def reserve(tx: Any, name: str, owner: str) -> Any:
        found = sound(tx, name, "nobody")
        # The one who asks for the name is not refused yet.
        return found if found.registered_at else replace(found, owner=owner)

    return reserve


def _show_reserved_names(sound: Callable[..., Any]) -> Callable[..., Any]:
    def published(index: Index, project: str) -> catalogue.Listing:
        with index.database.reading() as tx:
            found = project_rows.find(tx, project)
            if found is not None and found.registered_at is None:
                return catalogue.Listing(project, ())
        listing: catalogue.Listing = sound(index, project)
        return listing

    return published


def _conflict_before_forbidden(sound: Callable[..., Any]) -> Callable[..., Any]:
    def create(index: Index, principal: Any, *, name: str, version: str) -> Any:
        try:
            return sound(index, principal, name=name, version=version)
        except ForbiddenError:
            with suppress(NoResultFound), index.database.reading() as tx:
                live = session_rows.live(tx, canonicalize_name(name), canonicalize_version(version))
                raise SessionExistsError("There is one.", session_id=live.id) from None
            raise

    return create


def _never_the_same(_sound: object) -> Callable[[object], str]:
    return lambda _version: secrets.token_hex()


# Tokens


def _counted(index: Faults) -> None:
    numbers = itertools.count(10_000_000)
    index.new_token = lambda: str(next(numbers))


def _of_the_time(index: Faults) -> None:
    numbers = itertools.count()
    start = hashlib.sha256(datetime.now(timezone.utc).isoformat().encode()).hexdigest()[:40]
    index.new_token = lambda: f"{start}{next(numbers):06d}"


def _long(index: Faults) -> None:
    index.new_token = lambda: secrets.token_hex(200)


def _short(index: Faults) -> None:
    index.new_token = lambda: secrets.token_urlsafe(6)


def _by_its_beginning(sound: Callable[..., Any]) -> Callable[..., Any]:
    def find_by_token(tx: Any, token: str) -> Any:
        similar = tx.scalar(select(schema.sessions.c.token).where(schema.sessions.c.token.startswith(token[:8])))
        return sound(tx, similar or token)

    return find_by_token


def _token_of_the_release(exchange: Exchange) -> None:
    """Say the same token again for the same release; nothing else knows it."""
    if "session-token" in exchange.answer and exchange.message.get("name"):
        told = f"{exchange.message['name']}=={exchange.message.get('version')}"
        exchange.answer = {**exchange.answer, "session-token": hashlib.sha256(told.encode()).hexdigest()}


SESSIONS = (
    # Create a Publishing Session
    mutant("a session is created with 200", success(CREATE, status(200)), "SESSION-CREATE-10"),
    mutant(
        "a new session has no Location",
        success(CREATE, header("location", None)),
        "SESSION-CREATE-11",
    ),
    mutant(
        "the Location of a new session leads elsewhere",
        success(CREATE, _elsewhere),
        "SESSION-CREATE-11",
    ),
    mutant(
        "names are taken as they are spelled", replaced(sessions, "_project", lambda _sound: str), "SESSION-CREATE-07"
    ),
    mutant("reservations are forgotten", replaced(project_rows, "reserve", _forget_reservations), "SESSION-CREATE-12"),
    mutant("a reserved name has a page", replaced(catalogue, "published", _show_reserved_names), "SESSION-CREATE-14"),
    mutant(
        "a publication registers nothing",
        replaced(project_rows, "register", lambda _sound: lambda *_: None),
        "SESSION-CREATE-15",
    ),
    mutant(
        "a canceled first release keeps its name",
        replaced(project_rows, "release", lambda _sound: lambda *_: None),
        "SESSION-CREATE-16",
    ),
    mutant("a new name is nobody's", replaced(project_rows, "reserve", _given_to_nobody), "SESSION-CREATE-21"),
    mutant("new names are refused to all but one", _one_registers_names, "SESSION-CREATE-20"),
    # Multiple Session Creation Requests
    mutant(
        "a second session is created",
        replaced(sessions, "canonicalize_version", _never_the_same),
        "SESSION-MULTIPLE-01",
        "SESSION-MULTIPLE-02",
    ),
    mutant(
        "a second creation is answered with 200",
        answer(CREATE, instead_of(409, 200)),
        "SESSION-MULTIPLE-02",
    ),
    mutant(
        "a second creation is not told where the first is",
        refusal(CREATE, header("location", None)),
        "SESSION-MULTIPLE-03",
    ),
    mutant(
        "a second creation is told a wrong place",
        refusal(CREATE, _elsewhere),
        "SESSION-MULTIPLE-03",
        "SESSION-MULTIPLE-07",
    ),
    mutant(
        "a stranger learns of a session",
        replaced(sessions, "create", _conflict_before_forbidden),
        "SESSION-MULTIPLE-05",
        "SESSION-MULTIPLE-06",
    ),
    mutant(
        "two sessions of a release have one token",
        success(CREATE, _token_of_the_release),
        "SESSION-MULTIPLE-09",
    ),
    # Publishing Session Token
    mutant(
        "of a token only the beginning counts",
        replaced(session_rows, "find_by_token", _by_its_beginning),
        "SESSION-FILES-11",
        "SESSION-LINKS-09",
    ),
    mutant("tokens are long", _long, "SESSION-TOKEN-04"),
    mutant(
        "tokens are counted",
        _counted,
        "SESSION-RESPONSE-07",
        "SESSION-TOKEN-06",
        "SESSION-LINKS-09",
    ),
    mutant("tokens have a common beginning and are counted", _of_the_time, "SESSION-RESPONSE-07"),
    mutant("tokens are short", _short, "SESSION-RESPONSE-07"),
)
