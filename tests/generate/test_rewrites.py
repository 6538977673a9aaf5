"""Each rewrite cures its rule, and ends in the schema that the plain revision ends in."""

from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa
from generating import open_shop
from tiny_projects import Place

from alembic_mcp.worker import schema_postgresql

pytestmark = pytest.mark.anyio

CURED = {
    "cast-fails",
    "check-validates",
    "concurrently-in-transaction",
    "constraint-without-name",
    "data-with-schema",
    "foreign-key-validates",
    "index-without-concurrently",
    "lock-held-long",
    "not-null-without-default",
    "set-not-null-scans",
    "set-not-null-with-nulls",
    "unique-builds-index",
    "update-all-rows",
    "validate-in-same-transaction",
}


@dataclass(frozen=True)
class Change:
    """A table ``t`` (id, a, b) with two rows, and what changes.

    Attributes:
        rule: what the plain revision is found to do, and the rewritten one is not.
        before: columns and more of ``t``, as Python source; ``U`` is a table it can refer to.
        after: the same after the change.
        fills: see `Wish`.
        revisions: how many are written.
        tried_plainly: the plain revision runs, at least on empty tables.
    """

    rule: str
    before: str
    after: str
    fills: dict = field(default_factory=dict)
    revisions: int = 1
    tried_plainly: bool = True


A, B = 'Column("a", Integer)', 'Column("b", String(20))'
CHANGES = {
    "add a required column": Change(
        "not-null-without-default", A, f'{A}, Column("c", Integer, nullable=False)', {"t.c": "a + 1"}, revisions=3
    ),
    "add a required column with a volatile default": Change(
        "rewrites-table",
        A,
        f'{A}, Column("c", Uuid, nullable=False, server_default=text("gen_random_uuid()"))',
        revisions=3,
    ),
    "require a column": Change("set-not-null-scans", A, 'Column("a", Integer, nullable=False)'),
    "no longer require a column": Change("set-not-null-scans", 'Column("a", Integer, nullable=False)', A),
    "require a column that has nulls": Change(
        "set-not-null-with-nulls", B, 'Column("b", String(20), nullable=False)', {"t.b": "'none'"}, revisions=2
    ),
    "require and widen a column": Change(
        "set-not-null-scans", A, 'Column("a", BigInteger, nullable=False)', revisions=2
    ),
    "add an index": Change("index-without-concurrently", A, f'{A}, Index("t_a", "a")'),
    "add a unique index": Change("index-without-concurrently", A, f'{A}, Index("t_a", "a", unique=True)'),
    "add a partial index": Change(
        "index-without-concurrently", A, f'{A}, Index("t_a", "a", postgresql_where=text("a > 1"))'
    ),
    "drop an index": Change("index-without-concurrently", f'{A}, Index("t_a", "a")', A),
    "add a foreign key": Change(
        "foreign-key-validates", A, f'{A}, ForeignKeyConstraint(["a"], ["u.id"], name="t_u")', revisions=2
    ),
    "drop a foreign key": Change("foreign-key-validates", f'{A}, ForeignKeyConstraint(["a"], ["u.id"], name="t_u")', A),
    "add a unique constraint": Change("unique-builds-index", A, f'{A}, UniqueConstraint("a", name="t_once")'),
    "add a deferrable unique constraint": Change(
        "unique-builds-index",
        A,
        f'{A}, UniqueConstraint("a", name="t_once", deferrable=True, initially="DEFERRED")',
    ),
    "drop a unique constraint": Change("unique-builds-index", f'{A}, UniqueConstraint("a", name="t_once")', A),
    "add constraints without a name": Change(
        "constraint-without-name",
        A,
        'Column("a", Integer, ForeignKey("u.id"), unique=True)',
        revisions=3,
        tried_plainly=False,
    ),
    "string to integer": Change("cast-fails", 'Column("b", Text)', 'Column("b", Integer)', tried_plainly=False),
    "string to integer with a default": Change(
        "cast-fails",
        'Column("b", Text, server_default="7")',
        'Column("b", Integer, server_default="7")',
        tried_plainly=False,
    ),
}


def models(columns, key='Column("id", Integer, primary_key=True)'):
    parts = ", ".join(part for part in [key, columns] if part)
    return f'u = Table("u", metadata, Column("id", Integer, primary_key=True))\nt = Table("t", metadata, {parts})\n'


@pytest.fixture
def shop(make_database, tmp_path, app):
    def make(before, after, rows, name="shop"):
        database = make_database()
        place = Place(database.url(), database.run)
        return open_shop(app, tmp_path / name, place, before=before, after=after, rows=rows)

    return make


