"""The connection to the database, and its transactions."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from sqlite3 import OperationalError
from threading import Lock
from typing import TYPE_CHECKING

import alembic.command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.exc import IntegrityError

from hatch_staged.errors import ConfigurationError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from sqlalchemy import Engine
    from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

#: What row access works in: everything or nothing of it happens.
Transaction = Connection

_MIGRATIONS = Path(__file__).parent / "migrations"
# How long a writer waits for those of this process, and then for those of others (milliseconds); transactions here
# take few of them.
_BUSY_TIMEOUT = 30_000
# At most as many connections as there are threads, so that none of them waits for one: 40 of the HTTP front (anyio's
# limit), and 32 of `asyncio.to_thread`; and one that looks for changes.
_CONNECTIONS = 40 + 32 + 1


class TakenError(Exception):
    """A row with this unique value exists already."""


class BusyError(Exception):
    """Other writers were in the way for too long."""


class Database:
    """A database whose tables are up to date."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # SQLite has no queue: who has to wait sleeps, and tries again.
        self._turn = Lock()
        # Never writes, so that it sees every commit as somebody else's.
        self._watching: PoolProxiedConnection | None = None
        with self.writing() as tx:
            _upgrade(tx)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Yield a transaction that sees one consistent state and waits for no writer."""
        with self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """Yield a transaction that is committed at the end, or rolled back if an error leaves the block.

        Raises `BusyError`, or what SQLite does, if there is no end to those before it.
        """
        # Bounded, or all would wait one after the other as long as SQLite does for somebody who holds it from outside.
        if not self._turn.acquire(timeout=_BUSY_TIMEOUT / 1000):
            raise BusyError("others have been writing for too long")
        try:
            with self._engine.connect().execution_options(writes=True) as connection, connection.begin():
                yield connection
        finally:
            self._turn.release()

    def state(self) -> object:
        """Return a value that equals an earlier one only if nobody has committed anything in between.

        It takes microseconds and waits for nobody.
        """
        if self._watching is None:
            self._watching = self._engine.raw_connection()
            self._watching.cursor().execute("PRAGMA busy_timeout = 0")
        try:
            [(version,)] = self._watching.cursor().execute("PRAGMA data_version")  # to its end: none stays open
        except OperationalError:  # locked, for a moment
            return object()
        return version

    def close(self) -> None:
        """Close all connections."""
        if self._watching is not None:
            self._watching.close()
        self._engine.dispose()


def open_sqlite(path: Path) -> Database:
    """Return the SQLite database in the file `path`, created or upgraded if need be.

    Several processes may have it open: writers take turns, and readers do not wait for them.  Raises
    `ConfigurationError` if its tables are those of a version that this one does not know.
    """
    # SQLite gives the files beside the database its permissions; those of the folder may be somebody else's choice.
    path.touch(mode=0o600)
    # Parameters have session tokens among them, and errors go to the log.
    engine = create_engine(
        URL.create("sqlite", database=str(path)), pool_size=_CONNECTIONS, pool_use_lifo=True, hide_parameters=True
    )
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    try:
        return Database(engine)
    except CommandError:
        engine.dispose()
        raise ConfigurationError(
            "the database was made by another version of hatch-staged, which this one does not know",
            where=str(path),
            hint="use that version, or move the data folder away to begin anew",
        ) from None


@contextmanager
def unique(tx: Transaction) -> Iterator[None]:
    """Raise `TakenError` if what is done in the block violates a constraint, and undo the block."""
    try:
        with tx.begin_nested():
            yield
    except IntegrityError:
        raise TakenError from None


def _configure_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    # The driver's own idea of when a transaction begins would leave reads before the first write outside of it.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {_BUSY_TIMEOUT}",
        "journal_mode = WAL",
        # What was answered with "published" survives a power failure.
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads, then writes, must not find that another one wrote in between.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _upgrade(tx: Transaction) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = tx
    alembic.command.upgrade(config, "head")
