"""A proxy for the client's tests: it leads everywhere to the same place."""

from __future__ import annotations

import selectors
import socket
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.in_thread import InThread


@dataclass(frozen=True)
class Passed:
    """A request as the proxy saw it; `target` is what it was asked for."""

    method: str
    target: str
    headers: dict[str, str]


@dataclass
class ProxyServer(InThread):
    """Answers plain requests itself, and opens each tunnel to `upstream`, a port of this machine.

    With `status` set it refuses tunnels.
    """

    upstream: int = 0
    status: int = 200
    passed: list[Passed] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Bind a free port."""
        super().__init__(_Server(("127.0.0.1", 0), _handler(self)))

    @property
    def host(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_port}"


class _Server(ThreadingHTTPServer):
    daemon_threads = False


def _handler(proxy: ProxyServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def parse_request(self) -> bool:
            parsed = super().parse_request()
            if parsed:
                headers = {name.lower(): value for name, value in self.headers.items()}
                proxy.passed.append(Passed(self.command, self.path, headers))
            return parsed

        def do_GET(self) -> None:  # the name that the base class looks for
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_CONNECT(self) -> None:  # likewise
            self.send_response(proxy.status)
            self.end_headers()
            self.close_connection = True
            if proxy.status == 200:
                with socket.create_connection(("127.0.0.1", proxy.upstream)) as upstream:
                    _tunnel(self.connection, upstream)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # its name in the base class
            """Keep quiet."""

    return Handler


def _tunnel(one: socket.socket, other: socket.socket) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in selector.select(timeout=10):
                source: socket.socket = one if key.fileobj is one else other
                try:
                    data = source.recv(65_536)
                    if not data:
                        return
                    key.data.sendall(data)
                except ConnectionError:
                    return
