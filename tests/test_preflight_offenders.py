"""Rows that would make a revision fail are counted, sampled or unknown; what is said of them is numbers and keys."""

import sqlite3

import psycopg
import pytest
from targets import answers, sqlite_target

from alembic_mcp.preflight import postgresql
from alembic_mcp.review.questions import Duplicates, Exists, Matching, Nulls, Orphans, Unfit, Violators

pytestmark = pytest.mark.anyio

CITIES = "CREATE TABLE cities (id int PRIMARY KEY); INSERT INTO cities VALUES (1), (2)"
PEOPLE = "CREATE TABLE people (id int PRIMARY KEY, email text, code text, city int, age int)"
ROWS = """INSERT INTO people SELECT n, CASE WHEN n % 100 <> 0 THEN 'geheim' || (n / 2) END, n || CASE n WHEN 7 THEN 'x'
    ELSE '' END, n % 3, n - 2 FROM generate_series(1, 1000) AS n"""
QUESTIONS = {
    "nulls": (Nulls("people", "email"), 10, ("id 100", "id 200", "id 300")),
    "nulls where there can be none": (Nulls("people", "id"), 0, ()),
    "duplicates": (Duplicates("people", ("email",)), 980, None),
    "duplicates of a unique column": (Duplicates("people", ("id", "email")), 0, ()),
    "duplicates of an expression": (Duplicates("people", ("lower(code)",), expressions=True), 0, ()),
    "duplicates among some": (Duplicates("people", ("city",), where="id < 3"), 0, ()),
    "duplicate nulls": (Duplicates("people", ("email", "city"), where="email IS NULL", nulls_equal=True), 10, None),
    "orphans": (Orphans("people", ("city",), "cities"), 333, ("id 3", "id 6", "id 9")),
    "orphans of the same table": (Orphans("people", ("age",), "people", ("id",)), 2, ("id 1", "id 2")),
    "violators": (Violators("people", "age >= 0"), 1, ("id 1",)),
    "unfit": (Unfit("people", "code", "integer", "code::integer"), 1, ("id 7",)),
    "too long": (Unfit("people", "code", "varchar(3)"), 1, ("id 1000",)),
    "cut off": (Unfit("people", "code", "varchar(3)", "code::varchar(3)"), 0, ()),
    "no label": (Unfit("people", "code", "mood", labels=("1", "2")), 998, None),
    "an expression of its own": (Unfit("people", "code", "integer", "(code || '')::integer"), 1, ()),
    "an expression that works": (Unfit("people", "code", "integer", "length(code)"), 0, ()),
    "matching": (Matching("people", "age > 500 AND city IN (SELECT id FROM cities)"), 332, ()),
}


@pytest.fixture
def full(database):
    database.run(CITIES, PEOPLE, ROWS, "CREATE TYPE mood AS ENUM ('1')")
    return database


@pytest.mark.parametrize(("question", "rows", "keys"), QUESTIONS.values(), ids=QUESTIONS)
async def test_offending_rows_are_counted_and_some_are_named_by_their_key(full, question, rows, keys):
    found = await answers(full.target(), question)
    assert (found.rows, found.problem) == (rows, None)
    assert keys is None or found.keys == keys
    assert "geheim" not in repr(found)


@pytest.mark.parametrize("name", ["nulls", "duplicates", "orphans", "violators", "unfit"])
async def test_a_person_can_run_what_shows_them(full, name):
    question, _, _ = QUESTIONS[name]
    found = await answers(full.target(), question)
    assert full.run(found.query) == [(found.rows,)]
    assert full.run(found.shows)


async def test_keys_that_hold_text_are_not_shown(database):
    database.run("CREATE TABLE sessions (token text PRIMARY KEY, person int)", "INSERT INTO sessions VALUES ('geheim')")
    found = await answers(database.target(), Nulls("sessions", "person"))
    assert (found.rows, found.keys) == (1, ())


async def test_what_the_server_says_about_a_value_is_not_passed_on(full):
    found = await answers(full.target(), Violators("people", "email::int > 0"))
    assert found.rows is None
    assert "geheim" not in repr(found)


async def test_all_questions_together_wait_for_no_writer(full):
    questions = [question for question, _, _ in QUESTIONS.values()]
    with psycopg.connect(**full.libpq) as other:
        # It stands in the way of every lock but ACCESS SHARE.
        other.execute("LOCK TABLE people, cities IN EXCLUSIVE MODE")
        found = await answers(full.target(), *questions)
    assert [each.problem for each in found] == [None] * len(found)


@pytest.mark.parametrize(
    "expression",
    [
        "pg_sleep(10) IS NULL",
        "set_config('statement_timeout', '0', true) IS NULL",
        "pg_advisory_lock(1) IS NULL",
        "mine(age)",
        "age > 0) OR (SELECT true",
        "age > (SELECT max(id) FROM people)",
        "age > 0; DELETE FROM people",
        "age > 0 -- )",
        "age > %s",
    ],
)
async def test_an_expression_that_may_do_more_than_read_is_not_tried(full, expression):
    found = await answers(full.target(), Violators("people", expression))
    assert found.rows is None
    assert "more than read" in found.problem


