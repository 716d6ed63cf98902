"""How long to wait, and how often to ask again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from hatch_staged.errors import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def _now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(frozen=True)
class Patience:
    """What a client puts up with; times in seconds."""

    #: how often a request is made that keeps failing, the first time included
    attempts: int = 4
    #: the first pause, and the shortest that is ever made
    shortest: float = 0.5
    #: no pause of our own choice is longer, and a failing index that asks for a longer one is given up
    longest: float = 30.0
    #: all pauses together while the index processes something
    processing: float = 1800.0


_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Waiter:
    """Waits within the bounds of a `Patience`; `sleep` takes seconds, `now` gives an aware time."""

    patience: Patience = Patience()
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = _now

    def retries(self) -> Iterator[float]:
        """Yield the pauses before each repetition of a failing request."""
        return islice(self._pauses(), self.patience.attempts - 1)

    def retry_after(self, header: str | None) -> float | None:
        """Return the seconds that a ``Retry-After`` asks for (RFC 9110, 10.2.3), None where it is absent or no use."""
        text = (header or "").strip()
        if text.isascii() and text.isdigit():
            return float(text)
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        if moment.tzinfo is None:
            # "-0000" of the mail format; an HTTP date is always UTC
            moment = moment.replace(tzinfo=timezone.utc)
        return max(0.0, (moment - self.now()).total_seconds())

    def until_settled(
        self,
        look: Callable[[], tuple[_Value, float | None]],
        settled: Callable[[_Value], bool],
        *,
        first_pause: float | None = None,
    ) -> _Value:
        """Call `look` until its value is `settled`, and return that value.

        `look` also returns how many seconds the index wants to be left alone, or None: then the pauses grow.  Raises
        `UnreachableError` when the patience for processing is at its end.
        """
        pauses = self._pauses()
        left = (
            self._pause(first_pause, self.patience.processing) if first_pause is not None else self.patience.processing
        )
        while True:
            value, asked = look()
            if settled(value):
                return value
            if left <= 0:
                raise UnreachableError(
                    f"the index is still processing after {self.patience.processing:.0f} seconds",
                    hint="`hatch stage status` tells when it is done",
                )
            left = self._pause(next(pauses) if asked is None else asked, left)

    def _pause(self, seconds: float, left: float) -> float:
        seconds = min(max(seconds, self.patience.shortest), left)
        self.sleep(seconds)
        return left - seconds

    def _pauses(self) -> Iterator[float]:
        pause = self.patience.shortest
        while True:
            yield pause
            pause = min(2 * pause, self.patience.longest)
