"""Changes that once failed on the way up, or on the way back: each goes there, back to what it was, and there again."""

from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from generating import open_shop

from alembic_mcp.worker import schema, schema_postgresql, schema_sqlite
from alembic_mcp.workflows import inspect

pytestmark = pytest.mark.anyio

PERCENT = 'Column("per%cent", Integer)'
PQ = "".join(f'{name} = Table("{name}", metadata, Column("id", Integer, primary_key=True))\n' for name in "pq")
PQ_ROWS = ("INSERT INTO p VALUES (1)", "INSERT INTO q VALUES (1)")
KIND = 'Column("n", Enum({}, name="kind", native_enum=False, create_constraint=True))'
BOTH = ("postgresql", "sqlite")
THOROUGH = (pytest.mark.thorough,)


def t(*parts):
    return f'Table("t", metadata, Column("id", Integer, primary_key=True), {", ".join(parts)})\n'


@dataclass(frozen=True)
class Change:
    """Models before and after, the rows, what `generate` is told, and SQL -> rows: after it, and after the way back."""

    before: str
    after: str
    rows: tuple[str, ...]
    args: dict
    holds: dict
    back: dict


def case(name, before, after, rows, *, on=BOTH, holds=None, back=None, marks=(), **args):
    """A change on each of the databases; *args* are what `generate` is told."""
    change = Change(before, after, rows, args, holds or {}, back or {})
    return [pytest.param(dialect, change, id=f"{name} on {dialect}", marks=marks) for dialect in on]


