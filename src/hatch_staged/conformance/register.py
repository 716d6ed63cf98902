"""Which sessions were created, by whomever, so that none is left behind."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance.steps import Session

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Answer, Wire

# For the last cancellations, which come after whatever has ended the run (seconds).
_TO_TIDY_UP = 60.0


class Register:
    """The sessions in the journal of `wire` that were not canceled here."""

    def __init__(self, index: Target, wire: Wire) -> None:
        self._index = index
        self._wire = wire
        self._looked_at = 0
        self._kept: list[str] = []

    def keep_new(self) -> None:
        """Leave what was created since the last call for the end of the run."""
        self._kept += self._new()

    def cancel_new(self) -> None:
        """Cancel what was created since the last call."""
        self._cancel(self._new())

    def cancel_all(self) -> None:
        """Cancel everything that is left."""
        self.keep_new()
        self._wire.extend(2 * len(self._kept), _TO_TIDY_UP)
        self._cancel(self._kept)

    def _new(self) -> list[str]:
        answers = self._wire.journal[self._looked_at :]
        self._looked_at += len(answers)
        created = [each for each in answers if (each.method, each.url) == ("POST", self._index.root) and each.ok]
        return [url for url in map(_url, created) if url]

    def _cancel(self, urls: Iterable[str]) -> None:
        owner = self._index.owner(self._wire)
        for url in urls:
            # What the index says to that is not what a check is about, nor is who created the session.
            with suppress(AssertionError, pytest.exit.Exception):
                if owner.delete(url).status in {403, 404} and self._index.other_token is not None:
                    self._index.other(self._wire).delete(url)


def _url(created: Answer) -> str | None:
    try:
        return Session(created.json()).url
    except (AssertionError, pytest.fail.Exception):
        return created.location if "location" in created.headers else None
