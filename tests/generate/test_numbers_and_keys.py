"""Identities, sequences, computed columns, keys with what rests on them, moves: generated and taken back, or named."""

import pytest
from generating import open_shop
from tiny_projects import on_sqlite

from alembic_mcp.workflows import inspect

pytestmark = pytest.mark.anyio


def t(*parts, more=""):
    return f't = Table("t", metadata, {", ".join(parts)})\n{more}'


def u(*parts):
    return f'u = Table("u", metadata, Column("id", Integer, primary_key=True), {", ".join(parts)})\n'


SERIAL, IDENTITY = 'Column("id", Integer, primary_key=True)', 'Column("id", Integer, Identity(), primary_key=True)'
PLAIN = 'Column("id", Integer, primary_key=True, autoincrement=False)'
ODD = 'Column("id", Integer, Identity(always=True, start=100, increment=5, cycle=True), primary_key=True)'
COUNTED = 'Column("id", Integer, Sequence("t_id_seq", data_type=Integer), nullable=False)'
A, KEY_A = 'Column("a", Integer, nullable=False)', 'Column("a", Integer, primary_key=True, autoincrement=False)'
ON_ID = u('Column("t_id", ForeignKey("t.id", name="fk_u"))')
ON_A = u('Column("t_a", ForeignKey("t.a", name="fk_u"))')
ON_BOTH = u(
    'Column("t_id", Integer), Column("t_a", Integer)',
    'ForeignKeyConstraint(["t_id", "t_a"], ["t.id", "t.a"], name="fk_u2")',
)
NUMBERS = 'Sequence("numbers", {}, metadata=metadata)\n'
MOVED = """
t = Table(
    "t", metadata, Column("id", Integer, primary_key=True), Column("a", Integer, nullable=False),
    Column("mood", Enum("x", "y", name="mood")), CheckConstraint("a > 0", name="ck_a"),
    UniqueConstraint("a", name="uq_a"), Index("ix_some", "a", postgresql_where=text("a > 5")),
    Index("ix_both", "a", "id"){}
)
u = Table("u", metadata, Column("id", Integer, primary_key=True), Column("t_id", ForeignKey("{}t.id", name="fk_u")))
"""
SHOP = 'from sqlalchemy import event\nevent.listen(metadata, "before_create", DDL("CREATE SCHEMA shop"))\n'

ROWS = ["INSERT INTO t (id, a) VALUES (1, 7), (9, 8)"]
WITH_U = [*ROWS, "INSERT INTO u (t_id) VALUES (9)"]
COMPARED, SCHEMAS = {"compare_server_default": True}, {"include_schemas": True}
FOLLOWING = ("INSERT INTO t (a) VALUES (99) RETURNING id", [(10,)])
MORE = pytest.mark.thorough


def case(*facts, id, marks=()):  # noqa: A002 - as pytest calls it
    """A parameter that is *facts*, in the order in which the test takes them apart."""
    return pytest.param(facts, id=id, marks=marks)


def answered(question, choice):
    return {"answers": {question: choice}}