CASES = [
    *case(
        "a check on a column with a percent sign comes",
        t(PERCENT),
        t(PERCENT, 'CheckConstraint(column("per%cent") % 5 >= 0, name="c")'),
        ("INSERT INTO t VALUES (1, 5)",),
        on=("postgresql",),
    ),
    *case(
        "a column with a percent sign and a check is renamed",
        t(PERCENT, "CheckConstraint('\"per%cent\" > 1', name='c')"),
        t('Column("plain", Integer)', "CheckConstraint('plain > 1', name='c')"),
        ("INSERT INTO t VALUES (1, 5)",),
        renames=[{"table": "t", "from": "per%cent", "to": "plain"}],
        holds={"SELECT plain FROM t": [(5,)]},
        marks=THOROUGH,
    ),
    *case(
        "another key that counts by itself takes the place of the key",
        t('Column("a", Integer)'),
        'Table("t", metadata, Column("key", Integer, primary_key=True), Column("a", Integer))\n',
        ("INSERT INTO t (a) VALUES (7), (8)",),
        answers={"rename:t.id": "drop"},
        holds={"SELECT count(DISTINCT key) FROM t": [(2,)]},
        back={"SELECT a FROM t WHERE id IS NOT NULL ORDER BY a": [(7,), (8,)]},
    ),
    *case(
        "another key that is text takes the place of the key, which is kept",
        'Table("t", metadata, Column("id", String(9), primary_key=True))\n',
        'Table("t", metadata, Column("code", String(9), primary_key=True))\n',
        ("INSERT INTO t VALUES ('x'), ('y')",),
        fills={"t.code": "id || '1'"},
        answers={"drop-column:t.id": "park"},
        back={"SELECT id FROM t ORDER BY id": [("x",), ("y",)]},
        marks=THOROUGH,
    ),
    *case(
        "one of several foreign keys without a name goes",
        PQ + t('Column("a", Integer, ForeignKey("p.id"))', 'Column("b", Integer, ForeignKey("q.id"))'),
        PQ + t('Column("a", Integer, ForeignKey("p.id"))', 'Column("b", Integer)'),
        (*PQ_ROWS, "INSERT INTO t VALUES (1, 1, 1)"),
        on=("sqlite",),
    ),
    *case(
        "what one of several foreign keys without a name does on delete changes",
        PQ + t('Column("a", Integer, ForeignKey("p.id"))', 'Column("b", Integer, ForeignKey("q.id"))'),
        PQ
        + t('Column("a", Integer, ForeignKey("p.id"))', 'Column("b", Integer, ForeignKey("q.id", ondelete="CASCADE"))'),
        (*PQ_ROWS, "INSERT INTO t VALUES (1, 1, 1)"),
        on=("sqlite",),
        marks=THOROUGH,
    ),
    *case(
        "a table goes with the foreign key to it",
        PQ + t('Column("a", Integer, ForeignKey("p.id"))', 'Column("b", Integer, ForeignKey("q.id"))'),
        PQ.splitlines()[0] + "\n" + t('Column("a", Integer, ForeignKey("p.id"))', 'Column("b", Integer)'),
        (*PQ_ROWS, "INSERT INTO t VALUES (1, 1, 1)"),
        answers={"drop-table:q": "park"},
    ),
    *case(
        "a required column with a check goes",
        t('Column("n", Integer, nullable=False)', 'CheckConstraint("n > 5", name="n_big")'),
        t('Column("b", String(9))'),
        ("INSERT INTO t VALUES (1, 7)",),
        answers={"drop-column:t.n": "drop"},
        back={"SELECT n > 5 FROM t": [(True,)]},
    ),
    *case(
        "a required column whose values are all different goes",
        t('Column("n", String(9), nullable=False, unique=True)'),
        t('Column("b", Integer)'),
        ("INSERT INTO t VALUES (1, 'x'), (2, 'y')",),
        answers={"drop-column:t.n": "drop"},
        back={"SELECT count(DISTINCT n) FROM t": [(2,)]},
        marks=THOROUGH,
    ),
    *case(
        "an enum that is text loses a value that rows hold",
        t(KIND.format('"x", "y", "longest"')),
        t(KIND.format('"x", "y"')),
        ("INSERT INTO t VALUES (1, 'longest'), (2, 'y')",),
        answers={"enum-value:t.n.longest": "change to x"},
        holds={"SELECT n FROM t ORDER BY id": [("x",), ("y",)]},
    ),
    *case(
        "a value of an enum that is text is renamed",
        t(KIND.format('"x", "y"')),
        t(KIND.format('"x", "z"')),
        ("INSERT INTO t VALUES (1, 'x'), (2, 'y')",),
        answers={"enum-value:t.n.y": "rename to z"},
        holds={"SELECT n FROM t ORDER BY id": [("x",), ("z",)]},
        back={"SELECT n FROM t ORDER BY id": [("x",), ("y",)]},
        marks=THOROUGH,
    ),
    *case(
        "a required column that is an enum as text",
        t('Column("a", Integer)'),
        t('Column("a", Integer)', KIND.format('"x", "y"').replace("))", "), nullable=False)")),
        ("INSERT INTO t VALUES (1, 1)",),
        fills={"t.n": "'y'"},
        holds={"SELECT n FROM t": [("y",)]},
        marks=THOROUGH,
    ),
    *case(
        "a column in another schema with a foreign key without a name is renamed",
        t('Column("a", Integer, ForeignKey("app.t.id"))', 'schema="app"')
        + 'event.listen(metadata, "before_create", DDL("CREATE SCHEMA IF NOT EXISTS app"))\n',
        t('Column("b", Integer, ForeignKey("app.t.id"))', 'schema="app"'),
        ("INSERT INTO app.t VALUES (1, 1)",),
        renames=[{"table": "app.t", "from": "a", "to": "b"}],
        on=("postgresql",),
        marks=THOROUGH,
    ),
    *case(
        "a column with two indexes is renamed",
        t('Column("a", Integer, index=True)', 'Index("second", "a")'),
        t('Column("b", Integer, index=True)', 'Index("second", "b")'),
        ("INSERT INTO t VALUES (1, 1)",),
        renames=[{"table": "t", "from": "a", "to": "b"}],
        marks=THOROUGH,
    ),
    *case(
        "json with a default becomes jsonb",
        t("Column('a', JSON, server_default=text(\"'{}'\"))"),
        t("Column('a', postgresql.JSONB, server_default=text(\"'{}'\"))"),
        ("INSERT INTO t (id) VALUES (1)",),
        on=("postgresql",),
        marks=THOROUGH,
    ),
    *case(
        "a generated column comes while another goes",
        t('Column("a", Integer)', 'Column("b", Integer)'),
        t('Column("a", Integer)', 'Column("c", Integer, Computed("a * 2", persisted=True))'),
        ("INSERT INTO t VALUES (1, 2, 3)",),
        answers={"drop-column:t.b": "park"},
        on=("sqlite",),
        holds={"SELECT c FROM t": [(4,)]},
        back={"SELECT b FROM t": [(3,)]},
    ),
    *case(
        "an index on an expression comes with a rebuild, and with a new table",
        t('Column("a", String(9))'),
        t('Column("a", String(9), nullable=False)', 'Index("low", text("lower(a)"))')
        + 'Table("u", metadata, Column("a", String(9)), Index("high", text("upper(a)")))\n',
        ("INSERT INTO t VALUES (1, 'x')",),
        on=("sqlite",),
        holds={"SELECT count(*) FROM sqlite_master WHERE name IN ('low', 'high')": [(2,)]},
    ),
    *case(
        "a column goes, and the index on an expression of it is on another column now",
        t('Column("a", String(9))', 'Index("low", text("lower(a)"))'),
        t('Column("b", String(9))', 'Index("low", text("lower(b)"))'),
        ("INSERT INTO t VALUES (1, 'x')",),
        answers={"rename:t.a": "park"},
        on=("sqlite",),
        holds={"SELECT sql LIKE '%lower(b)%' FROM sqlite_master WHERE name = 'low'": [(1,)]},
        back={"SELECT a FROM t": [("x",)]},
    ),
    *case(
        "a column that a partial index speaks of is renamed while another one goes",
        t('Column("x y", Integer)', 'Column("b", Integer)', "Index('some', 'id', sqlite_where=text('\"x y\" > 1'))"),
        t('Column("status", Integer)', "Index('some', 'id', sqlite_where=text('\"status\" > 1'))"),
        ("INSERT INTO t VALUES (1, 2, NULL)",),
        renames=[{"table": "t", "from": "x y", "to": "status"}],
        on=("sqlite",),
        marks=THOROUGH,
    ),
]


