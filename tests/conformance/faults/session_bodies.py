"""Faults of what is said of publishing sessions."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from tests.conformance.faults.changes import (
    both,
    key,
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
)
from tests.conformance.faults.mutant import mutant
from tests.conformance.faults.times import earlier_each_time, in_the_past, with_fractions, with_offset

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.faults.means import Change


def _drop_files(exchange: Exchange) -> None:
    if "files" in exchange.answer:
        exchange.answer = {**exchange.answer, "files": {}}


def _each_file(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda files: {name: change(dict(entry)) for name, entry in files.items()}


def _links_of_files(change: Callable[[str], str]) -> Change:
    return key("files", to=_each_file(lambda entry: {**entry, "link": change(entry["link"])}))


def _nowhere(url: str) -> str:
    return f"{url}nowhere/"


def _without_the_token(url: str) -> str:
    token = url.rstrip("/").split("/")[-2]
    return url.replace(token, hashlib.sha256(token.encode()).hexdigest())


SESSION_ANSWERS = (
    # Response Body
    mutant(
        "a session does not say when it expires", success(SESSION_BODIES, without("expires-at")), "SESSION-RESPONSE-01"
    ),
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
    # Publishing Session Links
    mutant(
        "there is no link to publish",
        success(SESSION_BODIES, without("links", "publish")),
        "SESSION-LINKS-01",
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
        success(SESSION_BODIES, key("links", "stage", to=_without_the_token)),
        "SESSION-TOKEN-07",
        "SESSION-LINKS-11",
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
    mutant(
        "a file in error is listed as pending",
        success(
            SESSION_BODIES,
            key("files", to=_each_file(lambda entry: {**entry, "status": entry["status"].replace("error", "pending")})),
        ),
        "SESSION-FILES-04",
    ),
    mutant(
        "the link of a file is not at the token",
        success(SESSION_BODIES, _links_of_files(_without_the_token)),
        "SESSION-FILES-12",
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
