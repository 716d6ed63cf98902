"""``expires-at``: sessions are extended in time where the index allows it, and the user is warned where it does not."""

from __future__ import annotations

from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING

from hatch_staged.errors import StagedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

#: Seconds that are asked for at once: "just a suggestion to the server".
EXTENSION = 3600
#: So long before the end, or after half of the time that there is, if that is later.
MARGIN = timedelta(minutes=15)


class Lease:
    """The time that the index gives for one thing, called `what`; threads share it.

    `extend` takes the seconds to ask for and returns the new ``expires-at``; it is None where the index has no
    extensions.  `tell` takes a warning: "clients should warn users when uploads may exceed the session lifetime".
    """

    def __init__(
        self,
        what: str,
        expires_at: datetime,
        extend: Callable[[int], datetime] | None,
        *,
        now: Callable[[], datetime],
        tell: Callable[[str], None],
    ) -> None:
        self._what = what
        self._extend = extend
        self._now = now
        self._tell = tell
        self._lock = Lock()
        self._over = False
        self._begin(expires_at)

    def watch(self) -> None:
        """Extend it if it is time to; cheap, and to be called often.  What fails is told once, and never raised."""
        if self._over or self._now() < self._due or not self._lock.acquire(blocking=False):
            return
        try:
            self._renew()
        finally:
            self._lock.release()

    def _begin(self, expires_at: datetime) -> None:
        self._expires_at = expires_at
        self._due = expires_at - min(MARGIN, (expires_at - self._now()) / 2)

    def _renew(self) -> None:
        if self._extend is None:
            self._give_up("the index has no extensions")
            return
        try:
            granted = self._extend(EXTENSION)
        except StagedError as error:
            self._give_up(error.what)
            return
        if granted <= self._expires_at:
            self._give_up("the index grants no more time")
        else:
            self._begin(granted)

    def _give_up(self, reason: str) -> None:
        self._over = True
        self._tell(
            f"{self._what} expires at {self._expires_at:%Y-%m-%d %H:%M %Z} ({reason}); what is not complete by then "
            "has to be uploaded again"
        )
