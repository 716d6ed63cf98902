"""Waiting until staged releases have ended, whoever publishes or cancels them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from hatch_staged import status
from hatch_staged.client.waiting import Waiter
from hatch_staged.durations import render
from hatch_staged.errors import UnreachableError
from hatch_staged.protocol.states import SessionState
from hatch_staged.releases import in_stage_file, mark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hatch_staged.desk import Desk
    from hatch_staged.stage.model import StagedRelease
    from hatch_staged.status import ReleaseStatus


def wait(
    desk: Desk, within: timedelta | None, *, tell: Callable[[str], None], waiter: Waiter | None = None
) -> Iterator[ReleaseStatus]:
    """Yield the status of each release in the stage file as soon as it has ended, and mark that in the file.

    `tell` takes a line for each change that is no end.  Raises `UnreachableError` when one has not ended `within` that
    time (None: there is no limit), and when its index cannot be asked.
    """
    waiter = waiter or Waiter()
    began = waiter.now()
    for release in in_stage_file(desk):
        left = None if within is None else max(within - (waiter.now() - began), timedelta())
        found = _Watch(desk, release, tell).until_ended(left, waiter, within)
        for state in SessionState:
            if found.status == state.value and state is not release.status:
                mark(desk, release, state)
        yield found


class _Watch:
    """One release that is looked at again and again."""

    def __init__(self, desk: Desk, release: StagedRelease, tell: Callable[[str], None]) -> None:
        self._desk = desk
        self._release = release
        self._tell = tell
        self._told: list[str] = []
        self._answered = False

    def until_ended(self, left: timedelta | None, waiter: Waiter, within: timedelta | None) -> ReleaseStatus:
        seconds = float("inf") if left is None else left.total_seconds()
        patient = replace(waiter, patience=replace(waiter.patience, processing=seconds))
        try:
            return patient.until_settled(self._look, lambda found: found.ended is not None)
        except UnreachableError:
            if within is None or not self._answered:
                raise
            raise UnreachableError(
                f"{self._release.label} is neither published nor canceled after {render(within)}",
                hint="`hatch stage status` shows what it is",
            ) from None

    def _look(self) -> tuple[ReleaseStatus, float | None]:
        self._answered = False
        found, pause = status.look(self._desk, self._release)
        self._answered = True
        lines = [f"{self._release.label} is {found.status}", *found.notices]
        if found.ended is None and lines != self._told:
            self._told = lines
            for line in lines:
                self._tell(line)
        return found, pause
