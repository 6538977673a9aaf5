"""Which pairs of operations in two branches are a conflict, and which are none."""

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
    DropColumn,
    DropConstraint,
    DropIndex,
    DropObject,
    DropTable,
    Insert,
    RenameTable,
    Revision,
    Unrecognised,
    Update,
    ValidateConstraint,
)
from alembic_mcp.review.conflicts import clashes

EMAIL = Column("email", "VARCHAR")
UNIQUE, FOREIGN, CHECK = ConstraintKind.UNIQUE, ConstraintKind.FOREIGN_KEY, ConstraintKind.CHECK


def between(left, right):
    found = clashes(
        [Revision("a1", path="a1.py", upgrade=(left,))],
        [Revision("b1", path="b1.py", upgrade=(right,))],
    )
    for clash in found:
        assert [side.revision for side in clash.sides] == ["a1", "b1"]
        assert all(side.words for side in clash.sides)
    return [clash.problem for clash in found]


CONFLICTS = [
    pytest.param(
        AlterColumn(table="t", column="c", nullable=False),
        AlterColumn(table="t", column="c", type="TEXT"),
        ["Both branches change column t.c."],
        id="one column",
    ),
    pytest.param(
        AddColumn(table="t", column=EMAIL),
        AddColumn(table="t", column=EMAIL),
        ["Both branches change column t.email."],
        id="both add it",
    ),
    pytest.param(
        CreateTable(table="t"), CreateTable(table="t"), ["Both branches change table t."], id="both create a table"
    ),
    pytest.param(DropTable(table="t"), DropTable(table="t"), ["Both branches drop table t."], id="both drop a table"),
    pytest.param(
        RenameTable(table="t", to="u"),
        CreateTable(table="u"),
        ["Both branches change table u."],
        id="renamed to what the other one creates",
    ),
    pytest.param(
        AlterColumn(table="t", column="c", rename_to="d"),
        Update(table="t", columns=("c",)),
        ["One branch drops column t.c, which the other one uses."],
        id="renamed and written to",
    ),
    pytest.param(
        DropColumn(table="t", column="c"),
        AddConstraint(table="u", name="fk", kind=FOREIGN, columns=("x",), references="t", referenced_columns=("c",)),
        ["One branch drops column t.c, which the other one uses."],
        id="dropped and referred to",
    ),
    pytest.param(
        DropTable(table="t"),
        Insert(table="t"),
        ["One branch drops table t, which the other one uses."],
        id="dropped and filled",
    ),
    pytest.param(
        CreateIndex(table="t", name="ix", columns=("a",)),
        CreateIndex(table="u", name="ix", columns=("b",)),
        ["Both branches change index ix."],
        id="two indexes of one name",
    ),
    pytest.param(
        DropIndex(name="ix", table="t"),
        DropIndex(name="ix", table="t"),
        ["Both branches drop index ix."],
        id="an index is dropped twice",
    ),
    pytest.param(
        AddConstraint(table="t", name="k", kind=UNIQUE, columns=("a",)),
        AddConstraint(table="t", name="k", kind=CHECK, expression="a > 0"),
        ["Both branches change constraint k on t."],
        id="two constraints of one name",
    ),
    pytest.param(
        AddConstraint(table="t", name="p", kind=ConstraintKind.PRIMARY_KEY, columns=("a",)),
        AddConstraint(table="t", name="q", kind=ConstraintKind.PRIMARY_KEY, columns=("b",)),
        ["Both branches change primary key on t."],
        id="two primary keys",
    ),
    pytest.param(
        DropConstraint(table="t", name="k"),
        ValidateConstraint(table="t", name="k"),
        ["One branch drops constraint k on t, which the other one uses."],
        id="dropped and validated",
    ),
    pytest.param(
        AlterObject(kind="type", action="add value", name="mood", text="'sad'"),
        AlterObject(kind="type", action="add value", name="mood", text="'happy'"),
        ["Both branches change type mood."],
        id="two values of an enum",
    ),
    pytest.param(
        CreateObject(kind="view", name="v"),
        DropObject(kind="view", name="v"),
        ["One branch drops view v, which the other one changes."],
        id="a view is made and dropped",
    ),
    pytest.param(
        Update(table="t", columns=("a", "b")),
        Update(table="t", columns=("b", "c")),
        ["Both branches change values of t.b."],
        id="both write one column",
    ),
    pytest.param(
        DropTable(table="t"),
        Unrecognised(sql="DO $$ ... $$", writes=("t",)),
        ["One branch drops table t, which the other one uses."],
        id="dropped and written to by what is not understood",
    ),
]
HARMLESS = [
    pytest.param(
        AddColumn(table="t", column=EMAIL), AddColumn(table="t", column=Column("age", "INTEGER")), id="two columns"
    ),
    pytest.param(CreateTable(table="t"), CreateTable(table="u"), id="two tables"),
    pytest.param(
        AddColumn(table="t", column=EMAIL), DropColumn(table="t", column="age"), id="added and another dropped"
    ),
    pytest.param(
        DropColumn(table="t", column="c"), AlterColumn(table="u", column="c", type="TEXT"), id="another table"
    ),
    pytest.param(
        CreateIndex(table="t", name="a", columns=("c",)),
        CreateIndex(table="t", name="b", columns=("c",)),
        id="two indexes",
    ),
    pytest.param(
        CreateObject(kind="extension", name="citext"), CreateObject(kind="extension", name="citext"), id="an extension"
    ),
    pytest.param(
        AlterObject(kind="setting", action="set", name="lock_timeout"),
        AlterObject(kind="setting", action="set", name="lock_timeout"),
        id="a setting of the session",
    ),
    pytest.param(Insert(table="t"), Delete(table="t"), id="rows come and go"),
]


@pytest.mark.parametrize(("left", "right", "problems"), CONFLICTS)
def test_what_gets_in_each_others_way_is_a_conflict_from_both_sides(left, right, problems):
    assert between(left, right) == problems
    assert len(between(right, left)) == len(problems)


@pytest.mark.parametrize(("left", "right"), HARMLESS)
def test_what_does_not_is_none(left, right):
    assert between(left, right) == []
    assert between(right, left) == []
