"""Rows that make an operation fail are a blocker only where they are proven and nothing on the way touches them."""

import pytest

from alembic_mcp.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    Column,
    ConstraintKind,
    CreateIndex,
    CreateTable,
    Delete,
    Direction,
    Harmless,
    Insert,
    RenameTable,
    Revision,
    Statement,
    Truncate,
    Unrecognised,
    Update,
    ValidateConstraint,
)
from alembic_mcp.review.engine import questions, review
from alembic_mcp.review.questions import (
    MISSING,
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
from alembic_mcp.review.rules.cast_fails import cast_fails
from alembic_mcp.review.rules.check_with_violators import check_with_violators
from alembic_mcp.review.rules.foreign_key_with_orphans import foreign_key_with_orphans
from alembic_mcp.review.rules.missing_extension import missing_extension
from alembic_mcp.review.rules.missing_schema import missing_schema
from alembic_mcp.review.rules.missing_type import missing_type
from alembic_mcp.review.rules.set_not_null_with_nulls import set_not_null_with_nulls
from alembic_mcp.review.rules.unique_with_duplicates import unique_with_duplicates

RULES = (
    set_not_null_with_nulls, unique_with_duplicates, foreign_key_with_orphans, check_with_violators, cast_fails,
    missing_type, missing_schema, missing_extension,
)  # fmt: skip
NOT_NULL = AlterColumn(table="a", column="b", nullable=False, line=9)
UNIQUE = AddConstraint(table="a", name="u", kind=ConstraintKind.UNIQUE, columns=("b",), line=9)
KEY = AddConstraint(
    table="a", name="f", kind=ConstraintKind.FOREIGN_KEY, columns=("b",), references="c", referenced_columns=("id",)
)
CHECK = AddConstraint(table="a", name="k", kind=ConstraintKind.CHECK, expression="b > 0")
CAST = AlterColumn(table="a", column="b", type="INTEGER", existing_type="TEXT", using="b::integer")
QUESTIONS = {
    NOT_NULL: Nulls("a", "b"),
    UNIQUE: Duplicates("a", ("b",)),
    KEY: Orphans("a", ("b",), "c", ("id",)),
    CHECK: Violators("a", "b > 0"),
    CAST: Unfit("a", "b", "INTEGER", "b::integer"),
}
ALL = pytest.mark.parametrize("op", QUESTIONS, ids=lambda op: f"{type(op).__name__} {getattr(op, 'name', op.line)}")


def facts(op, answer, rows=100):
    return Facts({RowCount("a"): Answer(rows), QUESTIONS[op]: answer} if answer else {RowCount("a"): Answer(rows)})


def judge(*upgrade, facts, earlier=(), downgrade=(), running=Direction.UPGRADE, dialect="postgresql"):
    revisions = [Revision("r2", upgrade=tuple(upgrade), downgrade=tuple(downgrade))]
    if earlier:
        revisions.insert(0, Revision("r1", upgrade=tuple(earlier)))
    return review(revisions, facts, dialect, running=running, rules=RULES)


def severities(*upgrade, **more):
    return [one.severity.value for one in judge(*upgrade, **more)]


@ALL
def test_rows_that_are_proven_are_a_blocker(op):
    (found,) = judge(op, facts=facts(op, Answer(3, keys=("id 1",), shows="SELECT", query="SELECT count(*)")))
    assert found.severity == "blocker"
    assert "3 of the 100 rows of a (id 1; ...)" in found.problem
    assert (found.evidence["offending_rows"], found.evidence["shows"]) == (3, "SELECT")


@ALL
def test_what_is_needed_is_asked(op):
    assert QUESTIONS[op] in questions([Revision("r", upgrade=(op,))], rules=RULES)


@ALL
@pytest.mark.parametrize(
    ("answer", "rows", "expected"),
    [
        (Answer(0), 100, []),
        (Answer(None, problem="permission denied for table a"), 100, ["danger"]),
        (Answer(0, problem=MISSING), 100, ["warning"]),
        (None, 100, ["warning"]),
        (None, None, ["warning"]),
        (None, 0, []),
    ],
    ids=["none", "not answered", "missing", "not asked", "rows not known", "empty"],
)
def test_what_is_not_known_is_said(op, answer, rows, expected):
    assert severities(op, facts=facts(op, answer, rows)) == expected


@ALL
@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (Update(table="a", columns=("b",)), []),
        (Update(table="a", columns=("b",), where="b IS NULL"), []),
        (Update(table="a", columns=("b",), where="x > 1", line=7), ["warning"]),
        (Update(table="a", columns=("x",)), ["blocker"]),
        (Update(table="z", columns=("b",)), ["blocker"]),
        (Delete(table="a"), []),
        (Delete(table="a", where="b IS NULL"), []),
        (Delete(table="a", where="x = 1"), ["warning"]),
        (Truncate(table="a"), []),
        (Insert(table="a"), ["blocker"]),
        (Insert(table="a", replaces=True), ["warning"]),
        (Unrecognised(sql="DO something"), ["warning"]),
        (Unrecognised(sql="x", writes=("z",)), ["blocker"]),
        (Unrecognised(sql="fill a with b"), []),
        (Harmless(what="read", statements=(Statement("SELECT id FROM a"),)), ["warning"]),
        (Harmless(what="read", statements=(Statement("SELECT id FROM z"),)), ["blocker"]),
        (CreateTable(table="a"), []),
    ],
    ids=[
        "fills it", "fills the nulls", "fills some", "another column", "another table", "deletes all", "deletes those",
        "deletes some", "truncates", "inserts", "overwrites", "unknown", "unknown elsewhere", "unknown on purpose",
        "reads it", "reads another", "makes it",
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["same revision", "earlier revision"])
def test_what_happens_on_the_way_counts(op, before, expected, place):
    known = facts(op, Answer(3))
    found = (
        severities(before, op, facts=known)
        if place == "same revision"
        else severities(op, facts=known, earlier=[before])
    )
    assert found == expected


