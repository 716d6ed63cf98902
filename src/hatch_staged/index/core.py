"""The index as a value: all that its use cases need, so that tests own the clock, the randomness and the bytes."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from hatch_staged.errors import ConfigurationError
from hatch_staged.index.configuration import read_limits
from hatch_staged.index.database import token_rows
from hatch_staged.index.database.engine import Database, open_sqlite
from hatch_staged.index.objects import FolderObjects, Objects

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from typing_extensions import Self

_DAY = 24 * 60 * 60
_LETTERS = string.ascii_letters + string.digits


# So that no sum of times leaves the calendar (seconds: a hundred years).
_LONGEST = 100 * 365 * _DAY


def _limit(default: int, *, least: int = 1, most: int = 2**60) -> int:
    """Return a field of `Limits` that an operator may set to a value from `least` to `most`."""
    return field(default=default, metadata={"least": least, "most": most})


@dataclass(frozen=True)
class Limits:
    """What the index grants; times in seconds, sizes in bytes.  See `hatch_staged.index.configuration`."""

    #: "It is recommended that servers expunge their sessions after no less than a week"
    session_lifetime: int = _limit(7 * _DAY, most=_LONGEST)
    #: from a session's creation, with all its extensions
    longest_session: int = _limit(30 * _DAY, most=_LONGEST)
    #: how long the status of a session that has ended is kept
    retention: int = _limit(30 * _DAY, least=0, most=_LONGEST)
    file_size: int = _limit(10 * 1024**3)
    #: of all files of a session together, as declared
    session_size: int = _limit(100 * 1024**3)
    #: of a session, the deleted ones too: they are remembered as long as the session
    session_files: int = _limit(1000)
    #: of all published files of a project together; asked at publication
    project_size: int = _limit(1024**4)
    #: sessions of one project that are live at once
    open_sessions: int = _limit(100)
    #: names that one user has only reserved: nothing is published of these projects
    reserved_names: int = _limit(100)
    #: completing a larger file is deferred: "validation that may take longer than reasonable in a single HTTP request"
    immediate_size: int = _limit(64 * 1024**2, least=0)
    #: publishing more files is deferred
    immediate_files: int = _limit(100, least=0)
    #: of a JSON body
    request_size: int = _limit(1024**2, least=1024)
    #: how long a body may stop arriving, and how long a JSON body may take as a whole
    body_timeout: float = _limit(60, most=_LONGEST)
    #: of all fields of a form of the legacy API together, without the file; the description is one of them
    form_size: int = _limit(16 * 1024**2, least=1024)
    #: how long an object may lie without a row that points at it; longer than any upload takes
    orphan_age: int = _limit(_DAY, least=60, most=_LONGEST)
    #: between two looks for expired sessions and orphans
    sweep_interval: int = _limit(5 * 60, most=_LONGEST)
    #: between two looks for what is in processing, apart from those right after a request
    work_interval: int = _limit(60, most=_LONGEST)


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(timezone.utc)


def unguessable() -> str:
    """Return 256 random bits, as a word for URLs and for command lines, where a dash would begin an option."""
    return "".join(secrets.choice(_LETTERS) for _ in range(43))


@dataclass(frozen=True)
class Index:
    """An index: where its rows and bytes are, and what it takes from outside."""

    database: Database
    objects: Objects
    clock: Callable[[], datetime] = utc_now
    new_token: Callable[[], str] = unguessable
    limits: Limits = Limits()

    def close(self) -> None:
        """Release the database."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


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
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if limits is None:
        limits = read_limits(data_dir / "index.toml", Limits)
    index = Index(
        database=open_sqlite(data_dir / "index.sqlite3"),
        objects=FolderObjects(data_dir / "objects"),
        clock=clock,
        new_token=new_token,
        limits=limits,
    )
    if _belongs_to_others(index):
        index.close()
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
