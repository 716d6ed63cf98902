"""Pauses: how long, how many, and when it is enough."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_staged.client.waiting import Patience, Waiter
from hatch_staged.errors import UnreachableError

if TYPE_CHECKING:
    from tests.client.conftest import Pauses

PATIENCE = Patience(attempts=5, shortest=1, longest=3, processing=10)


def attempt(waiter: Waiter, **arguments: bool) -> None:
    """Fail until it is enough."""
    attempts = waiter.attempts(**arguments)
    while attempts.pause("it"):
        pass


def test_pauses_grow_to_the_longest(pauses: Pauses) -> None:
    attempt(pauses.waiter(PATIENCE))
    assert pauses == [1, 2, 3, 3]


def test_an_index_that_never_answered_is_given_up_sooner(pauses: Pauses) -> None:
    attempt(pauses.waiter(replace(PATIENCE, first_attempts=2)), reached=False)
    assert pauses == [1]


def test_a_pause_is_any_part_of_what_it_may_be_but_never_less_than_the_index_asks_for() -> None:
    slept: list[float] = []
    chances = iter([0.5, 0.0, 0.25])
    attempts = Waiter(PATIENCE, slept.append, chance=lambda: next(chances)).attempts()

    assert attempts.pause("it")
    assert attempts.pause("it", 7)
    assert attempts.pause("it", 0.1)

    assert slept == [0.5, 7, 0.75]


def test_why_it_waits_is_told(pauses: Pauses) -> None:
    told: list[str] = []
    waiter = replace(pauses.waiter(PATIENCE), tell=told.append)
    attempts = waiter.attempts()

    assert attempts.pause("no answer")
    assert attempts.pause("no answer again", 7)
    assert not attempts.pause("it asks for too much", 1e6)
    assert waiter.pause(1)
    assert told == ["no answer; once more in 1.0 seconds", "no answer again; once more in 7.0 seconds"]

    told.clear()
    waiter.until_settled(lambda: (len(pauses), None), lambda slept: slept > 5)
    assert told == ["the index is processing; it is asked again until it has done that"]


def test_a_request_fails_for_a_bounded_time(pauses: Pauses) -> None:
    attempts = pauses.waiter(replace(PATIENCE, failing=20)).attempts()
    assert attempts.pause("it", 15)
    pauses.append(4)
    assert not attempts.pause("it", 2), "a request that timed out takes its time, too"
    assert pauses.waiter(replace(PATIENCE, failing=20)).attempts().pause("it", 20)
    assert not pauses.waiter(replace(PATIENCE, failing=20)).attempts().pause("it", 21)


def test_all_failures_together_take_a_bounded_time(pauses: Pauses) -> None:
    waiter = pauses.waiter(replace(PATIENCE, failures=20))
    attempt(waiter)
    attempt(waiter)
    attempt(waiter)
    assert pauses == [1, 2, 3, 3, 1, 2, 3, 3, 1]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("\N{SUPERSCRIPT TWO}", None),
        ("0", 0),
        (" 120 ", 120),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30),
        ("Sun, 22 Nov 2026 12:00:30 -0000", 30),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
        ("9" * 400, 86_400),
        ("Sun, 29 Nov 2026 12:00:30 GMT", 86_400),
        ("Sun, 22 Nov 99999999999 12:00:00 GMT", None),
        ("Sun, 22 Nov 2026 12:00:00 +99999999999999999999", None),
    ],
)
def test_retry_after(pauses: Pauses, header: str | None, seconds: float | None) -> None:
    assert pauses.waiter().retry_after(header) == seconds


@given(st.text())
def test_no_header_breaks_it(header: str) -> None:
    seconds = Waiter().retry_after(header)

    assert seconds is None or seconds >= 0


def test_waiting_ends_when_the_value_is_settled(pauses: Pauses) -> None:
    numbers = count()

    value = pauses.waiter(PATIENCE).until_settled(lambda: (next(numbers), None), lambda number: number == 3)

    assert value == 3
    assert pauses == [1, 2, 3]


def test_waiting_is_as_long_as_the_index_asks_for_but_never_idle(pauses: Pauses) -> None:
    wishes = iter([2.0, 0.0, None, 3.5])

    value = pauses.waiter(PATIENCE).until_settled(
        lambda: (0, next(wishes)), lambda _: len(pauses) == 4, first_pause=1.5
    )

    assert value == 0
    assert pauses == [1.5, 2, 1, 1]


@given(wishes=st.lists(st.none() | st.floats(0, 1e6), min_size=100, max_size=100), first=st.none() | st.floats(0, 1e6))
def test_waiting_is_bounded_whatever_the_index_asks_for(wishes: list[float | None], first: float | None) -> None:
    slept: list[float] = []
    asked = iter(wishes)

    with pytest.raises(UnreachableError, match="still processing after 10 seconds"):
        Waiter(PATIENCE, slept.append, chance=lambda: 1.0).until_settled(
            lambda: (0, next(asked)), lambda _: False, first_pause=first
        )

    assert sum(slept) == pytest.approx(PATIENCE.processing)


def test_the_real_clock_is_in_utc() -> None:
    assert Waiter().now().tzinfo is timezone.utc
    assert Waiter().now().utcoffset() == timedelta(0)
