"""Timestamps that are wrong."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def with_fractions(told: str) -> str:
    """Return it with fractions of seconds."""
    return told.replace("Z", ".000Z")


def with_offset(told: str) -> str:
    """Return it with an offset in the place of the "Zulu" marker."""
    return told.replace("Z", "+00:00")


def in_the_past(_told: str) -> str:
    """Return a time long ago."""
    return "2020-01-01T00:00:00Z"


def later(told: str, seconds: float) -> str:
    """Return it `seconds` later."""
    moment = datetime.fromisoformat(with_offset(told)) + timedelta(seconds=seconds)
    return moment.strftime(_FORMAT)


def earlier_each_time() -> Callable[[str], str]:
    """Return what makes each time that is told an hour earlier than the one before."""
    looks = itertools.count()
    return lambda told: later(told, -3600 * next(looks))


def later_each_time() -> Callable[[str], str]:
    """Return what makes each time that is told a second later than the one before."""
    count = itertools.count(1)
    return lambda told: later(told, next(count))
