"""Jobs in several threads: how many at once, and how they end."""

from __future__ import annotations

import signal
from collections import Counter
from threading import Barrier, Event, Lock
from typing import TYPE_CHECKING

import pytest

from hatch_staged.client.lanes import Lanes, NotBesideOthersError, StoppedError, Turns

if TYPE_CHECKING:
    from collections.abc import Callable


def go_on() -> None:
    """Raise nothing."""


def stop() -> None:
    raise StoppedError


def for_ever(check: Callable[[], None]) -> None:
    while True:
        check()


def test_as_many_run_at_once_as_are_allowed() -> None:
    together = Barrier(3, timeout=10)

    def run(_job: int) -> None:
        together.wait()

    Lanes(range(6), (3,), run).run()


def test_an_interrupt_stops_them_even_while_they_are_begun_and_waits_for_their_end() -> None:
    returned = Event()
    alive: list[bool] = []

    def run(job: int) -> None:
        if job == 0:
            signal.raise_signal(signal.SIGINT)
        try:
            for_ever(lanes.check)
        except StoppedError:
            alive.append(not returned.wait(0.1))
            raise

    for most in (1, 3):
        returned.clear()
        lanes = Lanes(range(3), (most,), run)
        with pytest.raises(KeyboardInterrupt):
            lanes.run()
        returned.set()
        assert lanes.interrupted
    assert alive
    assert all(alive)


def test_nothing_to_do() -> None:
    Lanes((), (3,), lambda _job: pytest.fail("there is none")).run()


def test_the_first_failure_in_their_order_is_raised_and_the_others_stop() -> None:
    both = Barrier(2, timeout=10)
    stopped: list[int] = []

    def run(job: int) -> None:
        both.wait()
        if job == 1:
            raise ValueError
        try:
            for_ever(lanes.check)
        except StoppedError:
            stopped.append(job)
            raise

    lanes = Lanes(range(5), (2,), run)
    with pytest.raises(ValueError):  # noqa: PT011 - it has no words
        lanes.run()
    assert stopped == [0]


def test_what_cannot_be_done_beside_others_is_done_alone() -> None:
    lock, done = Lock(), []
    second = Event()

    def run(job: int) -> None:
        if not lock.acquire(blocking=False):
            second.set()
            raise NotBesideOthersError(ValueError(job))
        try:
            assert second.wait(10)
            done.append(job)
        finally:
            lock.release()

    Lanes(range(5), (2,), run).run()
    assert sorted(done) == [0, 1, 2, 3, 4]


def test_when_so_many_are_too_many_fewer_run_and_not_at_once_one_alone() -> None:
    crowd, both = Barrier(4, timeout=10), Barrier(2, timeout=10)
    refused, done = Counter[int](), Counter[int]()

    def run(job: int) -> None:
        if not refused[job] and job < 4:
            refused[job] += 1
            crowd.wait()
            raise NotBesideOthersError(ValueError(job))
        both.wait()
        done[job] += 1

    Lanes(range(6), (4, 2), run).run()
    assert sorted(refused) == [0, 1, 2, 3]
    assert done == Counter(range(6))


def test_turns_are_taken_by_so_many_at_once() -> None:
    turns = Turns(1)
    looked = Event()

    def stop_looking() -> None:
        looked.set()
        stop()

    with turns.one(looked.clear), pytest.raises(StoppedError), turns.one(stop_looking):
        pytest.fail("two have it")
    assert looked.is_set()
    with turns.one(looked.clear):
        assert not looked.is_set()


def test_a_turn_may_end_before_its_block_does() -> None:
    turns = Turns(1)
    with turns.one(go_on) as end:
        end()
        end()
        with turns.one(go_on), pytest.raises(StoppedError), turns.one(stop):
            pytest.fail("it ended twice")


def test_what_fails_alone_too_is_a_failure() -> None:
    tried: list[int] = []

    def run(job: int) -> None:
        tried.append(job)
        if job == 0:
            raise NotBesideOthersError(ValueError("anyway"))

    with pytest.raises(ValueError, match="anyway"):
        Lanes(range(2), (2,), run).run()
    assert tried.count(0) == 2


def test_one_job_is_alone_from_the_start() -> None:
    tried: list[int] = []

    def run(job: int) -> None:
        tried.append(job)
        raise NotBesideOthersError(ValueError("no"))

    with pytest.raises(ValueError, match="no"):
        Lanes([0], (4,), run).run()
    assert tried == [0]
