"""Faults of the creation of sessions, of what is said of them, and of their tokens."""

from __future__ import annotations

import hashlib
import itertools
import secrets
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name, canonicalize_version
from sqlalchemy.exc import NoResultFound
from tests.conformance.faults.changes import (
    answer,
    both,
    header,
    instead_of,
    key,
    refusal,
    replaced,
    status,
    success,
    without,
    worded,
)
from tests.conformance.faults.means import (
    CREATE,
    SESSION_BODIES,
    STATUS,
    Exchange,
    Faults,
)
from tests.conformance.faults.mutant import mutant
from tests.conformance.faults.times import earlier_each_time, in_the_past, with_fractions, with_offset

from hatch_staged.index import catalogue, sessions
from hatch_staged.index.database import project_rows, session_rows
from hatch_staged.index.refusals import ForbiddenError, SessionExistsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.faults.means import Change

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


# Tokens


def _counted(index: Faults) -> None:
    numbers = itertools.count(10_000_000)
    index.new_token = lambda: str(next(numbers))


def _of_the_time(index: Faults) -> None:
    numbers = itertools.count()
    start = hashlib.sha256(datetime.now(timezone.utc).isoformat().encode()).hexdigest()[:40]
    index.new_token = lambda: f"{start}{next(numbers):06d}"


def _short(index: Faults) -> None:
    index.new_token = lambda: secrets.token_urlsafe(6)


def _token_of_the_release(exchange: Exchange) -> None:
    """Say the same token again for the same release; nothing else knows it."""
    if "session-token" in exchange.answer and exchange.message.get("name"):
        told = f"{exchange.message['name']}=={exchange.message.get('version')}"
        exchange.answer = {**exchange.answer, "session-token": hashlib.sha256(told.encode()).hexdigest()}


def _stage_without_the_token(stage: str) -> str:
    token = stage.rstrip("/").split("/")[-2]
    return stage.replace(token, hashlib.sha256(token.encode()).hexdigest())


# Entries of files


def _drop_files(exchange: Exchange) -> None:
    if "files" in exchange.answer:
        exchange.answer = {**exchange.answer, "files": {}}


