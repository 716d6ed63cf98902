"""The index as a process of its own, on a port of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2
import pytest
from tests.index import uploading
from tests.index.building import Built, build

from hatch_staged.errors import ConfigurationError
from hatch_staged.index import presence, server, tokens
from hatch_staged.index.core import open_index
from hatch_staged.protocol.messages import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SERVE = """
import json, sys
from pathlib import Path
from hatch_staged.errors import StagedError
from hatch_staged.index import server
options = json.loads(sys.argv[1])
try:
    server.serve(**options | {"data_dir": Path(options["data_dir"])}, announce=lambda line: print(line, flush=True))
except StagedError as error:
    sys.exit(str(error))
"""


@contextmanager
def process(data_dir: Path, **options: object) -> Iterator[subprocess.Popen[str]]:
    """Start a server; kill it at the end if it still runs."""
    told = {"data_dir": str(data_dir), "host": "127.0.0.1", "port": 0, **options}
    command = [sys.executable, "-W", "error", "-c", SERVE, json.dumps(told)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        try:
            yield started
        finally:
            if started.poll() is None:
                started.kill()


@contextmanager
def serving(data_dir: Path, **options: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a server, wait until it listens, and yield it with the URL of its root."""
    with process(data_dir, **options) as started:
        assert started.stdout is not None
        line = started.stdout.readline()
        found = presence.running(data_dir)
        assert found is not None, started.communicate()
        assert found.pid == started.pid
        assert line == f"Serving Upload 2.0 on {found.url}upload/ (data in {data_dir})\n"
        yield started, found.url


