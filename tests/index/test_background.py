"""What goes on beside the requests."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING

from anyio.to_thread import current_default_thread_limiter
from starlette.concurrency import run_in_threadpool

from hatch_staged.index.background import Repeated

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

PATIENCE = 30


def test_it_is_called_at_once_and_when_it_is_woken() -> None:
    called = asyncio.Queue[None]()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        current_default_thread_limiter().total_tokens = 1  # they take turns
        repeated = Repeated("it", lambda _: loop.call_soon_threadsafe(called.put_nowait, None), every=1e6)
        repeated.wake()  # before it is entered, that means nothing
        async with repeated:
            for _ in range(2):
                await asyncio.wait_for(called.get(), PATIENCE)
                assert called.empty()
                repeated.wake()
            await asyncio.wait_for(called.get(), PATIENCE)
            for _ in range(2):  # the first waits for the end of that call, the second for another one
                await run_in_threadpool(int)
            assert called.empty()

    asyncio.run(run())


def test_threads_may_wake_it() -> None:
    called = asyncio.Queue[None]()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        current_default_thread_limiter().total_tokens = 1  # they take turns
        async with Repeated("it", lambda _: loop.call_soon_threadsafe(called.put_nowait, None), every=1e6) as repeated:
            for _ in range(2):
                await asyncio.wait_for(called.get(), PATIENCE)
                await run_in_threadpool(int)  # waits for the end of that call
                await run_in_threadpool(repeated.wake)
            await asyncio.wait_for(called.get(), PATIENCE)

    # Which refuses what threads may not do.
    asyncio.run(run(), debug=True)


def test_it_is_called_every_so_often_whatever_happens(caplog: pytest.LogCaptureFixture) -> None:
    calls = []
    enough = threading.Event()

    def fail(_stopping: Callable[[], bool]) -> None:
        calls.append(1)
        if len(calls) == 3:
            enough.set()
        raise OSError("the disk is away")

    async def run() -> None:
        async with Repeated("counting", fail, every=0):
            assert await asyncio.to_thread(enough.wait, PATIENCE)

    with caplog.at_level(logging.ERROR):
        asyncio.run(run())
    assert "counting failed; it is tried again in 0 seconds" in caplog.text
    assert "the disk is away" in caplog.text


def test_leaving_tells_it_to_stop_and_waits_for_it() -> None:
    begun, left, ended = threading.Event(), threading.Event(), []

    def last(stopping: Callable[[], bool]) -> None:
        begun.set()
        assert left.wait(PATIENCE)
        ended.append(stopping())

    async def run() -> None:
        async with Repeated("it", last, every=0):
            assert await asyncio.to_thread(begun.wait, PATIENCE)
            # Not before leaving waits.
            asyncio.get_running_loop().call_soon(left.set)
        assert ended == [True]

    asyncio.run(run())


def test_it_can_be_entered_again_in_another_loop() -> None:
    called = threading.Event()
    repeated = Repeated("it", lambda _: called.set(), every=1e6)

    async def run() -> None:
        called.clear()
        async with repeated:
            assert await asyncio.to_thread(called.wait, PATIENCE)

    for _ in range(2):
        asyncio.run(run())