def test_it_is_said_what_may_mend_them_and_where():
    change = Update(table="a", columns=("b",), where="x > 1", line=7)
    (found,) = judge(NOT_NULL, facts=facts(NOT_NULL, Answer(3)), earlier=[change])
    assert "line 7 of r1 updates a" in found.problem


def test_rows_that_appear_in_the_other_table_mend_orphans():
    assert severities(Insert(table="c"), KEY, facts=facts(KEY, Answer(3))) == []


def test_names_are_followed_to_what_the_database_calls_them():
    path = [
        RenameTable(table="old", to="a"),
        AlterColumn(table="a", column="was", rename_to="b"),
        NOT_NULL,
        CHECK,
        CreateIndex(table="a", name="i", columns=("lower(b)",), unique=True, where="a.b <> ''"),
    ]
    asked = questions([Revision("r", upgrade=tuple(path))], rules=RULES)
    assert {
        Nulls("old", "was"),
        Violators("old", '"was" > 0'),
        Duplicates("old", ('lower("was")',), '"old"."was" <> \'\'', expressions=True),
    } <= asked


def test_a_column_that_is_added_without_a_default_is_null_in_every_row():
    add = AddColumn(table="a", column=Column("b"), line=3)
    (found,) = judge(add, NOT_NULL, facts=Facts({RowCount("a"): Answer(100)}))
    assert found.severity == "blocker"
    assert "line 3 adds it" in found.problem
    assert severities(add, NOT_NULL, facts=Facts({RowCount("a"): Answer(0)})) == []
    assert severities(add, Update(table="a", columns=("b",)), NOT_NULL, facts=Facts({RowCount("a"): Answer(9)})) == []


@pytest.mark.parametrize(
    ("op", "facts", "expected"),
    [
        (UNIQUE, Facts({RowCount("a"): Answer(1)}), []),
        (CreateIndex(table="a", name="i", columns=("b",), concurrently=True), Facts(), []),
        (AddConstraint(table="a", name="u", kind=ConstraintKind.UNIQUE, using_index="i"), Facts(), []),
        (
            AddConstraint(table="a", name="k", kind=ConstraintKind.CHECK, expression="b > 0", not_valid=True),
            Facts(),
            [],
        ),
        (ValidateConstraint(table="a", name="k"), Facts(), []),
        (AlterColumn(table="a", column="b", nullable=True), Facts(), []),
    ],
    ids=["one row", "not unique", "using an index", "not valid", "validates what is not known", "drops not null"],
)
def test_nothing_is_said_where_nothing_can_happen(op, facts, expected):
    assert severities(op, facts=facts) == expected


