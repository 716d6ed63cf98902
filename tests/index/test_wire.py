"""A connection, without a network: what arrives is handed over, what is sent is kept, and time is ours."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from starlette.responses import Response, StreamingResponse
from uvicorn.server import ServerState

from hatch_staged.index import wire
from hatch_staged.index.problem_responses import REASON

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from starlette.types import Receive, Scope, Send

GET = b"GET / HTTP/1.1\r\nHost: index.test\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: index.test\r\nContent-Length: 100\r\n\r\n"

READ_TIMEOUT = 60


class Timer:
    """A call that is due at some time."""

    def __init__(self, due: float, call: Callable[..., None], arguments: tuple[object, ...]) -> None:
        self.due, self.canceled = due, False
        self._call, self._arguments = call, arguments

    def cancel(self) -> None:
        """Forget it."""
        self.canceled = True

    def call(self) -> None:
        """Call, once."""
        self.cancel()
        self._call(*self._arguments)


class Loop:
    """The part of an event loop that a connection needs; time goes on when told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        """Return the time."""
        return self.now

    def call_at(self, due: float, call: Callable[..., None], *arguments: object) -> Timer:
        """Keep a call."""
        self.timers.append(Timer(due, call, arguments))
        return self.timers[-1]

    def call_later(self, delay: float, call: Callable[..., None], *arguments: object) -> Timer:
        """Keep a call."""
        return self.call_at(self.now + delay, call, *arguments)

    def create_task(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run the application."""
        return asyncio.get_running_loop().create_task(coroutine)

    def advance(self, seconds: float) -> None:
        """Let time go on."""
        self.now += seconds
        for timer in [each for each in self.timers if each.due <= self.now and not each.canceled]:
            timer.call()


class Transport(asyncio.Transport):
    """A connection whose other side is the test."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = self.aborted = False
        self.unread = 0

    def write(self, data: Any) -> None:
        """Keep what is sent."""
        self.written += data

    def close(self) -> None:
        """Be closed."""
        self.closed = True

    def abort(self) -> None:
        """Be closed at once."""
        self.closed = self.aborted = True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Take note of nothing."""

    def get_write_buffer_size(self) -> int:
        """Return what nobody has read."""
        return self.unread

    def is_closing(self) -> bool:
        """Whether it is closed."""
        return self.closed

    def pause_reading(self) -> None:
        """Do nothing."""

    def resume_reading(self) -> None:
        """Do nothing."""


async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer without looking at the body."""
    await Response(status_code=409, headers={REASON: "because it is there"})(scope, receive, send)


async def waiting(_scope: Scope, receive: Receive, _send: Send) -> None:
    """Read without end."""
    while True:
        await receive()


class Connected:
    """A connection to an application."""

    def __init__(self, app: Any = refusing) -> None:
        self.loop, self.transport = Loop(), Transport()
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
        config.load()
        self.protocol = wire.Protocol(
            config=config,
            server_state=ServerState(),
            app_state={},
            _loop=self.loop,
            read_timeout=READ_TIMEOUT,
        )
        self.protocol.connection_made(self.transport)

    async def send(self, data: bytes) -> None:
        """Let bytes arrive, and the application do what it can."""
        self.protocol.data_received(data)
        for _ in range(10):
            await asyncio.sleep(0)


def test_reason_of_a_refusal_is_in_the_status_line() -> None:
    async def talk() -> bytes:
        connected = Connected()
        await connected.send(GET)
        return connected.transport.written

    head = asyncio.run(talk())
    assert head.startswith(b"HTTP/1.1 409 because it is there\r\n")
    assert REASON.lower().encode() not in head.lower()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * wire.HEAD_SIZE + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X:x\r\n" * (wire.HEAD_SIZE // 5) + b"\r\n", 431),
        (b"GET /" + b"x" * wire.HEAD_SIZE + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET /" + b"x" * 100_000, 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 100_000, 431),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
    ],
)
def test_what_is_no_http_is_answered_with_problem_details(
    sent: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def talk() -> Transport:
        connected = Connected()
        await connected.send(sent)
        return connected.transport

    transport = asyncio.run(talk())
    head, _, body = transport.written.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"application/problem+json" in head
    assert json.loads(body)["status"] == status
    assert transport.closed
    assert not [record for record in caplog.records if record.levelno > logging.WARNING]


@pytest.mark.parametrize(
    "sent",
    [
        b"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
    ],
)
def test_what_is_no_http_has_no_body_for_head(sent: bytes) -> None:
    async def talk() -> Transport:
        connected = Connected()
        await connected.send(sent)
        return connected.transport

    transport = asyncio.run(talk())
    assert transport.written.startswith(b"HTTP/1.1 400 ")
    assert transport.written.endswith(b"\r\n\r\n")
    assert transport.closed


def test_nonsense_after_head_is_answered_with_a_body() -> None:
    async def talk() -> bytes:
        connected = Connected()
        await connected.send(GET.replace(b"GET", b"HEAD"))
        await connected.send(b"nonsense\r\n\r\n")
        return connected.transport.written

    assert json.loads(asyncio.run(talk()).rpartition(b"\r\n")[2])["status"] == 400


def test_nonsense_after_the_answer_only_closes_the_connection() -> None:
    async def talk() -> tuple[bytes, Transport]:
        connected = Connected()
        await connected.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        answered = connected.transport.written
        await connected.send(b"nonsense\r\n")
        return answered, connected.transport

    answered, transport = asyncio.run(talk())
    assert answered.startswith(b"HTTP/1.1 409 ")
    assert transport.closed
    assert transport.written == answered


def test_head_may_have_so_many_bytes() -> None:
    async def talk() -> bytes:
        connected = Connected()
        rest = b" HTTP/1.1\r\nHost: a\r\n\r\n"
        await connected.send(b"GET /".ljust(wire.HEAD_SIZE - len(rest), b"x") + rest)
        return connected.transport.written

    assert asyncio.run(talk()).startswith(b"HTTP/1.1 409 ")


@pytest.mark.parametrize("dripped", [b"", GET[:-2]])
def test_head_that_does_not_come_is_not_waited_for(dripped: bytes) -> None:
    async def talk() -> None:
        connected = Connected()
        for at in range(len(dripped)):
            await connected.send(dripped[at : at + 1])
        connected.loop.advance(wire.HEAD_TIMEOUT / 2)
        assert not connected.transport.closed
        if dripped:
            await connected.send(b"X")
        connected.loop.advance(wire.HEAD_TIMEOUT / 2)
        assert connected.transport.closed

    asyncio.run(talk())


def test_rest_of_an_answered_request_is_not_waited_for_long() -> None:
    async def talk() -> None:
        connected = Connected()
        await connected.send(POST)
        assert connected.transport.written
        for _ in range(20):
            assert not connected.transport.closed
            await connected.send(b"x")
            connected.loop.advance(wire.HEAD_TIMEOUT / 20)
        assert connected.transport.closed

    asyncio.run(talk())


def test_request_that_is_worked_on_has_its_time() -> None:
    async def talk() -> None:
        connected = Connected(waiting)
        await connected.send(POST)
        await connected.send(b"x")
        connected.loop.advance(1000)
        assert not connected.transport.closed
        connected.protocol.connection_lost(None)
        [task] = connected.protocol.tasks
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(talk())


def test_several_requests_on_one_connection() -> None:
    async def talk() -> None:
        connected = Connected()
        for _ in range(3):
            connected.loop.advance(wire.HEAD_TIMEOUT / 10)
            await connected.send(GET)
        assert connected.transport.written.count(b"HTTP/1.1 409") == 3
        assert not connected.transport.closed

    asyncio.run(talk())


def test_answer_that_is_not_read_ends_the_connection() -> None:
    connected = Connected()
    enough = wire.SLOWEST_READER * READ_TIMEOUT + 1
    connected.transport.unread = 3 * enough
    connected.protocol.pause_writing()
    for _ in range(2):  # slow, but not too slow
        connected.transport.unread -= enough
        connected.loop.advance(READ_TIMEOUT)
        assert not connected.transport.aborted
    connected.transport.unread -= enough - 1
    connected.loop.advance(READ_TIMEOUT)
    assert connected.transport.aborted


@pytest.mark.parametrize("end", ["read", "left"])
def test_answer_that_is_read_to_its_end_is_no_reason_any_more(end: str) -> None:
    connected = Connected()
    connected.protocol.pause_writing()
    if end == "read":
        connected.protocol.resume_writing()
    else:
        connected.protocol.connection_lost(None)
    connected.loop.advance(READ_TIMEOUT)
    assert not connected.transport.aborted


def test_who_does_not_read_is_dropped_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    """On a real connection: what the application still has to send is not waited for either."""

    async def endless() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0)  # as one that reads a file gives others their turn
            yield bytes(2**20)

    async def talk() -> None:
        loop, answered = asyncio.get_running_loop(), asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await StreamingResponse(endless())(scope, receive, send)
            answered.set()

        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
        config.load()
        make = partial(wire.Protocol, config, ServerState(), {}, read_timeout=0)
        server = await loop.create_server(make, "127.0.0.1", 0)
        with socket.create_connection(server.sockets[0].getsockname()) as connection:
            connection.sendall(GET)
            await asyncio.wait_for(answered.wait(), timeout=30)
        server.close()

    asyncio.run(talk())
    assert caplog.text == ""