def _each_file(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda files: {name: change(dict(entry)) for name, entry in files.items()}


def _links_of_files(change: Callable[[str], str]) -> Change:
    return key("files", to=_each_file(lambda entry: {**entry, "link": change(entry["link"])}))


def _nowhere(url: str) -> str:
    return f"{url}nowhere/"


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
    # Response Body
    mutant("a session has no meta", success(SESSION_BODIES, without("meta")), "SESSION-RESPONSE-02"),
    mutant("a session has no links", success(SESSION_BODIES, without("links")), "SESSION-RESPONSE-03"),
    mutant(
        "mechanisms are a word",
        success(SESSION_BODIES, key("mechanisms", to="http-post-bytes")),
        "SESSION-RESPONSE-04",
    ),
    mutant(
        "there are no mechanisms",
        success(SESSION_BODIES, key("mechanisms", to=[])),
        "SESSION-RESPONSE-05",
    ),
    mutant(
        "only a mechanism of the index's own is named",
        success(SESSION_BODIES, key("mechanisms", to=["vnd-us-fast"])),
        "HTTP-POST-BYTES-01",
        "MECHANISM-02",
    ),
    mutant("tokens are counted", _counted, "SESSION-RESPONSE-07", "SESSION-TOKEN-06", "SESSION-LINKS-09"),
    mutant("tokens have a common beginning and are counted", _of_the_time, "SESSION-RESPONSE-07"),
    mutant("tokens are short", _short, "SESSION-RESPONSE-07"),
    mutant(
        "expires-at has fractions",
        success(SESSION_BODIES, key("expires-at", to=with_fractions)),
        "SESSION-RESPONSE-11",
    ),
    mutant(
        "expires-at has an offset",
        success(SESSION_BODIES, key("expires-at", to=with_offset)),
        "SESSION-RESPONSE-10",
    ),
    mutant(
        "expires-at is a number",
        success(SESSION_BODIES, key("expires-at", to=1_900_000_000)),
        "SESSION-RESPONSE-09",
    ),
    mutant(
        "expires-at is in the past",
        success(SESSION_BODIES, key("expires-at", to=in_the_past)),
        "SESSION-RESPONSE-12",
    ),
    mutant(
        "expires-at moves back",
        success(SESSION_BODIES, key("expires-at", to=earlier_each_time())),
        "SESSION-RESPONSE-15",
    ),
    mutant(
        "an open session is active",
        success(SESSION_BODIES, key("status", to=worded("open", "active"))),
        "SESSION-RESPONSE-17",
        "SESSION-STATE-01",
    ),
    mutant(
        "a new session is in error",
        success((CREATE, STATUS), key("status", to=worded("open", "error"))),
        "SESSION-STATE-03",
        "SESSION-TRANSITION-01",
    ),
    mutant("files are a list", success(SESSION_BODIES, key("files", to=list)), "SESSION-RESPONSE-18"),
    # Multiple Session Creation Requests
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
    # Publishing Session Links
    mutant(
        "there is no link to publish",
        success(SESSION_BODIES, without("links", "publish")),
        "SESSION-LINKS-03",
    ),
    mutant(
        "there is no link to upload",
        success(SESSION_BODIES, without("links", "upload")),
        "SESSION-LINKS-06",
    ),
    mutant(
        "links.session leads nowhere",
        success(SESSION_BODIES, key("links", "session", to=_nowhere)),
        "SESSION-LINKS-02",
    ),
    mutant(
        "links.extend leads nowhere",
        success(SESSION_BODIES, key("links", "extend", to=_nowhere)),
        "SESSION-LINKS-04",
    ),
    mutant(
        "links.stage leads nowhere",
        success(SESSION_BODIES, key("links", "stage", to=_nowhere)),
        "SESSION-LINKS-07",
        "SESSION-LINKS-08",
    ),
    mutant(
        "the stage is not at its token",
        success(SESSION_BODIES, key("links", "stage", to=_stage_without_the_token)),
        "SESSION-LINKS-10",
    ),
    mutant(
        "there is a token but no stage",
        success(SESSION_BODIES, without("links", "stage")),
        "SESSION-TOKEN-02",
    ),
    mutant(
        "there is a stage but no token",
        success(SESSION_BODIES, without("session-token")),
        "SESSION-RESPONSE-06",
        "SESSION-TOKEN-02",
    ),
    mutant(
        "there are no previews",
        both(success(SESSION_BODIES, without("session-token")), success(SESSION_BODIES, without("links", "stage"))),
        "SESSION-TOKEN-01",
    ),
    # Publishing Session Files
    mutant(
        "files are not listed",
        success(SESSION_BODIES, _drop_files),
        "SESSION-FILES-01",
        "FILE-CREATE-27",
    ),
    mutant(
        "a listed file is always completed",
        success(SESSION_BODIES, key("files", to=_each_file(lambda entry: {**entry, "status": "completed"}))),
        "SESSION-FILES-02",
        "FILE-STATE-02",
    ),
    mutant(
        "the link of a file has no host",
        success(
            SESSION_BODIES,
            _links_of_files(lambda link: "/" + link.split("/", 3)[3]),
        ),
        "SESSION-FILES-09",
    ),
    mutant(
        "the link of a file leads nowhere",
        success(SESSION_BODIES, _links_of_files(_nowhere)),
        "SESSION-FILES-10",
    ),
    mutant(
        "a listed file has no link",
        success(SESSION_BODIES, key("files", to=_each_file(lambda entry: {"status": entry["status"]}))),
        "SESSION-FILES-09",
    ),
    # Publishing Session Status
    mutant(
        "the status of a session leaves out its links",
        success(STATUS, without("links")),
        "SESSION-STATUS-02",
    ),
    mutant(
        "the status of a session is answered with 204",
        success(STATUS, status(204)),
        "SESSION-STATUS-01",
    ),
)
