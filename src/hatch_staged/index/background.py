"""What goes on beside the requests: a function that is called again and again, in a thread."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

_LOGGER = logging.getLogger(__name__)


def never() -> bool:
    """Do not stop."""
    return False


class Repeated:
    """Calls `function` while its block is entered: at once, whenever it is woken, and `every` so many seconds.

    The function gets one that says whether to stop; leaving the block waits for it.  `name` is for the log.
    """

    def __init__(self, name: str, function: Callable[[Callable[[], bool]], object], *, every: float) -> None:
        self._name = name
        self._function = function
        self._every = every
        self._stopping = False
        self._woken: asyncio.Event | None = None

    def wake(self) -> None:
        """Let it be called again, now or right after the present call; any thread may ask for it."""
        if self._woken is not None:
            self._loop.call_soon_threadsafe(self._woken.set)

    async def __aenter__(self) -> Self:
        self._stopping = False
        # Here, because it belongs to the event loop that runs now.
        self._woken = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._repeat(self._woken))
        return self

    async def __aexit__(self, *_error: object) -> None:
        # Not canceled: its thread would go on with the database, which is closed next.
        self._stopping = True
        self.wake()
        await self._task

    async def _repeat(self, woken: asyncio.Event) -> None:
        while not self._stopping:
            # Before the call, which may not see any more what it is woken for meanwhile.
            woken.clear()
            try:
                await run_in_threadpool(self._function, lambda: self._stopping)
            except Exception:
                # A full disk or a busy database now must not end it for good.
                _LOGGER.exception("%s failed; it is tried again in %s seconds", self._name, self._every)
            if not self._stopping:
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(woken.wait(), self._every)
