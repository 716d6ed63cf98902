"""How a fault gets into a sound index: into what it answers, into what it is asked, or into a function of it.

Nothing in ``src/`` knows of this.  Answers and requests are changed on the index's doorstep, which leaves the index
itself as it is; whatever cannot be seen there takes the place of a function.
"""

from __future__ import annotations

import json
import re
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hatch_staged.index import urls
from hatch_staged.index.core import unguessable

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send
    from typing_extensions import Self

    Change = Callable[["Exchange"], None]
    Apply = Callable[["Faults"], None]

#: what is asked right now, for faults that are there on one endpoint only
_NOW: ContextVar[tuple[str, str]] = ContextVar("now", default=("", ""))


@dataclass(frozen=True)
class Endpoint:
    """Requests of a method to a path of `hatch_staged.index.urls`."""

    method: str
    path: str

    def takes(self, method: str, path: str) -> bool:
        """Whether a request is one of these."""
        return method == self.method and re.fullmatch(re.sub(r"{\w+}", "[^/]+", self.path), path) is not None

    @property
    def asked(self) -> bool:
        """Whether the request that is being answered is one of these."""
        return self.takes(*_NOW.get())


CREATE = Endpoint("POST", urls.UPLOAD)
STATUS = Endpoint("GET", urls.SESSION)
CANCEL = Endpoint("DELETE", urls.SESSION)
PUBLISH = Endpoint("POST", urls.PUBLISH)
EXTEND = Endpoint("POST", urls.EXTEND)
CREATE_FILE = Endpoint("POST", urls.SESSION_FILES)
FILE_STATUS = Endpoint("GET", urls.FILE)
DELETE_FILE = Endpoint("DELETE", urls.FILE)
FILE_EXTEND = Endpoint("POST", f"{urls.FILE}extend/")
SEND = Endpoint("POST", urls.FILE_BYTES)
ATTEST = Endpoint("POST", urls.FILE_ATTESTATIONS)
COMPLETE = Endpoint("POST", urls.COMPLETE)
STAGE = Endpoint("GET", urls.STAGE)
STAGE_PAGE = Endpoint("GET", urls.STAGE_PROJECT)
STAGED_FILE = Endpoint("GET", urls.STAGED_FILE)
PUBLISHED_FILE = Endpoint("GET", urls.PUBLISHED_FILE)
SIMPLE_PAGE = Endpoint("GET", urls.SIMPLE_PROJECT)

LEGACY = Endpoint("POST", urls.LEGACY)

SESSION_BODIES = (CREATE, STATUS, CANCEL, PUBLISH, EXTEND)
FILE_BODIES = (CREATE_FILE, FILE_STATUS, COMPLETE, FILE_EXTEND)
UPLOAD_API = (*SESSION_BODIES, *FILE_BODIES, DELETE_FILE, SEND, ATTEST)


@dataclass
class Exchange:
    """A request with its answer; a request that is changed on its way in has none yet."""

    method: str
    path: str
    query: str
    asked_headers: dict[str, str]
    asked: bytes
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def ok(self) -> bool:
        """Whether the index did what it was asked for."""
        return 200 <= self.status < 300

    @property
    def message(self) -> dict[str, Any]:
        """The JSON object that was asked with; empty if there is none."""
        return _object(self.asked)

    @message.setter
    def message(self, message: dict[str, Any]) -> None:
        self.asked = json.dumps(message).encode()

    @property
    def answer(self) -> dict[str, Any]:
        """The JSON object in the answer; empty if there is none."""
        return _object(self.body)

    @answer.setter
    def answer(self, answer: dict[str, Any]) -> None:
        self.body = json.dumps(answer).encode()


@dataclass
class Faults:
    """An index that is about to be started, with the places where a fault can be put in."""

    #: of whoever the suite is
    owner_token: str
    #: makes session tokens and the like
    new_token: Callable[[], str] = unguessable
    _answers: list[tuple[tuple[Endpoint, ...], Change]] = field(default_factory=list)
    _requests: list[tuple[tuple[Endpoint, ...], Change]] = field(default_factory=list)
    _replaced: list[tuple[object, str, object]] = field(default_factory=list)

    def answers(self, endpoints: Endpoint | tuple[Endpoint, ...], change: Change) -> None:
        """Let `change` alter every answer of these endpoints."""
        self._answers.append((_several(endpoints), change))

    def requests(self, endpoints: Endpoint | tuple[Endpoint, ...], change: Change) -> None:
        """Let `change` alter every request to these endpoints."""
        self._requests.append((_several(endpoints), change))

    def replace(self, owner: object, name: str, make: Callable[[Any], Any]) -> None:
        """Put what `make` makes of `name` in a module or class in its place, until the block ends."""
        sound = getattr(owner, name)
        self._replaced.append((owner, name, sound))
        setattr(owner, name, make(sound))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for owner, name, sound in reversed(self._replaced):
            setattr(owner, name, sound)

    def around(self, app: ASGIApp) -> ASGIApp:
        """Return `app` with the faults on its doorstep."""

        async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            _NOW.set((scope["method"], scope["path"]))
            if self._answers or self._requests:
                await self._answer(app, scope, receive, send)
            else:
                await app(scope, receive, send)

        return faulty

    async def _answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(
            scope["method"],
            scope["path"],
            scope["query_string"].decode(),
            {name.decode(): value.decode("latin-1") for name, value in scope["headers"]},
            await _read(receive),
        )
        # An answer belongs to what was asked, wherever the request was led to.
        asked = (exchange.method, exchange.path)
        _apply(self._requests, exchange)
        exchange.asked_headers["content-length"] = str(len(exchange.asked))
        scope["method"], scope["path"] = exchange.method, exchange.path
        scope["headers"] = [(name.encode(), value.encode("latin-1")) for name, value in exchange.asked_headers.items()]
        await app(scope, _once(exchange.asked, receive), _keep(exchange))
        _apply(self._answers, exchange, asked)
        if exchange.body or "content-length" in exchange.headers:
            exchange.headers["content-length"] = str(len(exchange.body))
        headers = [(name.encode(), value.encode("latin-1")) for name, value in exchange.headers.items()]
        await send({"type": "http.response.start", "status": exchange.status, "headers": headers})
        await send({"type": "http.response.body", "body": exchange.body})


def _several(endpoints: Endpoint | tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
    return endpoints if isinstance(endpoints, tuple) else (endpoints,)


def _apply(
    changes: list[tuple[tuple[Endpoint, ...], Change]], exchange: Exchange, asked: tuple[str, str] | None = None
) -> None:
    for endpoints, change in changes:
        if any(endpoint.takes(*(asked or (exchange.method, exchange.path))) for endpoint in endpoints):
            change(exchange)


async def _read(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _once(body: bytes, receive: Receive) -> Receive:
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_once() -> Message:
        return messages.pop() if messages else await receive()

    return receive_once


def _keep(exchange: Exchange) -> Send:
    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            exchange.status = message["status"]
            exchange.headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
        else:
            exchange.body += message.get("body", b"")

    return keep


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
