"""Each file in tests/rules is a revision whose comments say what a review of it finds; no more and no less.

``# finds: rule, rule`` stands on the line that is found; ``# finds somewhere: rule`` is for what has no line of its
own; ``rule=severity`` where the severity matters.
A case may define SETUP, the SQL of the database that it runs on, with its rows; HEADS and PROBLEMS, those of its
scripts; APPLIED and FILES, the hashes of revisions; OWN_MODULES, those of its project; LOCK_TIMEOUT = False if its
env.py sets none.
"""

import importlib.util
import re
import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from alembic_mcp.operations import Direction
from alembic_mcp.preflight import answer
from alembic_mcp.review.context import Outside, ScriptProblem
from alembic_mcp.review.engine import questions, review
from alembic_mcp.review.questions import Facts
from alembic_mcp.review.reading import read_path
from alembic_mcp.review.rules import RULES
from alembic_mcp.target import Connect, Target
from alembic_mcp.worker_client import Worker

pytestmark = pytest.mark.anyio

CASES = sorted((Path(__file__).parent / "rules").glob("*.py"))
ENV = """
from alembic import context
from sqlalchemy import create_engine
with create_engine("{url}").connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""


@pytest.fixture(params=CASES, ids=lambda case: case.stem)
def case(request):
    return request.param


async def test_a_review_finds_exactly_what_the_comments_say(case, make_database, tmp_path):
    found = await findings(case, make_database, tmp_path)

    listed = "\n".join(f"{one.line}: {one.rule} {one.direction} {one.severity}: {one.problem}" for one in found)
    assert {(one.line, one.rule) for one in found} == set(expected(case)), listed
    for place, severity in expected(case).items():
        assert severity in (None, *(one.severity.value for one in found if (one.line, one.rule) == place)), listed


def test_every_rule_has_a_case_and_every_case_a_rule():
    assert {rule.name.replace("-", "_") for rule in RULES} == {case.stem for case in CASES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_is_documented_and_says_what_to_do(rule):
    first, _, _ = rule.documentation.partition("\n\n")
    assert first.endswith(".")
    assert rule.remedy.endswith(".")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_is_found_in_its_own_case(rule):
    case = next(case for case in CASES if case.stem == rule.name.replace("-", "_"))
    assert rule.name in {name for _, name in expected(case)}


BATCH = """
import sqlalchemy as sa
from alembic import op

def upgrade():
    with op.batch_alter_table("persons", recreate="always") as batch:
        batch.alter_column("name", nullable=False)
    op.execute("DELETE FROM persons")
    with op.batch_alter_table("persons") as batch:
        batch.drop_column("fax")
        batch.add_column(sa.Column("age", sa.Integer))

def downgrade():
    with op.batch_alter_table("persons") as batch:
        batch.drop_column("age")
        batch.add_column(sa.Column("fax", sa.Text))
"""


async def test_the_tables_that_batch_mode_rebuilds_on_sqlite_are_not_dropped(tmp_path):
    for name in ("real", "scratch"):
        with closing(sqlite3.connect(tmp_path / f"{name}.db")) as connection:
            connection.execute("CREATE TABLE persons (id INTEGER PRIMARY KEY, name TEXT, fax TEXT)")
    case = tmp_path / "batch.py"
    case.write_text(BATCH)

    scratch = {"dialect": "sqlite", "path": f"{tmp_path}/scratch.db"}
    reply = await rehearse(case, f"sqlite:///{tmp_path}/real.db", scratch, tmp_path)
    found = review(read_path(reply, "sqlite", None), Facts(), "sqlite")

    assert [(one.rule, one.line, one.direction) for one in found] == [
        ("set-not-null-with-nulls", 7, Direction.UPGRADE),
        ("delete-rows", 8, Direction.UPGRADE),
        ("drop-column", 10, Direction.UPGRADE),
        ("downgrade-does-not-restore", 0, Direction.DOWNGRADE),
        ("lossy-downgrade", 15, Direction.DOWNGRADE),
        ("lossy-downgrade", 16, Direction.DOWNGRADE),
    ]


def expected(case):
    """(line, rule) -> severity, None where any will do."""
    found = {}
    for number, text in enumerate(case.read_text(encoding="utf-8").splitlines(), start=1):
        if match := re.search(r"# finds( somewhere)?: ([\w=, -]+)$", text):
            for item in match[2].split(","):
                name, _, severity = item.strip().partition("=")
                found[0 if match[1] else number, name] = severity or None
    return found


async def findings(case, make_database, tmp_path):
    """Rehearse the case on an empty copy of its database, and review it with the rows that are there."""
    spec = importlib.util.spec_from_file_location(f"case_{case.stem}", case)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    real, scratch = make_database(), make_database()
    for database in (real, scratch):
        database.run(getattr(module, "SETUP", "SELECT 1"))
    tables = scratch.run("SELECT coalesce(string_agg(format('%I', relname), ', '), '') FROM pg_class "
                         "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")[0][0]  # fmt: skip
    if tables:
        scratch.run(f"TRUNCATE {tables}")
    url = real.url()
    if getattr(module, "LOCK_TIMEOUT", True):
        url += "&options=-clock_timeout%3D5s"
    reply = await rehearse(case, url, {"dialect": "postgresql", "params": scratch.libpq}, tmp_path)
    revisions = read_path(reply, "postgresql", "public")
    facts = await answer(target_of(real), questions(revisions, schema=reply["schema"]), budget=10)
    outside = [Outside(act["what"], act["revision"], act["line"] or 0) for act in reply["outside"]]
    heads = getattr(module, "HEADS", (case.stem,))
    revisions = [replace(revision, source=case.read_text(encoding="utf-8")) for revision in revisions]
    return review(
        revisions, facts, "postgresql", running=Direction.UPGRADE, heads=heads, outside=outside,
        schema=reply["schema"], lock_timeout=reply["lock_timeout"],
        problems=[ScriptProblem(**one) for one in getattr(module, "PROBLEMS", ())],
        applied_hashes=getattr(module, "APPLIED", {}), file_hashes=getattr(module, "FILES", {}),
        own_modules=getattr(module, "OWN_MODULES", ()),
    )  # fmt: skip


async def rehearse(case, url, redirect, tmp_path):
    """The worker's answer, with the case's own file as the only revision."""
    (tmp_path / "migrations" / "versions").mkdir(parents=True)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/migrations\n")
    (tmp_path / "migrations" / "env.py").write_text(ENV.format(url=url))
    entry = {"revision": case.stem, "down_revisions": [], "depends_on": [], "branch_labels": [], "message": "",
             "path": str(case)}  # fmt: skip
    project = {"root": str(tmp_path), "config_file": str(tmp_path / "alembic.ini"), "toml_file": None,
               "section": "alembic", "index": [entry]}  # fmt: skip
    args = {"redirect": redirect, "direction": "upgrade",
            "target": case.stem, "prove": True, "converge": False, "trace": True, "skip_downgrade": [],
            "expect_heads": []}  # fmt: skip
    async with Worker(Path(sys.executable), fork=False) as worker:
        reply = await worker.call("rehearse", project, args, timeout=60)
    return reply.result


def target_of(database):
    return Target(
        database="default", dialect="postgresql", driver="psycopg", name=database.name, host="localhost",
        server_version="18", identity=f"postgresql:1:{database.name}", connect=Connect(libpq=database.libpq),
        default_schema="public",
    )  # fmt: skip
