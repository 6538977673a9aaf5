"""The rules on operations that were only read: no rehearsal, no schema, rows that nobody counted."""

from dataclasses import replace

import pytest

from alembic_mcp.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    AlterObject,
    Column,
    ConstraintKind,
    CreateIndex,
    CreateObject,
    CreateTable,
    Delete,
    Direction,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropObject,
    DropTable,
    Insert,
    Revision,
    Statement,
    Update,
)
from alembic_mcp.review.engine import review
from alembic_mcp.review.questions import Answer, Facts, RowCount
from alembic_mcp.review.rules import RULES
from alembic_mcp.review.sql import read

UNIQUE, FOREIGN, PRIMARY = ConstraintKind.UNIQUE, ConstraintKind.FOREIGN_KEY, ConstraintKind.PRIMARY_KEY
UP, DOWN = Direction.UPGRADE, Direction.DOWNGRADE
MINE = {
    "changes-primary-key", "commits-by-itself", "downgrade-will-fail", "drop-column-takes-constraints",
    "drop-constraint", "drop-object", "drop-schema", "drops-most-tables", "drops-partition-child",
    "edits-applied-revision", "foreign-key-cascades", "imports-application", "narrows-type", "rename-read-as-drop",
    "update-all-rows", "writes-data",
}  # fmt: skip
SCHEMA = {
    "table t": "", "column t.id": "integer NOT NULL", "column t.a": "character varying(50)", "column t.b": "text",
    "column t.owner": "integer", "constraint t_pkey on t": "PRIMARY KEY (id)", "constraint t_a_b on t": "UNIQUE (a, b)",
    "constraint t_owner on t": "FOREIGN KEY (owner) REFERENCES people(id) ON DELETE CASCADE",
    "index t_b on t": "CREATE INDEX t_b ON public.t USING btree (b, owner)",
    "table e": "partition by RANGE (at)", "table e_p1": "partition FOR VALUES FROM (1) TO (2) inherits e",
}  # fmt: skip
ONE = (Statement(sql="ALTER TABLE t ADD COLUMN key bigserial PRIMARY KEY"),)
EMPTY = Facts({RowCount("t"): Answer(0)})


def judge(*upgrade, downgrade=(), facts=None, running=UP, dialect="postgresql", source="", **path):
    revision = Revision("r1", "r1.py", upgrade=upgrade, downgrade=tuple(downgrade), source=source)
    rules = [rule for rule in RULES if rule.name in MINE]
    return review([revision], facts or Facts(), dialect, running=running, rules=rules, **path)


def listed(findings):
    return [(one.rule, one.severity.value) for one in findings]


def drop(name, **more):
    return DropConstraint(table="t", name=name, **more)


@pytest.mark.parametrize(
    ("ops", "found"),
    [
        pytest.param([DropObject(kind="schema", name="s", cascade=True)], [("drop-schema", "danger")], id="schema"),
        pytest.param([DropObject(kind="schema", name="s")], [("drop-schema", "info")], id="schema, if it is empty"),
        pytest.param([DropObject(kind="view", name="v")], [("drop-object", "warning")], id="view"),
        pytest.param([DropObject(kind="view", name="v", cascade=True)], [("drop-object", "danger")], id="with CASCADE"),
        pytest.param([DropObject(kind="view", name="v"), CreateObject(kind="view", name="v")],
                     [("drop-object", "info")], id="view that is replaced"),
        pytest.param([Update(table="t", columns=("a",))], [("update-all-rows", "danger")], id="update, rows unknown"),
        pytest.param([Update(table="t", columns=("a",), where="id = 1")], [("writes-data", "info")], id="update some"),
        pytest.param([Insert(table="t")], [("writes-data", "info")], id="insert"),
        pytest.param([CreateTable(table="n"), Insert(table="n"), Update(table="n")], [], id="a table that is new"),
        pytest.param([CreateTable(table="n"), Update(table="n"),
                      AlterColumn(table="n", column="a", type="VARCHAR(10)", existing_type="VARCHAR(20)")], [],
                     id="a new table that an update can't have filled"),
        pytest.param([AddColumn(table="t", column=Column("key", "bigserial", primary_key=True), statements=ONE),
                      AddConstraint(table="t", name=None, kind=PRIMARY, columns=("key",), statements=ONE)],
                     [("changes-primary-key", "warning")], id="a column that is the primary key, told once"),
        pytest.param([AlterColumn(table="t", column="a", type="VARCHAR(10)", existing_type="VARCHAR(20)")],
                     [("narrows-type", "warning")], id="shorter"),
        pytest.param([AlterColumn(table="t", column="a", type="VARCHAR(10)")], [], id="nobody knows what it was"),
        pytest.param([AlterColumn(table="t", column="a", type="NUMERIC(6, 1)", existing_type="NUMERIC(6, 2)")],
                     [("narrows-type", "danger")], id="silently rounded"),
        pytest.param([drop("x", kind=UNIQUE)], [("drop-constraint", "warning")], id="unique constraint"),
        pytest.param([drop("t_pkey")], [("changes-primary-key", "danger")], id="primary key, by its name"),
        pytest.param([drop("x", kind=UNIQUE), AddConstraint(table="t", name="y", kind=UNIQUE, columns=("a",))], [],
                     id="constraint that is replaced"),
        pytest.param([drop("x", kind=FOREIGN), DropTable(table="t")], [], id="constraint of a table that goes"),
        pytest.param([AddConstraint(table="t", name="f", kind=FOREIGN, references="p", on_delete="CASCADE")],
                     [("foreign-key-cascades", "warning")], id="cascade"),
        pytest.param([AddConstraint(table="t", name="f", kind=FOREIGN, references="p", on_delete="RESTRICT")], [],
                     id="restrict"),
        pytest.param([AddConstraint(table="t", name="p", kind=PRIMARY, columns=("id",))],
                     [("changes-primary-key", "warning")], id="primary key"),
        pytest.param([DropTable(table="e_2024_01"), DropTable(table="e_2024_02")],
                     [("drops-partition-child", "warning")] * 2, id="named like partitions"),
        pytest.param([DropTable(table="e_2024_01")], [], id="one alone is no partition"),
        pytest.param([DropTable(table=name) for name in "abcde"], [("drops-most-tables", "danger")], id="many tables"),
        pytest.param([DropTable(table=name, from_sql=True) for name in "abcde"], [], id="many tables, by hand"),
        pytest.param([AlterObject(kind="transaction", action="commit", from_sql=True)],
                     [("commits-by-itself", "warning")], id="COMMIT"),
        pytest.param([AddColumn(table="t", column=Column("full_name", "TEXT")), DropColumn(table="t", column="name")],
                     [("rename-read-as-drop", "danger")], id="rename, by the names alone"),
        pytest.param([AddColumn(table="t", column=Column("age", "INTEGER")), DropColumn(table="t", column="name")],
                     [], id="no rename, as far as anybody knows"),
    ],
)  # fmt: skip
def test_what_is_read_is_judged_like_what_was_measured(ops, found):
    assert listed(judge(*ops)) == found


