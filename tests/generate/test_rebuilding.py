"""A table that SQLite has to rebuild keeps everything else that it had, and so do the rows that refer to it."""

import pytest
import sqlalchemy as sa
from generating import open_shop
from tiny_projects import on_sqlite

from alembic_mcp.worker import schema_sqlite

pytestmark = pytest.mark.anyio

ENFORCED = """
from sqlalchemy import event
from sqlalchemy.engine import Engine


@event.listens_for(Engine, "connect")
def enforce(connection, record):
    connection.execute("PRAGMA foreign_keys=ON")


"""
SHOP = """
p = Table("p", metadata, Column("id", Integer, primary_key=True))
t = Table(
    "t", metadata,
    Column("id", Integer, primary_key=True),
    Column("a", String(20, collation="NOCASE"), server_default="x", nullable=False),
    Column("b", Integer),
    Column("c", Integer, Computed("b * 2", persisted=True)),
    Column("c2", Integer, Computed("b * (3)", persisted=False)),
    Column("d", Integer, ForeignKey("p.id", ondelete="CASCADE")),
    Column("e", {type}),
    Column("f", String, server_default=text("(lower('X, y)'))")),
    UniqueConstraint("b"),
    UniqueConstraint("d", name="d_once"),
    CheckConstraint("b < 100"),
    CheckConstraint("b <> 13", name="no_thirteen"),
    CheckConstraint("a IN ('x', 'a, (b')"),
    Index("t_e", "e", sqlite_where=text("b > 3")),
    Index("t_low", text("lower(a)")),
    sqlite_autoincrement=True,
)
r = Table(
    "r", metadata,
    Column("id", Integer, primary_key=True),
    Column("t", Integer, ForeignKey("t.id", ondelete="CASCADE")),
)
"""
BEFORE, AFTER = SHOP.replace("{type}", "String(20)"), SHOP.replace("{type}", "String(20), nullable=False")
ROWS = [
    "INSERT INTO p (id) VALUES (1), (2)",
    "INSERT INTO t (id, a, b, d, e) VALUES (1, 'x', 5, 1, 'e'), (7, 'X', 6, 2, 'f')",
    "INSERT INTO r (id, t) VALUES (1, 1), (2, 7)",
    "CREATE TRIGGER t_told AFTER INSERT ON t BEGIN UPDATE p SET id = id; END",
    "CREATE VIEW seen AS SELECT a FROM t",
]


def schema_of(place):
    engine = sa.create_engine(place.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return schema_sqlite.snapshot(connection, "alembic_version")


async def test_nothing_is_lost_in_a_rebuild(app, stock, tmp_path):
    place = on_sqlite(tmp_path)
    shop = open_shop(app, tmp_path / "shop", place, before=BEFORE, after=ENFORCED + AFTER, rows=ROWS)
    start = schema_of(place)
    values = place.run("SELECT * FROM t ORDER BY id")
    report = await shop.generate()
    told = "\n".join([report.summary, *map(str, report.findings), *shop.files])
    assert report.ready_to_commit, told
    done = stock.run(shop.folder, ("upgrade", "head"), ("check",))
    assert [state for state, _ in done] == ["ok", "ok"], f"{done}\n{told}"
    now = schema_of(place)
    assert now.pop("column t.e") == f"{start['column t.e']} NOT NULL"
    assert {key: now.get(key) for key in start if key != "column t.e"} == {
        key: value for key, value in start.items() if key != "column t.e"
    }, told
    assert place.run("SELECT * FROM t ORDER BY id") == values
    assert place.run("SELECT * FROM r ORDER BY id") == [(1, 1), (2, 7)]
    assert place.run("SELECT count(*) FROM t WHERE a = 'x'") == [(2,)]
    assert "AUTOINCREMENT" in place.run("SELECT sql FROM sqlite_master WHERE name = 't'")[0][0]
    done = stock.run(shop.folder, ("downgrade", "start"))
    assert done[0][0] == "ok", done
    assert schema_of(place) == start


async def test_a_plain_rebuild_is_written_as_alembic_writes_it(app, tmp_path):
    before = 't = Table("t", metadata, Column("id", Integer, primary_key=True), Column("a", Integer))\n'
    place = on_sqlite(tmp_path)
    after = before.replace('"a", Integer', '"a", Integer, nullable=False')
    shop = open_shop(app, tmp_path / "shop", place, before=before, after=after)
    await shop.generate()
    (text,) = shop.files
    assert "    with op.batch_alter_table('t', schema=None) as batch_op:\n        batch_op.alter_column('a'," in text


UNNAMED = """
p = Table("p", metadata, Column("id", Integer, primary_key=True))
t = Table("t", metadata, Column("id", Integer, primary_key=True), Column("d", Integer{}), Column("e", Integer{}))
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(', ForeignKey("p.id")', "", id="a foreign key goes"),
        pytest.param("", ', ForeignKey("p.id")', id="a foreign key comes"),
        pytest.param(", unique=True", "", id="a unique constraint goes"),
        pytest.param("", ", unique=True", id="a unique constraint comes"),
    ],
)
async def test_constraints_without_a_name_come_and_go(before, after, app, stock, tmp_path):
    place = on_sqlite(tmp_path)
    rows = ["INSERT INTO p (id) VALUES (1)", "INSERT INTO t (id, d) VALUES (1, 1)"]
    models = {"before": UNNAMED.format(before, ""), "after": UNNAMED.format(after, "")}
    shop = open_shop(app, tmp_path / "shop", place, **models, rows=rows)
    report = await shop.generate()
    told = "\n".join([report.summary, *map(str, report.findings), *shop.files])
    done = stock.run(shop.folder, ("upgrade", "head"), ("check",), ("downgrade", "start"), ("upgrade", "head"))
    assert [state for state, _ in done] == ["ok"] * 4, f"{done}\n{told}"
    assert shop.files != []
    assert place.run("SELECT * FROM t") == [(1, 1, None)]
