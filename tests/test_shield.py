"""Code that only looks never gets what leads to a database whose address the settings take from variables."""

import json
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from tiny_projects import Place, make, on_sqlite

from alembic_mcp.errors import NotDone, Refused
from alembic_mcp.project import user_file
from alembic_mcp.worker_client import WorkerFailed
from alembic_mcp.workflows import change, inspect
from alembic_mcp.workflows.app import App
from alembic_mcp.workflows.change import Answer, Request
from alembic_mcp.workflows.generate import Wish, generate
from alembic_mcp.workflows.review import review

pytestmark = pytest.mark.anyio

SOURCE = "SHIELD_TEST_DATABASE_URL"
PASSWORD = "s3cret-of-production"
SETTINGS = f"""
[tool.alembic-mcp.databases.production]
env = {{ SHOP_URL = "{SOURCE}" }}

[tool.alembic-mcp.databases.other]
env = {{ SHOP_URL = "SHIELD_TEST_OTHER_URL" }}
"""
# What it sees is written down; then it does what env.py does.
HOSTILE = """
import json, os, sys
from pathlib import Path

def seen():
    found = dict(os.environ)
    for process in ("self", os.getppid()):
        try:
            text = Path(f"/proc/{process}/environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        found[f"of {process}"] = text
    return found

notes = Path(__file__).with_name("seen.jsonl")
with notes.open("a") as file:
    file.write(json.dumps({"url": os.environ.get("SHOP_URL"), "all": json.dumps(seen())}) + "\\n")
"""
ENV = """
import os
from alembic import context
from sqlalchemy import create_engine, pool, text
from models import Base

engine = create_engine(os.environ["SHOP_URL"], poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
"""


@pytest.fixture(params=["postgresql", "sqlite"])
def db(request, tmp_path):
    if request.param == "sqlite":
        return on_sqlite(tmp_path)
    database = request.getfixturevalue("database")
    return Place(database.url().replace("@/", f":{PASSWORD}@/"), database.run)


@pytest.fixture
def folder(tmp_path, db, monkeypatch):
    made = make(tmp_path / "shop", url="")
    (made / "alembic" / "env.py").write_text(HOSTILE + ENV)
    (made / "pyproject.toml").write_text(SETTINGS)
    monkeypatch.setenv(SOURCE, db.url)
    monkeypatch.setenv("SHIELD_TEST_OTHER_URL", "postgresql://other-database")
    monkeypatch.delenv("SHOP_URL", raising=False)
    return made


@asynccontextmanager
async def opened(folder):
    async with App.open(folder, interpreter=Path(sys.executable)) as app:
        yield app


def notes(folder):
    file = folder / "alembic" / "seen.jsonl"
    found = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    file.unlink(missing_ok=True)
    return found


def real_place(db):
    """What only the real address says: the name of the database, or its file."""
    if db.is_postgresql:
        return db.url.partition("@/")[2].partition("?")[0]
    return db.url.partition("///")[2]


def assert_it_saw_nothing(folder, db, drivername):
    found = notes(folder)
    assert found
    for note in found:
        assert note["url"].partition("://")[0] == drivername, "the same driver as the real URL's"
        for secret in (PASSWORD, real_place(db), SOURCE, "SHIELD_TEST_OTHER_URL", "other-database"):
            assert secret not in note["all"]
            assert secret not in note["url"]


async def test_whatever_looks_gets_a_scratch_address_and_a_run_the_real_one(folder, db):
    driver = db.url.partition("://")[0]
    async with opened(folder) as app:
        report = await inspect.current(app, database="production")
        assert (report.heads, [line.revision for line in report.pending]) == ([], ["a1", "b2"])
        assert_it_saw_nothing(folder, db, driver)

        reviewed = await review(app, database="production")
        assert reviewed.rehearsal.status == "passed"
        assert_it_saw_nothing(folder, db, driver)

        request = Request("upgrade", "head", database="production")
        report = await change.change(app, request, Answer("not_asked"))
        assert (report.status, report.after) == ("done", ["b2"])
        assert "email" in db.columns("person")
        found = notes(folder)
        assert {note["url"] == db.url for note in found} == {True, False}
        first = [note["url"] == db.url for note in found].index(True)
        assert all(note["url"] == db.url for note in found[first:]), "it looks, then it runs and verifies"
        assert not [note for note in found if SOURCE in note["all"] or "other-database" in note["all"]]

        checked = await inspect.check(app, database="production")
        assert checked.differences == []
        models = folder / "models.py"
        models.write_text(
            models.read_text().replace("    email:", "    age: Mapped[int | None] = mapped_column()\n    email:")
        )
        written = await generate(app, Wish("add age"), database="production")
        assert written.status == "done"
        assert written.rehearsal.status == "passed"
        assert_it_saw_nothing(folder, db, driver)


