"""What whoever holds a stage file does with it: see what has become of it, and get its artifacts.  No credentials."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from hatch_staged.stage import use
from hatch_staged.stage.cache import Cache

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hatch_staged.desk import Desk
    from hatch_staged.stage.model import StagedRelease
    from hatch_staged.stage.selection import Interpreter
    from hatch_staged.stage.use import Obtained, Standing


def look(desk: Desk, releases: Iterable[StagedRelease] | None = None, *, recent: bool = False) -> tuple[Standing, ...]:
    """Return what has become of `releases`, by default those in the stage file; see `hatch_staged.stage.use.look`.

    With `recent` an index that was asked a moment ago in this way is not asked again.
    """
    chosen = tuple(desk.read().releases if releases is None else releases)
    if not recent:
        return tuple(_ask(desk, release) for release in chosen)
    answers = [desk.recent.get(release, desk.now()) for release in chosen]
    known = [answer for answer in answers if answer is not None]
    if len(known) == len(chosen):
        return tuple(known)
    standings = tuple(_ask(desk, release) for release in chosen)
    desk.recent.keep(standings, desk.now())
    return standings


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
