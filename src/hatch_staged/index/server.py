"""The index as a process: listens, tells others where, and stops when told to or when idle.

While it runs it holds a lock on ``serve.lock`` in its data folder; ``serve.json`` beside it says where it listens.  To
see whether that lock is free is to take it for a moment, so those who look take turns: they hold ``look.lock``.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import uvicorn
from filelock import FileLock, Timeout

from hatch_staged.errors import ConfigurationError, StagedError
from hatch_staged.index.app import create_app
from hatch_staged.index.core import open_index
from hatch_staged.index.urls import Urls
from hatch_staged.index.wire import Protocol
from hatch_staged.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["RunningServer", "open_index", "running", "serve", "stop"]

_LOGGER = logging.getLogger(__name__)

#: How long requests in flight may take after the signal to stop (seconds).
GRACE = 10
# A start waits so long for a server that is about to end (seconds).
_LOCK_PATIENCE = 2
# Between two looks whether a server has ended (seconds).
_LOOK_AGAIN = 0.05
# How long `stop` waits for the process itself, after its lock is free (seconds).  One that its parent has not looked
# after yet still counts as there.
_LAST_MOMENT = 2
_WILDCARDS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


@dataclass(frozen=True)
class RunningServer:
    """A server as its data folder describes it."""

    pid: int
    #: of the index's root, with a slash at the end
    url: str


def serve(
    *,
    data_dir: Path,
    host: str,
    port: int,
    base_url: str | None = None,
    idle_timeout: float | None = None,
    grace: int = GRACE,
    announce: Callable[[str], None],
) -> None:
    """Serve the index in `data_dir` until SIGINT or SIGTERM, or until nobody asked for `idle_timeout` seconds.

    `port` 0 takes a free one.  `base_url` is the URL of the index's root as clients see it, if it is another (behind
    a proxy).  Requests in flight at the end may take `grace` more seconds.  `announce` gets one line when the server
    listens.  Raises `ConfigurationError` if another process serves `data_dir`, `open_index` refuses it, or it cannot
    listen there.
    """
    with _private(data_dir), _exclusive(data_dir), _listen(host, port) as listener, open_index(data_dir) as index:
        # What a killed process left; nobody else writes now, as we have the lock.
        index.objects.discard_partial()
        url = f"{(base_url or _url(host, listener)).rstrip('/')}/"
        activity = _Activity(create_app(index, base_url=base_url))

        def listening() -> None:
            _write_state(data_dir, RunningServer(pid=os.getpid(), url=url))
            announce(f"Serving Upload 2.0 on {redact(Urls(url.rstrip('/')).upload())} (data in {data_dir})")

        protocol = partial(Protocol, read_timeout=index.limits.body_timeout)
        server = _Server(activity, protocol, listening, idle_timeout=idle_timeout, grace=grace)
        try:
            server.run(sockets=[listener])
        finally:
            _state_file(data_dir).unlink(missing_ok=True)


def running(data_dir: Path) -> RunningServer | None:
    """Return the server that serves `data_dir` now, if there is one and it listens."""
    return _read_state(data_dir) if _is_served(data_dir) else None


def stop(data_dir: Path, *, patience: float = GRACE + 5) -> bool:
    """Stop the server of `data_dir` and wait until it has ended; return False if there was none.

    Raises `StagedError` if it does not end within `patience` seconds.
    """
    found = running(data_dir)
    if found is None:
        return False
    os.kill(found.pid, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while _is_served(data_dir):
        if time.monotonic() >= deadline:
            raise StagedError(f"the index of process {found.pid} does not stop", where=str(data_dir))
        time.sleep(_LOOK_AGAIN)
    _wait_for_exit(found.pid)
    return True


def _wait_for_exit(pid: int) -> None:
    """Wait a moment for what a Python still does after it has let go of everything; nothing depends on it."""
    deadline = time.monotonic() + _LAST_MOMENT
    while _lives(pid) and time.monotonic() < deadline:
        time.sleep(_LOOK_AGAIN)


if sys.platform == "win32":

    def _lives(_pid: int) -> bool:
        # There, asking means sending a signal that ends it.
        return False

else:

    def _lives(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True


class _Server(uvicorn.Server):
    """uvicorn, which says when it listens, and ends by returning."""

    def __init__(
        self,
        app: _Activity,
        protocol: Callable[..., Protocol],
        listening: Callable[[], None],
        *,
        idle_timeout: float | None,
        grace: int,
    ) -> None:
        config = uvicorn.Config(
            app,
            # URLs have session tokens in them: no log of requests.
            access_log=False,
            log_config=None,
            # Its warnings are about what strangers send.
            log_level="error",
            server_header=False,
            http=protocol,  # type: ignore[arg-type]  # it is only called
            ws="none",
            lifespan="on",
            timeout_graceful_shutdown=grace,
        )
        super().__init__(config)
        self._app = app
        self._listening = listening
        self._idle_timeout = idle_timeout

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._listening()

    async def on_tick(self, counter: int) -> bool:
        idle = self._idle_timeout is not None and self._app.idle_seconds() >= self._idle_timeout
        return idle or await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn's own raises the signal again at the end, which would end the process before it has cleaned up.
        signals = (signal.SIGINT, signal.SIGTERM)
        previous = {number: signal.signal(number, self.handle_exit) for number in signals}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


class _Activity:
    """Passes requests on to `app`, and knows since when there were none."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._in_flight = 0
        self._since = time.monotonic()

    def idle_seconds(self) -> float:
        return 0.0 if self._in_flight else time.monotonic() - self._since

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._in_flight += 1
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            # uvicorn cancels what outlives its grace at shutdown, and would log a traceback for it.
            _LOGGER.warning("a request was cut off because the index stops")
        finally:
            self._in_flight -= 1
            self._since = time.monotonic()


