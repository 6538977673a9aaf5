"""What the rules make of where an operation stands: rows, order, the direction that runs, and what was made before."""

from functools import partial

import pytest

from alembic_mcp.operations import (
    AddColumn,
    AlterColumn,
    Column,
    CreateIndex,
    CreateTable,
    Delete,
    Direction,
    DropColumn,
    DropTable,
    Insert,
    RecordedError,
    Rehearsed,
    RenameTable,
    Revision,
    Truncate,
)
from alembic_mcp.report import Severity
from alembic_mcp.review import engine
from alembic_mcp.review.context import Outside
from alembic_mcp.review.engine import questions
from alembic_mcp.review.questions import MISSING, Answer, Facts, NonNullCount, RowCount

review = partial(engine.review, lock_timeout=True)  # else no-lock-timeout is found almost everywhere
NOT_NULL = AddColumn(table="a", column=Column("b", "INTEGER", nullable=False))
DOWN, UP = Direction.DOWNGRADE, Direction.UPGRADE


def rows(**counts):
    """``a=3``: counted; ``a=None``: not known."""
    return Facts(
        {RowCount(table): Answer(count, query=f"SELECT count(*) FROM {table}") for table, count in counts.items()}
    )


def judge(*upgrade, facts=None, downgrade=(), running=UP, dialect="postgresql", rehearsed=None, **path):
    revision = Revision("r1", "r1.py", upgrade=upgrade, downgrade=tuple(downgrade), rehearsed=rehearsed)
    return review([revision], facts or Facts(), dialect, running=running, **path)


def listed(findings):
    return [(one.rule, one.severity.value) for one in findings]


@pytest.mark.parametrize(
    ("op", "facts", "found"),
    [
        pytest.param(DropTable(table="a"), rows(a=3), [("drop-table", "danger")], id="rows"),
        pytest.param(DropTable(table="a"), rows(a=0), [("drop-table", "info")], id="no rows"),
        pytest.param(DropTable(table="a"), rows(a=None), [("drop-table", "danger")], id="rows could not be counted"),
        pytest.param(DropTable(table="a"), Facts(), [("drop-table", "danger")], id="rows were not asked for"),
        pytest.param(DropTable(table="a"), Facts({RowCount("a"): Answer(0, estimated=True)}),
                     [("drop-table", "danger")], id="no rows by an estimate is not none"),
        pytest.param(DropTable(table="a"), Facts({RowCount("a"): Answer(0, problem=MISSING)}),
                     [("drop-table", "danger")], id="a table that is not found may be called otherwise"),
        pytest.param(DropTable(table="a", if_exists=True), Facts({RowCount("a"): Answer(0, problem=MISSING)}), [],
                     id="nothing to drop"),
        pytest.param(NOT_NULL, rows(a=3), [("not-null-without-default", "blocker")], id="NOT NULL, rows"),
        pytest.param(NOT_NULL, rows(a=0), [], id="NOT NULL, no rows"),
        pytest.param(NOT_NULL, rows(a=None), [("not-null-without-default", "danger")], id="NOT NULL, unknown"),
        pytest.param(CreateIndex(table="a", name="i"), rows(a=50_000), [("index-without-concurrently", "danger")],
                     id="index, many rows"),
        pytest.param(CreateIndex(table="a", name="i"), rows(a=50), [("index-without-concurrently", "warning")],
                     id="index, few rows"),
        pytest.param(CreateIndex(table="a", name="i"), rows(a=None), [("index-without-concurrently", "danger")],
                     id="index, unknown"),
        pytest.param(CreateIndex(table="a", name="i"), rows(a=0), [], id="index, no rows"),
        pytest.param(Delete(table="a"), rows(a=3), [("delete-rows", "blocker")], id="delete all"),
        pytest.param(Delete(table="a"), rows(a=None), [("delete-rows", "danger")], id="delete all, unknown"),
        pytest.param(Delete(table="a", where="x = 1"), rows(a=3), [("delete-rows", "warning")], id="delete some"),
        pytest.param(Delete(table="a"), rows(a=0), [], id="delete none"),
        pytest.param(Truncate(table="a", cascade=True), rows(a=0), [("truncate", "danger")],
                     id="a cascade reaches tables that were not counted"),
    ],
)  # fmt: skip
def test_rows_decide(op, facts, found):
    assert listed(judge(op, facts=facts)) == found


def test_a_count_is_told_with_the_query_that_shows_it():
    (found,) = judge(DropTable(table="a", line=7), facts=rows(a=1_200))

    assert found.problem == "Dropping a destroys 1,200 rows."
    assert found.evidence == {
        "measured": False, "lock_mode": "ACCESS EXCLUSIVE", "rows": 1_200, "query": "SELECT count(*) FROM a"
    }  # fmt: skip
    assert (found.line, found.path, found.table, found.direction) == (7, "r1.py", "a", UP)