RAW = {
    "postgresql": "import psycopg\npsycopg.connect({plain!r}).execute('DROP TABLE person')",
    "sqlite": "import sqlite3\nsqlite3.connect({file!r}).execute('DROP TABLE person')",
}
OWN_ENGINE = """
import sqlalchemy as sa
with sa.create_engine({url!r}).begin() as own:
    own.execute(sa.text("DROP TABLE IF EXISTS person"))
"""


@pytest.mark.parametrize("file", ["alembic/env.py", "models.py"])
@pytest.mark.parametrize("raw", [True, False], ids=["by the driver itself", "by an engine of its own"])
async def test_code_that_knows_the_address_all_the_same_is_kept_from_it(folder, db, raw, file):
    """A driver's own connect is stopped; an engine is led to the scratch database."""
    db.run("CREATE TABLE person (id integer PRIMARY KEY)", "INSERT INTO person VALUES (1)")
    attempt = RAW["postgresql" if db.is_postgresql else "sqlite"] if raw else OWN_ENGINE
    known = {"url": db.url, "plain": db.url.replace("+psycopg", ""), "file": real_place(db)}
    path = folder / file
    path.write_text(f"{attempt.format(**known)}\n{path.read_text()}")
    async with opened(folder) as app:
        for look in (inspect.current, inspect.check, review):
            with pytest.raises(WorkerFailed) if raw else suppress(NotDone):
                await look(app, database="production")
    assert db.run("SELECT count(*) FROM person")[0][0] == 1


async def test_heads_and_identity_come_from_the_database_whatever_env_py_says(folder, db):
    env = folder / "alembic" / "env.py"
    env.write_text(
        "from alembic.runtime.migration import MigrationContext\n"
        "MigrationContext.get_current_heads = lambda self: ('b2',)\n"
        "from alembic_mcp_worker import identity\n"
        "identity.postgresql = identity.sqlite = lambda *about: 'elsewhere'\n" + env.read_text()
    )
    async with opened(folder) as app:
        located = await app.look(app.project(), "production", schema=True)
        assert located.target.heads == ()
        assert located.target.shielded
        assert located.target.identity != "elsewhere"
        assert located.target.name == Path(real_place(db)).name
        report = await inspect.current(app, database="production")
        assert [line.revision for line in report.pending] == ["a1", "b2"]


async def test_the_version_table_is_where_env_py_puts_it(folder, db):
    env = folder / "alembic" / "env.py"
    more = "version_table='steps', version_table_schema='own'," if db.is_postgresql else "version_table='steps',"
    env.write_text(env.read_text().replace("context.configure(", f"context.configure({more} "))
    name = "own.steps" if db.is_postgresql else "steps"
    db.run(*(["CREATE SCHEMA own"] if db.is_postgresql else []))
    db.run(f"CREATE TABLE {name} (version_num varchar(32) PRIMARY KEY)", f"INSERT INTO {name} VALUES ('a1')")
    async with opened(folder) as app:
        report = await inspect.current(app, database="production")
    assert report.heads == ["a1"]


async def test_an_unreachable_database_of_the_settings_is_stood_in_for_too(folder, db, monkeypatch):
    gone = (
        "postgresql+psycopg://ann:s3cret-of-production@127.0.0.1:1/shop" if db.is_postgresql else f"{db.url}/none/x.db"
    )
    monkeypatch.setenv(SOURCE, gone)
    async with opened(folder) as app:
        with pytest.raises(NotDone, match="can't be reached") as failed:
            await inspect.current(app, database="production")
        assert PASSWORD not in str(failed.value)
        checked = await inspect.check(app, database="production")
        assert checked.differences == []
        assert [each for each in checked.warnings if "stands in for it" in each]
        assert PASSWORD not in checked.model_dump_json()
        with pytest.raises(NotDone, match="can't be reached"):
            await change.change(app, Request("upgrade", "head", database="production"), Answer("not_asked"))


