"""``review`` against the scratch database and the migration that it can't do without; tracing; a large table."""

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from anyio import to_thread

from alembic_mcp.preflight import answer
from alembic_mcp.review.questions import Duplicates, Matching, NonNullCount, Nulls, Orphans, RowCount, Unfit, Violators
from alembic_mcp.worker_client import Worker

from ..stdio_client import serve
from .databases import Databases, Place
from .measures import Measure, alembic, at_most, timed, within
from .projects import add_revision, many_tables

__all__ = ["review"]

REVIEW = 3.0
TRACE_MS = 1.0
TRACE_GROWTH = 1.5
FEW, MANY = 20, 520  # statements, distinct ones
BUDGET = 10.0
LARGE = 10_000_000
ADD = 'op.add_column("table_5", sa.Column("extra", sa.Integer()))'
DROP = 'op.drop_column("table_5", "extra")'


async def review(folder: Path, databases: Databases, runs: int, tell: Callable[[str], Any]) -> list[Measure]:
    """All of it."""
    measures = []
    tell("review, 100 tables ...")
    measures += await _review(folder, databases, runs)
    costs = []
    for tables in (10, 100, 1_000):
        tell(f"tracing, {tables} tables ...")
        costs.append(await _tracing(folder, databases, tables, runs))
        measures.append(at_most(f"tracing: a statement, {tables:,} tables", costs[-1], TRACE_MS, "ms"))
    measures.append(at_most("tracing: 1,000 tables against 10 tables", costs[-1] / costs[0], TRACE_GROWTH, "x"))
    tell(f"preflight, {LARGE:,} rows ...")
    measures.append(await _preflight(databases))
    return measures


async def _review(folder: Path, databases: Databases, runs: int) -> list[Measure]:
    """A warm review of one pending revision, against a copy of the database and the alembic command on it."""
    project, place = folder / "review", databases.make()
    head = many_tables(project, place.url, 100)
    alembic(project, "upgrade", "head")
    add_revision(project, "b" * 12, head, upgrade=ADD, downgrade=DROP)
    template = databases.make()
    name = template.libpq["dbname"]
    databases.run(f"DROP DATABASE {name}", f"CREATE DATABASE {name} TEMPLATE {place.libpq['dbname']}")
    on_copy = folder / "review_copy"
    ours: list[float] = []
    bare: list[float] = []
    clones: list[float] = []
    async with serve(project) as server:
        for run in range(runs + 1):
            mine = await timed(lambda: server.call("review"))
            clone, name = _clone(databases, template)
            if run == 0:
                url = place.url.replace(place.libpq["dbname"], "bench_copy")
                many_tables(on_copy, url, 100)
                add_revision(on_copy, "b" * 12, head, upgrade=ADD, downgrade=DROP)
            migration = alembic(on_copy, "upgrade", "head")
            databases.run(f"DROP DATABASE {name}")
            if run:
                ours.append(mine)
                bare.append(clone + migration)
                clones.append(clone)
    return [
        within("review: 100 tables, against a clone and alembic upgrade", ours, bare, REVIEW),
        Measure("review: of that, the clone", statistics.median(clones), None, None, "", "ms", None),
    ]


def _clone(databases: Databases, template: Place) -> tuple[float, str]:
    """Copy a database; how long it took, in milliseconds, and the copy's name."""
    start = time.perf_counter()
    databases.run(f"CREATE DATABASE bench_copy TEMPLATE {template.libpq['dbname']} STRATEGY wal_log")
    return (time.perf_counter() - start) * 1000, "bench_copy"


async def _tracing(folder: Path, databases: Databases, tables: int, runs: int) -> float:
    """What watching a statement costs, in milliseconds: the slope over their number, with and without."""
    project, place = folder / f"tracing_{tables}", databases.make()
    head = many_tables(project, place.url, tables)
    alembic(project, "upgrade", "head")
    ids = {count: f"{count:012x}" for count in (FEW, MANY)}
    for count, revision in ids.items():
        statements = "\n    ".join(
            f"""op.execute("UPDATE table_{n % 5} SET note = '{n}' WHERE id = {n}")""" for n in range(count)
        )
        add_revision(project, revision, head, upgrade=statements)
    description = {
        "root": str(project),
        "config_file": str(project / "alembic.ini"),
        "toml_file": None,
        "section": "alembic",
        "index": None,
    }
    redirect = {"dialect": "postgresql", "params": place.libpq}
    found: dict[tuple[int, bool], list[float]] = {}
    async with Worker(Path(sys.executable)) as worker:
        for run in range(runs + 1):
            for count, revision in ids.items():
                for trace in (True, False):
                    args = {"redirect": redirect, "direction": "upgrade", "target": revision, "prove": False}
                    reply = await worker.call("rehearse", description, {**args, "trace": trace}, timeout=300)
                    statements = reply.result["revisions"][revision]["upgrade"]["statements"]
                    assert len(statements) == count, reply.result
                    assert all(bool(each["measured"]) is trace for each in statements)
                    if run:
                        found.setdefault((count, trace), []).append(reply.result["milliseconds"])
                    place.run(f"UPDATE alembic_version SET version_num = '{head}'")
    medians = {key: statistics.median(values) for key, values in found.items()}
    traced, plain = (medians[MANY, trace] - medians[FEW, trace] for trace in (True, False))
    return (traced - plain) / (MANY - FEW)


async def _preflight(databases: Databases) -> Measure:
    """Every kind of question about a table that is too large to be read in time; it was never analyzed."""
    place = databases.make()
    await to_thread.run_sync(
        partial(
            place.run,
            "CREATE UNLOGGED TABLE large (id bigint, parent bigint, name text, value text)",
            "ALTER TABLE large SET (autovacuum_enabled = off)",
            f"INSERT INTO large SELECT n, n, 'n' || n, n::text FROM generate_series(1, {LARGE}) n",
            "CREATE TABLE parents (id bigint PRIMARY KEY)",
        )
    )
    questions = (
        RowCount("large"),
        NonNullCount("large", "name"),
        Nulls("large", "name"),
        Duplicates("large", ("name",)),
        Orphans("large", ("parent",), "parents", ("id",)),
        Violators("large", "id > 0"),
        Unfit("large", "value", "integer"),
        Matching("large", "id > 5"),
    )
    start = time.perf_counter()
    facts = await answer(place.target(), questions, budget=BUDGET)
    seconds = time.perf_counter() - start
    assert set(facts.answers) == set(questions)
    return at_most(f"preflight: {len(questions)} questions, {LARGE:,} rows", seconds, BUDGET, "s")
