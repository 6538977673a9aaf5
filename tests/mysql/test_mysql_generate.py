"""`generate` and `check` on MySQL: each kind of change, as stock Alembic runs what was written."""

from contextlib import closing

import pytest
from generating import open_shop
from stock_alembic import Stock

from alembic_mcp.workflows import inspect

pytestmark = pytest.mark.anyio

BEFORE = """\
class Shop:
    owner = Table("owner", metadata, Column("id", Integer, primary_key=True))
    item = Table(
        "item", metadata,
        Column("id", Integer, primary_key=True),
        Column("sku", String(20)),
        Column("state", Enum("new", "paid", name="state")),
        Column("qty", Integer),
        Column("note", String(100)),
        Column("owner_id", Integer),
    )
"""
ROWS = [
    "INSERT INTO owner VALUES (1)",
    "INSERT INTO item VALUES (1, 'x', 'new', 1, 'n', 1), (2, 'y', 'paid', 2, 'm', 1)",
]
QTY, SKU, NOTE = 'Column("qty", Integer)', 'Column("sku", String(20))', 'Column("note", String(100))'
TIE, STATE = 'Column("owner_id", Integer)', '"new", "paid"'


@pytest.fixture(scope="module")
def stock():
    """Stock Alembic (`Stock`)."""
    with closing(Stock()) as running:
        yield running


@pytest.fixture
def shop(app, place, tmp_path):
    """Open the project with models that were changed: ``shop(old, new, ...)``."""

    def opened(*changes, rows=ROWS, options=None):
        after = BEFORE
        for old, new in zip(changes[::2], changes[1::2], strict=True):
            assert old in after
            after = after.replace(old, new)
        return open_shop(app, tmp_path / "shop", place, before=BEFORE, after=after, rows=rows, options=options)

    return opened


CHANGES = [
    pytest.param([QTY, f'{QTY}, Column("extra", String(10))'], {}, "op.add_column('item'", id="nullable column"),
    pytest.param(
        [QTY, f'{QTY}, Column("extra", String(10), nullable=False)'],
        {"fills": {"item.extra": "'none'"}},
        "UPDATE item SET extra = 'none'",
        id="NOT NULL column on a table with rows",
    ),
    pytest.param(
        [QTY, 'Column("qty", Integer, index=True)'], {}, "op.create_index", id="index", marks=pytest.mark.thorough
    ),
    pytest.param([SKU, 'Column("sku", String(20), unique=True)'], {}, "op.create_unique_constraint", id="unique"),
    pytest.param(
        [TIE, 'Column("owner_id", Integer, ForeignKey("owner.id"))'], {}, "op.create_foreign_key", id="foreign key"
    ),
    pytest.param([STATE, '"new", "paid", "sent"'], {}, "'new', 'paid', 'sent'", id="enum value added"),
    pytest.param(
        [NOTE, 'Column("remark", String(100))'],
        {"renames": [{"table": "item", "from": "note", "to": "remark"}]},
        "new_column_name='remark'",
        id="column renamed",
    ),
    pytest.param(
        ['"owner", metadata', '"holder", metadata'],
        {"renames": [{"from": "owner", "to": "holder"}]},
        "op.rename_table('owner', 'holder')",
        id="table renamed",
        marks=pytest.mark.thorough,
    ),
    pytest.param(
        [f"        {NOTE},\n", ""],
        {"answers": {"drop-column:item.note": "drop"}},
        "op.drop_column",
        id="column dropped",
    ),
    pytest.param(
        [QTY, 'Column("qty", BigInteger)'], {}, "type_=sa.BigInteger()", id="type", marks=pytest.mark.thorough
    ),
    pytest.param(
        ["    owner =", '    tag = Table("tag", metadata, Column("id", Integer, primary_key=True))\n    owner ='],
        {},
        "op.create_table('tag'",
        id="new table",
        marks=pytest.mark.thorough,
    ),
    pytest.param(
        [QTY, 'Column("qty", Integer, comment="how many")'],
        {},
        "comment='how many'",
        id="comment",
        marks=pytest.mark.thorough,
    ),
    pytest.param(
        [QTY, 'Column("qty", Integer, server_default="5")'],
        {},
        "server_default",
        id="server default",
        marks=pytest.mark.thorough,
    ),
]


