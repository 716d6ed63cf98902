"""Times of somebody else's, which need not be on our calendar."""

from __future__ import annotations

from datetime import datetime, timezone


def in_utc(moment: datetime) -> datetime:
    """Return `moment` in UTC; raise `ValueError` where that is beyond the calendar."""
    try:
        return moment.astimezone(timezone.utc)
    except OverflowError:
        raise ValueError("in UTC it is before the year 1, or after the year 9999") from None
