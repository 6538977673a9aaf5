"""Every rule on every way to spell its hazard, and on what only looks like it: tests/spellings says what to find.

A file there has sections, ``== rule``; in each, what must be found by that rule, ``- how it is spelt``, and what must
not, ``~ what it is``. The code is the body of upgrade(), or of what ``top:``, ``upgrade:`` or ``downgrade:`` in a line
of its own says; ``downgrade: none`` leaves the function out. ``[offending 0]`` says that no row is in the way.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from worker_project import Project

from alembic_mcp.operations import Direction
from alembic_mcp.review.context import Outside
from alembic_mcp.review.engine import questions, review
from alembic_mcp.review.questions import (
    Answer,
    Duplicates,
    Exists,
    Facts,
    NonNullCount,
    Nulls,
    Orphans,
    RowCount,
    Unfit,
    Violators,
)
from alembic_mcp.review.reading import read_path
from alembic_mcp.review.rules import RULES
from alembic_mcp.worker import schema_postgresql
from alembic_mcp.workflows.complete import merged

FOLDER = Path(__file__).parent / "spellings"
SETUP = """
CREATE SCHEMA shop;
CREATE TYPE feeling AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE people (id serial PRIMARY KEY, name varchar(50) NOT NULL, email varchar(80), age integer, note text,
                     mood feeling, boss integer, at timestamp);
CREATE UNIQUE INDEX uq_people_email ON people (email);
CREATE TABLE orders (id serial PRIMARY KEY, person integer CONSTRAINT orders_person_fkey REFERENCES people,
                     total numeric(10, 2), state varchar(20),
                     CONSTRAINT ck_orders_state CHECK (state IN ('new', 'paid')));
