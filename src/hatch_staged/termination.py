"""Ctrl-C, and SIGTERM, which ends a job of CI: what they leave undone, and what not."""

from __future__ import annotations

import signal
import subprocess
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

#: How long a command may take to end by itself, which got the same Ctrl-C, and after it was asked to (seconds).
#: Together less than services of CI wait before they kill.
_BY_ITSELF = 1.0
_WHEN_ASKED = 5.0


@contextmanager
def like_an_interrupt() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does: raise `KeyboardInterrupt` in the main thread, the only one that gets signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let neither Ctrl-C nor SIGTERM keep what is inside from being done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


def run(command: Sequence[str], variables: Mapping[str, str], cwd: Path, *, stdout: int | None = None) -> int:
    """Run `command` to its end, and return its exit code; it does not outlive us when we are interrupted."""
    with subprocess.Popen(command, env=variables, cwd=cwd, stdout=stdout) as process:
        try:
            return process.wait()
        except BaseException:
            _end(process)
            raise


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_BY_ITSELF)
            return
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_WHEN_ASKED)
    finally:
        # also when we are interrupted again; of one that has ended nothing comes of it
        process.kill()
