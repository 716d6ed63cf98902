"""Who serves a data folder."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from hatch_staged.errors import ConfigurationError, StagedError
from hatch_staged.index import presence

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_those_who_only_look_are_not_taken_for_a_server(data_dir: Path) -> None:
    """Not even by others who look at the same time, where a killed server has left word of itself."""
    data_dir.mkdir()
    (data_dir / "serve.lock").touch()
    (data_dir / "serve.json").write_text('{"pid": 1, "url": "http://127.0.0.1:1/"}')
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: presence.running(data_dir), range(2000))) == {None}


def test_without_a_server_there_is_none_to_stop(data_dir: Path) -> None:
    assert presence.running(data_dir) is None
    assert not presence.stop(data_dir)
    data_dir.mkdir()
    (data_dir / "serve.json").write_text('{"pid": 1, "url": "http://127.0.0.1:1/"}')
    assert presence.running(data_dir) is None
    assert not presence.stop(data_dir)


def test_folder_that_is_locked_by_something_else(data_dir: Path) -> None:
    data_dir.mkdir()
    with FileLock(data_dir / "serve.lock"):
        assert presence.running(data_dir) is None
        with (
            pytest.raises(ConfigurationError, match="another process serves this data folder\n"),
            presence.exclusive(data_dir),
        ):
            pytest.fail("two have it")


def test_server_that_does_not_stop_is_reported(data_dir: Path) -> None:
    data_dir.mkdir()
    with (
        FileLock(data_dir / "serve.lock"),
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stubborn,
    ):
        (data_dir / "serve.json").write_text(f'{{"pid": {stubborn.pid}, "url": "http://127.0.0.1:1/"}}')
        with pytest.raises(StagedError, match=f"process {stubborn.pid} does not stop"):
            presence.stop(data_dir, patience=0)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is waited for a moment")
def test_a_server_that_has_ended_is_not_waited_for_until_its_parent_looks(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir.mkdir()
    monkeypatch.setattr(presence, "_LAST_MOMENT", 3600)
    program = """if True:
        import pathlib, signal, sys
        from hatch_staged.index import presence
        with presence.exclusive(pathlib.Path(sys.argv[1])):
            presence.announce(pathlib.Path(sys.argv[1]), "http://127.0.0.1:1/")
            print(flush=True)
            signal.pause()
    """
    command = [sys.executable, "-c", program, str(data_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server, ThreadPoolExecutor(1) as pool:
        assert server.stdout is not None
        server.stdout.readline()
        try:
            assert pool.submit(presence.stop, data_dir).result(timeout=60)
        finally:
            server.wait()


def test_to_look_needs_nothing_of_the_server() -> None:
    """Whoever stages at the local index looks every time, and its imports would take longer than all the rest."""
    program = "import sys, hatch_staged.local, hatch_staged.hatch.publisher; print({*sys.modules} & {*sys.argv})"
    heavy = ["sqlalchemy", "alembic", "starlette", "uvicorn", "obstore"]
    found = subprocess.run([sys.executable, "-c", program, *heavy], check=True, capture_output=True, text=True)
    assert found.stdout == "set()\n"