def _is_served(data_dir: Path) -> bool:
    lock = data_dir / "serve.lock"
    if not lock.exists():  # taking it would make it, and the folder
        return False
    with _looking(data_dir):
        try:
            with FileLock(lock, timeout=0):
                return False
        except Timeout:
            return True


def _looking(data_dir: Path) -> FileLock:
    """Return the lock that keeps others from taking ``serve.lock`` for a moment."""
    return FileLock(data_dir / "look.lock")


@contextmanager
def _private(data_dir: Path) -> Iterator[None]:
    """Make the folder, and whatever comes into it during the block, its owner's alone."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _exclusive(data_dir: Path) -> Iterator[None]:
    lock = FileLock(data_dir / "serve.lock")
    try:
        with _looking(data_dir):
            lock.acquire(timeout=_LOCK_PATIENCE)
            # Left by a process that was killed.
            _state_file(data_dir).unlink(missing_ok=True)
    except Timeout:
        other = _read_state(data_dir)
        raise ConfigurationError(
            "another process serves this data folder" + (f" on {redact(other.url)}" if other else ""),
            where=str(data_dir),
            hint="use that one, stop it, or give another --data-dir",
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _listen(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {host} port {port}: {error.strerror or error}",
            hint="give another --port; 0 takes a free one",
        ) from None
    with listener:
        # Connections inherit it; asyncio sets it only for sockets whose protocol was named.  Without it an answer,
        # which is sent in two pieces, waits 40 ms for the client's acknowledgement of the first.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


def _url(host: str, listener: socket.socket) -> str:
    reachable = _WILDCARDS.get(host, host)
    bracketed = f"[{reachable}]" if ":" in reachable else reachable
    return f"http://{bracketed}:{listener.getsockname()[1]}"


def _state_file(data_dir: Path) -> Path:
    return data_dir / "serve.json"


def _write_state(data_dir: Path, state: RunningServer) -> None:
    partial = data_dir / "serve.json.partial"
    partial.write_bytes(msgspec.json.encode(state))
    partial.replace(_state_file(data_dir))


def _read_state(data_dir: Path) -> RunningServer | None:
    try:
        return msgspec.json.decode(_state_file(data_dir).read_bytes(), type=RunningServer)
    except FileNotFoundError:
        return None
