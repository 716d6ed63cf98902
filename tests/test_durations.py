"""Durations as a person writes them, and as one reads them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_staged.durations import expires_in, parse, render

NOW = datetime(2026, 11, 22, 7, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("2h", timedelta(hours=2)),
        ("3d", timedelta(days=3)),
        ("1d12h", timedelta(days=1, hours=12)),
        ("90m", timedelta(minutes=90)),
        ("1d2h3m4s", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("0s", timedelta()),
    ],
)
def test_durations(text: str, duration: timedelta) -> None:
    assert parse(text) == duration


@pytest.mark.parametrize(
    "text", ["", "2", "h", "2 h", "2h ", "-2h", "+2h", "2.5h", "2H", "2h3d", "2h2h", "²h", "2w", "٣d", "1" * 5000 + "d"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration, such as 2h, 3d or 1d12h"):
        parse(text)


def test_a_duration_that_no_date_can_bear() -> None:
    with pytest.raises(ValueError, match="999999999d24h is longer than any calendar"):
        parse("999999999d24h")


@given(st.timedeltas(timedelta(), timedelta(days=9999)))
def test_what_is_rendered_is_read(duration: timedelta) -> None:
    assert parse(render(duration)) == duration - timedelta(microseconds=duration.microseconds)


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(days=2, hours=23), "expires in 2 days"),
        (timedelta(days=1), "expires in 1 day"),
        (timedelta(hours=23, minutes=59), "expires in 23 hours"),
        (timedelta(hours=1), "expires in 1 hour"),
        (timedelta(minutes=59), "expires in 59 minutes"),
        (timedelta(seconds=60), "expires in 1 minute"),
        (timedelta(seconds=59), "expires in less than a minute"),
        (timedelta(), "expired"),
        (timedelta(days=-1), "expired"),
    ],
)
def test_the_time_that_is_left(left: timedelta, words: str) -> None:
    assert expires_in(NOW + left, NOW) == words