async def test_marks_of_any_database_are_read_by_ourselves(tmp_path, database):
    database.run(f"ALTER DATABASE \"{database.name}\" SET alembic_mcp.environment = 'production'")
    database.run(f"ALTER DATABASE \"{database.name}\" SET alembic_mcp.approvers = 'SHA256:{'A' * 43}'")
    folder = make(tmp_path / "shop", url=database.url())
    env = folder / "alembic" / "env.py"
    env.write_text("from alembic_mcp_worker import identity\nidentity.marks = lambda settings: {}\n" + env.read_text())
    async with opened(folder) as app:
        assert (await app.look(app.project())).target.marker is None, "env.py did lie"
        located = await app.look(app.project(), schema=True)
        assert (located.target.marker, located.target.pins) == ("production", (f"SHA256:{'A' * 43}",))
        report = await change.change(app, Request("upgrade", "head"), Answer("yes"))
        assert (report.status, report.applied) == ("needs_approval", False)
    assert database.run("SELECT to_regclass('person')")[0][0] is None


async def test_a_database_whose_marks_cannot_be_read_by_ourselves_counts_as_unknown(tmp_path, database):
    folder = make(tmp_path / "shop", url=database.url())
    env = folder / "alembic" / "env.py"
    env.write_text("from alembic_mcp_worker import look\nlook._libpq = lambda *about: ({}, False)\n" + env.read_text())
    async with opened(folder) as app:
        located = await app.look(app.project(), schema=True)
        assert (located.environment, located.reason) == ("unknown", "what it is marked as could not be read")
        report = await change.change(app, Request("upgrade", "head"), Answer("not_asked"))
        assert (report.status, report.applied) == ("needs_approval", False)


async def test_an_env_py_that_says_another_database_than_it_connects_to_is_refused(tmp_path, database):
    folder = make(tmp_path / "shop", url=database.url())
    env = folder / "alembic" / "env.py"
    lie = "identity.postgresql = lambda *about: 'postgresql:1:staging'\n"
    env.write_text("from alembic_mcp_worker import identity\n" + lie + env.read_text())
    async with opened(folder) as app:
        with pytest.raises(Refused, match=r"postgresql:1:staging.*but the address that it connects to leads to"):
            await change.change(app, Request("upgrade", "head"), Answer("not_asked"))
    assert database.run("SELECT to_regclass('person')")[0][0] is None


PARTS = """
[tool.alembic-mcp.databases.production]
env = { SHOP_HOST = "SHIELD_HOST", SHOP_FILE = "SHIELD_FILE" }
"""


@pytest.fixture
def in_parts(tmp_path, monkeypatch):
    """A project that puts its URL together from two variables, and its database."""
    db = on_sqlite(tmp_path)
    folder = make(tmp_path / "shop", url="")
    parts = 'f"sqlite:///{os.environ["SHOP_FILE"]}" if os.environ["SHOP_HOST"] else None'
    (folder / "alembic" / "env.py").write_text(
        HOSTILE + ENV.replace('os.environ["SHOP_URL"]', parts.replace('"SHOP_FILE"', "'SHOP_FILE'"))
    )
    (folder / "pyproject.toml").write_text(PARTS)
    monkeypatch.setenv("SHIELD_HOST", "db.example.com")
    monkeypatch.setenv("SHIELD_FILE", real_place(db))
    return folder, db


async def test_an_address_in_parts_is_not_given_to_code_that_looks(in_parts):
    folder, _ = in_parts
    async with opened(folder) as app:
        for look in (inspect.current, inspect.check, review):
            with pytest.raises(Refused, match="reached by SHOP_FILE, SHOP_HOST, and none of these") as refused:
                await look(app, database="production")
            assert 'shown_to_code = ["SHIELD_FILE", "SHIELD_HOST"]' in " ".join(refused.value.next_steps)
            assert str(user_file()) in " ".join(refused.value.next_steps)
            assert "db.example.com" not in str(refused.value)
    assert notes(folder) == []


async def test_the_users_own_file_can_trust_the_code_with_it(in_parts):
    folder, db = in_parts
    user_file().parent.mkdir(parents=True, exist_ok=True)
    user_file().write_text('shown_to_code = ["SHIELD_FILE", "SHIELD_HOST"]\n')
    async with opened(folder) as app:
        report = await inspect.current(app, database="production")
        assert [line.revision for line in report.pending] == ["a1", "b2"]
        report = await change.change(app, Request("upgrade", "head", database="production"), Answer("not_asked"))
        assert report.status == "done"
    assert "email" in db.columns("person")
    assert "SHIELD_FILE" not in "".join(note["all"] for note in notes(folder))


