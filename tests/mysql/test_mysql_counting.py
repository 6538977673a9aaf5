"""Rows of a MySQL database are counted in time, without a chance to write; what is not known is never zero."""

import dataclasses

import pytest
from tiny_projects import make

from alembic_mcp.preflight import mysql
from alembic_mcp.preflight.inquiry import LATE
from alembic_mcp.review.questions import (
    MISSING,
    Duplicates,
    Matching,
    NonNullCount,
    Nulls,
    Orphans,
    RowCount,
    Unfit,
    Violators,
)
from alembic_mcp.workflows.asked import ask

pytestmark = pytest.mark.anyio

TABLES = (
    "CREATE TABLE owner (id INT PRIMARY KEY)",
    "CREATE TABLE `odd ``name` (id INT PRIMARY KEY, a INT, b VARCHAR(20))",
    "INSERT INTO owner VALUES (1)",
    "INSERT INTO `odd ``name` VALUES (1, 1, 'x%'), (2, 1, 'y'), (3, 7, NULL)",
)
T = "odd `name"
EXPECTED = [
    (RowCount(T), 3, None),
    (RowCount("nowhere"), 0, MISSING),
    (NonNullCount(T, "b"), 2, None),
    (NonNullCount(T, "gone"), 0, MISSING),
    (Nulls(T, "b"), 1, None),
    (Duplicates(T, ("a",)), 2, None),
    (Orphans(T, ("a",), "owner", ("id",)), 1, None),
    (Matching(T, "b LIKE '%!%' ESCAPE '!'"), 1, None),
    (Violators(T, "a < 5"), 1, None),
    (Matching(T, "gone = 1"), None, "it names something that does not exist"),
    (Matching(T, "a = 1 OR sleep(9)"), None, "its condition may do more than read, so it was not tried on real rows"),
    (Matching(T, "a = 1 # b"), None, "its condition may do more than read, so it was not tried on real rows"),
    (Unfit(T, "a", "INT"), None, "this is not asked on MySQL"),
]


async def opened(app, place, tmp_path):
    at = dataclasses.replace(app, start=make(tmp_path / "shop", url=place.url), prepared={}, runs={})
    project = at.project()
    return at, await at.look(project), await at.revisions(project)


async def test_each_question_has_its_answer_or_says_why_not(app, place, tmp_path):
    place.run(*TABLES)
    at, located, index = await opened(app, place, tmp_path)
    facts = await ask(at, located, index, [question for question, _, _ in EXPECTED], budget=10)
    answers = {question: facts.answer(question) for question, _, _ in EXPECTED}
    assert {each: (found.rows, found.problem) for each, found in answers.items()} == {
        question: (rows, problem) for question, rows, problem in EXPECTED
    }
    assert place.run(answers[Duplicates(T, ("a",))].shows) == [(1, 2)]


async def test_a_count_that_takes_too_long_is_replaced_by_an_estimate_or_unknown(app, place, tmp_path):
    place.run(*TABLES, "ANALYZE TABLE owner")
    at, located, index = await opened(app, place, tmp_path)
    slow, estimate = "SELECT count(*) FROM owner WHERE sleep(9) = 0", mysql.query(RowCount("owner")).instead
    queries = [
        {"sql": slow, "instead": estimate},
        {"sql": slow, "instead": None},
        {"sql": "DELETE FROM owner", "instead": None},
    ]
    args = {"queries": queries, "seconds": 0.6}
    reply = await at.call(located.project, "count", args, timeout=60, revisions=index)
    first, second, third = reply.result["answers"]
    assert (first["rows"], first["estimated"]) == (1, True)
    assert (second["rows"], second["late"]) == (None, True)
    assert mysql.answered(mysql.query(Matching("owner", "id = 1")), second).problem == LATE
    assert "READ ONLY transaction" in third["problem"]
    assert place.run("SELECT id FROM owner") == [(1,)]


async def test_rows_of_another_database_do_not_count(app, make_place, tmp_path):
    """env.py leads elsewhere than it did when the database was looked at."""
    place, other = make_place(), make_place()
    other.run("CREATE TABLE person (id INT)")
    place.run("CREATE TABLE person (id INT)", "INSERT INTO person VALUES (1)")
    at, located, index = await opened(app, place, tmp_path)
    ini = tmp_path / "shop" / "alembic.ini"
    ini.write_text(ini.read_text(encoding="utf-8").replace(place.name, other.name), encoding="utf-8")
    facts = await ask(at, located, index, [RowCount("person")], budget=10)
    found = facts.answer(RowCount("person"))
    assert (found.rows, found.problem) == (None, "env.py led to another database when rows were to be counted")
