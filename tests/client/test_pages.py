"""Whether a page is as it was, asked in the smallest way."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from hatch_staged.client import pages

if TYPE_CHECKING:
    from collections.abc import Iterator

OK = b"HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 07:00:00 GMT\r\n\r\n"


@contextmanager
def answering(*answers: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Answer one connection after the other; gives the root and the requests."""
    asked: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        for answer in answers:
            connection, _ = listener.accept()
            with connection:
                asked.append(connection.recv(65536))
                with suppress(OSError):  # a client that has enough
                    connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as thread:
        served = thread.submit(serve, listener)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/simple/", asked
        served.result()


def test_the_same_page_has_the_same_fingerprint() -> None:
    later = OK.replace(b"07:00:00", b"07:00:01")
    with answering(OK + b"{}", later + b"{}", OK + b"{ }") as (root, asked):
        first, second, third = (pages.fingerprint(pages.address(root, "Foo_Bar")) for _ in range(3))
    assert first is not None
    assert first == second
    assert third not in {None, first}
    host = root.split("/")[2].encode()
    json = b"application/vnd.pypi.simple.v1+json"
    assert asked[0] == b"GET /simple/foo-bar/ HTTP/1.0\r\nHost: " + host + b"\r\nAccept: " + json + b"\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 404 Not Found\r\n\r\n{}",
        b"HTTP/1.1 301 Moved Permanently\r\nLocation: http://127.0.0.1/\r\n\r\n",
        b"200",
        b"",
        pytest.param(OK + bytes(pages.LARGEST), id="endless"),
    ],
)
def test_what_is_no_page_has_none(answer: bytes) -> None:
    with answering(answer) as (root, _):
        assert pages.fingerprint(root) is None


def test_an_index_that_does_not_answer_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PATIENCE", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        root = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        assert pages.fingerprint(root) is None
    assert pages.fingerprint(root) is None, "nobody listens"


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "http:///", "http://127.0.0.1:9/é"])
def test_what_cannot_be_asked_so(url: str) -> None:
    assert pages.fingerprint(url) is None
