"""Faults of the creation of sessions, of what is said of them, and of their tokens."""

from __future__ import annotations

import hashlib
import itertools
import secrets
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from tests.conformance.faults.means import (
    CREATE,
    CREATE_FILE,
    FILE_BODIES,
    FILE_STATUS,
    SESSION_BODIES,
    STATUS,
    Exchange,
    Faults,
    header,
    key,
    status,
    without,
)
from tests.conformance.faults.mutant import mutant

from hatch_staged.index import catalogue, sessions
from hatch_staged.index.database import project_rows
from hatch_staged.index.refusals import ForbiddenError, SessionExistsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_staged.index.core import Index

_EXPIRES = ("expires-at",)


def _replace(owner: object, name: str, make: Callable[[Any], Any]) -> Callable[[Faults], None]:
    return lambda _index: Faults.replace(owner, name, make)


def _elsewhere(exchange: Exchange) -> None:
    if "location" in exchange.headers:
        exchange.headers["location"] += "elsewhere/"


# Names


def _forget_reservations(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Let everybody have a name that is not registered yet."""

    def reserve(tx: Any, name: str, owner: str) -> Any:
        from dataclasses import replace

        found = sound(tx, name, owner)
        return found if found.registered_at else replace(found, owner=owner)

    return reserve


def _show_reserved_names(sound: Callable[..., Any]) -> Callable[..., Any]:
    def published(index: Index, project: str) -> catalogue.Listing:
        with index.database.reading() as tx:
            if project_rows.find(tx, project) is not None:
                return catalogue.Listing(project, ())
        listing: catalogue.Listing = sound(index, project)
        return listing

    return published


def _conflict_before_forbidden(sound: Callable[..., Any]) -> Callable[..., Any]:
    def create(index: Index, principal: Any, *, name: str, version: str) -> Any:
        try:
            return sound(index, principal, name=name, version=version)
        except ForbiddenError:
            from packaging.utils import canonicalize_name, canonicalize_version

            from hatch_staged.index.database import session_rows

            with index.database.reading() as tx:
                try:
                    live = session_rows.live(tx, canonicalize_name(name), canonicalize_version(version))
                except Exception:  # noqa: BLE001 - there is none
                    live = None
            if live is None:
                raise
            raise SessionExistsError("There is one.", session_id=live.id) from None

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


# Times


def _fractions(told: str) -> str:
    return told.replace("Z", ".000Z")


def _offset(told: str) -> str:
    return told.replace("Z", "+00:00")


def _earlier_each_time() -> Callable[[str], str]:
    looks = itertools.count()

    def earlier(told: str) -> str:
        moment = datetime.fromisoformat(told.replace("Z", "+00:00")) - timedelta(hours=next(looks))
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    return earlier


def _past(_told: str) -> str:
    return "2020-01-01T00:00:00Z"


# Entries of files


def _drop_files(exchange: Exchange) -> None:
    if "files" in exchange.answer:
        exchange.answer = {**exchange.answer, "files": {}}


def _each_file(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda files: {name: change(dict(entry)) for name, entry in files.items()}


SESSIONS = (
    # Create a Publishing Session
    mutant("a session is created with 200", lambda i: i.successes(CREATE, change=status(200)), "SESSION-CREATE-10"),
    mutant(
        "a new session has no Location",
        lambda i: i.successes(CREATE, change=header("location", None)),
        "SESSION-CREATE-11",
    ),
    mutant(
        "the Location of a new session leads elsewhere",
        lambda i: i.successes(CREATE, change=_elsewhere),
        "SESSION-CREATE-11",
    ),
    mutant(
        "names are taken as they are spelled", _replace(sessions, "_project", lambda _sound: str), "SESSION-CREATE-07"
    ),
    mutant("reservations are forgotten", _replace(project_rows, "reserve", _forget_reservations), "SESSION-CREATE-12"),
    mutant("a reserved name has a page", _replace(catalogue, "published", _show_reserved_names), "SESSION-CREATE-14"),
    mutant(
        "a publication registers nothing",
        _replace(project_rows, "register", lambda _sound: lambda *_: None),
        "SESSION-CREATE-15",
    ),
    mutant(
        "a canceled first release keeps its name",
        _replace(project_rows, "release", lambda _sound: lambda *_: None),
        "SESSION-CREATE-16",
    ),
    # Response Body
    mutant(
        "a session has no meta", lambda i: i.successes(*SESSION_BODIES, change=without("meta")), "SESSION-RESPONSE-02"
    ),
    mutant(
        "a session has no links", lambda i: i.successes(*SESSION_BODIES, change=without("links")), "SESSION-RESPONSE-03"
    ),
    mutant(
        "mechanisms are a word",
        lambda i: i.successes(*SESSION_BODIES, change=key("mechanisms", to="http-post-bytes")),
        "SESSION-RESPONSE-04",
    ),
    mutant(
        "there are no mechanisms",
        lambda i: i.successes(*SESSION_BODIES, change=key("mechanisms", to=[])),
        "SESSION-RESPONSE-05",
    ),
    mutant(
        "only a mechanism of the index's own is named",
        lambda i: i.successes(*SESSION_BODIES, change=key("mechanisms", to=["vnd-us-fast"])),
        "HTTP-POST-BYTES-01",
        "MECHANISM-01",
    ),
    mutant("tokens are counted", _counted, "SESSION-RESPONSE-07", "SESSION-TOKEN-06", "SESSION-LINKS-09"),
    mutant("tokens have a common beginning and are counted", _of_the_time, "SESSION-RESPONSE-07"),
    mutant("tokens are short", _short, "SESSION-RESPONSE-07"),
    mutant(
        "expires-at has fractions",
        lambda i: i.successes(*SESSION_BODIES, change=key(*_EXPIRES, to=_fractions)),
        "SESSION-RESPONSE-11",
    ),
    mutant(
        "expires-at has an offset",
        lambda i: i.successes(*SESSION_BODIES, change=key(*_EXPIRES, to=_offset)),
        "SESSION-RESPONSE-10",
    ),
    mutant(
        "expires-at is a number",
        lambda i: i.successes(*SESSION_BODIES, change=key(*_EXPIRES, to=1_900_000_000)),
        "SESSION-RESPONSE-09",
    ),
    mutant(
        "expires-at is in the past",
        lambda i: i.successes(*SESSION_BODIES, change=key(*_EXPIRES, to=_past)),
        "SESSION-RESPONSE-12",
    ),
    mutant(
        "expires-at moves back",
        lambda i: i.successes(*SESSION_BODIES, change=key(*_EXPIRES, to=_earlier_each_time())),
        "SESSION-RESPONSE-15",
    ),
    mutant(
        "an open session is active",
        lambda i: i.successes(*SESSION_BODIES, change=key("status", to=lambda told: told.replace("open", "active"))),
        "SESSION-RESPONSE-17",
        "SESSION-STATE-01",
    ),
    mutant(
        "a new session is a draft in error",
        lambda i: i.successes(CREATE, change=key("status", to="error")),
        "SESSION-STATE-03",
        "SESSION-TRANSITION-01",
    ),
    mutant(
        "files are a list", lambda i: i.successes(*SESSION_BODIES, change=key("files", to=list)), "SESSION-RESPONSE-18"
    ),
    # Multiple Session Creation Requests
    mutant(
        "a second creation is answered with 200",
        lambda i: i.answers(CREATE, change=lambda e: status(200)(e) if e.status == 409 else None),
        "SESSION-MULTIPLE-02",
    ),
    mutant(
        "a second creation is not told where the first is",
        lambda i: i.errors(CREATE, change=header("location", None)),
        "SESSION-MULTIPLE-03",
    ),
    mutant(
        "a second creation is told a wrong place",
        lambda i: i.errors(CREATE, change=_elsewhere),
        "SESSION-MULTIPLE-03",
        "SESSION-MULTIPLE-07",
    ),
    mutant(
        "a stranger learns of a session",
        _replace(sessions, "create", _conflict_before_forbidden),
        "SESSION-MULTIPLE-05",
        "SESSION-MULTIPLE-06",
    ),
    mutant(
        "two sessions of a release have one token",
        lambda i: i.successes(CREATE, change=_token_of_the_release),
        "SESSION-MULTIPLE-09",
    ),
    # Publishing Session Links
    mutant(
        "there is no link to publish",
        lambda i: i.successes(*SESSION_BODIES, change=without("links", "publish")),
        "SESSION-LINKS-03",
    ),
    mutant(
        "there is no link to upload",
        lambda i: i.successes(*SESSION_BODIES, change=without("links", "upload")),
        "SESSION-LINKS-06",
    ),
    mutant(
        "links.session leads nowhere",
        lambda i: i.successes(*SESSION_BODIES, change=key("links", "session", to=lambda told: f"{told}nowhere/")),
        "SESSION-LINKS-02",
    ),
    mutant(
        "links.extend leads nowhere",
        lambda i: i.successes(*SESSION_BODIES, change=key("links", "extend", to=lambda told: f"{told}nowhere/")),
        "SESSION-LINKS-04",
    ),
    mutant(
        "links.stage leads nowhere",
        lambda i: i.successes(*SESSION_BODIES, change=key("links", "stage", to=lambda told: f"{told}nowhere/")),
        "SESSION-LINKS-07",
        "SESSION-LINKS-08",
    ),
    mutant(
        "the stage is not at its token",
        lambda i: i.successes(*SESSION_BODIES, change=key("links", "stage", to=_stage_without_the_token)),
        "SESSION-LINKS-10",
    ),
    mutant(
        "there is a token but no stage",
        lambda i: i.successes(*SESSION_BODIES, change=without("links", "stage")),
        "SESSION-TOKEN-02",
    ),
    mutant(
        "there is a stage but no token",
        lambda i: i.successes(*SESSION_BODIES, change=without("session-token")),
        "SESSION-RESPONSE-06",
        "SESSION-TOKEN-02",
    ),
    mutant(
        "there are no previews",
        lambda i: (
            i.successes(*SESSION_BODIES, change=without("session-token")),
            i.successes(*SESSION_BODIES, change=without("links", "stage")),
        )[0],
        "SESSION-TOKEN-01",
    ),
    # Publishing Session Files
    mutant(
        "files are not listed",
        lambda i: i.successes(*SESSION_BODIES, change=_drop_files),
        "SESSION-FILES-01",
        "FILE-CREATE-27",
    ),
    mutant(
        "a listed file is always completed",
        lambda i: i.successes(
            *SESSION_BODIES, change=key("files", to=_each_file(lambda entry: {**entry, "status": "completed"}))
        ),
        "SESSION-FILES-02",
        "FILE-STATE-02",
    ),
    mutant(
        "the link of a file has no host",
        lambda i: i.successes(
            *SESSION_BODIES,
            change=key("files", to=_each_file(lambda entry: {**entry, "link": "/" + entry["link"].split("/", 3)[3]})),
        ),
        "SESSION-FILES-09",
    ),
    mutant(
        "the link of a file leads nowhere",
        lambda i: i.successes(
            *SESSION_BODIES,
            change=key("files", to=_each_file(lambda entry: {**entry, "link": f"{entry['link']}nowhere/"})),
        ),
        "SESSION-FILES-10",
    ),
    mutant(
        "a listed file has no link",
        lambda i: i.successes(
            *SESSION_BODIES, change=key("files", to=_each_file(lambda entry: {"status": entry["status"]}))
        ),
        "SESSION-FILES-09",
    ),
    # Publishing Session Status
    mutant(
        "the status of a session leaves out its links",
        lambda i: i.successes(STATUS, change=without("links")),
        "SESSION-STATUS-02",
    ),
    mutant(
        "the status of a session is answered with 204",
        lambda i: i.successes(STATUS, change=status(204)),
        "SESSION-STATUS-01",
    ),
    # File upload sessions: Response Body
    mutant("a file has no meta", lambda i: i.successes(*FILE_BODIES, change=without("meta")), "FILE-RESPONSE-03"),
    mutant("a file has no links", lambda i: i.successes(*FILE_BODIES, change=without("links")), "FILE-RESPONSE-04"),
    mutant(
        "a pending file is uploading",
        lambda i: i.successes(*FILE_BODIES, change=key("status", to=lambda told: told.replace("pending", "uploading"))),
        "FILE-RESPONSE-05",
        "FILE-STATE-01",
    ),
    mutant(
        "expires-at of a file has fractions",
        lambda i: i.successes(*FILE_BODIES, change=key(*_EXPIRES, to=_fractions)),
        "FILE-RESPONSE-08",
    ),
    mutant(
        "expires-at of a file has an offset",
        lambda i: i.successes(*FILE_BODIES, change=key(*_EXPIRES, to=_offset)),
        "FILE-RESPONSE-07",
    ),
    mutant(
        "a file has no expires-at", lambda i: i.successes(*FILE_BODIES, change=without(*_EXPIRES)), "FILE-RESPONSE-06"
    ),
    mutant(
        "expires-at of a file moves back",
        lambda i: i.successes(*FILE_BODIES, change=key(*_EXPIRES, to=_earlier_each_time())),
        "FILE-RESPONSE-11",
    ),
    mutant(
        "a file has no mechanism", lambda i: i.successes(*FILE_BODIES, change=without("mechanism")), "FILE-RESPONSE-12"
    ),
    mutant(
        "the mechanism has no identifier",
        lambda i: i.successes(*FILE_BODIES, change=without("mechanism", "identifier")),
        "FILE-RESPONSE-13",
    ),
    mutant(
        "the mechanism is another than that asked for",
        lambda i: i.successes(*FILE_BODIES, change=key("mechanism", "identifier", to="vnd-us-fast")),
        "FILE-RESPONSE-13",
    ),
    mutant(
        "there is no link to complete",
        lambda i: i.successes(*FILE_BODIES, change=without("links", "complete")),
        "FILE-LINKS-03",
    ),
    mutant(
        "the link of a file upload session leads nowhere",
        lambda i: i.successes(
            *FILE_BODIES, change=key("links", "file-upload-session", to=lambda told: f"{told}nowhere/")
        ),
        "FILE-LINKS-02",
    ),
    mutant(
        "the status of a file leaves out its mechanism",
        lambda i: i.successes(FILE_STATUS, change=without("mechanism")),
        "FILE-STATUS-02",
    ),
    mutant(
        "a file session is created without Retry-After",
        lambda i: i.successes(CREATE_FILE, change=header("retry-after", None)),
        "FILE-RESPONSE-02",
    ),
)
