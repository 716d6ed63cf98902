"""What whoever holds a stage file does with it: see what has become of it, and get its artifacts.  No credentials."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from hatch_staged import lately
from hatch_staged.stage import use
from hatch_staged.stage.cache import Cache
from hatch_staged.stage.liveness import Alive, Published
from hatch_staged.stage.recent import Answer, key_of
from hatch_staged.stage.use import Standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hatch_staged.desk import Desk
    from hatch_staged.stage.model import StagedRelease
    from hatch_staged.stage.selection import Interpreter
    from hatch_staged.stage.use import Obtained


def look(desk: Desk, releases: Iterable[StagedRelease] | None = None, *, recent: bool = False) -> tuple[Standing, ...]:
    """Return what has become of `releases`, by default those in the stage file; see `hatch_staged.stage.use.look`.

    With `recent` an index that was asked in this way lately (see `hatch_staged.lately`) is not asked again.
    """
    chosen = tuple(desk.read().releases if releases is None else releases)
    if not recent:
        return tuple(_ask(desk, release) for release in chosen)
    answers = {key_of(release): _still(desk, release) for release in chosen}
    desk.recent.keep({key: answer for key, (answer, _) in answers.items()})
    return tuple(standing for _, standing in answers.values())


def _still(desk: Desk, release: StagedRelease) -> tuple[Answer, Standing]:
    """Return what the index says of `release`, which may be what it said before."""
    now = desk.now()
    expired = release.expires_at is not None and release.expires_at <= now
    before = None if expired else desk.recent.get(key_of(release))
    answer, page = lately.again(before, release.stage, release.project, now)
    if answer is None:
        standing = _ask(desk, release)
        urls = dict(standing.fate.urls) if isinstance(standing.fate, Published) else None
        return Answer(now, isinstance(standing.fate, Alive), urls, page), standing
    fate = Alive() if answer.alive else None if answer.urls is None else Published(answer.urls)
    return answer, Standing(release, fate)


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
