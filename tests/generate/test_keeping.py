"""What a drop loses is kept on request; and no downgrade fails because of the rows that are there by then."""

import pytest
from generating import open_shop
from tiny_projects import Place

from alembic_mcp.workflows import inspect

pytestmark = pytest.mark.anyio

TEAMS = 'teams = Table("teams", metadata, Column("id", Integer, primary_key=True), Column("name", String(20)))\n'
USERS = """
users = Table(
    "users", metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(50), nullable=False),
    {column}
)
"""
PLAIN = USERS.replace("{column}", "")


@pytest.fixture
def dropped(app, place, tmp_path):
    """``await dropped(column, first, second, ...)``: generate the drop of a column that has two values."""

    async def generated(column, first, second, **args):
        before = TEAMS + USERS.replace("{column}", column)
        rows = [
            "INSERT INTO teams (id, name) VALUES (5, 'blue')",
            f"INSERT INTO users (id, name, gone) VALUES (1, 'Ada', {first}), (2, 'Bob', {second})",
        ]
        shop = open_shop(app, tmp_path / "shop", place, before=before, after=TEAMS + PLAIN, rows=rows)
        report = await shop.generate("drop", **{"answers": {"drop-column:users.gone": "drop"}, **args})
        assert (report.status, report.rehearsal.status) == ("done", "passed"), (report, shop.files)
        # What every row must have, and no two rows may share, can't come back to rows that are there.
        stays_nullable = any("stays nullable" in text for text in report.loses) and not place.is_postgresql
        assert report.ready_to_commit or stays_nullable, (report, shop.files)
        return shop, report

    return generated


def step(stock, shop, *steps):
    done = stock.run(shop.folder, *steps)
    assert [state for state, _ in done] == ["ok"] * len(steps), f"{done}\n{shop.files}"


COLUMNS = [
    pytest.param('Column("gone", String(9))', "'a'", "NULL", id="nullable"),
    pytest.param('Column("gone", String(9), nullable=False)', "'a'", "'b'", id="required"),
    pytest.param('Column("gone", Integer, nullable=False, index=True)', "1", "2", id="required-indexed"),
    pytest.param(
        'Column("gone", String(9), nullable=False), UniqueConstraint("gone", name="uq_gone")',
        "'a'",
        "'b'",
        id="required-unique",
    ),
    pytest.param('Column("gone", DateTime, nullable=False)', "'2020-02-02 10:30:00'", "'2021-01-01'", id="moment"),
    pytest.param('Column("gone", Boolean, nullable=False, server_default=text("true"))', "false", "true", id="default"),
    pytest.param('Column("gone", ForeignKey("teams.id", name="fk_gone"), nullable=False)', "5", "5", id="reference"),
]


@pytest.mark.parametrize(("column", "first", "second"), COLUMNS)
async def test_the_way_back_of_a_dropped_column_works_on_rows(dropped, stock, column, first, second):
    shop, report = await dropped(column, first, second)
    (loses,) = report.loses
    assert loses.startswith("The values of users.gone don't come back: every row gets ")
    step(stock, shop, ("upgrade", "head"), ("check",), ("downgrade", "start"), ("upgrade", "head"))
    assert shop.place.columns("users") == ["id", "name"]


@pytest.mark.parametrize(("column", "first", "second"), COLUMNS[-4:])
async def test_kept_values_are_there_again_and_later_rows_do_no_harm(dropped, stock, column, first, second):
    shop, report = await dropped(column, first, second, keep_data=True, answers={})
    place = shop.place
    assert not any("don't come back" in text for text in report.loses)
    before = place.run("SELECT gone FROM users ORDER BY id")
    step(stock, shop, ("upgrade", "head"))
    checked = await inspect.check(shop.app)
    assert (checked.differences, checked.invisible) == ([], [])
    place.run("INSERT INTO users (id, name) VALUES (3, 'Cy')")
    step(stock, shop, ("downgrade", "start"))
    assert place.run("SELECT gone FROM users WHERE id < 3 ORDER BY id") == before
    step(stock, shop, ("upgrade", "head"))


async def test_a_kept_table_comes_back_with_its_rows_and_keys(app, stock, place, tmp_path):
    orders = (
        'orders = Table("orders", metadata, Column("id", Integer, primary_key=True),'
        ' Column("team_id", ForeignKey("teams.id", name="fk_team"), index=True))'
    )
    rows = ["INSERT INTO teams (id, name) VALUES (5, 'blue')", "INSERT INTO orders (id, team_id) VALUES (1, 5), (2, 5)"]
    shop = open_shop(app, tmp_path / "shop", place, before=TEAMS + orders, after=TEAMS, rows=rows)
    report = await shop.generate("no orders", answers={"drop-table:orders": "park"})
    assert (report.status, report.ready_to_commit, report.loses) == ("done", True, []), (report, shop.files)
    assert any("include_name" in text for text in report.warnings) is not place.is_postgresql
    step(stock, shop, ("upgrade", "head"))
    assert place.columns("orders") == [] or place.is_postgresql
    assert (await inspect.check(shop.app)).differences == []
    step(stock, shop, ("downgrade", "start"))
    assert place.run("SELECT id, team_id FROM orders ORDER BY id") == [(1, 5), (2, 5)]
    step(stock, shop, ("upgrade", "head"), ("downgrade", "start"))


async def test_a_table_without_a_key_says_that_its_values_cannot_be_kept(app, place, tmp_path):
    before = 'logs = Table("logs", metadata, Column("line", String(50)), Column("level", String(5)))'
    shop = open_shop(
        app,
        tmp_path / "shop",
        place,
        before=before,
        after=before.replace(', Column("level", String(5))', ""),
        rows=["INSERT INTO logs VALUES ('a', 'info')"],
    )
    report = await shop.generate("no level", keep_data=True)
    assert any("logs has no primary key" in text for text in report.warnings)
    assert any("logs.level don't come back" in text for text in report.loses)


async def test_several_kept_columns_share_a_schema(app, stock, database, tmp_path):
    place = Place(database.url(), database.run)
    before = USERS.replace("{column}", 'Column("a", Integer), Column("mood", Enum("sad", "gay", name="mood"))')
    rows = ["INSERT INTO users (id, name, a, mood) VALUES (1, 'Ada', 10, 'gay')"]
    options = {"include_schemas": True}
    shop = open_shop(app, tmp_path / "shop", place, before=before, after=PLAIN, rows=rows, options=options)
    report = await shop.generate("drop both", keep_data=True)
    assert (report.status, report.ready_to_commit) == ("done", True), (report, shop.files)
    step(stock, shop, ("upgrade", "head"))
    assert (await inspect.check(shop.app)).differences == []
    step(stock, shop, ("downgrade", "start"))
    assert place.run("SELECT a, mood FROM users") == [(10, "gay")]
    assert place.run("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'alembic%'") == []