def ended(started: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for the end of a server; return its exit code and all that it still said."""
    out, err = started.communicate(timeout=60)
    return started.returncode, out + err


class Publisher:
    """A client with a token, on a real connection."""

    def __init__(self, data_dir: Path, url: str) -> None:
        # While the server runs, as `token create` does it.
        with open_index(data_dir) as index:
            self.secret = tokens.create(index, user="alice")
        self.url = url

    def post(self, url: str, **body: object) -> dict[str, Any]:
        """POST a message and return the answer."""
        answer = httpx2.post(
            url,
            content=json.dumps({"meta": {"api-version": "2.0"}, **body}),
            headers={"Authorization": f"Bearer {self.secret}", "Content-Type": CONTENT_TYPE},
        )
        assert answer.is_success, answer.text
        parsed: dict[str, Any] = answer.json()
        return parsed

    def send(self, url: str, data: bytes) -> httpx2.Response:
        """POST bytes."""
        headers = {"Authorization": f"Bearer {self.secret}", "Content-Type": "application/octet-stream"}
        return httpx2.post(url, content=data, headers=headers)

    def begin(self, session: dict[str, Any], built: Built) -> dict[str, Any]:
        """Create a file upload session."""
        return self.post(session["links"]["upload"], **built.declared())

    def connect(self, url: str, length: int) -> socket.socket:
        """Begin to POST `length` bytes; what comes is the caller's."""
        parts = urlsplit(url)
        connection = socket.create_connection((parts.hostname, parts.port), timeout=30)
        head = [
            f"POST {parts.path} HTTP/1.1",
            f"Host: {parts.netloc}",
            f"Authorization: Bearer {self.secret}",
            "Content-Type: application/octet-stream",
            f"Content-Length: {length}",
        ]
        connection.sendall("\r\n".join([*head, "", ""]).encode())
        return connection


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_release_over_real_connections_outlives_the_process(data_dir: Path) -> None:
    built = build(content=os.urandom(3 * 1024 * 1024))
    with serving(data_dir) as (started, url):
        publisher = Publisher(data_dir, url)
        session = publisher.post(f"{url}upload/", name="foo", version="1.0")
        file = publisher.begin(session, built)
        assert publisher.send(file["mechanism"]["file_url"], built.data).status_code == 204
        publisher.post(file["links"]["complete"])
        publisher.post(session["links"]["publish"])
        if sys.platform != "win32":
            made = [data_dir, *data_dir.rglob("*")]
            assert not [path for path in made if path.stat().st_mode & 0o077]
            assert {"serve.json", "serve.lock", "files"} <= {path.name for path in made}
        assert presence.stop(data_dir)
        assert ended(started) == (0, "")
    with serving(data_dir) as (_, url):
        assert httpx2.get(f"{url}files/{built.sha256}/{built.filename}").content == built.data


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot send these to another")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_cleanly(data_dir: Path, number: signal.Signals) -> None:
    with serving(data_dir) as (started, url):
        assert httpx2.get(url).is_success
        started.send_signal(number)
        assert ended(started) == (0, "")
    assert presence.running(data_dir) is None
    assert not (data_dir / "serve.json").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot send it to another")
def test_request_in_flight_is_finished_before_the_end(data_dir: Path) -> None:
    built = build(content=os.urandom(1024 * 1024))
    with serving(data_dir) as (started, url):
        publisher = Publisher(data_dir, url)
        session = publisher.post(f"{url}upload/", name="foo", version="1.0")
        file = publisher.begin(session, built)
        with publisher.connect(file["mechanism"]["file_url"], len(built.data)) as connection:
            connection.sendall(built.data[:1000])
            # An answer to another request: by now the first one is in flight.
            assert httpx2.get(f"{url}-/health").is_success
            started.terminate()
            connection.sendall(built.data[1000:])
            assert connection.recv(1024).startswith(b"HTTP/1.1 204")
        assert ended(started) == (0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot send it to another")
def test_request_that_outlives_the_grace_is_cut_off(data_dir: Path) -> None:
    built = build()
    with serving(data_dir, grace=1) as (started, url):
        publisher = Publisher(data_dir, url)
        file = publisher.begin(publisher.post(f"{url}upload/", name="foo", version="1.0"), built)
        with publisher.connect(file["mechanism"]["file_url"], len(built.data)):
            assert httpx2.get(f"{url}-/health").is_success
            started.terminate()
            code, said = ended(started)
    assert code == 0
    assert "a request was cut off" in said
    assert "Traceback" not in said


def test_it_stops_when_idle(data_dir: Path) -> None:
    with serving(data_dir, idle_timeout=0.5) as (started, _):
        assert ended(started) == (0, "")
    assert presence.running(data_dir) is None


def test_second_server_of_a_folder_is_refused(data_dir: Path) -> None:
    with serving(data_dir) as (_, url), process(data_dir) as second:
        code, said = ended(second)
        assert code == 1
        assert f"another process serves this data folder on {url}" in said
        assert str(data_dir) in said
        assert httpx2.get(url).is_success


def test_addresses_of_every_interface_are_announced_as_one_that_can_be_reached(data_dir: Path) -> None:
    with serving(data_dir, host="0.0.0.0") as (_, url):  # noqa: S104 - it is what is tested
        assert url.startswith("http://127.0.0.1:")
        assert httpx2.get(url).is_success


def test_taken_port_is_named(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1 port {port}"):
            server.serve(data_dir=data_dir, host="127.0.0.1", port=port, announce=pytest.fail)


def test_links_have_the_given_base_url(data_dir: Path) -> None:
    with process(data_dir, base_url="https://index.example.com/") as started:
        assert started.stdout is not None
        assert "https://index.example.com/upload/" in started.stdout.readline()
        found = presence.running(data_dir)
        assert found is not None
        assert found.url == "https://index.example.com/"


def test_too_many_bytes_are_refused_while_they_come(data_dir: Path) -> None:
    built = build()
    with serving(data_dir) as (_, url):
        publisher = Publisher(data_dir, url)
        file = publisher.begin(publisher.post(f"{url}upload/", name="foo", version="1.0"), built)
        with publisher.connect(file["mechanism"]["file_url"], 10 * 1024**3) as connection:
            assert connection.recv(1024).startswith(b"HTTP/1.1 413")
        assert publisher.send(file["mechanism"]["file_url"], built.data).status_code == 204


def test_killed_in_the_middle_of_an_upload_it_loses_nothing_and_shows_nothing(data_dir: Path) -> None:
    half, whole = build("foo-1.0.tar.gz", content=os.urandom(20 * 1024 * 1024)), build()
    with serving(data_dir) as (started, url):
        publisher = Publisher(data_dir, url)
        session = publisher.post(f"{url}upload/", name="foo", version="1.0")
        completed, pending = publisher.begin(session, whole), publisher.begin(session, half)
        publisher.send(completed["mechanism"]["file_url"], whole.data)
        publisher.post(completed["links"]["complete"])
        with publisher.connect(pending["mechanism"]["file_url"], len(half.data)) as connection:
            connection.sendall(half.data[: len(half.data) * 3 // 4])
            started.kill()
            started.wait()
    with serving(data_dir, port=urlsplit(url).port) as (_, again):
        assert again == url
        with open_index(data_dir) as index:
            with index.database.reading() as tx:
                referenced = uploading.referenced(tx)
            assert {stored.key for stored in index.objects.list()} == referenced
            assert len(referenced) == 1
        assert [path.name for path in (data_dir / "objects" / "files").iterdir()] == [
            key.partition("/")[2] for key in referenced
        ]
        assert httpx2.get(f"{url}simple/foo/").status_code == 404
        # The release goes on where it was.
        assert publisher.send(pending["mechanism"]["file_url"], half.data).status_code == 204
        publisher.post(pending["links"]["complete"])
        assert publisher.post(session["links"]["publish"])["status"] == "published"
        for built in (half, whole):
            assert httpx2.get(f"{url}files/{built.sha256}/{built.filename}").content == built.data


def test_what_strangers_send_is_not_logged(data_dir: Path) -> None:
    with serving(data_dir) as (started, url):
        for sent in (
            b"nonsense\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n\r\n",
            b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            b"HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        ):
            with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=30) as connection:
                connection.sendall(sent)
                assert connection.recv(1024).startswith(b"HTTP/1.1 ")
        assert presence.stop(data_dir)
        assert ended(started) == (0, "")


def test_answers_do_not_wait_for_the_clients_acknowledgement() -> None:
    with server._listen("127.0.0.1", 0) as listener:  # noqa: SLF001 - what it costs depends on the clocks of two systems
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
