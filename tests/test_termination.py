"""SIGTERM does what Ctrl-C does, while we want that."""

from __future__ import annotations

import os
import signal
import sys
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from hatch_staged.termination import like_an_interrupt, run, uninterrupted

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path


def test_sigterm_interrupts_inside_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), like_an_interrupt():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_is_begun_is_done() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    done = []
    with like_an_interrupt(), uninterrupted():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        done.append(True)
    assert done == [True]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.parametrize("context", [like_an_interrupt, uninterrupted])
def test_another_thread_gets_no_signals(context: Callable[[], AbstractContextManager[None]]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[object] = []

    def run() -> None:
        with context():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals on Windows")
@pytest.mark.parametrize(
    "heeding",
    [
        "",
        "signal.signal(signal.SIGTERM, lambda *_: (open('asked', 'w'), sys.exit(0)))",
    ],
)
def test_a_command_does_not_outlive_us(tmp_path: Path, heeding: str) -> None:
    code = f"""if True:
        import os, signal, sys, time
        {heeding}
        open("pid", "w").write(str(os.getpid()))
        os.kill(os.getppid(), signal.SIGINT)
        time.sleep(60)
    """
    with pytest.raises(KeyboardInterrupt):
        run([sys.executable, "-c", code], os.environ, tmp_path)
    assert (tmp_path / "asked").exists() is ("SIGTERM" in heeding)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_command_tells_how_it_ended(tmp_path: Path) -> None:
    assert run([sys.executable, "-c", "raise SystemExit(3)"], os.environ, tmp_path) == 3
