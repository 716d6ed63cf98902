"""Transactions and migrations."""

from __future__ import annotations

import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from hatch_staged.errors import ConfigurationError
from hatch_staged.index.database import engine, project_rows, schema, session_rows
from hatch_staged.index.database.engine import BusyError, open_sqlite

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from hatch_staged.index.database.engine import Database


def test_migrations_make_the_tables_of_the_schema(database: Database) -> None:
    with database.reading() as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
        indexes = {name for (name,) in tx.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'index'")}
    declared = {index.name for table in schema.metadata.tables.values() for index in table.indexes}
    assert declared <= indexes


def test_partial_indexes_have_the_conditions_of_the_schema(database: Database) -> None:
    with database.reading() as tx:
        rows = tx.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql LIKE '%WHERE%'").all()
    migrated = {name: sql.partition("WHERE ")[2] for name, sql in rows}
    declared = {
        index.name: str(index.dialect_options["sqlite"]["where"])
        for table in schema.metadata.tables.values()
        for index in table.indexes
        if index.dialect_options["sqlite"]["where"] is not None
    }
    assert migrated == declared


def test_database_opens_again_with_what_was_in_it(tmp_path: Path) -> None:
    path = tmp_path / "100%.sqlite3"
    for expected in (None, "alice"):
        database = open_sqlite(path)
        with database.writing() as tx:
            found = project_rows.find(tx, "foo")
            assert (found and found.owner) == expected
            project_rows.reserve(tx, "foo", "alice")
        database.close()


def test_database_of_another_version_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite3"
    with closing(open_sqlite(path)) as database, database.writing() as tx:
        tx.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="another version of hatch-staged") as caught:
            open_sqlite(path)
        assert caught.value.where == str(path)


def test_error_rolls_back(database: Database) -> None:
    def fail() -> None:
        with database.writing() as tx:
            project_rows.reserve(tx, "foo", "alice")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.reading() as tx:
        assert project_rows.find(tx, "foo") is None


def test_reader_sees_one_state_and_does_not_wait_for_a_writer(database: Database) -> None:
    with database.reading() as reader:
        assert project_rows.find(reader, "foo") is None
        with database.writing() as writer:
            project_rows.reserve(writer, "foo", "alice")
            assert project_rows.find(reader, "foo") is None
        assert project_rows.find(reader, "foo") is None


def test_writers_take_turns(database: Database) -> None:
    first_holds, order = threading.Event(), []

    def second() -> None:
        first_holds.wait()
        with database.writing() as tx:
            order.append("second")
            project_rows.reserve(tx, "foo", "second")

    thread = threading.Thread(target=second)
    thread.start()
    with database.writing() as tx:
        first_holds.set()
        project_rows.reserve(tx, "foo", "first")
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    with database.reading() as tx:
        found = project_rows.find(tx, "foo")
    assert found is not None
    assert found.owner == "first"


def test_writer_does_not_wait_without_end(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_BUSY_TIMEOUT", 0)
    with database.writing() as tx:
        with pytest.raises(BusyError), database.writing():
            pytest.fail("two write at once")
        project_rows.reserve(tx, "foo", "first")
    with database.writing() as tx:
        assert project_rows.find(tx, "foo") is not None


def test_errors_do_not_tell_what_is_stored(database: Database) -> None:
    with database.reading() as tx:
        tx.exec_driver_sql("DROP TABLE projects")
        with pytest.raises(OperationalError) as caught:
            project_rows.find(tx, "secret")
        tx.rollback()
    assert "secret" not in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="there, folders say who may read what is in them")
def test_files_are_for_their_owner_whatever_the_folder_allows(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    database = open_sqlite(tmp_path / "index.sqlite3")
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    database.close()
    assert modes == dict.fromkeys(["index.sqlite3", "index.sqlite3-wal", "index.sqlite3-shm"], 0o600)


def test_due_sessions_are_found_by_their_index(database: Database, clock: Callable[[], datetime]) -> None:
    statements = []

    def capture(
        _connection: object, _cursor: object, statement: str, parameters: tuple[object, ...], *_: object
    ) -> None:
        statements.append((statement, parameters))

    with database.reading() as tx:
        event.listen(tx, "before_cursor_execute", capture)
        session_rows.due(tx, clock())
        [(statement, parameters)] = statements
        plan = tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    assert "live_sessions_by_expiry" in str(plan)


def test_state_is_another_one_after_a_commit_only(database: Database) -> None:
    before = database.state()
    assert database.state() == before
    with database.writing() as tx:
        project_rows.reserve(tx, "foo", "alice")
        assert database.state() == before
    after = database.state()
    assert after != before
    with pytest.raises(ZeroDivisionError), database.writing() as tx:
        project_rows.reserve(tx, "bar", f"alice {1 / 0}")
    assert database.state() == after
