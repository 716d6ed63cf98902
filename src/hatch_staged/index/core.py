"""The index as a value: all that its use cases need, so that tests own the clock, the randomness and the bytes."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from hatch_staged.errors import ConfigurationError
from hatch_staged.index.configuration import Limits, read_limits
from hatch_staged.index.database import token_rows
from hatch_staged.index.database.engine import Database, open_sqlite
from hatch_staged.index.objects import FolderObjects, Objects

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from typing_extensions import Self

_DATABASE = "index.sqlite3"


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(timezone.utc)


def unguessable() -> str:
    """Return 256 random bits, as a word for URLs and for command lines, where a dash would begin an option."""
    return secrets.token_hex(32)


@dataclass(frozen=True)
class Index:
    """An index: where its rows and bytes are, and what it takes from outside."""

    database: Database
    objects: Objects
    clock: Callable[[], datetime] = utc_now
    new_token: Callable[[], str] = unguessable
    limits: Limits = field(default_factory=Limits)

    def close(self) -> None:
        """Release the database."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def has_index(data_dir: Path) -> bool:
    """Whether there is an index in the folder `data_dir`, which `open_index` would not have to create."""
    return (data_dir / _DATABASE).exists()


def open_index(
    data_dir: Path,
    *,
    clock: Callable[[], datetime] = utc_now,
    new_token: Callable[[], str] = unguessable,
    limits: Limits | None = None,
) -> Index:
    """Return the index whose data is in the folder `data_dir`, created (for its owner alone) if need be.

    Several processes may open the same one.  Use it as a context manager, or close it.  Without `limits` they are those
    of ``index.toml`` in that folder.  Raises `ConfigurationError` for a mistake in that file, and if the database is of
    another version, or not the one that belongs to the objects.
    """
    is_new = not has_index(data_dir)
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if limits is None:
        limits = read_limits(data_dir / "index.toml")
    index = Index(
        database=open_sqlite(data_dir / _DATABASE),
        objects=FolderObjects(data_dir / "objects"),
        clock=clock,
        new_token=new_token,
        limits=limits,
    )
    if _belongs_to_others(index):
        index.close()
        if is_new:
            # So that nobody takes it for the one that is missing.
            (data_dir / _DATABASE).unlink()
        raise ConfigurationError(
            "the database is new and does not know one of the files in objects",
            where=str(data_dir),
            hint="put the index.sqlite3 that belongs to them back, or move objects away to begin anew",
        )
    return index


def _belongs_to_others(index: Index) -> bool:
    """Whether there are objects but there has never been a token: nobody can have uploaded them."""
    with index.database.reading() as tx:
        return not token_rows.any_ever(tx) and any(True for _ in index.objects.list())
