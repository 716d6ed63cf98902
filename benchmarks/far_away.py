"""A server that is far away: a proxy, in a process of its own, that lets every byte take its time.

``python -m benchmarks.far_away PORT SECONDS`` prints its own port.  A connection begins one round trip later, as a real
one does, and every byte is under way for half a round trip; how many are under way at once does not matter.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = 256 * 1024
#: pieces under way in one direction of one connection
_WINDOW = 256


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
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(round_trip)
        there, back = await asyncio.open_connection("127.0.0.1", port, limit=_PIECE)
        await asyncio.gather(_carry(reader, back, round_trip / 2), _carry(there, writer, round_trip / 2))

    server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=_PIECE)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Write what `reader` gives, each piece `delay` seconds after it came, until there is no more."""
    now = asyncio.get_running_loop().time
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_WINDOW)

    async def deliver() -> None:
        with contextlib.suppress(ConnectionError):
            while (arriving := await under_way.get())[1]:
                await asyncio.sleep(max(0.0, arriving[0] - now()))
                writer.write(arriving[1])
                await writer.drain()
        writer.close()

    delivering = asyncio.create_task(deliver())
    piece = b"-"
    while piece and not delivering.done():
        try:
            piece = await reader.read(_PIECE)
        except ConnectionError:
            piece = b""
        await under_way.put((now() + delay, piece))
    await delivering


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
