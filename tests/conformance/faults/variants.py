"""Not faults: what another index may do otherwise than ours, and be right.

The suite has to pass it, too; and mutants that are about what our index does not have are mutants of these.
"""

from __future__ import annotations

import json
import re
import secrets
from typing import TYPE_CHECKING, Any

from tests.conformance.faults.changes import (
    answer,
    both,
    instead_of,
    key,
    refusal,
    replaced,
    request,
    success,
    with_key,
    without,
)
from tests.conformance.faults.means import (
    CANCEL,
    COMPLETE,
    CREATE_FILE,
    EXTEND,
    FILE_BODIES,
    FILE_EXTEND,
    FILE_STATUS,
    PUBLISH,
    PUBLISHED_FILE,
    SEND,
    SESSION_BODIES,
    SIMPLE_PAGE,
    STAGE_PAGE,
    STAGED_FILE,
    STATUS,
    UPLOAD_API,
    Endpoint,
    Exchange,
)
from tests.conformance.faults.times import later_each_time

from hatch_staged.index import upload_api, uploads
from hatch_staged.index.database import file_rows
from hatch_staged.index.refusals import ConflictingError
from hatch_staged.protocol.states import FileState

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.faults.means import Change

VENDOR = "vnd-us-fast-v1"


def _without_body(exchange: Exchange) -> None:
    exchange.body = b""


def _no_content(exchange: Exchange) -> None:
    exchange.status = 204
    exchange.body = b""
    for name in ("content-type", "content-length"):
        exchange.headers.pop(name, None)


def _not_there(exchange: Exchange) -> None:
    exchange.path = "/nowhere/"


def _html(exchange: Exchange) -> None:
    exchange.asked_headers["accept"] = "text/html"


def _details(exchange: Exchange) -> None:
    """Spell a member of problem details as one place of the PEP does."""
    told = exchange.answer
    if "detail" in told:
        exchange.answer = {
            **{name: value for name, value in told.items() if name != "detail"},
            "details": told["detail"],
        }


def _odd_targets(exchange: Exchange) -> None:
    """Quote what need not be quoted in the URLs of files, and put a query behind them."""
    exchange.body = re.sub(
        rb'href="([^"#]+/)([^"/#]+)',
        lambda found: b'href="%s%s?from=us' % (found[1], found[2].replace(b"-", b"%2D")),
        exchange.body,
    )


def _redirected(exchange: Exchange) -> None:
    """Serve files by another name of this host, which wants nobody's credentials."""
    host = exchange.asked_headers["host"]
    if host.startswith("127.0.0.1") and exchange.ok:
        exchange.status, exchange.body = 302, b""
        exchange.headers["location"] = f"http://{host.replace('127.0.0.1', 'localhost')}{exchange.path}"
    elif "authorization" in exchange.asked_headers:
        exchange.status = 400


def _taken_for_the_required_one(exchange: Exchange) -> None:
    if exchange.message.get("mechanism") == VENDOR:
        exchange.message = {**exchange.message, "mechanism": "http-post-bytes"}
        exchange.asked_headers["x-mechanism"] = VENDOR


def _named_as_asked(exchange: Exchange) -> None:
    if "x-mechanism" in exchange.asked_headers:
        exchange.answer = {**exchange.answer, "mechanism": {"identifier": VENDOR, "somewhere": "else"}}


def _nested(mechanism: dict[str, Any]) -> dict[str, Any]:
    identifier = mechanism["identifier"]
    return {
        "identifier": identifier,
        identifier: {name: value for name, value in mechanism.items() if name != "identifier"},
    }


def _extendable(links: dict[str, str]) -> dict[str, str]:
    return {**links, "extend": f"{links['file-upload-session']}extend/"}


def _unchanged(exchange: Exchange) -> None:
    """Answer an extension of a file with its status: no second is granted."""
    exchange.method = "GET"
    exchange.path = exchange.path.removesuffix("extend/")


def _malformed(exchange: Exchange) -> None:
    """Call credentials that cannot be read a bad request."""
    if exchange.status == 401 and exchange.asked_headers.get("authorization") in {"Basic !", "Basic", "nobody"}:
        exchange.status = 400


def _of_no_type(exchange: Exchange) -> None:
    """Call problem details plain text: what else they should be called is a SHOULD."""
    exchange.headers["content-type"] = "text/plain"