@pytest.mark.parametrize(
    ("ops", "found"),
    [
        pytest.param([DropColumn(table="t", column="a")], ["drop-column-takes-constraints"], id="unique with another"),
        pytest.param([drop("t_a_b"), DropColumn(table="t", column="a")], [], id="dropped by name before"),
        pytest.param([DropColumn(table="t", column="id")], ["changes-primary-key", "drop-column-takes-constraints"],
                     id="primary key"),
        pytest.param([AlterColumn(table="t", column="id", type="BIGINT")], ["changes-primary-key"], id="re-typed key"),
        pytest.param([AlterColumn(table="t", column="id", type="INT")], [], id="key of the same type"),
        pytest.param([AlterColumn(table="t", column="b", type="VARCHAR(10)")], ["narrows-type"], id="type from schema"),
        pytest.param([drop("t_owner"), AddConstraint(table="t", name="t_owner", kind=FOREIGN, columns=("owner",),
                                                     references="people", on_delete="CASCADE")], [], id="as before"),
        pytest.param([DropTable(table="e_p1")], ["drops-partition-child"], id="partition"),
        pytest.param([DropTable(table="e_p1"), DropTable(table="e")], [], id="partition with its table"),
        pytest.param([AddColumn(table="t", column=Column("c", "TEXT")), DropColumn(table="t", column="b")],
                     ["drop-column-takes-constraints", "rename-read-as-drop"], id="same type, other name"),
        pytest.param([AddColumn(table="t", column=Column("c", "VARCHAR(20)")), DropColumn(table="t", column="b")],
                     ["drop-column-takes-constraints"], id="a shorter type, and another name"),
    ],
)  # fmt: skip
def test_the_schema_says_what_the_operation_does_not(ops, found):
    assert sorted({one.rule for one in judge(*ops, schema=SCHEMA)}) == found


@pytest.mark.parametrize(
    "op",
    [
        pytest.param(Update(table="t", columns=("a",)), id="update"),
        pytest.param(DropColumn(table="t", column="id"), id="primary key"),
        pytest.param(drop("t_a_b"), id="constraint"),
        pytest.param(AlterColumn(table="t", column="b", type="VARCHAR(10)"), id="narrower"),
        pytest.param(Insert(table="t"), id="insert"),
    ],
)
def test_a_table_without_rows_is_left_in_peace(op):
    found = judge(op, facts=EMPTY, schema=SCHEMA)

    assert {one.rule for one in found} <= {"drop-column-takes-constraints"}


