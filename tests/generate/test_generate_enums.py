"""Enums that change: what `generate` writes runs on rows, leaves no difference, and can be taken back."""

import pytest
from generating import open_shop
from tiny_projects import on_sqlite

from alembic_mcp.workflows import inspect

pytestmark = pytest.mark.anyio

ORDERS = """
orders = Table("orders", metadata, Column("id", Integer, primary_key=True), Column("status", {status}, {more}))
"""
ROWS = ["INSERT INTO orders (id, status) VALUES (1, 'new'), (2, 'old'), (3, 'done')"]


@pytest.fixture
def place(postgresql):
    return postgresql


@pytest.fixture
def shop(app, place, tmp_path):
    def make(before, after, rows=ROWS, **options):
        return open_shop(app, tmp_path / "shop", place, before=before, after=after, rows=rows, **options)

    return make


def orders(*values, name="status", more='server_default="new", nullable=False', kind="Enum"):
    return ORDERS.format(status=f"{kind}({', '.join(map(repr, values))}, name={name!r})", more=more)


def enum(place, name="status"):
    rows = place.run(f"SELECT enumlabel FROM pg_enum WHERE enumtypid = '{name}'::regtype ORDER BY enumsortorder")
    return [row[0] for row in rows]


def held(place):
    return place.run("SELECT id, status::text FROM orders ORDER BY id")


async def proven(shop, stock, report):
    """Run what was generated, there and back and there again; the rows after each step."""
    assert (report.status, report.rehearsal.status, report.rehearsal.restored) == ("done", "passed", True), report
    found = []
    for step in (("upgrade", "head"), ("downgrade", "start"), ("upgrade", "head")):
        done = stock.run(shop.folder, step)
        assert [state for state, _ in done] == ["ok"], (done, shop.files)
        found.append(held(shop.place))
    checked = await inspect.check(shop.app)
    assert (checked.differences, checked.invisible) == ([], report.invisible)
    return found


OLD = "enum-value:status.old"


@pytest.mark.parametrize(
    ("before", "after", "answers", "values", "rows", "back"),
    [
        pytest.param(
            orders("new", "old", "done"),
            orders("first", "new", "mid", "old", "done", "last"),
            {},
            ["first", "new", "mid", "old", "done", "last"],
            "new old done",
            "new old done",
            id="added in their places",
        ),
        pytest.param(
            orders("new", "old", "done"),
            orders("new", "mid", "old", "done", more='server_default="mid", nullable=False'),
            {},
            ["new", "mid", "old", "done"],
            "new old done",
            "new old done",
            id="added and made the default",
        ),
        pytest.param(
            orders("new", "old", "done"),
            orders("new", "ancient", "done"),
            {OLD: "rename to ancient"},
            ["new", "ancient", "done"],
            "new ancient done",
            "new old done",
            id="renamed",
        ),
        pytest.param(
            orders("new", "old", "done"),
            orders("new", "done"),
            {OLD: "change to done"},
            ["new", "done"],
            "new done done",
            "new done done",
            id="removed, rows changed",
        ),
        pytest.param(
            orders("new", "old", "done", more='server_default="old", nullable=False'),
            orders("new", "it's", "done", more='server_default="it\'s", nullable=False'),
            {OLD: "change to it's"},
            ["new", "it's", "done"],
            "new it's done",
            "new old done",
            id="removed value was the default, another one added",
        ),
        pytest.param(
            orders("new", "old", "done"),
            orders("old", "done", "new"),
            {"enum-order:status": "rebuild"},
            ["old", "done", "new"],
            "new old done",
            "new old done",
            id="in another order",
        ),
        pytest.param(
            orders("new", "old", "done")
            + 'Index("ix_new", orders.c.id, postgresql_where=orders.c.status == "new")\n'
            + """orders.append_constraint(CheckConstraint("status <> 'old' OR id > 1", name="ck_old"))\n""",
            orders("new", "done")
            + 'Index("ix_new", orders.c.id, postgresql_where=orders.c.status == "new")\n'
            + """orders.append_constraint(CheckConstraint("status <> 'done' OR id > 1", name="ck_old"))\n""",
            {OLD: "change to done"},
            ["new", "done"],
            "new done done",
            "new done done",
            id="removed, with a check and an index on it",
        ),
    ],
)
async def test_values_change(shop, stock, place, *, before, after, answers, values, rows, back):
    opened = shop(before, after)
    report = await opened.generate("values", answers=answers)
    up, down, again = await proven(opened, stock, report)
    assert enum(place) == values
    assert [[value for _, value in each] for each in (up, down)] == [rows.split(), back.split()]
    assert [value for _, value in again] == rows.split()


