"""How long to wait, and how often to ask again: always for a bounded time."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from hatch_staged.client.progress import unheard
from hatch_staged.errors import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: The longest pause that an index is granted (seconds).
_LONGEST_WISH = 86_400.0


def _now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(frozen=True)
class Patience:
    """What a client puts up with; times in seconds."""

    #: how often a request is made that keeps failing, the first time included
    attempts: int = 8
    #: the same for an index that has never answered: its URL may be wrong
    first_attempts: int = 4
    #: the first pause, and the shortest while the index processes something
    shortest: float = 0.5
    #: no pause of our own choice is longer
    longest: float = 30.0
    #: from the first failure of a request to its last repetition; an index that asks for more time is given up
    failing: float = 300.0
    #: all pauses together because of failing requests
    failures: float = 1800.0
    #: all pauses together while the index processes something
    processing: float = 1800.0
    #: all pauses together while somebody else uploads the same file
    others: float = 120.0


_Value = TypeVar("_Value")


class _Spent:
    """The seconds that were spent on failures; threads share it."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._lock = Lock()

    def take(self, seconds: float, limit: float) -> bool:
        """Count `seconds`, unless that makes more than `limit`; return whether it does not."""
        with self._lock:
            if self._seconds + seconds > limit:
                return False
            self._seconds += seconds
            return True


@dataclass(frozen=True)
class Waiter:
    """Waits within the bounds of a `Patience`.

    `sleep` takes seconds, `now` gives an aware time, `chance` a number from 0 to 1: pauses of our own choice are a
    random part of what they could be at most ("full jitter"), so that clients that failed together do not return
    together.  `tell` takes a line on why it waits.
    """

    patience: Patience = Patience()
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = _now
    chance: Callable[[], float] = random.random
    tell: Callable[[str], None] = unheard
    _spent: _Spent = field(default_factory=_Spent, init=False, repr=False, compare=False)

    def attempts(self, *, reached: bool = True) -> Attempts:
        """Return what counts the attempts of one request; `reached` is whether the index has ever answered."""
        most = self.patience.attempts if reached else min(self.patience.attempts, self.patience.first_attempts)
        return Attempts(self, most)

    def pause(self, longest: float, asked: float | None = None, *, elapsed: float = 0.0, failure: str = "") -> bool:
        """Sleep after a failure, at most `longest` but at least `asked` seconds, and return True.

        Returns False at once where that is too long: after `elapsed` seconds of failing, or all failures together.
        `failure` is told, if there is one.
        """
        seconds = max(asked or 0.0, self.chance() * longest)
        if elapsed + seconds > self.patience.failing or not self._spent.take(seconds, self.patience.failures):
            return False
        if failure:
            self.tell(f"{failure}; once more in {seconds:.1f} seconds")
        self.sleep(seconds)
        return True

    def retry_after(self, header: str | None) -> float | None:
        """Return the seconds that a ``Retry-After`` asks for (RFC 9110, 10.2.3), None where it is absent or no use.

        Never more than a day: whoever waits so long may look.
        """
        text = (header or "").strip()
        if text.isascii() and text.isdigit():
            return min(float(text), _LONGEST_WISH)
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        if moment.tzinfo is None:
            # "-0000" of the mail format; an HTTP date is always UTC
            moment = moment.replace(tzinfo=timezone.utc)
        return min(max(0.0, (moment - self.now()).total_seconds()), _LONGEST_WISH)

    def until_settled(
        self,
        look: Callable[[], tuple[_Value, float | None]],
        settled: Callable[[_Value], bool],
        *,
        first_pause: float | None = None,
        at_most: float | None = None,
    ) -> _Value:
        """Call `look` until its value is `settled`, and return that value.

        `look` also returns how many seconds the index wants to be left alone, or None: then the pauses grow.  Raises
        `UnreachableError` when `at_most` seconds, or the patience for processing, are at their end.
        """
        pauses = self.pauses()
        whole = left = self.patience.processing if at_most is None else at_most
        if first_pause is not None:
            left = self._pause(first_pause, left)
        told = False
        while True:
            value, asked = look()
            if settled(value):
                return value
            if left <= 0:
                raise UnreachableError(
                    f"the index is still processing after {whole:.0f} seconds",
                    hint="`hatch stage status` tells when it is done",
                )
            if not told:
                self.tell("the index is processing; it is asked again until it has done that")
                told = True
            left = self._pause(self.chance() * next(pauses) if asked is None else asked, left)

    def _pause(self, seconds: float, left: float) -> float:
        seconds = min(max(seconds, self.patience.shortest), left)
        self.sleep(seconds)
        return left - seconds

    def pauses(self) -> Iterator[float]:
        """Yield what each pause is at most."""
        pause = self.patience.shortest
        while True:
            yield pause
            pause = min(2 * pause, self.patience.longest)


class Attempts:
    """The attempts of one request that keeps failing."""

    def __init__(self, waiter: Waiter, most: int) -> None:
        self._waiter = waiter
        self._left = most - 1
        self._began = waiter.now()
        self._pauses = waiter.pauses()

    def pause(self, failure: str, asked: float | None = None) -> bool:
        """Sleep after a failure, `asked` seconds at least, and return True; return False if it is enough."""
        if self._left <= 0:
            return False
        self._left -= 1
        elapsed = (self._waiter.now() - self._began).total_seconds()
        return self._waiter.pause(next(self._pauses), asked, elapsed=elapsed, failure=failure)
