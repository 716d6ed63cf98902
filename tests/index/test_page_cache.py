"""Pages that are kept, and until when."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from starlette.responses import Response

from hatch_staged.index.database import project_rows
from hatch_staged.index.database.engine import open_sqlite
from hatch_staged.index.page_cache import PageCache

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hatch_staged.index.database.engine import Database


class Maker:
    """Makes pages, and knows how many."""

    def __init__(self, size: int = 10) -> None:
        self.made = 0
        self._size = size

    def __call__(self) -> Response:
        """Make a page."""
        self.made += 1
        return Response(f"{self.made}".encode().ljust(self._size))


@pytest.fixture
def other(tmp_path: Path, database: Database) -> Iterator[Database]:
    """Return `database` as another process has it."""
    del database
    other = open_sqlite(tmp_path / "index.sqlite3")
    yield other
    other.close()


def get(cache: PageCache, key: str, maker: Maker) -> Response:
    return asyncio.run(cache.get((key,), maker))


def write(database: Database, name: str) -> None:
    with database.writing() as tx:
        project_rows.reserve(tx, name, "alice")


def test_a_page_is_made_once(database: Database) -> None:
    cache, maker = PageCache(database), Maker()
    assert get(cache, "a", maker) is get(cache, "a", maker)
    assert get(cache, "b", maker) is not get(cache, "a", maker)
    assert maker.made == 2


def test_it_is_made_again_after_any_commit(database: Database, other: Database) -> None:
    cache, maker = PageCache(database), Maker()
    for number, writer in enumerate((database, other, database), 1):
        get(cache, "a", maker)
        get(cache, "a", maker)
        assert maker.made == number
        write(writer, f"p{number}")


def test_what_was_made_before_a_commit_is_not_kept(database: Database) -> None:
    cache, maker = PageCache(database), Maker()

    def slow() -> Response:
        page = maker()
        write(database, "p")
        # Somebody asks for another page meanwhile.
        asyncio.run(cache.get(("other",), Maker()))
        return page

    asyncio.run(cache.get(("a",), slow))
    get(cache, "a", maker)
    assert maker.made == 2


def test_an_error_is_not_kept(database: Database) -> None:
    cache, maker = PageCache(database), Maker()

    def fail() -> Response:
        raise LookupError

    with pytest.raises(LookupError):
        asyncio.run(cache.get(("a",), fail))
    get(cache, "a", maker)
    assert maker.made == 1


def test_there_is_room_for_so_much_only(database: Database) -> None:
    cache, maker = PageCache(database, room=10_000), Maker(size=2_000)
    for key in ("a", "b", "a", "c"):  # b was asked for least recently
        get(cache, key, maker)
    assert maker.made == 3
    get(cache, "a", maker)
    assert maker.made == 3
    get(cache, "b", maker)
    assert maker.made == 4


def test_keys_take_room_too(database: Database) -> None:
    cache, maker = PageCache(database, room=10_000), Maker()
    long = "x" * 5_000
    for key in (f"{long}a", f"{long}b", f"{long}a"):
        get(cache, key, maker)
    assert maker.made == 3


def test_a_page_that_is_larger_than_the_room_is_not_kept(database: Database) -> None:
    cache, maker, small = PageCache(database, room=10_000), Maker(size=10_000), Maker()
    get(cache, "small", small)
    for _ in range(2):
        get(cache, "large", maker)
        get(cache, "small", small)
    assert (maker.made, small.made) == (2, 1)