@pytest.mark.parametrize("shown", [False, True], ids=["withheld", "shown"])
async def test_what_is_no_url_is_withheld_unless_the_user_shows_it(folder, monkeypatch, shown):
    (folder / "pyproject.toml").write_text(
        f'[tool.alembic-mcp.databases.production]\nenv = {{ SHOP_URL = "{SOURCE}", SHOP_KEY = "SHIELD_KEY" }}\n'
    )
    monkeypatch.setenv("SHIELD_KEY", "a-key-of-production")
    env = folder / "alembic" / "env.py"
    env.write_text(env.read_text() + "\nos.environ['SHOP_KEY']\n")
    if shown:
        user_file().parent.mkdir(parents=True, exist_ok=True)
        user_file().write_text('shown_to_code = ["SHIELD_KEY"]\n')
    async with opened(folder) as app:
        if shown:
            assert (await inspect.current(app, database="production")).heads == []
        else:
            with pytest.raises(WorkerFailed, match="SHOP_KEY") as failed:
                await inspect.current(app, database="production")
            assert any("SHOP_KEY: code that only looks does not get" in step for step in failed.value.next_steps)
    assert {"a-key-of-production" in note["all"] for note in notes(folder)} == {shown}


async def test_two_urls_must_lead_to_one_database(folder, db, monkeypatch):
    (folder / "pyproject.toml").write_text(
        f'[tool.alembic-mcp.databases.production]\nenv = {{ SHOP_URL = "{SOURCE}", OTHER_URL = "SHIELD_SECOND" }}\n'
    )
    monkeypatch.setenv("SHIELD_SECOND", db.url + ("" if db.is_postgresql else "?timeout=5"))
    async with opened(folder) as app:
        assert (await inspect.current(app, database="production")).heads == []
        monkeypatch.setenv("SHIELD_SECOND", db.url.replace(real_place(db), "elsewhere"))
        with pytest.raises(Refused, match="lead to different databases"):
            await inspect.current(app, database="production")


async def test_a_variable_that_is_named_later_leaves_the_processes_that_had_it(tmp_path, monkeypatch):
    """No settings name it at first, so that the default database may use it; then they do."""
    db = on_sqlite(tmp_path)
    folder = make(tmp_path / "shop", url=db.url)
    env = folder / "alembic" / "env.py"
    env.write_text(HOSTILE + env.read_text())
    monkeypatch.setenv(SOURCE, "postgresql://named-later")
    async with opened(folder) as app:
        await inspect.current(app)
        assert "named-later" in notes(folder)[0]["all"]
        (folder / "pyproject.toml").write_text(SETTINGS)
        await inspect.current(app)
        assert "named-later" not in notes(folder)[0]["all"]
        (folder / "pyproject.toml").unlink()
        await inspect.current(app)
        assert "named-later" not in notes(folder)[0]["all"], "who edits the settings does not get it back"


@pytest.mark.parametrize(
    ("layers", "driver"),
    [
        pytest.param(["async_env"], "asyncpg", id="asyncpg"),
        pytest.param(["async_env"], "psycopg", id="psycopg in an async env.py"),
        pytest.param([], "psycopg2", id="psycopg2"),
        pytest.param(["async_env"], "aiosqlite", id="aiosqlite"),
    ],
)
async def test_the_default_database_is_shielded_too_if_its_url_is_named(layers, driver, tmp_path, request, monkeypatch):
    """With every driver, and an env.py that takes the URL apart and puts another one together."""
    if driver == "aiosqlite":
        db = on_sqlite(tmp_path, driver)
    else:
        database = request.getfixturevalue("database")
        db = Place(database.url(driver), database.run)
    folder = make(tmp_path / "shop", *layers, url="")
    env = folder / "alembic" / "env.py"
    url = 'make_url(os.environ["SHOP_URL"])'
    again = (
        'URL.create(*(getattr(URL_, name) for name in "drivername username password host port database query".split()))'
    )
    made = (
        f"URL_ = {url}\nconfig.set_main_option('sqlalchemy.url', {again}.render_as_string(False).replace('%', '%%'))\n"
    )
    text = env.read_text().replace("config = context.config\n", f"config = context.config\n{made}")
    env.write_text(f"import os\nfrom sqlalchemy.engine import URL, make_url\n{HOSTILE}{text}")
    (folder / "pyproject.toml").write_text(f'[tool.alembic-mcp.databases.default]\nenv = {{ SHOP_URL = "{SOURCE}" }}\n')
    monkeypatch.setenv(SOURCE, db.url)
    async with opened(folder) as app:
        assert (await inspect.current(app)).heads == []
        assert (await review(app)).rehearsal.status == "passed"
        assert {note["url"].partition("://")[0] for note in notes(folder)} == {db.url.partition("://")[0]}
        report = await change.change(app, Request("upgrade", "head"), Answer("not_asked"))
        assert (report.status, report.verified.heads, report.verified.schema_) == ("done", True, True)
        assert db.url in {note["url"] for note in notes(folder)}
    assert "email" in db.columns("person")
