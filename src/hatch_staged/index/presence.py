"""Which process serves a data folder, and where it listens: said by the server, read by others, without its imports.

While it runs it holds a lock on ``serve.lock`` in its data folder; ``serve.json`` beside it says where it listens.  To
see whether that lock is free is to take it for a moment, so those who look take turns: they hold ``look.lock``.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from filelock import FileLock, Timeout

from hatch_staged.errors import ConfigurationError, StagedError
from hatch_staged.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How long `stop` waits for a server at most (seconds): more than it gives its requests in flight.
PATIENCE = 15
# A start waits so long for a server that is about to end (seconds).
_LOCK_PATIENCE = 2
# Between two looks whether a server has ended (seconds).
_LOOK_AGAIN = 0.05
# How long `stop` waits for the process itself, after its lock is free (seconds).
_LAST_MOMENT = 2


@dataclass(frozen=True)
class RunningServer:
    """A server as its data folder describes it."""

    pid: int
    #: of the index's root, with a slash at the end
    url: str


@contextmanager
def exclusive(data_dir: Path) -> Iterator[None]:
    """Be the process that serves `data_dir`, during the block; raise `ConfigurationError` if there is another."""
    lock = FileLock(data_dir / "serve.lock")
    try:
        with _looking(data_dir):
            lock.acquire(timeout=_LOCK_PATIENCE)
            # Left by a process that was killed.
            withdraw(data_dir)
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


def announce(data_dir: Path, url: str) -> None:
    """Say that this process listens at `url`, the index's root, with a slash at the end."""
    partial = data_dir / "serve.json.partial"
    partial.write_bytes(msgspec.json.encode(RunningServer(pid=os.getpid(), url=url)))
    partial.replace(_state_file(data_dir))


def withdraw(data_dir: Path) -> None:
    """Say that this process does not listen any more."""
    _state_file(data_dir).unlink(missing_ok=True)


def running(data_dir: Path) -> RunningServer | None:
    """Return the server that serves `data_dir` now, if there is one and it listens."""
    return _read_state(data_dir) if _is_served(data_dir) else None


def stop(data_dir: Path, *, patience: float = PATIENCE) -> bool:
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

elif sys.platform == "linux":

    def _lives(pid: int) -> bool:
        try:
            told = Path("/proc", str(pid), "stat").read_bytes()
        except OSError:
            return False
        # After its name in brackets.  A zombie has ended, even if nobody looks after it, as in many a container.
        return told.rpartition(b")")[2].split()[0] not in {b"Z", b"X"}

else:

    def _lives(pid: int) -> bool:
        # One that its parent has not looked after yet still counts as there.
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True


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


def _state_file(data_dir: Path) -> Path:
    return data_dir / "serve.json"


def _read_state(data_dir: Path) -> RunningServer | None:
    try:
        return msgspec.json.decode(_state_file(data_dir).read_bytes(), type=RunningServer)
    except FileNotFoundError:
        return None