@pytest.mark.parametrize(("changes", "wish", "written"), CHANGES)
async def test_what_is_generated_goes_up_and_down_and_leaves_no_difference(changes, wish, written, shop, stock):
    opened = shop(*changes, options={"compare_server_default": True})
    report = await opened.generate(**wish)
    assert report.status == "done", report
    [text] = opened.files
    assert written in text
    assert "It was not rehearsed (There are no scratch databases for MySQL)" in report.summary
    assert report.rehearsal.status == "not_possible"
    assert report.ready_to_commit is False
    done = stock.run(opened.folder, ("upgrade", "head"), ("downgrade", "start"), ("upgrade", "head"), ("check",))
    assert [step[0] for step in done] == ["ok"] * 4, done


@pytest.mark.parametrize(
    ("changes", "question", "choices"),
    [
        pytest.param([NOTE, 'Column("remark", String(100))'], "rename:item.note", ["rename to remark", "drop", "park"],
                     id="rename or drop"),
        pytest.param([f"        {NOTE},\n", ""], "drop-column:item.note", ["drop", "park", "leave"], id="drop"),
        pytest.param([NOTE, 'Column("note", String(10))'], "narrow:item.note", ["narrow", "leave"], id="shorter"),
        pytest.param([QTY, 'Column("qty", Integer, nullable=False)'], "fill:item.qty", ["expression", "no-nulls"],
                     id="NOT NULL"),
    ],
)  # fmt: skip
async def test_what_loses_data_is_asked_about_before_a_file_is_written(changes, question, choices, shop):
    opened = shop(*changes)
    report = await opened.generate()
    assert report.status == "needs_answer"
    [asked] = report.questions
    assert (asked.id, [option.choice for option in asked.options]) == (question, choices)
    assert opened.files == []


async def test_a_missing_value_is_not_said_to_make_it_fail_where_mysql_makes_one_up(shop, stock):
    opened = shop(QTY, f'{QTY}, Column("extra", String(10), nullable=False)')
    [asked] = (await opened.generate()).questions
    left = next(option for option in asked.options if option.choice == "no-rows")
    assert left.effect == "Nothing is filled in: MySQL gives the rows of item an empty value of its own ('', 0, ...)."
    assert (await opened.generate(answers={asked.id: "no-rows"})).status == "done"
    assert stock.run(opened.folder, ("upgrade", "head"))[0][0] == "ok"
    assert opened.place.run("SELECT DISTINCT extra FROM item") == [("",)]


async def test_what_is_parked_comes_back(shop, stock):
    opened = shop(f"        {NOTE},\n", "")
    report = await opened.generate(answers={"drop-column:item.note": "park"})
    assert report.status == "done", report
    done = stock.run(opened.folder, ("upgrade", "head"), ("downgrade", "start"))
    assert [step[0] for step in done] == ["ok"] * 2, done
    assert opened.place.run("SELECT id, note FROM item ORDER BY id") == [(1, "n"), (2, "m")]


async def test_a_change_of_rows_is_written_and_taken_back(shop, stock):
    opened = shop()
    report = await opened.generate(kind="data", table="item", set={"note": "'seen'"}, where="state = 'new'")
    assert report.status == "done", report
    assert stock.run(opened.folder, ("upgrade", "head"))[0][0] == "ok"
    assert opened.place.run("SELECT note FROM item ORDER BY id") == [("seen",), ("m",)]


async def test_what_nobody_looks_for_is_named(shop):
    """A server default that env.py does not have compared: nothing sees it, and that is not passed over."""
    opened = shop(QTY, 'Column("qty", Integer, server_default="5")')
    for report in (await opened.generate(), await inspect.check(opened.app)):
        assert report.status == "done"
        [warning] = [line for line in report.warnings if line.startswith("On mysql only what autogenerate compares")]
        assert "server defaults (unless env.py sets compare_server_default)" in warning
    assert opened.files == []


async def test_check_finds_what_differs_and_says_when_it_can_not_look(shop):
    opened = shop(QTY, f'{QTY}, Column("extra", String(10))')
    report = await inspect.check(opened.app)
    assert [item.kind for item in report.differences] == ["add_column"]
    await opened.generate()
    with pytest.raises(Exception, match="is 1 revision behind head") as stopped:
        await inspect.check(opened.app)
    assert stopped.value.next_steps == [
        "Call upgrade first, then this again: at head, they are compared with the database itself."
    ]
    with pytest.raises(Exception, match="is 1 revision behind head"):
        await opened.generate()
