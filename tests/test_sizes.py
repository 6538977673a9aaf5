"""Which tables have rows, as the catalog tells without reading one."""

import sqlite3
from contextlib import closing

import pytest
from targets import sqlite_target

from alembic_mcp.preflight import tables_with_rows

pytestmark = pytest.mark.anyio


async def test_postgresql_tables_with_rows_are_known_with_what_fits_into_them_at_most(database):
    database.run(
        "CREATE SCHEMA app",
        "CREATE TABLE empty (id int)",
        "CREATE TABLE app.few (id int)",
        "INSERT INTO app.few VALUES (1), (2)",
        "CREATE TABLE counted (id int)",
        "INSERT INTO counted SELECT generate_series(1, 3000)",
        "ANALYZE counted",
        "CREATE TABLE parent (id int) PARTITION BY RANGE (id)",
        "CREATE TABLE child PARTITION OF parent FOR VALUES FROM (0) TO (10)",
        "INSERT INTO parent VALUES (1)",
    )
    found = await tables_with_rows(database.target())
    assert found.keys() == {"app.few", "counted", "parent", "child"}
    assert found["counted"] == 3000
    assert 2 <= found["app.few"] <= 8192 // 28


async def test_sqlite_tables_with_rows_are_known_by_their_last_row_id(tmp_path):
    file = tmp_path / "app.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE empty (id INTEGER PRIMARY KEY AUTOINCREMENT)")
        connection.execute("CREATE TABLE few (name TEXT)")
        connection.execute("INSERT INTO few VALUES ('a'), ('b')")
        connection.execute("CREATE TABLE keyed (name TEXT PRIMARY KEY) WITHOUT ROWID")
        connection.execute("INSERT INTO keyed VALUES ('a')")
    assert await tables_with_rows(sqlite_target(file)) == {"few": 2, "keyed": None}


async def test_what_cannot_be_asked_is_unknown(tmp_path, database):
    broken = tmp_path / "broken.db"
    broken.write_text("this is no database, but longer than the header of one would have to be " * 20)
    assert await tables_with_rows(sqlite_target(broken)) is None
    assert await tables_with_rows(database.target(libpq={"dbname": "not there"})) is None
    assert await tables_with_rows(sqlite_target(tmp_path / "not there yet.db")) == {}