CREATE INDEX ix_orders_person ON orders (person);
CREATE INDEX ix_orders_person_state ON orders (person, state);
CREATE TABLE shop.items (id integer PRIMARY KEY, name text, price numeric);
CREATE TABLE logs (id integer);
CREATE TABLE things (code integer, label text);
CREATE UNIQUE INDEX uq_things ON things (code);
CREATE TABLE events (at integer) PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM (1) TO (2);
CREATE VIEW grown AS SELECT id FROM people WHERE age > 18;
CREATE MATERIALIZED VIEW totals AS SELECT person, sum(total) AS total FROM orders GROUP BY 1;
CREATE UNIQUE INDEX uq_totals ON totals (person);
"""
MANY, OFFENDING = 5_000_000, 3
OFFENCES = (Duplicates, Nulls, Orphans, Unfit, Violators)
EXISTS = {("type", "feeling"), ("schema", "shop"), ("schema", "public")}


@dataclass(frozen=True)
class Spelling:
    rule: str
    label: str
    found: bool
    name: str
    upgrade: str
    downgrade: str | None
    top: str
    offending: int


def parse(text):
    rule, cases = None, []
    for block in re.split(r"^(?=== |[-~] )", text, flags=re.MULTILINE)[1:]:
        head, _, body = block.partition("\n")
        if head.startswith("== "):
            rule = head[3:]
            continue
        parts, part = {"upgrade": [], "downgrade": [], "top": []}, "upgrade"
        offending = OFFENDING
        for line in body.splitlines():
            if line in ("upgrade:", "downgrade:", "top:"):
                part = line[:-1]
            elif line == "downgrade: none":
                parts["downgrade"] = None
            elif line == "[offending 0]":
                offending = 0
            else:
                parts[part].append(line)
        code = {key: None if lines is None else "\n".join(lines).strip() for key, lines in parts.items()}
        cases.append((rule, head, code, offending))
    return cases


def spellings():
    found = []
    for file in sorted(FOLDER.glob("*.txt")):
        for rule, head, code, offending in parse(file.read_text(encoding="utf-8")):
            down = code["downgrade"]
            found.append(
                Spelling(
                    rule, head[2:], head.startswith("- "), f"s{len(found)}", code["upgrade"] or "pass",
                    None if down is None else down or "raise NotImplementedError", code["top"], offending,
                )
            )  # fmt: skip
    return found


SPELLINGS = spellings()


@pytest.fixture(scope="module")
def schema(shared_database):
    shared_database.run(SETUP)
    engine = sa.create_engine(shared_database.url(), poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        return schema_postgresql.snapshot(connection, "alembic_version", None)


@pytest.fixture(scope="module")
def project(tmp_path_factory, shared_database):
    """All of them, each a revision of its own."""
    project = Project(tmp_path_factory.mktemp("spellings"), shared_database.url())
    (project.versions / "drop_people.sql").write_text("-- by hand\nDROP TABLE\n  people;\n", encoding="utf-8")
    for one in SPELLINGS:
        project.revision(one.name, one.upgrade, one.downgrade, top=one.top, down=None)
    return project


@pytest.fixture(scope="module")
def read(project):
    """What the worker says of all of them without a database."""
    names = [one.name for one in SPELLINGS]
    return project.call("static", indexed=True, revisions=names, dialect="postgresql", default_schema="public")


def answers(asked, offending):
    """A database in which every table is large and every row is in the way."""
    return Facts({question: _answer(question, offending) for question in asked})


def _answer(question, offending):
    if isinstance(question, Exists):
        there = (question.kind, question.name) in EXISTS or question.kind == "available extension"
        return Answer(int(there))
    if isinstance(question, OFFENCES):
        return Answer(offending)
    if isinstance(question, RowCount):
        return Answer(0 if question.table == "logs" else MANY)
    return Answer(OFFENDING if isinstance(question, NonNullCount) else MANY)


def judge(one, reply, project, schema):
    revisions = read_path(reply, "postgresql", "public")
    source = (project.versions / f"{one.name}.py").read_text(encoding="utf-8")
    revisions = [type(each)(**{**vars(each), "source": source}) for each in revisions]
    facts = answers(questions(revisions, schema=schema), one.offending)
    outside = [Outside(each["what"], each["revision"], each["line"] or 0) for each in reply["outside"]]
    return review(
        revisions, facts, "postgresql", heads=(one.name,), outside=outside, schema=schema, own_modules=("shop",),
    )  # fmt: skip


NOT_SPELT = {
    # What a rehearsal measures, and what is wrong with the files rather than with what stands in one of them.
    "downgrade-does-not-restore", "fails-on-scratch", "several-heads", "duplicate-revision", "missing-ancestor",
    "edits-applied-revision",
}  # fmt: skip


@pytest.mark.parametrize("rule", sorted({rule.name for rule in RULES} - NOT_SPELT))
def test_every_rule_has_spellings_and_near_misses(rule):
    own = [one.found for one in SPELLINGS if one.rule == rule]
    assert own.count(True) >= 4, "four ways to spell it"
    assert own.count(False) >= 2, "two that only look like it"


@pytest.mark.parametrize("one", SPELLINGS, ids=lambda one: f"{one.rule}: {one.label}")
def test_a_hazard_is_found_by_reading_however_it_is_spelt(one, read, project, schema):
    state = merged({}, read["revisions"][one.name], Direction.UPGRADE)
    entry = {"revision": one.name, "path": str(project.versions / f"{one.name}.py"), "message": ""}
    outside = [each for each in read["outside"] if each["revision"] == one.name]
    reply = {"path": [entry], "revisions": {one.name: state}, "schema": schema, "outside": outside}

    found = judge(one, reply, project, schema)

    assert (one.rule in {each.rule for each in found}) is one.found, listed(found)


HIDDEN = [one for one in SPELLINGS if "DO block" in one.label or "helper" in one.label or "comment" in one.label]


@pytest.mark.thorough
@pytest.mark.parametrize("one", HIDDEN, ids=lambda one: f"{one.rule}: {one.label}")
def test_a_hazard_is_found_by_what_it_does_where_it_hides(one, project, schema, shared_database, make_database):
    scratch = make_database(f"TEMPLATE {shared_database.name}")
    everything, project.entries = project.entries, [each for each in project.entries if each["revision"] == one.name]
    redirect = {"dialect": "postgresql", "params": scratch.libpq}
    try:
        reply = project.call(
            "rehearse", indexed=True, redirect=redirect, direction="upgrade", target=one.name, prove=True,
            converge=False, trace=True, skip_downgrade=[], expect_heads=[],
        )  # fmt: skip
    finally:
        project.entries = everything

    found = judge(one, reply, project, schema)

    assert (one.rule in {each.rule for each in found}) is one.found, listed(found)


def listed(found):
    lines = (f"{each.direction} {each.line} {each.severity} {each.rule}: {each.problem}" for each in found)
    return "\n".join(lines) or "nothing was found"
