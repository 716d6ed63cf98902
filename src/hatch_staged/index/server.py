"""The index as a process: listens, tells others where, and stops when told to or when idle."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import uvicorn

from hatch_staged.errors import ConfigurationError
from hatch_staged.index import presence
from hatch_staged.index.app import create_app
from hatch_staged.index.core import open_index
from hatch_staged.index.urls import Urls
from hatch_staged.index.wire import Protocol
from hatch_staged.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starlette.types import ASGIApp, Receive, Scope, Send

_LOGGER = logging.getLogger(__name__)

#: How long requests in flight may take after the signal to stop (seconds).
GRACE = 10
_WILDCARDS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


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
    with (
        _private(data_dir),
        presence.exclusive(data_dir),
        _listen(host, port) as listener,
        open_index(data_dir) as index,
    ):
        # What a killed process left; nobody else writes now, as we have the lock.
        index.objects.discard_partial()
        url = f"{(base_url or _url(host, listener)).rstrip('/')}/"
        activity = _Activity(create_app(index, base_url=base_url))

        def listening() -> None:
            presence.announce(data_dir, url)
            announce(f"Serving Upload 2.0 on {redact(Urls(url.rstrip('/')).upload())} (data in {data_dir})")

        protocol = partial(Protocol, read_timeout=index.limits.body_timeout)
        server = _Server(activity, protocol, listening, idle_timeout=idle_timeout, grace=grace)
        try:
            server.run(sockets=[listener])
        finally:
            presence.withdraw(data_dir)


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