MADE = CreateTable(table="a")


@pytest.mark.parametrize(
    ("ops", "found"),
    [
        pytest.param([MADE, DropTable(table="a")], [], id="made and dropped"),
        pytest.param([MADE, NOT_NULL], [], id="made, not filled"),
        pytest.param([MADE, Insert(table="a"), NOT_NULL], ["not-null-without-default"], id="made and filled"),
        pytest.param([MADE, Insert(table="a"), CreateIndex(table="a", name="i")], [],
                     id="nobody else uses what was just made"),
        pytest.param([CreateTable(table="a", if_not_exists=True), DropTable(table="a")], ["drop-table"],
                     id="perhaps made"),
        pytest.param([RenameTable(table="old", to="a"), DropTable(table="a")], ["drop-table"], id="renamed"),
        pytest.param([DropTable(table="a"), MADE, DropTable(table="a")], ["drop-table"], id="made anew"),
        pytest.param([Insert(table="empty"), AddColumn(table="empty", column=NOT_NULL.column)],
                     ["not-null-without-default"], id="empty, then filled"),
        pytest.param([NOT_NULL, DropColumn(table="a", column="b")], ["not-null-without-default"], id="column made"),
        pytest.param([AlterColumn(table="a", column="x", rename_to="y"), DropColumn(table="a", column="y")],
                     ["drop-column"], id="column renamed"),
    ],
)  # fmt: skip
def test_order_decides(ops, found):
    facts = Facts({**rows(old=3, empty=0, a=3).answers, NonNullCount("a", "x"): Answer(2)})
    findings = judge(*ops, facts=facts)

    assert [one.rule for one in findings] == found
    if "drop-column" in found:
        assert findings[0].evidence["values"] == 2


def test_a_table_of_an_earlier_revision_is_not_live():
    path = [
        Revision("r1", upgrade=(MADE, RenameTable(table="old", to="new"))),
        Revision("r2", upgrade=(NOT_NULL, DropTable(table="new"))),
    ]
    findings = review(path, rows(old=3), "postgresql")

    assert [(one.revision, one.rule, one.evidence["rows"]) for one in findings] == [("r2", "drop-table", 3)]


def test_a_column_of_an_earlier_revision_holds_nothing():
    column = DropColumn(table="a", column="b")
    path = [Revision("r1", upgrade=(AddColumn(table="a", column=Column("b")),)), Revision("r2", upgrade=(column,))]

    assert review(path, Facts(), "postgresql") == []
    assert NonNullCount("a", "b") not in questions(path)


def test_a_single_revision_knows_what_came_before_it():
    revision = Revision("r2", upgrade=(DropTable(table="n"), DropTable(table="b")),
                        created_before=frozenset({"n"}), renamed={"b": "a"})  # fmt: skip

    (found,) = review([revision], rows(a=5), "postgresql")
    assert (found.table, found.evidence["rows"]) == ("b", 5)


def test_sqlite_and_mysql_have_no_locks_to_speak_of():
    assert judge(CreateIndex(table="a", name="i"), facts=rows(a=50_000), dialect="sqlite") == []
    assert listed(judge(NOT_NULL, facts=rows(a=3), dialect="mysql")) == [("not-null-without-default", "warning")]


def test_the_data_is_asked_for_what_the_running_direction_touches():
    path = [Revision("r1", upgrade=(DropColumn(table="a", column="b"),), downgrade=(Truncate(table="c"),))]

    assert questions(path, UP) == {RowCount("a"), RowCount("c"), NonNullCount("a", "b")}
    assert questions(path, DOWN) == {RowCount("c")}


# The downgrade


@pytest.mark.parametrize(
    ("upgrade", "downgrade", "found"),
    [
        pytest.param([MADE], [DropTable(table="a")], [("lossy-downgrade", "info")], id="plain inverse"),
        pytest.param([AddColumn(table="a", column=Column("b"))], [DropColumn(table="a", column="b")],
                     [("lossy-downgrade", "info")], id="plain inverse of a column"),
        pytest.param([], [DropTable(table="a")], [("lossy-downgrade", "danger")], id="drops what was there before"),
        pytest.param([AlterColumn(table="a", column="x", rename_to="b")], [DropColumn(table="a", column="b")],
                     [("rename-column", "danger"), ("lossy-downgrade", "info")], id="drops what the upgrade renamed"),
        pytest.param([DropTable(table="empty")], [CreateTable(table="empty")], [("drop-table", "info")],
                     id="brings back what was empty"),
        pytest.param([DropTable(table="a")], [CreateTable(table="a")],
                     [("drop-table", "danger"), ("lossy-downgrade", "warning")], id="brings back without rows"),
        pytest.param([DropTable(table="a")], [CreateTable(table="a"), Insert(table="a")],
                     [("drop-table", "danger")], id="brings back and fills"),
        pytest.param([Insert(table="a")], [Delete(table="a", where="id = 1")],
                     [("writes-data", "info"), ("delete-rows", "info")], id="deletes what the upgrade inserted"),
        pytest.param([], [Delete(table="a")], [("delete-rows", "warning")], id="deletes what was there before"),
    ],
)  # fmt: skip
def test_a_downgrade_is_judged_against_its_upgrade(upgrade, downgrade, found):
    assert listed(judge(*upgrade, downgrade=downgrade, facts=rows(a=3, empty=0))) == found


