"""Load for one URL: several connections, each sends its next request when it has its answer.

Runs as a process of its own, ``python -m benchmarks.load URL CONNECTIONS SECONDS``, and prints how many answers came.
It reads no more of HTTP/1.1 than is needed to know where an answer ends, so that it is no part of what is measured.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from urllib.parse import urlsplit

#: As pip asks.
ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"
# A slow server gets more time than it is told, until each connection can have had an answer (seconds).
_PATIENCE = 60
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close\r\n", re.IGNORECASE)
_END = b"\r\n\r\n"
_LAST_CHUNK = b"\r\n0\r\n\r\n"


def load(url: str, *, connections: int, seconds: float) -> float:
    """Return how many requests a second were answered."""
    command = [sys.executable, "-m", "benchmarks.load", url, str(connections), str(seconds)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


class _Connection(asyncio.Protocol):
    """One connection; `closed` tells whether the server closed it as it said that it would."""

    def __init__(self, request: bytes) -> None:
        self.answered = 0
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = request
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - it is TCP
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Ask again if that was all."""
        self._buffer += data
        head = self._buffer.find(_END) + len(_END)
        if head < len(_END) or _CLOSES.search(self._buffer, 0, head):
            return
        length = _LENGTH.search(self._buffer, 0, head)
        complete = self._buffer.endswith(_LAST_CHUNK) if length is None else len(self._buffer) >= head + int(length[1])
        if complete and self._count():
            self._transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        if exc is None and not _CLOSES.search(self._buffer):
            exc = ConnectionError("the server closed the connection")
        if exc is None and self._count():
            self.closed.set_result(None)
        elif not self.closed.done():
            self.closed.set_exception(exc or ConnectionError)

    def _count(self) -> bool:
        right = self._buffer.startswith(b"HTTP/1.1 200 ")
        if not right:
            self.closed.set_exception(ValueError(f"this is no answer: {bytes(self._buffer[:200])!r}"))
        self._buffer.clear()
        self.answered += right
        return right


async def _run(url: str, connections: int, seconds: float) -> float:
    parts = urlsplit(url)
    request = (
        f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: load\r\nAccept: {ACCEPT}\r\n"
        "Accept-Encoding: identity\r\nConnection: keep-alive\r\n\r\n"
    ).encode()
    made: list[_Connection] = []

    async def ask() -> None:
        # Some close a connection after each answer.
        while True:
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: _Connection(request), parts.hostname or "", parts.port or 80
            )
            made.append(connection)
            await connection.closed

    began = time.perf_counter()
    asking = [asyncio.create_task(ask()) for _ in range(connections)]
    failed, _ = await asyncio.wait(asking, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    while not failed and sum(one.answered for one in made) < connections and time.perf_counter() - began < _PATIENCE:
        failed, _ = await asyncio.wait(asking, timeout=0.1, return_when=asyncio.FIRST_EXCEPTION)
    rate = sum(one.answered for one in made) / (time.perf_counter() - began)
    for each in failed:
        each.result()
    return rate


if __name__ == "__main__":
    print(asyncio.run(_run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))