def _told_more_or_less(exchange: Exchange) -> None:
    """Give each refusal something of its own."""
    if exchange.status == 403:
        exchange.headers["x-refusal"] = secrets.token_urlsafe(len(exchange.body) % 7)
        exchange.answer = {**exchange.answer, secrets.token_hex(secrets.randbelow(9)): "refused"}


def _looked_at(exchange: Exchange) -> None:
    """Show the session to who only looks at a link for something else."""
    exchange.path = exchange.path.removesuffix("publish/").removesuffix("extend/")


def _forgotten(*states: str) -> Change:
    """Answer 404 in these states: how long a status is retained is left to the index."""

    def change(exchange: Exchange) -> None:
        if exchange.answer.get("status") in states:
            exchange.status, exchange.body = 404, b'{"title": "There is nothing here", "status": 404}'

    return change


def _one_at_a_time(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse a second upload while one is under way in the session."""

    def replace(tx: Any, session_id: str, name_key: str) -> Any:
        under_way = {FileState.PENDING, FileState.PROCESSING}
        if any(file.state in under_way for file in file_rows.of_session(tx, session_id)):
            raise ConflictingError("Another file of this session is being uploaded.")
        return sound(tx, session_id, name_key)

    return replace


def _quoted(exchange: Exchange) -> None:
    """Quote the first character of the session token in URLs, which need not be."""
    told = exchange.body.decode()
    quoted = re.sub(r"(/(?:stage|upload/files)/)(\w)", lambda found: f"{found[1]}%{ord(found[2]):02X}", told)
    exchange.body = quoted.encode()


def _with_query(exchange: Exchange) -> None:
    """Put something behind every URL of this API that has to come back with it."""

    def marked(value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {each: marked(inner, each) for each, inner in value.items()}
        if isinstance(value, list):
            return [marked(inner) for inner in value]
        is_url = isinstance(value, str) and value.startswith("http://") and name != "stage"
        return f"{value}?by=us" if is_url else value

    exchange.body = json.dumps(marked(exchange.answer)).encode() if exchange.answer else exchange.body
    if "location" in exchange.headers:
        exchange.headers["location"] += "?by=us"


def _insist_on_query(exchange: Exchange) -> None:
    if exchange.path != "/upload/" and exchange.query != "by=us":
        exchange.path = "/nowhere/"


#: lets clients ask again at once, so that hundreds of things in processing do not take minutes
hasty = replaced(upload_api, "_RETRY_AFTER", lambda _sound: "0")

#: has as little as the PEP allows
poor = both(
    success(SESSION_BODIES, without("session-token")),
    success(SESSION_BODIES, without("links", "stage")),
    success(SESSION_BODIES, without("links", "extend")),
    success(SESSION_BODIES, without("notices")),
    request(EXTEND, _not_there),
    success(CANCEL, _no_content),
    success((PUBLISH, COMPLETE), _without_body),
    answer(UPLOAD_API, _details),
    request((SIMPLE_PAGE, STAGE_PAGE), _html),
    success((SIMPLE_PAGE, STAGE_PAGE), _odd_targets),
    success(STATUS, _forgotten("published", "canceled")),
    success(FILE_STATUS, _forgotten("canceled")),
    answer(UPLOAD_API, _malformed),
    refusal(UPLOAD_API, _of_no_type),
    replaced(uploads, "_replace", _one_at_a_time),
)

#: has more than ours
rich = both(
    success(SESSION_BODIES, key("mechanisms", to=lambda known: [VENDOR, *known])),
    success((*SESSION_BODIES, *FILE_BODIES), with_key("_us", {"color": "green"})),
    request(CREATE_FILE, _taken_for_the_required_one),
    success(FILE_BODIES, key("mechanism", to=_nested)),
    success(CREATE_FILE, _named_as_asked),
    success(FILE_BODIES, key("links", to=_extendable)),
    answer(SEND, instead_of(204, 200)),
    request(FILE_EXTEND, _unchanged),
    request((Endpoint("GET", PUBLISH.path), Endpoint("GET", EXTEND.path)), _looked_at),
    answer(UPLOAD_API, _told_more_or_less),
    request(UPLOAD_API, _insist_on_query),
    answer(UPLOAD_API, _with_query),
    success(SESSION_BODIES, _quoted),
    answer((PUBLISHED_FILE, STAGED_FILE), _redirected),
    success((*SESSION_BODIES, *FILE_BODIES), key("expires-at", to=later_each_time())),
)