@pytest.mark.parametrize("name", [name for name in QUESTIONS if name not in ("matching", "an expression of its own")])
async def test_in_a_large_table_they_are_found_too(full, monkeypatch, name):
    monkeypatch.setattr(postgresql, "COUNT_BELOW", 1)
    question, rows, _ = QUESTIONS[name]
    found = await answers(full.target(), question)
    assert (found.rows, found.problem) == (rows, None)
    assert found.at_least is (isinstance(question, Duplicates) and rows > 0)


@pytest.mark.parametrize(
    "question", [Duplicates("large", ("same",)), Violators("large", "id % 1000 <> 0")], ids=["groups", "single rows"]
)
async def test_in_a_large_table_a_sample_proves_what_there_is_no_time_to_count(database, monkeypatch, question):
    database.run("CREATE TABLE large AS SELECT n AS id, 'x'::text AS same FROM generate_series(1, 1000000) AS n")
    monkeypatch.setattr(postgresql, "COUNT_BELOW", 1)
    monkeypatch.setattr(postgresql, "_SAMPLED", 1_000_000)
    monkeypatch.setattr(postgresql, "_KEPT_BACK", 0.9999)  # a millisecond for the count
    found = await answers(database.target(), question)
    assert found.rows > 1
    assert found.at_least


async def test_many_in_a_large_table_are_not_counted_to_the_end(full, monkeypatch):
    monkeypatch.setattr(postgresql, "COUNT_BELOW", 1)
    monkeypatch.setattr(postgresql, "MANY", 5)
    found = await answers(full.target(), Nulls("people", "email"))
    assert (found.rows, found.at_least) == (5, True)


async def test_what_a_large_update_meets_is_the_planners_estimate(full, monkeypatch):
    full.run("ANALYZE people")
    monkeypatch.setattr(postgresql, "COUNT_BELOW", 1)
    found = await answers(full.target(), Matching("people", "age > 500"))
    assert found.estimated
    assert 400 < found.rows < 600


@pytest.mark.parametrize("below", [1, 2**40], ids=["large", "small"])
async def test_a_search_that_takes_too_long_is_unknown(database, monkeypatch, below):
    database.run("CREATE TABLE large AS SELECT n AS id FROM generate_series(1, 1000000) AS n")
    monkeypatch.setattr(postgresql, "COUNT_BELOW", below)
    monkeypatch.setattr(postgresql, "_SAMPLED", 10_000)
    monkeypatch.setattr(postgresql, "_KEPT_BACK", 0.9999)  # a millisecond for the count
    found = await answers(database.target(), Duplicates("large", ("id",)))
    assert found.rows is None
    assert "too long" in found.problem


@pytest.mark.parametrize(
    ("question", "problem"),
    [
        (Nulls("none", "x"), "does not exist"),
        (Nulls("people", "none"), "does not exist"),
        (Orphans("people", ("city",), "none"), "none does not exist"),
        (Duplicates("seen", ("id",)), "not stored"),
    ],
    ids=["table", "column", "other table", "view"],
)
async def test_what_cannot_be_asked_says_why(full, question, problem):
    full.run("CREATE VIEW seen AS SELECT * FROM people")
    found = await answers(full.target(), question)
    assert not found.rows
    assert problem in found.problem


async def test_rows_that_may_not_be_read_are_unknown(full):
    role = f"reader_of_{full.name}"
    full.run(f"CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA public TO {role}; GRANT SELECT ON people TO {role}")
    orphans, nulls = await answers(full.target(libpq={"user": role}), QUESTIONS["orphans"][0], QUESTIONS["nulls"][0])
    full.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")
    assert (orphans.rows, orphans.problem) == (None, "permission denied for table cities")
    assert nulls.rows == 10


@pytest.mark.parametrize(
    ("question", "rows"),
    [
        (Exists("type", "mood"), 1),
        (Exists("type", "other.mood"), 0),
        (Exists("schema", "public"), 1),
        (Exists("schema", "none"), 0),
        (Exists("extension", "plpgsql"), 1),
        (Exists("extension", "none"), 0),
        (Exists("available extension", "plpgsql"), 1),
    ],
    ids=repr,
)
async def test_it_is_known_what_exists(full, question, rows):
    assert (await answers(full.target(), question)).rows == rows


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "people.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "CREATE TABLE cities (id INTEGER PRIMARY KEY); INSERT INTO cities VALUES (1);"
            "CREATE TABLE People (id INTEGER PRIMARY KEY, email TEXT, city INT, age INT);"
            "INSERT INTO People VALUES (1, 'a', 1, 1), (2, 'a', 9, -1), (3, NULL, NULL, NULL);"
        )
    connection.close()
    return sqlite_target(path)


@pytest.mark.parametrize(
    ("question", "rows", "keys"),
    [
        (Nulls("people", "email"), 1, ("id 3",)),
        (Nulls("people", "none"), 0, ()),
        (Duplicates("people", ("email",)), 2, ("id 1", "id 2")),
        (Orphans("people", ("city",), "cities"), 1, ("id 2",)),
        (Violators("people", "age > 0"), 1, ("id 2",)),
        (Matching("people", "age IS NOT NULL"), 2, ()),
        (Violators("people", "mine(age)"), None, ()),
        (Orphans("people", ("city",), "none"), None, ()),
    ],
    ids=repr,
)
async def test_sqlite_finds_them_too(file, question, rows, keys):
    found = await answers(file, question)
    assert (found.rows, found.keys) == (rows, keys)
