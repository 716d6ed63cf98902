"""SIGTERM, which ends a job of CI, as a program gets to know it."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


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
