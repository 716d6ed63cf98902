"""Transactions and migrations."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from hatch_staged.index.database import project_rows, schema
from hatch_staged.index.database.engine import open_sqlite

if TYPE_CHECKING:
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