def schema_of(place):
    engine = sa.create_engine(place.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        if place.is_postgresql:
            return schema_postgresql.snapshot(connection, "alembic_version", None)
        return schema_sqlite.snapshot(connection, "alembic_version")


@pytest.mark.parametrize(("place", "change"), CASES, indirect=["place"])
async def test_it_goes_there_and_back_and_there_again(place, change, app, stock, tmp_path):
    models = {"before": change.before, "after": change.after, "rows": change.rows}
    shop = open_shop(app, tmp_path / "shop", place, **models, options={"include_schemas": True})
    start = schema_of(place)
    report = await shop.generate(**change.args)
    told = "\n".join([report.summary, str(report.rehearsal), *map(str, report.findings), *shop.files])
    assert (report.status, report.ready_to_commit) == ("done", True), told
    assert shop.files != []
    done = stock.run(shop.folder, ("upgrade", "head"))
    assert done[0][0] == "ok", f"{done}\n{told}"
    end = schema_of(place)
    for query, wanted in change.holds.items():
        assert place.run(query) == wanted, told
    checked = await inspect.check(shop.app)
    assert (checked.differences, checked.invisible) == ([], []), told
    done = stock.run(shop.folder, ("downgrade", "start"))
    assert done[0][0] == "ok", f"{done}\n{told}"
    assert schema.delta(start, schema_of(place)) == {}, told
    for query, wanted in change.back.items():
        assert place.run(query) == wanted, told
    done = stock.run(shop.folder, ("upgrade", "head"))
    assert done[0][0] == "ok", f"{done}\n{told}"
    assert schema.delta(end, schema_of(place)) == {}, told