@pytest.mark.parametrize(
    "case",
    [
        case(t(SERIAL, A), t(IDENTITY, A), ROWS, {}, {}, FOLLOWING, id="serial to identity"),
        case(t(SERIAL, A), t(IDENTITY, A), ROWS, {}, COMPARED, FOLLOWING, id="... compared", marks=MORE),
        case(t(PLAIN, A), t(IDENTITY, A), ROWS, {}, COMPARED, FOLLOWING, id="plain to identity", marks=MORE),
        case(t(PLAIN, A), t(SERIAL, A), ROWS, {}, {}, FOLLOWING, id="plain to serial", marks=MORE),
        case(
            t(IDENTITY, A),
            t(SERIAL, A),
            [*ROWS, "SELECT setval('t_id_seq', 9)"],
            {},
            COMPARED,
            FOLLOWING,
            id="identity to serial",
            marks=MORE,
        ),
        case(
            t(ODD, A),
            t(SERIAL, A),
            ["INSERT INTO t (a) VALUES (7)"],
            answered("number-by-sequence:t.id", "change"),
            {},
            ("INSERT INTO t (a) VALUES (99) RETURNING id", [(105,)]),
            id="always to serial, where that is the answer",
            marks=MORE,
        ),
        case(
            t(IDENTITY, A),
            t(ODD, A),
            [],
            {},
            {},
            ("INSERT INTO t (a) VALUES (1), (2) RETURNING id", [(1,), (6,)]),
            id="options",
        ),
        case(
            t(IDENTITY, A),
            t(PLAIN, A),
            ROWS,
            answered("drop-identity:t.id", "drop"),
            {},
            ("SELECT attidentity FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'id'", [("",)]),
            id="no identity, where that is the answer",
            marks=MORE,
        ),
        case(
            t(SERIAL, A),
            t(PLAIN, A),
            ROWS,
            answered("drop-default:t.id", "drop"),
            {},
            ("SELECT count(*) FROM pg_attrdef WHERE adrelid = 't'::regclass", [(0,)]),
            id="no serial, where that is the answer",
            marks=MORE,
        ),
        case(
            t(SERIAL, A, more=NUMBERS.format("start=5")),
            t(SERIAL, A, more=NUMBERS.format("start=5, increment=10, maxvalue=1000, cycle=True")),
            ["SELECT nextval('numbers')"],
            {},
            {},
            ("SELECT nextval('numbers')", [(15,)]),
            id="a sequence",
        ),
        case(
            t(SERIAL, A, 'Column("c", Integer)'),
            t(SERIAL, A, 'Column("c", Integer, Computed("a + 1", persisted=True))'),
            ["INSERT INTO t (a, c) VALUES (7, 1)"],
            answered("compute-column:t.c", "replace"),
            {},
            ("SELECT a, c FROM t", [(7, 8)]),
            id="computed from now on",
            marks=MORE,
        ),
        case(
            t(PLAIN, A),
            t('Column("id", Integer)', A, 'PrimaryKeyConstraint("id", name="t_pkey", deferrable=True)'),
            ROWS,
            {},
            {},
            ("SELECT condeferrable FROM pg_constraint WHERE conname = 't_pkey'", [(True,)]),
            id="a deferrable primary key",
            marks=MORE,
        ),
        case(
            t(SERIAL, A, more=ON_ID),
            t(COUNTED, KEY_A, 'UniqueConstraint("id", name="uq_id")', more=ON_ID),
            WITH_U,
            {},
            {},
            ("SELECT conname FROM pg_constraint WHERE conrelid = 'u'::regclass AND convalidated ORDER BY 1", None),
            id="another primary key, under a foreign key",
        ),
        case(
            t(SERIAL, A, more=ON_ID),
            t(SERIAL, KEY_A, more=ON_BOTH),
            WITH_U,
            {},
            {},
            (
                "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 't_pkey'",
                [("PRIMARY KEY (id, a)",)],
            ),
            id="a wider primary key, and the foreign key follows",
            marks=MORE,
        ),
        case(
            t('Column("id", Integer, nullable=False)', A),
            t(PLAIN, A, more=ON_ID),
            ROWS,
            {},
            {},
            ("SELECT count(*) FROM u", [(0,)]),
            id="a primary key for a new table",
            marks=MORE,
        ),
        case(
            t(SERIAL, A, 'UniqueConstraint("a", name="uq_a")', more=ON_A),
            t(SERIAL, A, 'UniqueConstraint("a", name="uq_a", postgresql_include=["id"])', more=ON_A),
            [*ROWS, "INSERT INTO u (t_a) VALUES (8)"],
            {},
            {},
            (
                "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'uq_a'",
                [("UNIQUE (a) INCLUDE (id)",)],
            ),
            id="what a unique constraint includes, under a foreign key",
            marks=MORE,
        ),
        case(
            MOVED.format("", ""),
            MOVED.format(', schema="shop"', "shop."),
            WITH_U,
            answered("rename:t", "rename to shop.t"),
            SCHEMAS,
            ("SELECT id, a FROM shop.t ORDER BY id", [(1, 7), (9, 8)]),
            id="a table that moves into another schema",
        ),
        case(
            SHOP + MOVED.format(', schema="shop"', "shop."),
            MOVED.format("", ""),
            [each.replace("INTO t", "INTO shop.t") for each in WITH_U],
            {"renames": [{"from": "shop.t", "to": "t"}]},
            SCHEMAS,
            ("SELECT id, a FROM t ORDER BY id", [(1, 7), (9, 8)]),
            id="a table that moves back",
            marks=MORE,
        ),
    ],
)
async def test_it_is_generated_and_taken_back(app, stock, postgresql, tmp_path, case):
    before, after, rows, args, options, (sql, expected) = case
    shop = open_shop(app, tmp_path / "shop", postgresql, before=before, after=after, rows=rows, options=options)
    report = await shop.generate("change", **args)
    assert report.status == "done", report
    assert report.ready_to_commit, (report.rehearsal, report.findings, shop.files)
    done = stock.run(shop.folder, ("upgrade", "head"), ("check",))
    assert [state for state, _ in done] == ["ok"] * 2, (done, shop.files)
    assert (found := postgresql.run(sql)) == expected or expected is None, shop.files
    assert found
    checked = await inspect.check(shop.app)
    assert (checked.differences, checked.invisible) == ([], checked.stays), shop.files
    done = stock.run(shop.folder, ("downgrade", "start"), ("upgrade", "head"))
    assert [state for state, _ in done] == ["ok"] * 2, (done, shop.files)


