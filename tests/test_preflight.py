"""Questions to the real database are answered, estimated or unknown; never wrong, and never at its cost."""

import sqlite3
import time

import psycopg
import pytest
from targets import answers, sqlite_target

from alembic_mcp.preflight import answer, sqlite
from alembic_mcp.preflight import postgresql as preflight
from alembic_mcp.review.questions import NonNullCount, RowCount
from alembic_mcp.target import Connect

pytestmark = pytest.mark.anyio

PEOPLE = "CREATE TABLE people (id int PRIMARY KEY, name text, email text)"
ROWS = "INSERT INTO people SELECT n, 'n' || n, CASE WHEN n % 4 = 0 THEN 'e' END FROM generate_series(1, 1000) n"


async def test_rows_and_values_are_counted(database):
    database.run(PEOPLE, ROWS)
    rows, values = await answers(database.target(), RowCount("people"), NonNullCount("people", "email"))
    assert (rows.rows, rows.estimated, rows.query) == (1000, False, 'SELECT count(*) FROM "public"."people"')
    assert (values.rows, values.query) == (250, 'SELECT count("email") FROM "public"."people"')
    assert rows.bytes > 0


@pytest.mark.parametrize(
    "question",
    [RowCount("none"), RowCount("none.people"), NonNullCount("none", "x"), NonNullCount("people", "none")],
    ids=["table", "schema", "table of a column", "column"],
)
async def test_what_does_not_exist_has_no_rows(database, question):
    database.run(PEOPLE, ROWS)
    found = await answers(database.target(), question)
    assert (found.rows, found.problem) == (0, "does not exist")


@pytest.mark.parametrize(
    ("create", "table"),
    [
        ('CREATE TABLE "Odd ""name"" 100%%" AS SELECT 1 AS x', 'Odd "name" 100%%'),
        ("CREATE SCHEMA other CREATE TABLE things (id int)", "other.things"),
        ("CREATE MATERIALIZED VIEW seen AS SELECT 1", "seen"),
        ("CREATE TABLE parts (id int) PARTITION BY LIST (id)", "parts"),
    ],
    ids=["odd name", "schema", "materialized view", "partitioned"],
)
async def test_tables_are_found_by_any_name(database, create, table):
    database.run(create)
    found = await answers(database.target(), RowCount(table))
    assert found.problem is None
    assert found.rows in (0, 1)


async def test_partitions_are_counted_with_their_table(database):
    database.run(
        "CREATE TABLE parts (id int) PARTITION BY LIST (id)",
        "CREATE TABLE one PARTITION OF parts FOR VALUES IN (1)",
        "INSERT INTO parts VALUES (1), (1)",
    )
    found = await answers(database.target(), RowCount("parts"))
    assert found.rows == 2
    assert found.bytes > 0


async def test_a_large_table_is_estimated(database, monkeypatch):
    database.run(PEOPLE, ROWS, "ANALYZE people")
    monkeypatch.setattr(preflight, "COUNT_BELOW", 1)
    rows, values = await answers(database.target(), RowCount("people"), NonNullCount("people", "email"))
    assert (rows.rows, rows.estimated) == (1000, True)
    assert (values.rows, values.estimated) == (250, True)


async def test_an_estimate_follows_the_size_of_the_table(database, monkeypatch):
    database.run(PEOPLE, ROWS, "ANALYZE people", ROWS.replace("(1, 1000)", "(1001, 10000)"))
    monkeypatch.setattr(preflight, "COUNT_BELOW", 1)
    found = await answers(database.target(), RowCount("people"))
    assert found.estimated
    assert 8_000 < found.rows < 12_000


async def test_statistics_alone_never_say_that_there_is_nothing(database, monkeypatch):
    database.run(PEOPLE, ROWS, "UPDATE people SET email = NULL", "ANALYZE people", "UPDATE people SET email = 'new'")
    monkeypatch.setattr(preflight, "COUNT_BELOW", 1)
    found = await answers(database.target(), NonNullCount("people", "email"))
    assert found.rows is None
    assert "it has rows" in found.problem


async def test_a_large_table_that_was_emptied_is_known_to_be_empty(database, monkeypatch):
    database.run(PEOPLE, ROWS, "DELETE FROM people", "ANALYZE people")
    monkeypatch.setattr(preflight, "COUNT_BELOW", 1)
    found = await answers(database.target(), RowCount("people"))
    assert (found.rows, found.estimated) == (0, False)


async def test_a_count_that_takes_too_long_is_broken_off(database, monkeypatch):
    database.run("CREATE TABLE large AS SELECT FROM generate_series(1, 1000000)")
    monkeypatch.setattr(preflight, "_KEPT_BACK", 0.999)  # a millisecond for the count
    started = time.monotonic()
    found = await answers(database.target(), RowCount("large"), budget=1)
    assert time.monotonic() - started < 5
    assert found.rows is None
    assert found.problem


