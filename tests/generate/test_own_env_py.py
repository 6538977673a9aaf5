"""What env.py may add to autogenerate: types and operations of its own, hooks, filters, schemas, several metadatas."""

import sys

import pytest
from generating import open_shop

from alembic_mcp.workflows import inspect

pytestmark = pytest.mark.anyio

TYPES = """\
import sqlalchemy as sa


class Point(sa.types.UserDefinedType):
    cache_ok = True

    def __init__(self, srid=0):
        self.srid = srid

    def get_col_spec(self, **kw):
        return "point"


class Money(sa.types.TypeDecorator):
    impl = sa.Numeric
    cache_ok = True
"""
OPERATION = """\
import sqlalchemy as sa
from alembic.autogenerate import comparators, renderers
from alembic.operations import MigrateOperation, Operations


@Operations.register_operation("comment_schema")
class CommentSchemaOp(MigrateOperation):
    def __init__(self, name):
        self.name = name

    @classmethod
    def comment_schema(cls, operations, name):
        return operations.invoke(cls(name))

    def reverse(self):
        return CommentSchemaOp("")


@Operations.implementation_for(CommentSchemaOp)
def comment_schema(operations, op):
    operations.execute(f"COMMENT ON SCHEMA public IS '{op.name}'")


@renderers.dispatch_for(CommentSchemaOp)
def render(context, op):
    context.imports.add("import own_operation  # noqa: F401")
    return f"op.comment_schema({op.name!r})"


@comparators.dispatch_for("schema")
def compare(context, upgrade_ops, schemas):
    if context.connection.execute(sa.text("SELECT obj_description('public'::regnamespace)")).scalar() != "ours":
        upgrade_ops.ops.append(CommentSchemaOp("ours"))
"""
ENV = """\
from pathlib import Path

from alembic import context
from sqlalchemy import engine_from_config, pool

import own_operation
from models import metadata, other
from own_types import Point


def render_item(kind, item, autogenerate):
    if kind != "type" or not isinstance(item, Point):
        return False
    autogenerate.imports.add("from own_types import Point")
    return f"Point(srid={item.srid})"


def include_object(item, name, kind, reflected, compare_to):
    return kind != "table" or not name.startswith("legacy_")


def include_name(name, kind, parents):
    return kind != "schema" or name in (None, "shop")


def directives(context, revision, found):
    found[0].rev_id = f"r{len(list(Path(__file__).parent.glob('versions/*.py'))):04}"


engine = engine_from_config(context.config.get_section(context.config.config_ini_section), poolclass=pool.NullPool)
with engine.connect() as connection:
    connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS meta")
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=[metadata, other],
        include_schemas=True,
        include_object=include_object,
        include_name=include_name,
        render_item=render_item,
        process_revision_directives=directives,
        user_module_prefix="types_.",
        version_table_schema="meta",
    )
    with context.begin_transaction():
        context.run_migrations()
"""
MODELS = """
import own_types as types_

other = MetaData()
t = Table("t", metadata, Column("id", Integer, primary_key=True), Column("a", Integer), {t})
s = Table("s", other, Column("id", Integer, primary_key=True), {s} schema="shop")
"""
AFTER = MODELS.format(
    t='Column("p", types_.Point(4326)), Column("m", types_.Money(12, 2), nullable=False), Index("ix_t_a", "a")',
    s='Column("n", Integer, CheckConstraint("n > 0", name="ck_n")),',
) + (
    'new = Table("new", other, Column("id", Integer, primary_key=True), '
    'Column("s_id", ForeignKey("shop.s.id", name="fk_new")), schema="shop")\n'
)
ROWS = [
    "INSERT INTO t (a) VALUES (7), (9)",
    "CREATE SCHEMA meta",
    "ALTER TABLE alembic_version SET SCHEMA meta",
    "CREATE SCHEMA unseen",
    "CREATE TABLE unseen.x (id integer)",
    "CREATE TABLE legacy_a (id integer)",
]

PARTS = (
    "op.comment_schema('ours')",
    "import own_operation",
    "Point(srid=4326)",
    "from own_types import Point",
    "types_.Money(precision=12, scale=2)",
    "import own_types as types_",
    "['shop.s.id'], name='fk_new'",
)


async def test_all_that_env_py_adds_is_in_the_revisions(app, stock, postgresql, tmp_path, monkeypatch):
    (tmp_path / "shop").mkdir()
    postgresql.run("CREATE SCHEMA shop")
    monkeypatch.syspath_prepend(str(tmp_path / "own"))
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "own_types.py").write_text(TYPES)
    before = (
        MODELS.format(t="", s="") + 'event.listen(metadata, "after_create", lambda _, to, **kw: other.create_all(to))\n'
    )
    shop = open_shop(
        app,
        tmp_path / "shop" / "project",
        postgresql,
        before=f"from sqlalchemy import event\n{before}",
        after=AFTER,
        rows=ROWS,
    )
    monkeypatch.delitem(sys.modules, "own_types")
    for name, text in (("alembic/env.py", ENV), ("own_types.py", TYPES), ("own_operation.py", OPERATION)):
        (shop.folder / name).write_text(text)

    checked = await inspect.check(shop.app)
    assert checked.invisible == ["Autogenerate would not add check constraint ck_n on shop.s (n > 0)."]
    assert {difference.table for difference in checked.differences} == {None, "t", "shop.s", "shop.new"}
    assert "comment schema ours" in [difference.description for difference in checked.differences]

    report = await shop.generate("all of it", fills={"t.m": "1"})
    assert report.ready_to_commit, report
    assert [file.revision for file in report.files] == ["r0001", "r0002", "r0003", "r0004"]
    first, *_, last = texts = [(shop.folder / file.path).read_text() for file in report.files]
    assert [part for part in PARTS if part not in first] == []
    assert "types_.Money(" in last
    assert "import own_types as types_" in last
    assert not [word for text in texts for word in ("legacy_a", "unseen", "alembic_version") if word in text]
    done = stock.run(shop.folder, ("upgrade", "head"), ("check",), ("downgrade", "start"), ("upgrade", "head"))
    assert [state for state, _ in done] == ["ok"] * 4, (done, texts)
    checked = await inspect.check(shop.app)
    assert (checked.differences, checked.invisible) == ([], [])
    assert postgresql.run("SELECT m FROM t") == [(1,), (1,)]


HOOK = """
def directives(context, revision, found):
    if found[0].upgrade_ops.is_empty():
        found[:] = []


def run():"""


async def test_a_hook_that_drops_empty_revisions_does_not_hide_what_autogenerate_can_not_see(app, postgresql, tmp_path):
    before = 't = Table("t", metadata, Column("a", Integer))\n'
    after = before.replace("Integer", 'Integer, CheckConstraint("a > 0", name="ck_a")')
    shop = open_shop(app, tmp_path / "shop", postgresql, before=before, after=after)
    env = shop.folder / "alembic" / "env.py"
    text = env.read_text().replace("def run():", HOOK.lstrip(), 1)
    env.write_text(text.replace("target_metadata=", "process_revision_directives=directives, target_metadata=", 1))
    checked = await inspect.check(shop.app)
    assert checked.invisible == ["Autogenerate would not add check constraint ck_a on t (a > 0)."]
    report = await shop.generate("a check")
    assert report.ready_to_commit, report
    assert "ck_a" in shop.files[0]