def schema_of(place):
    engine = sa.create_engine(place.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return schema_postgresql.snapshot(connection, "alembic_version", None)


def all_well(done):
    return [state for state, _ in done] == ["ok"] * len(done)


def filled(change):
    column = "a" if 'Column("a"' in change.before else "b"
    values = {"a": "(1, 1), (2, 2)", "b": "(1, '7'), (2, NULL)"}[column]
    if "NULL" in values and change.rule == "cast-fails":
        values = "(1, '7'), (2, '12')"
    return [
        "INSERT INTO u (id) VALUES (1), (2)",
        f"INSERT INTO t (id, {column}) VALUES {values}",
        "ANALYZE t",
        "ANALYZE u",
    ]


@pytest.mark.thorough
@pytest.mark.parametrize("change", [pytest.param(change, id=name) for name, change in CHANGES.items()])
async def test_a_rewrite_cures_its_rule_and_ends_in_the_same_schema(change, shop, stock):
    before, after = models(change.before), models(change.after)
    safe = shop(before, after, filled(change))
    report = await safe.generate(fills=change.fills)
    told = "\n".join([report.summary, *map(str, report.findings), *safe.files])
    assert report.status == "done", told
    assert {finding.rule for finding in report.findings} & CURED == set(), told
    assert report.ready_to_commit, told
    overwrites = change.rule == "set-not-null-with-nulls"
    assert overwrites == ("irreversible-downgrade" in {finding.rule for finding in report.findings}), told
    assert overwrites == bool(report.loses)
    assert len(report.files) == change.revisions, told
    start = schema_of(safe.place)
    assert all_well(stock.run(safe.folder, ("upgrade", "head"), ("check",))), told
    reached = schema_of(safe.place)
    done = stock.run(safe.folder, ("downgrade", "start"))
    assert all_well(done), f"{done}\n{told}"
    assert schema_of(safe.place) == start
    assert all_well(stock.run(safe.folder, ("upgrade", "head")))

    plain = shop(before, after, filled(change), "plain")
    report = await plain.generate(style="plain")
    assert change.rule in {finding.rule for finding in report.findings}, report.findings
    if change.tried_plainly:
        plain.place.run("TRUNCATE t")
        assert all_well(stock.run(plain.folder, ("upgrade", "head")))
        assert reached == schema_of(plain.place)


@pytest.mark.parametrize(
    ("key", "values"),
    [
        pytest.param('Column("id", Integer, primary_key=True)', "g, g", id="a key"),
        pytest.param(
            'Column("x", Uuid, primary_key=True), Column("y", Text, primary_key=True)',
            "md5(g::text)::uuid, 'Y' || g",
            id="a key of two columns",
        ),
        pytest.param('Column("x", Integer), Column("y", Integer)', "g, g", id="no key"),
        pytest.param('Column("key", Text, primary_key=True), Column("weird name", Integer)', "'k' || g, g", id="names"),
    ],
)
async def test_a_large_table_is_filled_in_batches(key, values, shop, stock):
    name = '"key", "weird name"' if "weird" in key else "id, a" if '"id"' in key else "x, y"
    more = ', Column("a", Integer)' if '"id"' in key else ""
    rows = [f"INSERT INTO t ({name}) SELECT {values} FROM generate_series(1, 12000) g", "ANALYZE t"]
    made = shop(models("", key + more), models('Column("c", Integer, nullable=False)', key + more), rows)
    (made.folder / "pyproject.toml").write_text("[tool.alembic-mcp]\nlarge_rows = 10000\n", "utf-8")
    report = await made.generate(fills={"t.c": "7"})
    told = "\n".join([report.summary, *map(str, report.findings), *made.files])
    assert report.status == "done", told
    assert {finding.rule for finding in report.findings} & CURED == set(), told
    assert "5000" in made.files[1]
    backfill = report.files[1].revision
    assert all_well(stock.run(made.folder, ("upgrade", report.files[0].revision)))
    made.place.run("UPDATE t SET c = 1 WHERE ctid IN (SELECT ctid FROM t LIMIT 100)")
    done = stock.run(made.folder, ("upgrade", backfill), ("upgrade", "head"))
    assert all_well(done), f"{done}\n{told}"
    assert made.place.run("SELECT c, count(*) FROM t GROUP BY c ORDER BY c") == [(1, 100), (7, 11900)]


async def test_a_small_table_is_filled_in_one_statement(shop):
    made = shop(models(A), models(f'{A}, Column("c", Integer, nullable=False)'), filled(CHANGES["add an index"]))
    await made.generate(fills={"t.c": "a * 10"})
    assert "op.execute('UPDATE t SET c = a * 10 WHERE c IS NULL')" in made.files[1]


async def test_an_index_that_failed_is_built_anew_on_the_second_try(shop, stock):
    rows = ["INSERT INTO t (id, a) VALUES (1, 1), (2, 1)", "ANALYZE t"]
    made = shop(models(A), models(f'{A}, UniqueConstraint("a", name="t_once")'), rows)
    await made.generate()
    ((state, _),) = stock.run(made.folder, ("upgrade", "head"))
    assert state != "ok"
    assert made.place.run("SELECT indisvalid FROM pg_index WHERE indexrelid = 't_once'::regclass") == [(False,)]
    made.place.run("UPDATE t SET a = 2 WHERE id = 2")
    done = stock.run(made.folder, ("upgrade", "head"), ("check",))
    assert all_well(done), done
    assert made.place.run("SELECT convalidated FROM pg_constraint WHERE conname = 't_once'") == [(True,)]


async def test_what_a_failed_check_left_behind_does_not_stand_in_the_way(shop, stock):
    made = shop(models(A), models('Column("a", Integer, nullable=False)'), filled(CHANGES["add an index"]))
    await made.generate()
    made.place.run("INSERT INTO t (id) VALUES (3)")
    ((state, _),) = stock.run(made.folder, ("upgrade", "head"))
    assert state != "ok"
    assert made.place.run("SELECT count(*) FROM pg_constraint WHERE conname = 'ck_t_a_not_null'") == [(1,)]
    made.place.run("UPDATE t SET a = 0 WHERE id = 3")
    done = stock.run(made.folder, ("upgrade", "head"), ("check",))
    assert all_well(done), done
    assert made.place.run("SELECT count(*) FROM pg_constraint WHERE conname = 'ck_t_a_not_null'") == [(0,)]


async def test_what_replaces_a_column_is_filled_before_the_old_one_goes(shop, stock):
    named = models("").replace("primary_key=True))", 'primary_key=True), Column("name", Text))', 1)
    before = named.replace("primary_key=True))", 'primary_key=True), Column("name", Text))')
    after = named.replace(
        "primary_key=True))", 'primary_key=True), Column("u_id", Integer, ForeignKey("u.id"), nullable=False))'
    )
    rows = [
        "INSERT INTO u (id, name) VALUES (10, 'red'), (20, 'blue')",
        "INSERT INTO t (id, name) VALUES (1, 'blue'), (2, 'red')",
        "ANALYZE t",
        "ANALYZE u",
    ]
    made = shop(before, after, rows)
    report = await made.generate(
        fills={"t.u_id": "(SELECT u.id FROM u WHERE u.name = t.name)"}, answers={"drop-column:t.name": "drop"}
    )
    told = "\n".join([report.summary, *(question.id for question in report.questions), *made.files])
    assert [file.message.rpartition(": ")[2] for file in report.files] == [
        "expand",
        "backfill",
        "validate",
        "contract",
    ], told
    assert all_well(stock.run(made.folder, ("upgrade", "head"), ("check",)))
    assert made.place.run("SELECT id, u_id FROM t ORDER BY id") == [(1, 20), (2, 10)]


@pytest.mark.parametrize(
    ("before", "after", "values"),
    [
        pytest.param("Integer", "BigInteger", "g", id="integer to bigint"),
        pytest.param(
            'Text, nullable=False, server_default="7"', 'Integer, nullable=False, server_default="7"', "g::text",
            id="string to integer",
        ),
    ],
)  # fmt: skip
async def test_a_type_that_rewrites_a_large_table_goes_through_a_second_column(before, after, values, shop, stock):
    rows = [f"INSERT INTO t (id, v) SELECT g, {values} FROM generate_series(1, 2000) g", "ANALYZE t"]
    made = shop(models(f'Column("v", {before})'), models(f'Column("v", {after})'), rows)
    (made.folder / "pyproject.toml").write_text("[tool.alembic-mcp]\nlarge_rows = 1000\n", "utf-8")
    asked = await made.generate()
    assert (asked.status, [question.id for question in asked.questions]) == ("needs_answer", ["rewrite:t.v"])
    report = await made.generate(answers={"rewrite:t.v": "expand"})
    told = "\n".join([report.summary, *map(str, report.findings), *made.files])
    assert report.ready_to_commit, told
    assert not {finding.rule for finding in report.findings} & {"rewrites-table", "set-not-null-scans", "cast-fails"}
    start = schema_of(made.place)
    expand, backfill, _ = (file.revision for file in report.files)
    assert all_well(stock.run(made.folder, ("upgrade", expand)))
    made.place.run("UPDATE t SET v = '-5' WHERE id = 3", "INSERT INTO t (id, v) VALUES (9000, '-6')")
    done = stock.run(made.folder, ("upgrade", backfill), ("upgrade", "head"), ("check",))
    assert all_well(done), f"{done}\n{told}"
    assert made.place.run("SELECT id, v FROM t WHERE v < 3 ORDER BY id") == [(1, 1), (2, 2), (3, -5), (9000, -6)]
    assert made.place.run("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal") == [(0,)]
    done = stock.run(made.folder, ("downgrade", "start"))
    assert all_well(done), f"{done}\n{told}"
    assert schema_of(made.place) == start
    assert made.place.run("SELECT count(*) FROM t WHERE v IS NOT NULL") == [(2001,)]
    assert all_well(stock.run(made.folder, ("upgrade", "head")))
