"""The way to an index, on which things go wrong: a proxy over real sockets that does as a plan says.

What it passes on, it passes on unchanged, the host's name included, so that an index that makes its links from that
leads its clients back through the proxy.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition
from typing import TYPE_CHECKING

from tests.in_thread import InThread

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping


#: A connection on which nothing comes for longer belongs to somebody who hangs (seconds).
PATIENCE = 30
#: How long an answer is held at most, where nothing else happens meanwhile (seconds).
LONGEST_HOLD = 0.05
#: The most requests in a row that are sent away by a burst.
LONGEST_BURST = 4

_HTML = b"<!doctype html><title>Bad gateway</title><p>Try again in a minute."
#: of one connection, not of what is asked for
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "date", "server"}


class Fault(Enum):
    """What can happen to one request and its answer."""

    REFUSE = "the connection is reset before the index knows of the request"
    CUT_BODY = "it is reset in the middle of the request's body, for both sides"
    LOSE = "the index acts, and the connection is reset before its answer"
    CUT_ANSWER = "the index acts, and the connection is reset in the middle of its answer"
    HOLD = "the answer is held until something else has happened"
    LATE = "the client is told that the gateway waited in vain, and the index gets the request after that"
    BUSY = "this request and some after it are sent away: 429 or 503, at once again"
    GATEWAY = "a gateway answers in the place of the index, with a web page"
    GARBLE = "the index acts, and its JSON ends in the middle"
    PAGE = "the index acts, and in the place of its answer comes a web page"
    EXPIRE = "the session expires before the index gets the request"


@dataclass(frozen=True)
class Passed:
    """A request that the index got, with its answer, whether that arrived or not; status 0 if it gave none."""

    method: str
    path: str
    status: int
    #: of the body, as far as it came
    sent: int


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    headers: list[tuple[str, str]]
    #: of the body, as far as it is to be sent; ``Content-Length`` promises all of it
    body: bytes


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_json(self) -> bool:
        return "json" in self.headers.get("content-type", "")


@dataclass
class Trap:
    """Calls `spring` as soon as so many answers have left, or so many bytes of bodies have come, through the proxy."""

    spring: Callable[[], None]
    answers: int | None = None
    n_bytes: int | None = None

    def count(self, *, answers: int = 0, n_bytes: int = 0) -> None:
        """Take note of what went through."""
        for name, number in (("answers", answers), ("n_bytes", n_bytes)):
            left = getattr(self, name)
            if left is not None and left > 0:
                setattr(self, name, left - number)
                if left <= number:
                    self.spring()


@dataclass
class FaultyProxy(InThread):
    """The proxy to the index at `port`: a context manager; `url` is its root.

    `faults` names those requests, counted from one, to which something happens; the details are up to `chance`.
    `expire` makes the index's sessions expire.
    """

    port: int
    faults: Mapping[int, Fault]
    chance: random.Random
    expire: Callable[[], None]
    passed: list[Passed] = field(default_factory=list)
    happened: list[Fault] = field(default_factory=list)
    trap: Trap | None = None
    _count: int = 0
    _burst: deque[_Answer] = field(default_factory=deque)
    _late: list[tuple[int, _Request]] = field(default_factory=list)
    _changed: Condition = field(default_factory=Condition)

    def __post_init__(self) -> None:
        """Bind a free port."""
        super().__init__(_Server(self))

    @property
    def url(self) -> str:
        """The root of the index, as its clients see it."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    def next_fault(self) -> tuple[int, Fault | None, list[_Request]]:
        """Return the number of the request that begins, what happens to it, and what is to be delivered before it."""
        with self._changed:
            self._count += 1
            self._changed.notify_all()
            due = [late for number, late in self._late if number <= self._count]
            self._late = [(number, late) for number, late in self._late if number > self._count]
            fault = self.faults.get(self._count)
            if fault is not None:
                self.happened.append(fault)
            return self._count, fault, due

    def hold(self, number: int) -> None:
        """Return when more requests than the one of this `number` have begun, or nothing happens at all."""
        with self._changed:
            self._changed.wait_for(lambda: self._count > number, LONGEST_HOLD)

    def deliver_late(self, number: int, request: _Request) -> None:
        """Keep a request for later: at the latest, the index gets it before its client can have asked once more.

        A client that is told of a failure looks first what has become of its request, so that there is one between.
        """
        with self._changed:
            self._late.append((number + self.chance.randint(1, 2), request))

    def begin_burst(self) -> None:
        """Send away the next requests."""
        with self._changed:
            for _ in range(self.chance.randint(1, LONGEST_BURST)):
                self._burst.append(_busy(self.chance))

    def sent_away(self) -> _Answer | None:
        """Return the answer with which the request is sent away, while there is a burst."""
        with self._changed:
            return self._burst.popleft() if self._burst else None

    def count(self, *, answers: int = 0, n_bytes: int = 0) -> None:
        """Take note of what went through."""
        with self._changed:
            if self.trap is not None:
                self.trap.count(answers=answers, n_bytes=n_bytes)

    def ask(self, request: _Request) -> _Answer | None:
        """Return what the index answers; None where the request is not whole, so that it gives none."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        promised = next((int(value) for name, value in request.headers if name.lower() == "content-length"), 0)
        try:
            connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers:
                connection.putheader(name, value)
            connection.endheaders()
            connection.send(request.body)
            if len(request.body) < promised:
                _reset_when_closed(connection.sock)
                self.passed.append(Passed(request.method, request.path, 0, len(request.body)))
                return None
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        self.passed.append(Passed(request.method, request.path, response.status, len(request.body)))
        kept = {name.lower(): value for name, value in response.headers.items()}
        return _Answer(response.status, {name: value for name, value in kept.items() if name not in _HOP_BY_HOP}, body)


class _Server(ThreadingHTTPServer):
    # so that closing it waits for the last answer
    daemon_threads = False

    def __init__(self, proxy: FaultyProxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """Close the connection, and do not say goodbye first: where it is to be reset, that would be too much."""
        self.close_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Print what went wrong, except that a client is gone, as killed ones are."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)  # type: ignore[arg-type] # only the address is printed


class _GoneError(ConnectionError):
    """The client went away before its request was whole."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = PATIENCE
    # or head and body of an answer, written one after the other, take 40 ms
    disable_nagle_algorithm = True

    @property
    def proxy(self) -> FaultyProxy:
        return self.server.proxy

    def pass_on(self) -> None:
        number, fault, due = self.proxy.next_fault()
        for late in due:
            self.proxy.ask(late)
        if fault is Fault.EXPIRE:
            self.proxy.expire()
        if fault is Fault.BUSY:
            self.proxy.begin_burst()
        away = self.proxy.sent_away()
        if away is not None or fault is Fault.GATEWAY:
            self.send_away(away or _page(self.proxy.chance.choice([500, 502, 503, 504])))
            return
        length = int(self.headers.get("Content-Length", 0))
        cut = self.proxy.chance.randrange(length) if fault is Fault.CUT_BODY and length else length
        request = _Request(self.command, self.path, list(self.headers.items()), self.read(cut))
        if fault is Fault.REFUSE or (fault is Fault.CUT_BODY and not length):
            self.reset()
        elif fault is Fault.LATE:
            self.proxy.deliver_late(number, request)
            self.give(_page(504))
        else:
            self.finish_with(self.proxy.ask(request), number, fault)

    do_GET = do_POST = do_DELETE = pass_on  # noqa: N815 # the names that the base class looks for

    def send_away(self, answer: _Answer) -> None:
        """Answer without the index, and perhaps without having heard the client out."""
        length = int(self.headers.get("Content-Length", 0))
        if length and self.proxy.chance.random() < 0.3:
            self.close_connection = True
            self.give(answer)
            return
        self.read(length)
        self.give(answer)

    def finish_with(self, answer: _Answer | None, number: int, fault: Fault | None) -> None:
        if fault is Fault.HOLD:
            self.proxy.hold(number)
        if answer is None or fault is Fault.LOSE:
            self.reset()
        elif fault is Fault.CUT_ANSWER:
            self.give(answer, cut=True)
            self.reset()
        elif fault is Fault.GARBLE and answer.is_json:
            self.give(
                _Answer(answer.status, answer.headers, answer.body[: self.proxy.chance.randrange(len(answer.body))])
            )
        elif fault is Fault.PAGE:
            self.give(_page(self.proxy.chance.choice([200, 500, 502])))
        else:
            self.give(answer)

    def read(self, length: int) -> bytes:
        body = b""
        while len(body) < length:
            piece = self.rfile.read1(min(length - len(body), 65536))
            if not piece:
                raise _GoneError
            self.proxy.count(n_bytes=len(piece))
            body += piece
        return body

    def give(self, answer: _Answer, *, cut: bool = False) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name != "content-length":
                self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body[: self.proxy.chance.randrange(len(answer.body) or 1)] if cut else answer.body)
        self.proxy.count(answers=1)

    def reset(self) -> None:
        self.close_connection = True
        _reset_when_closed(self.connection)
        self.proxy.count(answers=1)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # its name in the base class
        """Keep quiet."""


def _page(status: int) -> _Answer:
    return _Answer(status, {"content-type": "text/html; charset=utf-8"}, _HTML)


def _busy(chance: random.Random) -> _Answer:
    status = chance.choice([429, 503])
    if chance.random() < 0.5:
        body, kind = _HTML, "text/html"
    else:
        body, kind = json.dumps({"title": "Not so fast", "status": status}).encode(), "application/problem+json"
    return _Answer(status, {"content-type": kind, "retry-after": "0"}, body)


def _reset_when_closed(connection: socket.socket) -> None:
    """Let the other side see a reset, not an end."""
    linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