async def test_a_locked_table_is_unknown_soon_and_the_next_question_is_still_asked(database):
    database.run(PEOPLE, ROWS, "CREATE TABLE free (id int)")
    with psycopg.connect(**database.libpq) as other:
        other.execute("LOCK TABLE people")
        locked, free = await answers(database.target(), RowCount("people"), RowCount("free"))
    assert locked.rows is None
    assert "lock timeout" in locked.problem
    assert free.rows == 0


async def test_rows_that_a_policy_hides_are_unknown(database, role):
    database.run(PEOPLE, ROWS, "ALTER TABLE people ENABLE ROW LEVEL SECURITY", f"GRANT SELECT ON people TO {role}")
    found = await answers(database.target(libpq={"user": role}), RowCount("people"))
    assert found.rows is None
    assert "row level security" in found.problem


async def test_what_may_not_be_read_is_unknown(database, role):
    database.run(PEOPLE, ROWS)
    found = await answers(database.target(libpq={"user": role}), RowCount("people"))
    assert (found.rows, found.problem) == (None, "permission denied for table people")


@pytest.fixture
def role(database):
    name = f"reader_of_{database.name}"
    # In one go: a role that nothing depends on is what a rehearsal next to us takes for its own.
    database.run(f"CREATE ROLE {name} LOGIN; GRANT USAGE ON SCHEMA public TO {name}")
    yield name
    database.run(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


async def test_a_view_is_not_counted(database):
    database.run("CREATE VIEW slow AS SELECT count(pg_sleep(100)::text)")
    assert (await answers(database.target(), RowCount("slow"))).rows is None


async def test_questions_cannot_write(database):
    database.run(
        PEOPLE,
        "CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end'",
        'CREATE TABLE "x; DROP TABLE people; --" (id int)',
    )
    found = await answers(database.target(), RowCount("x; DROP TABLE people; --"), RowCount("people"))
    assert [each.rows for each in found] == [0, 0]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"libpq": {"host": "127.0.0.1", "port": "1", "password": "geheim"}}, "was not reached"),
        ({"connect": Connect(complete=False)}, "only its own driver"),
        ({"dialect": "mysql"}, "not counted on mysql"),
    ],
    ids=["unreachable", "not to be followed", "another dialect"],
)
async def test_a_database_that_cannot_be_asked_is_unknown(database, changes, problem):
    found = await answers(database.target(**changes), RowCount("people"))
    assert found.rows is None
    assert problem in found.problem
    assert "geheim" not in found.problem


async def test_no_question_needs_no_database(database):
    assert (await answer(database.target(libpq={"port": "1"}), [], budget=1)).answers == {}


async def test_no_time_is_no_answer(database):
    database.run(PEOPLE)
    found = await answers(database.target(), RowCount("people"), budget=0)
    assert (found.rows, found.problem) == (None, "there was no time left to ask")


@pytest.fixture
def people(tmp_path):
    path = tmp_path / "people 100%.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE People (id INTEGER PRIMARY KEY, name, email)")
        connection.executemany("INSERT INTO People (name, email) VALUES (?, ?)", [("a", None), ("b", "c")])
    connection.close()
    return path


@pytest.mark.parametrize(
    ("question", "rows", "problem"),
    [
        (RowCount("people"), 2, None),
        (NonNullCount("People", "email"), 1, None),
        (NonNullCount("people", "none"), 0, "does not exist"),
        (RowCount("none"), 0, "does not exist"),
    ],
    ids=["rows", "values", "no column", "no table"],
)
async def test_sqlite_answers(people, question, rows, problem):
    found = await answers(sqlite_target(people), question)
    assert (found.rows, found.problem) == (rows, problem)


async def test_a_sqlite_file_that_does_not_exist_is_empty_and_is_not_made(tmp_path):
    found = await answers(sqlite_target(tmp_path / "none.db"), RowCount("people"))
    assert (found.rows, found.problem) == (0, "does not exist")
    assert not (tmp_path / "none.db").exists()


async def test_a_file_that_is_no_database_is_unknown(tmp_path):
    (tmp_path / "no.db").write_bytes(b"no database" * 1000)
    found = await answers(sqlite_target(tmp_path / "no.db"), RowCount("people"))
    assert found.rows is None
    assert "not a database" in found.problem


async def test_a_long_count_in_a_sqlite_file_is_broken_off(people, monkeypatch):
    with sqlite3.connect(people) as connection:
        connection.execute(
            "INSERT INTO People (name) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300000) "
            "SELECT i FROM n"
        )
    connection.close()
    monkeypatch.setattr(sqlite, "_is_past", lambda _: True)
    found = await answers(sqlite_target(people), NonNullCount("people", "name"))
    assert found.rows is None
    assert "no time" in found.problem
