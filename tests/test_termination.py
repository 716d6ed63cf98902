"""SIGTERM does what Ctrl-C does, while we want that."""

from __future__ import annotations

import signal
from threading import Thread

import pytest

from hatch_staged.termination import like_an_interrupt


def test_sigterm_interrupts_inside_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), like_an_interrupt():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_another_thread_gets_no_signals() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[object] = []

    def run() -> None:
        with like_an_interrupt():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before]