async def test_a_removed_value_that_rows_hold_is_a_question_with_their_number(shop):
    opened = shop(orders("new", "old", "done"), orders("new", "ancient", "done"))
    report = await opened.generate("values")
    assert (report.status, report.files) == ("needs_answer", [])
    (question,) = report.questions
    assert (question.id, question.table) == (OLD, "orders")
    assert "1 row of orders that hold 'old' (id 2)" in question.question
    assert [option.choice for option in question.options] == [
        "rename to ancient",
        "change to new",
        "change to done",
        "change to ancient",
        "remove",
        "keep",
    ]
    assert question.options[0].how == {"answers": {OLD: "rename to ancient"}}


async def test_a_removed_value_that_no_row_holds_is_no_question(shop, stock, place):
    opened = shop(orders("new", "old", "done"), orders("new", "done"), rows=["INSERT INTO orders (id) VALUES (1)"])
    report = await opened.generate("values")
    await proven(opened, stock, report)
    assert enum(place) == ["new", "done"]


async def test_a_kept_value_stays_and_the_upgrade_changes_nothing(shop, place):
    opened = shop(orders("new", "old", "done"), orders("new", "done"))
    report = await opened.generate("values", answers={OLD: "keep"})
    assert (report.status, report.files) == ("done", [])
    assert enum(place) == ["new", "old", "done"]


async def test_removing_a_value_that_a_row_holds_by_then_changes_nothing(shop, stock, place):
    opened = shop(orders("new", "old", "done"), orders("new", "done"))
    await opened.generate("values", answers={OLD: "remove"})
    ((state, text),) = stock.run(opened.folder, ("upgrade", "head"))
    assert (state, 'invalid input value for enum status: "old"' in text) == ("InvalidTextRepresentation", True)
    assert enum(place) == ["new", "old", "done"]
    assert held(place) == [(1, "new"), (2, "old"), (3, "done")]


async def test_every_column_of_the_type_changes_with_it(shop, stock, place):
    both = """
orders = Table("orders", metadata, Column("id", Integer, primary_key=True), Column("status", {status}))
Table("log", metadata, Column("id", Integer, primary_key=True), Column("seen", postgresql.ARRAY({status})))
"""
    before, after = (both.format(status=f"Enum({values}, name='status')") for values in ("'new','old'", "'new'"))
    rows = ["INSERT INTO orders VALUES (1, 'old')", "INSERT INTO log VALUES (1, '{new,old}'), (2, NULL)"]
    opened = shop(before, after, rows=rows)
    report = await opened.generate("values", answers={OLD: "change to new"})
    await proven(opened, stock, report)
    assert held(place) == [(1, "new")]
    assert place.run("SELECT id, seen::text FROM log ORDER BY id") == [(1, "{new,new}"), (2, None)]


async def test_a_value_of_a_table_that_is_renamed_too(shop, stock, place):
    before = orders("new", "old").replace('Table("orders"', 'Table("bills"')
    rows = ["INSERT INTO bills (id, status) VALUES (1, 'new'), (2, 'old')"]
    opened = shop(before, orders("new", "done"), rows=rows)
    renames = [{"from": "bills", "to": "orders"}]
    report = await opened.generate("values", renames=renames, answers={OLD: "change to done"})
    assert (report.rehearsal.status, report.rehearsal.restored) == ("passed", True), report
    assert [state for state, _ in stock.run(opened.folder, ("upgrade", "head"))] == ["ok"], opened.files
    assert held(place) == [(1, "new"), (2, "done")]
    done = stock.run(opened.folder, ("downgrade", "start"), ("upgrade", "head"))
    assert [state for state, _ in done] == ["ok"] * 2, (done, opened.files)


async def test_an_extension_is_created_before_its_type_is_used(shop, stock):
    vector = """
class Vector(types.UserDefinedType):
    cache_ok = True

    def get_col_spec(self, **kw):
        return "vector(3)"


"""
    column = 'Column("id", Integer, primary_key=True), Column("v", Vector())'
    after = f"from sqlalchemy import types\n{vector}" + PLAIN.replace('Column("id", Integer, primary_key=True)', column)
    opened = shop(PLAIN, after, rows=["INSERT INTO plain DEFAULT VALUES"])
    report = await opened.generate("a vector")
    assert report.rehearsal.status == "passed", report
    assert "missing-extension" in {rewrite.rule for rewrite in report.rewrites}
    done = stock.run(opened.folder, ("upgrade", "head"), ("downgrade", "start"), ("upgrade", "head"))
    assert [state for state, _ in done] == ["ok"] * 3, (done, opened.files)


