"""Time that an index gives: extended while it is needed, and warned about where it cannot be."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.client.conftest import NOON

from hatch_staged.client.leases import Lease
from hatch_staged.errors import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tests.client.conftest import Pauses

HOUR = timedelta(hours=1)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def make_lease(pauses: Pauses, told: list[str]) -> Callable[[Callable[[int], datetime] | None], Lease]:
    return lambda extend: Lease("it", NOON + HOUR, extend, now=pauses.now, tell=told.append)


def test_it_is_extended_before_it_ends_and_again(
    make_lease: Callable[[Callable[[int], datetime] | None], Lease], pauses: Pauses, told: list[str]
) -> None:
    asked: list[int] = []

    def extend(seconds: int) -> datetime:
        asked.append(seconds)
        return pauses.now() + HOUR

    lease = make_lease(extend)
    lease.watch()
    pauses.append(44 * 60)
    lease.watch()
    assert asked == []
    pauses.append(60)
    lease.watch()
    lease.watch()
    assert asked == [3600]
    pauses.append(45 * 60)
    lease.watch()
    assert asked == [3600, 3600]
    assert told == []


def test_of_a_short_time_half_is_left(pauses: Pauses) -> None:
    asked: list[int] = []

    def extend(seconds: int) -> datetime:
        asked.append(seconds)
        return pauses.now() + HOUR

    lease = Lease("it", NOON + timedelta(minutes=2), extend, now=pauses.now, tell=asked.append)  # type: ignore[arg-type] # never called
    pauses.append(59)
    lease.watch()
    assert asked == []
    pauses.append(1)
    lease.watch()
    assert asked == [3600]


def no_more(_seconds: int) -> datetime:
    return NOON + HOUR


def fail(_seconds: int) -> datetime:
    raise UnreachableError("nobody there")


@pytest.mark.parametrize(
    ("extend", "reason"),
    [(None, "the index has no extensions"), (no_more, "the index grants no more time"), (fail, "nobody there")],
)
def test_where_it_cannot_be_extended_that_is_told_once(
    make_lease: Callable[[Callable[[int], datetime] | None], Lease],
    pauses: Pauses,
    told: list[str],
    extend: Callable[[int], datetime] | None,
    reason: str,
) -> None:
    lease = make_lease(extend)
    lease.watch()
    assert told == []
    pauses.append(3000)
    lease.watch()
    lease.watch()
    assert told == [
        f"it expires at 2026-11-22 13:00 UTC ({reason}); what is not complete by then has to be uploaded again"
    ]
