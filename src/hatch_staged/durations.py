"""How long, as a person writes it, ``2h``, ``3d``, ``1d12h``, and as one reads it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
_FORM = re.compile("".join(rf"(?:(?P<{unit}>[0-9]{{1,9}}){unit})?" for unit in _UNITS))


def parse(text: str) -> timedelta:
    """Return the duration in `text`: whole days, hours, minutes and seconds, in this order; raise `ValueError`."""
    found = _FORM.fullmatch(text)
    given = {unit: int(count) for unit, count in found.groupdict().items() if count} if found else {}
    if not given:
        raise ValueError(f"{text!r} is no duration, such as 2h, 3d or 1d12h")
    try:
        return sum((count * _UNITS[unit] for unit, count in given.items()), timedelta())
    except OverflowError:
        raise ValueError(f"{text} is longer than any calendar") from None


def render(duration: timedelta) -> str:
    """Return `duration`, which is not negative, as `parse` reads it; what is less than a second is left out."""
    parts = []
    for unit, length in _UNITS.items():
        count, duration = divmod(duration, length)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def expires_in(moment: datetime, now: datetime) -> str:
    """Return how long it is until `moment`, in words: whole days, hours or minutes."""
    left = moment - now
    if left <= timedelta():
        return "expired"
    for unit, length in (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1))):
        if count := left // length:
            return f"expires in {count} {unit}{'s' if count > 1 else ''}"
    return "expires in less than a minute"
