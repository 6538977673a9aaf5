"""Which change of type may cost values, and which new column may be an old one under another name."""

from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from alembic.operations import ops
from sqlalchemy.dialects import postgresql, sqlite

from alembic_mcp.worker.generate.changes import Change, Facts
from alembic_mcp.worker.generate.lookalikes import alike, column_renames, table_renames
from alembic_mcp.worker.generate.narrowing import narrowing


def facts(dialect=postgresql, **args):
    return Facts(SimpleNamespace(dialect=dialect.dialect()), None, args)


def altered(old, new):
    return ops.AlterColumnOp("t", "c", existing_type=old, modify_type=new)


@pytest.mark.parametrize(
    ("old", "new", "kinds"),
    [
        (sa.String(50), sa.String(20), ["unfit"]),
        (sa.Text(), sa.String(20), ["unfit"]),
        (sa.BigInteger(), sa.Integer(), ["unfit"]),
        (sa.Integer(), sa.SmallInteger(), ["unfit"]),
        (sa.Numeric(10, 2), sa.Numeric(8, 2), ["unfit"]),
        (sa.Numeric(10, 4), sa.Numeric(10, 2), ["violators", "unfit"]),
        (sa.Numeric(), sa.Numeric(10, 2), ["violators", "unfit"]),
        (sa.Numeric(10, 2), sa.Integer(), ["violators", "unfit"]),
        (sa.DateTime(), sa.Date(), ["violators"]),
        (sa.Text(), sa.Integer(), ["unfit"]),
        (sa.Text(), postgresql.UUID(), ["unfit"]),
        (sa.String(9), sa.Enum("a", "b", name="letter"), ["unfit"]),
    ],
    ids=lambda one: " ".join(str(one).split()) if isinstance(one, sa.types.TypeEngine) else "",
)
def test_a_narrower_type_says_what_to_count(old, new, kinds):
    found = narrowing(altered(old, new), facts())
    assert found is not None
    assert [count["kind"] for count in found.count] == kinds


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (sa.String(20), sa.String(50)),
        (sa.String(20), sa.Text()),
        (sa.Integer(), sa.BigInteger()),
        (sa.Integer(), sa.Numeric(10, 2)),
        (sa.Numeric(8, 2), sa.Numeric(10, 2)),
        (sa.Numeric(8, 2), sa.Numeric(10, 4)),
        (sa.Date(), sa.DateTime()),
        (sa.Integer(), sa.Text()),
        (sa.JSON(), postgresql.JSONB()),
        (sa.Float(), sa.Float(53)),
        (sa.Enum("a", name="letter"), sa.Enum("b", name="letter")),
    ],
    ids=str,
)
def test_a_wider_type_is_no_question(old, new):
    assert narrowing(altered(old, new), facts()) is None


def test_sqlite_keeps_what_is_longer_than_its_type():
    assert narrowing(altered(sa.String(50), sa.String(20)), facts(sqlite)) is None
    assert narrowing(altered(sa.Text(), sa.Integer()), facts(sqlite)) is not None


def column(table, name, type_, *, dropped=False, **options):
    add = ops.AddColumnOp(table, sa.Column(name, type_, **options))
    drop = ops.DropColumnOp(table, name)
    return Change([drop], [add], table=table) if dropped else Change([add], [drop], table=table)


def test_a_new_column_that_could_hold_the_old_values_may_be_the_old_one():
    changes = [
        column("t", "label", sa.String(10)),
        column("t", "full_name", sa.String(80)),
        column("t", "age", sa.Integer()),
        column("u", "name", sa.String(50)),
        column("t", "name", sa.String(50), dropped=True),
    ]
    assert column_renames(changes, facts()) == {"t.name": ["full_name", "label"]}
    assert column_renames(changes, facts(fills={"t.full_name": "''"})) == {"t.name": ["label"]}


def test_without_rows_only_a_name_that_is_alike_counts():
    changes = [
        column("t", "label", sa.String(10)),
        column("t", "full_name", sa.String(80)),
        column("t", "name", sa.String(50), dropped=True),
    ]
    assert column_renames(changes, facts(rows={})) == {"t.name": ["full_name"]}


def test_a_computed_column_is_no_rename():
    changes = [
        column("t", "total", sa.Integer(), dropped=True),
        Change([ops.AddColumnOp("t", sa.Column("totals", sa.Integer(), sa.Computed("a + b")))], [], table="t"),
    ]
    assert column_renames(changes, facts()) == {}


def table(name, *columns, dropped=False):
    create = ops.CreateTableOp(name, [sa.Column("id", sa.Integer()), *(sa.Column(each, sa.Text()) for each in columns)])
    drop = ops.DropTableOp(name)
    return Change([drop], [create], table=name) if dropped else Change([create], [drop], table=name)


def test_a_table_with_largely_the_same_columns_may_be_the_old_one():
    changes = [
        table("people", "name", "email", "phone"),
        table("users", "name", "email", "phone", dropped=True),
        table("logs", "line", "level"),
        table("notes", "title", dropped=True),
    ]
    assert table_renames(changes, facts()) == {"users": ["people"]}


@pytest.mark.parametrize(
    ("old", "new", "close"),
    [("name", "full_name", True), ("nick", "nickname", True), ("userId", "user_id", True), ("name", "age", False)],
)
def test_names_are_alike_by_words_or_letters(old, new, close):
    assert (alike(old, new) >= 0.5) is close
