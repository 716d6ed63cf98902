"""What whoever holds a stage file does with it: see what has become of it, and get its artifacts.  No credentials."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from hatch_staged.repositories import is_loopback
from hatch_staged.stage import use
from hatch_staged.stage.cache import Cache
from hatch_staged.stage.liveness import Alive
from hatch_staged.stage.recent import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hatch_staged.desk import Desk
    from hatch_staged.stage.model import StagedRelease
    from hatch_staged.stage.selection import Interpreter
    from hatch_staged.stage.use import Obtained, Standing

#: How long the answer of an index counts.  To ask one that is far away takes as long as some runs of tests, but once in
#: this time is little.  Whoever cancels a stage that somebody elsewhere tests after this may wonder; before, hardly.
LIFE = timedelta(seconds=10)
#: That of one on this machine: runs may be closer to each other than anybody can tell which was first.
LIFE_HERE = timedelta(seconds=2)


def look(desk: Desk, releases: Iterable[StagedRelease] | None = None, *, recent: bool = False) -> tuple[Standing, ...]:
    """Return what has become of `releases`, by default those in the stage file; see `hatch_staged.stage.use.look`.

    With `recent` an index that was asked lately in this way is not asked again: for `LIFE`, or for `LIFE_HERE` and as
    long as it shows the same page afterwards.
    """
    chosen = tuple(desk.read().releases if releases is None else releases)
    if not recent:
        return tuple(_ask(desk, release) for release in chosen)
    before = [desk.recent.get(release, desk.now()) for release in chosen]
    answers = [_still(desk, release, answer) for release, answer in zip(chosen, before, strict=True)]
    if answers != before:
        desk.recent.keep(answers)
    return tuple(answer.standing for answer in answers)


def _still(desk: Desk, release: StagedRelease, before: Answer | None) -> Answer:
    """Return what the index says of `release`, which may be what it said `before`."""
    now = desk.now()
    here = release.stage is not None and is_loopback(release.stage)
    if before is not None and before.counts(now, LIFE_HERE if here else LIFE):
        return before
    from hatch_staged.client import pages  # noqa: PLC0415 - a run that follows another closely asks nobody

    # looked at first, so that it is never younger than what is read from it
    page = pages.fingerprint(pages.address(release.stage, release.project)) if here and release.stage else None
    if before is not None and page is not None and page == before.page and isinstance(before.standing.fate, Alive):
        return replace(before, at=now)
    return Answer(_ask(desk, release), now, page)


def _ask(desk: Desk, release: StagedRelease) -> Standing:
    repository = desk.connections.at(release.index)
    with desk.connections.hurried(repository) as client:
        return use.look(release, read_page=client.project_page, simple=repository.simple, now=desk.now())


def obtain(desk: Desk, standing: Standing, interpreter: Interpreter) -> Obtained:
    """Return the artifact that `interpreter` takes, verified, from the cache or downloaded into it.

    Raises `StagedError` if none fits, `WrongBytesError` for other bytes than the staged ones, `UnreachableError`.
    """
    return use.obtain(standing, interpreter, cache_of(desk, standing.release))


def cache_of(desk: Desk, release: StagedRelease) -> Cache:
    """Return the cache, which downloads as the index of `release` needs it."""

    @contextmanager
    def fetch(url: str) -> Iterator[Iterator[bytes]]:
        # Only now: it may start the local index, and most runs download nothing.
        repository = desk.connections.at(release.index)
        with desk.connections.anonymous(repository) as client, client.download(url) as pieces:
            yield pieces

    return Cache(desk.cache, fetch)
