"""Secrets for the length of a test."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from hatch_staged import redaction

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def forgotten() -> Iterator[None]:
    """Forget afterwards what is hidden meanwhile."""
    known = redaction._HIDDEN  # noqa: SLF001 - nothing else makes it forget
    before = known.copy()
    try:
        yield
    finally:
        known.clear()
        known.update(before)


@contextmanager
def hidden(*secrets: str) -> Iterator[None]:
    """Hide `secrets`, and no others, for so long: what tests share is what they look at."""
    with forgotten():
        redaction._HIDDEN.clear()  # noqa: SLF001 - likewise
        redaction.hide(*secrets)
        yield