async def test_the_values_of_a_column_that_becomes_computed_are_asked_about(app, postgresql, tmp_path):
    before, after = t(SERIAL, A, 'Column("c", Integer)'), t(SERIAL, A, 'Column("c", Integer, Computed("a + 1"))')
    rows = ["INSERT INTO t (a, c) VALUES (7, 1)"]
    shop = open_shop(app, tmp_path / "shop", postgresql, before=before, after=after, rows=rows)
    report = await shop.generate("computed")
    (question,) = report.questions
    assert question.question == "t.c is computed in the models: shall what is computed replace 1 value of t.c?"
    report = await shop.generate("computed", **answered(question.id, "leave"))
    assert (report.files, len(report.invisible)) == ([], 1)


@pytest.mark.parametrize(
    "case",
    [
        case(
            t(PLAIN, 'Column("a", Integer)'),
            t(PLAIN, 'Column("a", Integer, Identity())'),
            [],
            "t.a is no identity column in the database and is one in the models, and it allows nulls: make it NOT NULL",
            id="an identity that allows nulls",
            marks=MORE,
        ),
        case(
            t(SERIAL, A, more=NUMBERS.format("start=5")),
            t(SERIAL, A, more=NUMBERS.format("start=5, maxvalue=1000")),
            ["SELECT setval('numbers', 5000)"],
            "The sequence numbers has come to 5000, and the models let it go from 1 to 1000 only",
            id="a sequence that has come too far",
        ),
        case(
            t(SERIAL, 'Column("a", Integer, index=True)'),
            t(SERIAL, 'Column("a", Integer, Computed("id + 1", persisted=True), index=True)'),
            [],
            "a key, a constraint or an index speaks of the column, and would go with it",
            id="a computed column with an index",
            marks=MORE,
        ),
    ],
)
async def test_what_can_not_be_done_is_named(app, postgresql, tmp_path, case):
    before, after, rows, named = case
    shop = open_shop(app, tmp_path / "shop", postgresql, before=before, after=after, rows=rows)
    checked = await inspect.check(shop.app)
    assert any(named in each for each in checked.invisible), checked.invisible
    assert checked.stays == []


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        pytest.param(
            'Column("a", String(9))', 'Column("a", String(9, collation="NOCASE"))', "t.a has the usual collation"
        ),
        pytest.param(
            'Column("c", Integer, Computed("id + 1"))',
            'Column("c", Integer, Computed("id + 2"))',
            "t.c is computed as (id + 1) in the database and is computed as (id + 2) in the models",
        ),
        pytest.param('Column("a", Integer)', 'Column("a", Integer), sqlite_strict=True', "t is STRICT in the models"),
        pytest.param(
            'Column("a", Integer)', 'Column("a", Integer), sqlite_autoincrement=True', "t is AUTOINCREMENT in"
        ),
    ],
    ids=["a collation", "a computed column", "strict", "autoincrement"],
)
async def test_what_sqlite_can_not_alter_is_named(app, tmp_path, before, after, named):
    place = on_sqlite(tmp_path)
    shop = open_shop(app, tmp_path / "shop", place, before=t(SERIAL, before), after=t(SERIAL, after))
    checked = await inspect.check(shop.app)
    assert [each[: len(named)] for each in checked.invisible] == [named]
    assert not checked.summary.startswith("Models and database agree")