def test_validating_is_where_rows_are_looked_at():
    added = AddConstraint(table="a", name="k", kind=ConstraintKind.CHECK, expression="b > 0", not_valid=True)
    validates = ValidateConstraint(table="a", name="k", line=5)
    (found,) = judge(added, validates, facts=facts(CHECK, Answer(3)))
    assert (found.line, found.severity) == (5, "blocker")
    assert severities(added, validates, facts=Facts()) == []


def test_the_safe_way_to_not_null_is_left_alone():
    added = AddConstraint(table="a", name="k", kind=ConstraintKind.CHECK, expression="b IS NOT NULL", not_valid=True)
    assert severities(added, ValidateConstraint(table="a", name="k"), NOT_NULL, facts=Facts()) == []


def test_a_table_that_is_made_on_the_way_has_nothing_to_refer_to():
    known = Facts({RowCount("a"): Answer(9), NonNullCount("a", "b"): Answer(4)})
    assert severities(CreateTable(table="c"), KEY, facts=known) == ["blocker"]
    assert severities(CreateTable(table="c"), Insert(table="c"), KEY, facts=known) == []


def test_an_estimate_proves_nothing():
    known = Facts({RowCount("a"): Answer(9), NonNullCount("a", "b"): Answer(4, estimated=True)})
    assert severities(CreateTable(table="c"), KEY, facts=known) == ["danger"]


def test_sqlite_keeps_rows_that_refer_to_nothing():
    (found,) = judge(KEY, facts=facts(KEY, Answer(3)), dialect="sqlite")
    assert found.severity == "warning"
    assert "SQLite lets that stay" in found.problem


def test_the_downgrade_of_an_upgrade_is_not_judged_by_the_rows_of_today():
    assert judge(facts=facts(NOT_NULL, Answer(3)), downgrade=[NOT_NULL]) == []
    revisions = [Revision("r", downgrade=(NOT_NULL,))]
    found = review(revisions, facts(NOT_NULL, Answer(3)), "postgresql", running=Direction.DOWNGRADE, rules=RULES)
    assert [one.severity.value for one in found] == ["blocker"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("TEXT", "INTEGER", ["danger"]),
        ("VARCHAR(20)", "JSONB", ["danger"]),
        ("INTEGER", "BOOLEAN", ["danger"]),
        ("INTEGER", "BIGINT", []),
        ("INTEGER", "TEXT", []),
        ("JSON", "JSONB", []),
        ("TIMESTAMP", "DATE", []),
        ("VARCHAR(10)", "TEXT", []),
        ("TEXT", "GEOMETRY", ["warning"]),
        (None, "INTEGER", []),
    ],
)
def test_types_that_do_not_cast_by_themselves_are_known_by_the_book(old, new, expected):
    assert severities(AlterColumn(table="a", column="b", type=new, existing_type=old), facts=Facts()) == expected


@pytest.mark.parametrize(
    ("op", "question", "rule"),
    [
        (AddColumn(table="a", column=Column("m", "mood")), Exists("type", "mood"), "missing-type"),
        (CreateTable(table="shop.b"), Exists("schema", "shop"), "missing-schema"),
        (AddColumn(table="a", column=Column("m", "CITEXT")), Exists("extension", "citext"), "missing-extension"),
        (
            CreateIndex(table="a", name="i", columns=("b gin_trgm_ops",)),
            Exists("extension", "pg_trgm"),
            "missing-extension",
        ),
    ],
    ids=["type", "schema", "extension of a type", "extension of an operator class"],
)
def test_what_is_missing_is_a_blocker_where_the_database_says_so(op, question, rule):
    assert question in questions([Revision("r", upgrade=(op,))], rules=RULES)
    assert [one.rule for one in judge(op, facts=Facts({question: Answer(0)}))] == [rule]
    assert judge(op, facts=Facts({question: Answer(1)})) == []
    assert judge(op, facts=Facts({question: Answer(None, problem="timeout")})) == []
    assert judge(op, facts=Facts()) == []


@pytest.mark.parametrize(
    "type_",
    ["INTEGER", "VARCHAR(30)", "TIMESTAMP WITHOUT TIME ZONE", "INT4", "TEXT[]", "NUMERIC(3, 1)", "TIMESTAMPTZ",
     "BIT VARYING(3)", "DOUBLE PRECISION", "", "SERIAL", "char"],
)  # fmt: skip
def test_types_of_the_database_itself_are_not_asked_for(type_):
    op = AddColumn(table="a", column=Column("m", type_))
    assert not [one for one in questions([Revision("r", upgrade=(op,))], rules=RULES) if isinstance(one, Exists)]