async def test_a_view_on_the_column_is_named_and_nothing_is_generated(shop):
    opened = shop(orders("new", "old"), orders("new"), rows=["CREATE VIEW shown AS SELECT status FROM orders"])
    report = await opened.generate("values", answers={OLD: "remove"})
    assert report.files == []
    assert "the view shown shows orders.status" in report.invisible[0].replace("The enum", "the enum")


PLAIN = 'Table("plain", metadata, Column("id", Integer, primary_key=True))\n'
KIND = "Enum('a', 'b', name='kind')"


@pytest.mark.parametrize(
    ("before", "after", "types"),
    [
        pytest.param(
            orders("new", "old", "done"),
            orders("new", "old", "done", more=f"server_default='new', nullable=False), Column('kind', {KIND}"),
            {"kind", "status"},
            id="a new column",
        ),
        pytest.param(
            orders("new", "old", "done"),
            orders("new", "old", "done")
            + f'Table("t", metadata, Column("id", Integer, primary_key=True), Column("kind", {KIND}))\n'
            + f'Table("u", metadata, Column("id", Integer, primary_key=True), Column("kind", {KIND}), '
            + 'Column("status", Enum("new", "old", "done", name="status")))\n',
            {"kind", "status"},
            id="new tables, of which two use one type",
        ),
        pytest.param(
            orders("new", "old", "done")
            + f'Table("t", metadata, Column("id", Integer, primary_key=True), Column("kind", {KIND}))\n',
            orders("new", "old", "done"),
            {"status"},
            id="its last table is dropped",
        ),
        pytest.param(
            ORDERS.format(status="String(20)", more="server_default='new', nullable=False"),
            orders("new", "old", "done"),
            {"status"},
            id="text becomes an enum",
        ),
        pytest.param(
            orders("new", "old", "done"),
            ORDERS.format(status="String(20)", more="server_default='new', nullable=False"),
            set(),
            id="an enum becomes text",
        ),
        pytest.param(
            orders("new", "old", "done"), orders("new", "old", "done", name="state"), {"state"}, id="another type"
        ),
    ],
)
async def test_types_are_made_and_dropped_with_what_uses_them(shop, stock, place, *, before, after, types):
    opened = shop(before, after)
    report = await opened.generate("types", answers={"drop-table:t": "drop"} if 'Table("t"' in before else {})
    up, down, again = await proven(opened, stock, report)
    assert up == down == again == [(1, "new"), (2, "old"), (3, "done")]
    assert {row[0] for row in place.run("SELECT typname FROM pg_type WHERE typtype = 'e'")} == types
    assert not {"missing-type", "enum-value-in-transaction"} & {finding.rule for finding in report.findings}


async def test_schemas_and_extensions_come_before_what_is_in_them(shop, stock, place):
    after = PLAIN + (
        'Table("t", metadata, Column("id", Integer, primary_key=True), Column("kind", Enum("a", name="kind", '
        'schema="app")), schema="app")\n'
    )
    opened = shop(PLAIN, after, rows=[], options={"include_schemas": True})
    report = await opened.generate("a schema")
    assert report.rehearsal.status == "passed"
    assert {rewrite.rule for rewrite in report.rewrites} == {"missing-schema", "missing-type"}
    done = stock.run(opened.folder, ("upgrade", "head"), ("check",), ("downgrade", "start"))
    assert [state for state, _ in done] == ["ok"] * 3, done
    assert place.run("SELECT nspname FROM pg_namespace WHERE nspname = 'app'") == []
    assert [state for state, _ in stock.run(opened.folder, ("upgrade", "head"))] == ["ok"]


async def test_a_list_of_values_in_a_check_changes_on_sqlite(app, stock, tmp_path):
    place = on_sqlite(tmp_path)
    kind = 'native_enum=False, create_constraint=True, length=20, name="status"'
    before, after = (
        ORDERS.format(status=f"Enum({values}, {kind})", more="nullable=False")
        for values in ("'new', 'old', 'done'", "'new', 'old', 'done', 'paid'")
    )
    shop = open_shop(app, tmp_path / "shop", place, before=before, after=after, rows=ROWS)
    report = await shop.generate("paid")
    assert report.rehearsal.status == "passed", report
    assert [state for state, _ in stock.run(shop.folder, ("upgrade", "head"))] == ["ok"]
    place.run("UPDATE orders SET status = 'paid' WHERE id = 1")
    checked = await inspect.check(shop.app)
    assert (checked.differences, checked.invisible) == ([], [])
