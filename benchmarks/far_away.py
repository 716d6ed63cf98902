"""A server that is far away: a proxy, in a process of its own, that lets every byte take its time.

``python -m benchmarks.far_away PORT SECONDS`` prints its own port.  A connection begins one round trip later, as a real
one does, and every byte is under way for half a round trip; how many are under way at once does not matter.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def behind(port: int, round_trip: float) -> Iterator[int]:
    """Give the port at which what listens at `port` seems to be `round_trip` seconds away."""
    command = [sys.executable, "-m", "benchmarks.far_away", str(port), str(round_trip)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:
        try:
            assert proxy.stdout is not None  # noqa: S101 - it is a pipe
            yield int(proxy.stdout.readline())
        finally:
            proxy.terminate()


async def _serve(port: int, round_trip: float) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _Client(port, round_trip), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class _End(asyncio.Protocol):
    """One end of a connection: what comes from there is given to the other end, `delay` seconds after it came.

    It does little else: the processors are those of whoever is measured.
    """

    other: _End
    transport: asyncio.Transport

    def __init__(self, delay: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._delay = delay
        self._under_way: deque[bytes] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - it is TCP
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._under_way.append(data)
        self._loop.call_later(self._delay, self._deliver)

    def _deliver(self) -> None:
        # in their order, whatever that of timers is
        self.other.transport.write(self._under_way.popleft())

    def connection_lost(self, _error: Exception | None) -> None:
        self._loop.call_later(self._delay, self.other.transport.close)

    def pause_writing(self) -> None:
        self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        self.other.transport.resume_reading()


class _Client(_End):
    """The end of whoever connects to the server at `port`, which takes a round trip."""

    def __init__(self, port: int, round_trip: float) -> None:
        super().__init__(round_trip / 2)
        self._port = port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.pause_reading()
        self._connecting = self._loop.create_task(self._connect())

    async def _connect(self) -> None:
        await asyncio.sleep(2 * self._delay)
        _, self.other = await self._loop.create_connection(lambda: _End(self._delay), "127.0.0.1", self._port)
        self.other.other = self
        self.transport.resume_reading()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
