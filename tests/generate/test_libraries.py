"""Libraries that add to autogenerate are used, not fought: theirs is in the revision, once, and goes the whole way."""

import dataclasses
import subprocess
import sys

import pytest
from generating import open_shop
from own_environments import environment

from alembic_mcp.workflows import inspect

pytestmark = [pytest.mark.real, pytest.mark.thorough, pytest.mark.anyio]

ENV = """\
import alembic_postgresql_enum
from alembic import context
from alembic_utils.replaceable_entity import register_entities
from sqlalchemy import engine_from_config, pool

from entities import ENTITIES
from models import Base

register_entities(ENTITIES)
engine = engine_from_config(context.config.get_section(context.config.config_ini_section), poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
"""
ENTITIES = """\
from alembic_utils.pg_function import PGFunction
from alembic_utils.pg_policy import PGPolicy
from alembic_utils.pg_trigger import PGTrigger
from alembic_utils.pg_view import PGView

ENTITIES = [
    PGView("public", "shown", "SELECT id, a FROM t WHERE a > 1"),
    PGFunction(
        "public",
        "touched()",
        "RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.a = NEW.a + 1; RETURN NEW; END $$",
    ),
    PGTrigger("public", "tr", "BEFORE UPDATE ON public.t FOR EACH ROW EXECUTE FUNCTION public.touched()", "public.t"),
    PGPolicy("public", "own", "AS PERMISSIVE FOR SELECT TO PUBLIC USING (a > 0)", "public.t"),
]
"""
TABLE = """
t = Table(
    "t", metadata, Column("id", Integer, primary_key=True), Column("a", Integer),
    Column("s", Enum({values}, name="status"), server_default="x"), {more}
)
"""
MORE = 'Column("m", Enum("hi", "lo", name="mood")), CheckConstraint("a < 99", name="ck_a"), Index("ix_t_a", "a")'


@pytest.fixture(scope="session")
def python(tmp_path_factory):
    """The interpreter of an environment with the libraries."""
    folder = tmp_path_factory.mktemp("libraries") / ".venv"
    packages = ("alembic", "psycopg[binary]", "alembic_utils", "alembic-postgresql-enum")
    return environment(folder, *packages) / "bin" / "python"


@pytest.mark.parametrize("style", ["safe", "plain"])
async def test_views_functions_triggers_policies_and_enums_of_libraries(app, python, postgresql, tmp_path, style):
    shop = open_shop(
        app,
        tmp_path / "shop",
        postgresql,
        before=TABLE.format(values='"x", "y"', more=""),
        after=TABLE.format(values='"x", "y", "z"', more=MORE),
        rows=["INSERT INTO t (a) VALUES (7), (9)"],
    )
    shop.app = dataclasses.replace(shop.app, interpreter=python)
    (shop.folder / "alembic" / "env.py").write_text(ENV)
    entities = shop.folder / "entities.py"
    entities.write_text(ENTITIES)

    report = await shop.generate("with libraries", style=style)
    assert (report.status, report.ready_to_commit, report.invisible) == ("done", True, []), report
    texts = [(shop.folder / file.path).read_text() for file in report.files]
    for once in ("op.create_entity(public_shown)", "add_enum_value(", "name='mood').create(", "'ck_a'", "'ix_t_a'"):
        assert sum(text.partition("def downgrade")[0].count(once) for text in texts) >= 1, (once, texts)
    assert sum(text.count("add_enum_value(") + text.count("ADD VALUE") for text in texts) == 1
    assert "create PGView public.shown" in report.changes[""]
    assert postgresql.run("SELECT count(*) FROM pg_views WHERE viewname = 'shown'") == [(0,)]

    def alembic(*arguments):
        command = [python, "-m", "alembic", *arguments]
        done = subprocess.run(command, cwd=shop.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)

    for step in ("upgrade head", "check", "downgrade start", "upgrade head", "check"):
        alembic(*step.split())
    checked = await inspect.check(shop.app)
    assert (checked.differences, checked.invisible, checked.why_nothing) == ([], [], None)

    entities.write_text(ENTITIES.replace("a > 1", "a > 2").replace("a > 0", "a > 5").replace("NEW.a + 1", "NEW.a + 2"))
    report = await shop.generate("they change", style=style)
    assert (report.status, report.ready_to_commit) == ("done", True), report
    assert sorted(report.changes[""]) == [
        "replace PGFunction public.touched()",
        "replace PGPolicy public.own public.t",
        "replace PGView public.shown",
    ]
    alembic("upgrade", "head")
    alembic("check")
    assert sys.executable != str(python)