@pytest.mark.parametrize(
    ("upgrade", "downgrade", "found"),
    [
        pytest.param([], [drop(None)], ["downgrade-will-fail"], id="a constraint without a name"),
        pytest.param([DropColumn(table="t", column="a")],
                     [AddColumn(table="t", column=Column("a", "TEXT", nullable=False))], ["downgrade-will-fail"],
                     id="NOT NULL"),
        pytest.param([CreateTable(table="n"), CreateIndex(table="n", name="i")],
                     [DropTable(table="n"), DropIndex(table="n", name="i")], ["downgrade-will-fail"],
                     id="of what is gone"),
        pytest.param([AddColumn(table="t", column=Column("c")), CreateIndex(table="t", name="i", columns=("c",))],
                     [DropColumn(table="t", column="c"), DropIndex(table="t", name="i")], ["downgrade-will-fail"],
                     id="index of a column that is gone"),
        pytest.param([AddConstraint(table="t", name="u", kind=UNIQUE)], [drop("u")], [], id="the plain inverse"),
        pytest.param([CreateObject(kind="view", name="v")], [DropObject(kind="view", name="v")], [], id="of a view"),
        pytest.param([], [DropObject(kind="view", name="v")], ["drop-object"], id="a view of somebody else's"),
        pytest.param([Insert(table="t")], [Delete(table="t")], ["writes-data"], id="rows"),
        pytest.param([AlterColumn(table="t", column="a", type="VARCHAR(90)", existing_type="VARCHAR(20)")],
                     [AlterColumn(table="t", column="a", type="VARCHAR(20)", existing_type="VARCHAR(90)")],
                     ["narrows-type"], id="back to the shorter type"),
    ],
)  # fmt: skip
def test_a_downgrade_is_judged_for_the_day_it_is_needed(upgrade, downgrade, found):
    assert [one.rule for one in judge(*upgrade, downgrade=downgrade)] == found


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        pytest.param("ALTER TABLE t ADD CONSTRAINT u UNIQUE (a)",
                     [("unique-builds-index", "danger"), ("unique-with-duplicates", "info")],
                     id="what rows might be like, where nobody looked, does not warn besides"),
        pytest.param("CREATE UNIQUE INDEX CONCURRENTLY u ON t (a)", [("unique-with-duplicates", "warning")],
                     id="nobody looked, and nothing else warns"),
        pytest.param("CREATE MATERIALIZED VIEW m AS SELECT 1 AS a; CREATE UNIQUE INDEX u ON m (a)", [],
                     id="the index of a new materialized view"),
        pytest.param("CREATE INDEX u ON ONLY t (a)", [], id="a partitioned table without its partitions"),
        pytest.param("SET lock_timeout = 0; ALTER TABLE t ADD c int", [("no-lock-timeout", "info")], id="no limit"),
        pytest.param("SET lock_timeout TO DEFAULT; ALTER TABLE t ADD c int", [("no-lock-timeout", "info")], id="reset"),
        pytest.param("SELECT set_config('lock_timeout', '0', true); ALTER TABLE t ADD c int",
                     [("no-lock-timeout", "info")], id="no limit, by a function"),
        pytest.param("SET LOCAL lock_timeout = '500ms'; ALTER TABLE t ADD c int", [], id="half a second"),
    ],
)  # fmt: skip
def test_sql_that_was_only_read_is_judged(sql, found):
    wanted = {"index-without-concurrently", "no-lock-timeout", "unique-builds-index", "unique-with-duplicates"}
    alone = wanted if "lock_timeout" in sql else wanted - {"no-lock-timeout"}
    revision = Revision("r1", "r1.py", upgrade=tuple(replace(op, line=7) for op in read(sql, "postgresql", "public")))

    assert listed(review([revision], Facts(), "postgresql", rules=[r for r in RULES if r.name in alone])) == found


@pytest.mark.parametrize(
    ("made", "dropped"),
    [
        pytest.param(CreateObject(kind="type", name="mood"), DropObject(kind="type", name="mood"), id="type"),
        pytest.param(AddConstraint(table="t", name="f", kind=FOREIGN, columns=("a",), references="p"), drop("f"),
                     id="constraint"),
    ],
)  # fmt: skip
def test_what_an_earlier_revision_of_the_path_made_is_not_missed(made, dropped):
    path = [Revision("r1", "r1.py", upgrade=(made,)), Revision("r2", "r2.py", upgrade=(dropped,))]

    assert review(path, Facts(), "postgresql", rules=[rule for rule in RULES if rule.name in MINE]) == []
    assert review(path[1:], Facts(), "postgresql", rules=[rule for rule in RULES if rule.name in MINE]) != []


def test_an_applied_file_that_changed_is_worse_where_it_is_undone():
    hashes = {"applied_hashes": {"r1": "1", "r0": "2"}, "file_hashes": {"r1": "9", "r0": "2"}}

    assert listed(judge(**hashes)) == [("edits-applied-revision", "warning")]
    assert listed(judge(running=DOWN, **hashes)) == [("edits-applied-revision", "danger")]


@pytest.mark.parametrize(
    ("line", "own", "found"),
    [
        ("import app.models", ["app"], ["warning"]),
        ("from app import models", ["app"], ["warning"]),
        ("from .. import models", [], ["warning"]),
        ("from app.guid import GUID", ["app"], ["info"]),
        ("import app", ["app"], ["info"]),
        ("from app.models import Person", [], ["warning"]),
        ("from fastapi_users.models import ID", ["app"], []),
        ("import sqlalchemy.types", [], []),
        ("import json, os.path", [], []),
        ("def broken(:", ["app"], []),
    ],
)
def test_imports_are_told_apart(line, own, found):
    assert [one.severity.value for one in judge(source=f"{line}\n", own_modules=own)] == found
