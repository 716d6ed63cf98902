"""``expires-at``: what it says, and how long that is from now."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatch_staged.conformance.wire import Answer

_ZULU = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})")

# To an expiry by an index on its own, between two requests (seconds).
_MOST_ADDED = 30


def expires_at(body: dict[str, Any]) -> datetime:
    """Return when the session with this body expires; fails if that is no RFC 3339 timestamp."""
    text = body.get("expires-at")
    assert isinstance(text, str), f"expires-at is missing or no string: {body}"
    assert _ZULU.fullmatch(text), f"expires-at is no RFC 3339 timestamp: {text}"
    # Python 3.10 knows no Z, and only fractions of three or six digits.
    whole = re.sub(r"\.[0-9]+", "", text.upper()).replace("Z", "+00:00")
    return datetime.fromisoformat(whole)


def lasting(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body without its expiry: "Servers MAY choose to extend this expiration time", at any request."""
    return {key: value for key, value in body.items() if key != "expires-at"}


def is_same_expiry(told: dict[str, Any], later: dict[str, Any]) -> bool:
    """Tell whether a body still says what one before it has told, apart from what an index adds on its own."""
    return 0 <= (expires_at(later) - expires_at(told)).total_seconds() <= _MOST_ADDED


def seconds_left(answer: Answer) -> float:
    """Return for how long the session in `answer` had still to live, by the clock of the index if it tells that."""
    try:
        now = parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError):
        now = datetime.now(timezone.utc)
    return (expires_at(answer.json()) - now).total_seconds()
