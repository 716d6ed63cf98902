"""The local index: processes that come when needed and go when told, one for each folder."""

from __future__ import annotations

import os
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from hatch_staged.client.credentials import Credentials
from hatch_staged.client.transport import Transport
from hatch_staged.client.upload_api import Client
from hatch_staged.errors import ConfigurationError, StagedError
from hatch_staged.index import presence
from hatch_staged.local import LocalIndex

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings(
    # The server outlives whoever has started it.
    "ignore:subprocess .* is still running:ResourceWarning"
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Return a folder; whatever serves it at the end is stopped."""
    folder = tmp_path / "deep" / "index"
    yield folder
    presence.stop(folder)
    assert presence.running(folder) is None


def pid_of(folder: Path) -> int:
    """Return the process that serves `folder`."""
    running = presence.running(folder)
    assert running is not None
    return running.pid


def kill(folder: Path) -> None:
    """End the server of `folder` as a power cut would; it is a child of this process."""
    pid = pid_of(folder)
    if sys.platform == "win32":
        os.kill(pid, signal.SIGTERM)
    else:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_it_starts_once_keeps_its_port_and_lets_its_token_upload(folder: Path) -> None:
    index = LocalIndex(folder, default_port=0)
    assert LocalIndex(folder).url is None
    url = index.start()
    first = pid_of(folder)
    assert index.start() == index.url == url
    assert pid_of(folder) == first
    if sys.platform != "win32":
        assert folder.stat().st_mode & 0o777 == 0o700

    token = index.token()
    assert index.token() == token
    if sys.platform != "win32":
        assert (folder / "token").stat().st_mode & 0o777 == 0o600
    with Client(Transport(url, Credentials("__token__", token))) as client:
        assert client.create_or_join("foo", "1.0")[0].status.value == "open"

    # without it the token is still ours, and the next start is on the same port
    kill(folder)
    assert index.start() == url
    assert pid_of(folder) != first
    assert LocalIndex(folder).token() == token


def test_it_imports_nothing_from_the_folder_that_somebody_works_in(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "starlette.py").write_text("raise SystemExit('the code of a project ran')")
    monkeypatch.chdir(tmp_path)
    local = LocalIndex(folder, default_port=0)
    assert local.start() == local.url


def test_two_starts_at_once_start_one(folder: Path) -> None:
    with ThreadPoolExecutor() as threads:
        starts = [threads.submit(LocalIndex(folder, default_port=0).start) for _ in range(3)]
        assert len({start.result() for start in starts}) == 1
        tokens = [threads.submit(LocalIndex(folder).token) for _ in range(3)]
        assert len({token.result() for token in tokens}) == 1


def test_a_kept_port_that_somebody_else_has_taken(folder: Path) -> None:
    folder.mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (folder / "port").write_text(str(port))
        with pytest.raises(StagedError) as caught:
            LocalIndex(folder).start()
    assert f"the local index did not start: cannot listen on 127.0.0.1 port {port}" in caught.value.what
    assert "try:" not in caught.value.what
    assert caught.value.where == str(folder / "serve.log")
    assert str(folder / "port") in caught.value.hint


def test_a_default_port_that_somebody_else_has_taken(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        url = LocalIndex(folder, default_port=port).start()
    assert f":{port}/" not in url


def test_the_default_port_if_it_is_free(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert LocalIndex(folder, default_port=port).start() == f"http://127.0.0.1:{port}/upload/"


def test_a_start_that_takes_too_long_leaves_nothing_behind(folder: Path) -> None:
    with pytest.raises(StagedError, match="did not start: it said nothing"):
        LocalIndex(folder, default_port=0, patience=0).start()
    assert presence.running(folder) is None
    assert not (folder / "port").exists()


def test_a_port_that_is_none(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "port").write_text("many")
    with pytest.raises(ConfigurationError, match="no number of a port"):
        LocalIndex(folder).start()


def test_without_the_extra_there_are_other_indexes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(ConfigurationError, match="or name another with --repo"):
        LocalIndex(folder).start()
    assert not folder.exists()