def test_the_upgrade_is_history_when_a_downgrade_runs():
    assert judge(DropTable(table="a"), CreateIndex(table="a", name="i"), running=DOWN) == []


def test_a_downgrade_that_runs_counts_what_it_loses():
    findings = judge(MADE, downgrade=[DropTable(table="a")], running=DOWN, facts=rows(a=3))

    assert [(one.rule, one.direction, one.problem) for one in findings] == [
        ("drop-table", DOWN, "Dropping a destroys 3 rows.")
    ]


NO = RecordedError("NotImplementedError: no way back", line=9)
BROKEN = RecordedError('ProgrammingError: index "ix" does not exist', sql="DROP INDEX ix", line=9)


def tried(up=None, down=None, restored=None, again=None, **more):
    return Rehearsed(upgraded=up, downgraded=down, restored=restored, reupgraded=again, **more)


IRREVERSIBLE = [("irreversible-downgrade", "warning")]
FAILS = [("fails-on-scratch", "blocker")]


@pytest.mark.parametrize(
    ("rehearsed", "running", "found"),
    [
        pytest.param(tried(up=True, down=True, restored=True, again=True), UP, [], id="all well"),
        pytest.param(tried(up=True, downgrade_missing=True), UP, IRREVERSIBLE, id="missing"),
        pytest.param(tried(up=True, down=True, restored=False, downgrade_empty=True), UP, IRREVERSIBLE, id="pass"),
        pytest.param(tried(up=True, down=False, downgrade_error=NO), UP, IRREVERSIBLE, id="refuses"),
        pytest.param(tried(up=True, down=False, downgrade_error=BROKEN), UP, [("fails-on-scratch", "danger")],
                     id="fails"),
        pytest.param(tried(down=False, downgrade_error=BROKEN), DOWN, FAILS, id="fails and is about to run"),
        pytest.param(tried(down=False, downgrade_error=NO), DOWN, FAILS, id="refuses and is about to run"),
        pytest.param(tried(downgrade_missing=True), DOWN, [("irreversible-downgrade", "danger")],
                     id="is missing and is about to run"),
        pytest.param(tried(up=False, upgrade_error=BROKEN), UP, FAILS, id="upgrade fails"),
        pytest.param(tried(up=True, down=True, restored=False, not_restored=("index ix on a is missing",)), UP,
                     [("downgrade-does-not-restore", "warning")], id="does not restore"),
        pytest.param(tried(up=True, down=True, restored=True, again=False, reupgrade_error=BROKEN), UP,
                     [("fails-on-scratch", "warning")], id="does not run again"),
    ],
)  # fmt: skip
def test_the_rehearsal_is_judged(rehearsed, running, found):
    column = AddColumn(table="a", column=Column("b"))

    assert listed(judge(column, rehearsed=rehearsed, running=running)) == found


def test_an_empty_revision_needs_no_downgrade():
    assert judge(rehearsed=tried(up=True, down=True, restored=True, again=True, downgrade_empty=True)) == []


# The path


def test_several_heads_are_found_unless_they_carry_labels():
    assert [one.rule for one in judge(heads=("x", "y"))] == ["several-heads"]
    assert judge(heads=("x", "y"), labelled_heads=("x", "y")) == []
    assert judge(heads=("x",)) == []


def test_what_was_tried_outside_the_database_is_found_where_it_stands():
    (found,) = judge(outside=[Outside("connects to api.example.com:443", "r1", 12)])

    assert (found.rule, found.line, found.path, found.severity) == (
        "acts-outside-database",
        12,
        "r1.py",
        Severity.DANGER,
    )


def test_findings_come_in_the_order_of_the_path_and_only_once():
    def drop(table, line):
        return DropTable(table=table, line=line)

    path = [
        Revision("r1", upgrade=(drop("b", 9), drop("a", 2), drop("a", 2)), downgrade=(drop("c", 1),)),
        Revision("r0", upgrade=(drop("d", 1),)),
    ]

    assert [(one.revision, one.line) for one in review(path, Facts(), "postgresql")] == [
        ("r1", 2), ("r1", 9), ("r1", 1), ("r0", 1)
    ]  # fmt: skip
