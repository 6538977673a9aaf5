"""Every kind of change: ours applies to rows, converges and goes back; what stock Alembic comes to stands beside it."""

import ast
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from generate_cases import BOTH, CASES, Case
from generating import Shop, open_shop
from stock_alembic import Stock
from tiny_projects import Place, on_sqlite

from alembic_mcp.workflows import inspect, review

pytestmark = pytest.mark.anyio

README = Path(__file__).parents[2] / "README.md"

BLOCKING = {
    "check-validates",
    "foreign-key-validates",
    "index-without-concurrently",
    "rewrites-table",
    "set-not-null-scans",
    "unique-builds-index",
}


@dataclass(frozen=True)
class Desk:
    """What a case is worked on with: ``shop(name)`` opens its project on a database of its own."""

    case: Case
    stock: Stock
    shop: Callable[[], Shop]


@pytest.fixture
def desk(request, app, stock, tmp_path):
    case, dialect = request.param

    def shop():
        if dialect == "sqlite":
            place = on_sqlite(tmp_path)
        else:
            database = request.getfixturevalue("database")
            place = Place(database.url(), database.run)
        return open_shop(
            app,
            tmp_path / "shop",
            place,
            before=case.before,
            after=case.after,
            rows=case.rows,
            naming=case.naming,
            options=case.options,
        )

    return Desk(case, stock, shop)


def each(cases):
    return [pytest.param((case, dialect), id=f"{case.name} on {dialect}") for case in cases for dialect in case.on]


def true_of(place, facts):
    try:
        return all(place.run(sql) == rows for sql, rows in facts.items())
    except (psycopg.Error, sqlite3.Error):  # what it asks about is not there
        return False


@pytest.mark.parametrize("desk", each(CASES), indirect=True)
async def test_generated_revisions_apply_converge_and_go_back(desk):
    case, stock, shop = desk.case, desk.stock, desk.shop()
    place, dialect = shop.place, "postgresql" if shop.place.is_postgresql else "sqlite"
    if case.asks:
        asked = await shop.generate(case.name)
        assert asked.status == "needs_answer", asked.summary
        assert [question.id for question in asked.questions if question.id in case.asks] == list(case.asks)
        assert shop.files == []
    report = await shop.generate(case.name, **case.args)
    told = "\n".join([report.summary, *report.warnings, *(q.id for q in report.questions), *shop.files])
    assert report.status == "done", told
    assert report.ready_to_commit, "\n".join([told, str(report.rehearsal), *map(str, report.findings)])
    if dialect in case.revisions:
        assert len(report.files) == case.revisions[dialect], told
    for text in shop.files:
        assert reads_well(text) == []

    # What is kept on SQLite, which has no schemas, stock Alembic takes for a stray table; the report says so.
    agree = [] if dialect == "sqlite" and case.args.get("keep_data") else [("check",)]
    done = stock.run(shop.folder, ("upgrade", "head"), *agree)
    assert {state for state, _ in done} == {"ok"}, f"{done}\n{told}"
    for sql, rows in case.holds.items():
        assert place.run(sql) == rows, f"{sql}\n{told}"
    checked = await inspect.check(shop.app)
    assert (checked.differences, checked.invisible) == ([], []), told
    done = stock.run(shop.folder, ("downgrade", "start"))
    assert done[0][0] == "ok", f"{done}\n{told}"
    for sql, rows in case.back.items():
        assert place.run(sql) == rows, f"{sql}\n{told}"
    done = stock.run(shop.folder, ("upgrade", "head"))
    assert done[0][0] == "ok", f"{done}\n{told}"


@pytest.mark.thorough
@pytest.mark.parametrize("desk", each(CASES), indirect=True)
async def test_stock_autogenerate_comes_to_what_the_table_says(desk):
    shop, said = desk.shop(), []
    expected = desk.case.stock["postgresql" if shop.place.is_postgresql else "sqlite"]
    assert await outcome(desk.case, shop, desk.stock, said) == expected, f"{said}\n{shop.files}"


async def outcome(case, shop, stock, said):
    """One word for what becomes of a case by stock autogenerate; what it says on the way goes into *said*."""

    def fails(*steps):
        done = stock.run(shop.folder, *steps)
        said.extend(done)
        return any(state != "ok" for state, _ in done)

    if fails(("revision", "stock")):
        return "fails"
    reviewed = await review.review(shop.app) if shop.place.is_postgresql else None
    if fails(("upgrade", "head")):
        return "fails"
    if not true_of(shop.place, case.holds):
        body = ast.parse(shop.files[0]).body[-2].body
        return "stays different" if all(isinstance(line, ast.Pass) for line in body) else "wrong"
    back = not fails(("downgrade", "start"))
    if back and not true_of(shop.place, case.back):
        return "loses data"
    if not back or fails(("upgrade", "head")):
        return "no way back"
    found = reviewed.findings if reviewed else []
    return "blocks" if any(each.rule in BLOCKING and each.direction == "upgrade" for each in found) else "works"


def reads_well(text):
    """What a reader would stumble over in a generated file."""
    problems = [f"long line: {line}" for line in text.splitlines() if len(line) > 120]
    if "please adjust" in text:
        problems.append("leaves work to the reader")
    tree = ast.parse(text)
    if not ast.get_docstring(tree):
        problems.append("no docstring")
    imported = {
        (name.asname or name.name).partition(".")[0]
        for node in tree.body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in node.names
    }
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return [*problems, *(f"unused import {name}" for name in imported - used - {"sa", "op"})]


def comparison():
    """The table of cases as the README has it: in numbers, then each."""
    words = ["works", "blocks", "fails", "wrong", "loses data", "no way back", "stays different"]
    lines = ["| of these kinds of change, stock autogenerate | on PostgreSQL | on SQLite |", "|---|---|---|"]
    for word in words:
        counts = [sum(case.stock.get(dialect) == word for case in CASES) for dialect in BOTH]
        lines.append(f"| {word} | {' | '.join(map(str, counts))} |")
    totals = [sum(dialect in case.on for case in CASES) for dialect in BOTH]
    lines += [f"| all | {' | '.join(map(str, totals))} |", "", "<details><summary>Each of them</summary>", ""]
    lines += ["| change | stock on PostgreSQL | on SQLite |", "|---|---|---|"]
    lines += [
        f"| {case.name} | {case.stock.get('postgresql', '-')} | {case.stock.get('sqlite', '-')} |" for case in CASES
    ]
    return "\n".join([*lines, "", "</details>"])


def test_the_readme_compares_what_was_tested(golden):
    text = README.read_text(encoding="utf-8")
    before, start, rest = text.partition("<!-- comparison -->\n")
    _, end, after = rest.partition("\n<!-- end of comparison -->")
    assert start
    assert end
    golden(README, f"{before}{start}{comparison()}{end}{after}")
