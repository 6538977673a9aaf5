"""From a project without Alembic to an upgraded database: each template on real databases, with stock Alembic too."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from tiny_projects import Place, on_sqlite, tree

from alembic_mcp.errors import Failed, NeedsAnswer, Refused
from alembic_mcp.workflows import change, inspect
from alembic_mcp.workflows.app import App
from alembic_mcp.workflows.init import init

pytestmark = pytest.mark.anyio

BASE = "from sqlalchemy.orm import DeclarativeBase\n\nclass Base(DeclarativeBase):\n    pass\n"
USER = """
from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column
from app.db import Base

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(80), unique=True)
"""
ORDER = """
from sqlalchemy import JSON, CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column
from app.db import Base

class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    state: Mapped[str] = mapped_column(server_default="new")
    extra: Mapped[dict] = mapped_column(JSON, server_default="{}")
    __table_args__ = (CheckConstraint("state <> ''"), CheckConstraint("id > 0", name="order_id"))
"""
ENGINE = "import os\nfrom sqlalchemy import create_engine\nengine = create_engine(os.environ['DATABASE_URL'])\n"
ASYNC_ENGINE = """
from sqlalchemy.ext.asyncio import create_async_engine
from app.config import settings
engine = create_async_engine(settings.database_url.get_secret_value())
"""
SETTINGS = """
from pydantic import SecretStr
from pydantic_settings import BaseSettings

class Settings(BaseSettings):
    database_url: SecretStr

settings = Settings()
"""
SQLMODEL = """
import os
from sqlmodel import Field, SQLModel, create_engine

class Hero(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(index=True)

def connect():
    return create_engine(os.environ["DATABASE_URL"])
"""
PLAIN = {"app/__init__.py": "", "app/db.py": BASE + ENGINE, "app/models/__init__.py": "", "app/models/user.py": USER,
         "app/models/order.py": ORDER}  # fmt: skip
ASYNC = {**PLAIN, "app/db.py": BASE, "app/config.py": SETTINGS, "app/main.py": ASYNC_ENGINE}


@pytest.fixture
async def app(tmp_path_factory):
    # Not shared: its workers see the environment that they were started in.
    async with App.open(tmp_path_factory.mktemp("nothing")) as opened:
        await opened.scratch()
        yield opened


@pytest.fixture
def place(request, tmp_path, monkeypatch):
    """``place(driver)``: a database whose address is in DATABASE_URL."""

    def choose(driver):
        if "sqlite" in driver:
            found = on_sqlite(tmp_path, driver)
        else:
            database = request.getfixturevalue("database")
            found = Place(database.url(driver), database.run)
        monkeypatch.setenv("DATABASE_URL", found.url)
        return found

    return choose


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return folder


def at(app, folder):
    return dataclasses.replace(app, start=folder)


def alembic(folder, *commands):
    """The stock command, as a developer calls it, but all *commands* in one process; what it prints."""
    program = "import sys; from alembic.config import main; [main(each.split()) for each in sys.argv[1:]]"
    done = subprocess.run(
        [sys.executable, "-c", program, *commands],
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def upgrade(app):
    return await change.change(app, change.Request("upgrade", "head"), change.Answer("not_asked"))


STORIES = [
    pytest.param(PLAIN, {}, "psycopg", ("sync", False, "alembic.ini"), id="sync psycopg"),
    pytest.param(
        ASYNC,
        {"template": "async", "config": "pyproject"},
        "asyncpg",
        ("async", True, "pyproject.toml"),
        id="async asyncpg, pydantic settings, a new pyproject",
    ),
    pytest.param(
        ASYNC, {}, "aiosqlite", ("async", True, "alembic.ini"), id="async aiosqlite", marks=pytest.mark.thorough
    ),
    pytest.param({"models.py": SQLMODEL}, {}, "pysqlite", ("sqlmodel", False, "alembic.ini"), id="sqlmodel on SQLite"),
    pytest.param(
        {"src/hero/__init__.py": "", "src/hero/models.py": SQLMODEL},
        {"template": "sqlmodel"},
        "asyncpg",
        ("sqlmodel", True, "alembic.ini"),
        id="sqlmodel in src, asyncpg",
        marks=pytest.mark.thorough,
    ),
    pytest.param(
        {**PLAIN, "pyproject.toml": "[project]\nname = 'shop'\n\n[tool.ruff]\nline-length = 100"},
        {"template": "pyproject"},
        "psycopg2",
        ("sync", False, "pyproject.toml"),
        id="pyproject psycopg2",
        marks=pytest.mark.thorough,
    ),
]


@pytest.mark.parametrize(("files", "arguments", "driver", "chosen"), STORIES)
async def test_from_nothing_to_an_upgraded_database(app, place, tmp_path, *, files, arguments, driver, chosen):
    db = place(driver)
    folder = write(tmp_path / "shop", files)
    before = tree(folder)
    app = at(app, folder)
    report = await init(app, **arguments)
    assert report.status == "done", report
    assert (report.template, report.asynchronous, report.configuration) == chosen
    assert report.revision is not None, report.summary
    assert report.rehearsal.status == "passed"
    assert all((folder / path).is_file() for path in report.files)
    after = tree(folder)
    assert {path: text for path, text in after.items() if path in before and path != "pyproject.toml"} == {
        path: text for path, text in before.items() if path != "pyproject.toml"
    }
    assert set(after) - set(before) == set(report.files) - set(before)
    assert not any(db.url.encode() in text for text in after.values())
    assert report.next_steps[-1].startswith("Call upgrade")

    upgraded = await upgrade(app)
    assert (upgraded.status, upgraded.applied, upgraded.verified.heads) == ("done", True, True), upgraded
    table = "hero" if "sqlmodel" in chosen else "users"
    assert db.columns(table)[0] == "id"
    checked = await inspect.check(app)
    assert (checked.differences, checked.why_nothing) == ([], None)

    said = alembic(folder, "current", "check", "downgrade base", "upgrade head", "current")
    assert said.count(f"{report.revision.revision} (head)") == 2
    assert "No new upgrade operations" in said
    assert db.columns(table)[0] == "id"


async def test_constraints_get_names_and_a_lock_is_not_waited_for_long(app, place, tmp_path):
    db = place("psycopg")
    app = at(app, write(tmp_path / "shop", PLAIN))
    report = await init(app)
    assert any("naming convention" in warning for warning in report.warnings)
    await upgrade(app)
    names = {row[0] for row in db.run("SELECT conname FROM pg_constraint WHERE contype IN ('p', 'u', 'f', 'c')")}
    assert {"pk_users", "uq_users_email", "fk_orders_user_id_users", "order_id"} <= names


async def test_models_with_a_naming_convention_keep_their_own(app, place, tmp_path):
    db = place("psycopg")
    named = BASE.replace("pass", "metadata = MetaData(naming_convention={'pk': 'key_of_%(table_name)s'})")
    files = {**PLAIN, "app/db.py": "from sqlalchemy import MetaData\n" + named + ENGINE}
    app = at(app, write(tmp_path / "shop", files))
    report = await init(app)
    assert not any("naming convention" in warning for warning in report.warnings)
    await upgrade(app)
    names = {row[0] for row in db.run("SELECT conname FROM pg_constraint WHERE contype = 'p'")}
    assert {"key_of_users", "key_of_orders"} <= names


# Without a database, and with one that has tables


async def test_without_a_database_the_first_revision_is_proved_on_a_scratch_one(app, tmp_path, monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    folder = write(tmp_path / "shop", PLAIN)
    report = await init(at(app, folder))
    assert report.status == "done"
    assert report.revision is not None, report.summary
    assert report.rehearsal.status == "passed"


async def test_files_are_written_even_if_the_application_cannot_be_imported(app, place, tmp_path):
    place("pysqlite")
    folder = write(tmp_path / "shop", {**PLAIN, "app/models/order.py": ORDER + "raise RuntimeError('not today')\n"})
    report = await init(at(app, folder))
    assert (report.status, report.revision) == ("done", None)
    assert "no first revision yet" in report.summary
    assert "not today" in report.summary
    assert any("generate" in step for step in report.next_steps)
    assert (folder / "migrations" / "env.py").is_file()


@pytest.mark.parametrize("driver", ["psycopg", "pysqlite"])
async def test_a_database_that_has_the_tables_is_to_be_stamped(
    app, place, tmp_path, *, driver, make_database, monkeypatch
):
    db = place(driver)
    db.run(
        "CREATE TABLE users (id integer PRIMARY KEY NOT NULL, email varchar(80) NOT NULL UNIQUE, old integer)",
        "CREATE TABLE orders (id integer PRIMARY KEY NOT NULL, user_id integer NOT NULL REFERENCES users (id), "
        "state varchar NOT NULL DEFAULT 'new' CHECK (state <> ''), extra json NOT NULL DEFAULT '{}', "
        "CONSTRAINT order_id CHECK (id > 0))",
        "INSERT INTO users (id, email) VALUES (1, 'a@example.org')",
    )
    folder = write(tmp_path / "shop", PLAIN)
    report = await init(at(app, folder))
    assert report.status == "done", report
    assert "baseline" in report.summary
    assert any(f"Call stamp with target='{report.revision.revision}'" in step for step in report.next_steps)
    assert not any("upgrade" in step for step in report.next_steps)
    assert any("drop column users.old" in item.description for item in report.differences)
    text = (folder / report.revision.path).read_text(encoding="utf-8")
    assert "create_table" in text
    assert "old" not in text
    assert db.columns("users") == ["id", "email", "old"]
    assert db.columns("alembic_version") == []
    current = await inspect.current(at(app, folder))
    assert [line.revision for line in current.pending] == [report.revision.revision]
    too_early = await upgrade(at(app, folder))
    assert too_early.status == "refused"
    assert f"call stamp with target='{report.revision.revision}'" in too_early.next_steps[0]
    if driver == "psycopg":
        fresh = make_database()
        monkeypatch.setenv("DATABASE_URL", fresh.url())
        alembic(folder, "upgrade head")
        assert fresh.run("SELECT count(*) FROM users") == [(0,)]


async def test_tables_of_others_do_not_keep_ours_from_being_created(app, place, tmp_path):
    db = place("psycopg")
    db.run("CREATE TABLE spatial (id integer PRIMARY KEY)")
    report = await init(at(app, write(tmp_path / "shop", PLAIN)))
    assert any("upgrade" in step for step in report.next_steps), report
    assert (await upgrade(at(app, tmp_path / "shop"))).applied
    assert db.columns("spatial") == ["id"]
    assert db.columns("users") == ["id", "email"]


async def test_a_database_with_revisions_that_are_not_here_is_left_to_its_owner(app, place, tmp_path):
    db = place("psycopg")
    db.run("CREATE TABLE alembic_version (version_num varchar(32))", "INSERT INTO alembic_version VALUES ('abc')")
    report = await init(at(app, write(tmp_path / "shop", PLAIN)))
    assert report.revision is None
    assert "abc" in report.summary


# Questions


async def test_several_bases_are_a_question_that_models_answers(app, place, tmp_path):
    place("pysqlite")
    files = {**PLAIN, "stock/__init__.py": "", "stock/models.py": BASE + USER.replace("from app.db import Base", "")}
    folder = write(tmp_path / "shop", files)
    before = tree(folder)
    with pytest.raises(NeedsAnswer) as caught:
        await init(at(app, folder))
    assert any(step.startswith("models='app.db:Base': 2 tables") for step in caught.value.next_steps)
    assert any(step.startswith("models='stock.models:Base': 1 table") for step in caught.value.next_steps)
    assert tree(folder) == before
    report = await init(at(app, folder), models="app.db:Base")
    assert (report.models, report.modules) == (["app.db:Base"], ["app.models.order", "app.models.user"])


async def test_several_bases_can_share_a_database(app, place, tmp_path):
    db = place("psycopg")
    other = BASE + USER.replace("from app.db import Base", "").replace('"users"', '"stock"')
    folder = write(tmp_path / "shop", {**PLAIN, "stock/__init__.py": "", "stock/models.py": other})
    report = await init(at(app, folder), models="app.db:Base,stock.models:Base")
    assert report.revision is not None, report.summary
    await upgrade(at(app, folder))
    assert db.columns("users")
    assert db.columns("stock")


async def test_several_addresses_are_a_question_that_url_answers(app, place, tmp_path):
    place("pysqlite")
    other = ENGINE.replace("DATABASE_URL", "REPORTS_DATABASE_URL")
    folder = write(tmp_path / "shop", {**PLAIN, "app/reports.py": other})
    with pytest.raises(NeedsAnswer) as caught:
        await init(at(app, folder))
    assert [step.partition(":")[0] for step in caught.value.next_steps] == [
        "url='DATABASE_URL'",
        "url='REPORTS_DATABASE_URL'",
    ]
    report = await init(at(app, folder), url="DATABASE_URL")
    assert report.url == "DATABASE_URL"


async def test_a_project_without_models_is_asked_for_them(app, tmp_path):
    folder = write(tmp_path / "shop", {"main.py": "print('hello')\n"})
    with pytest.raises(NeedsAnswer, match="No declarative base") as caught:
        await init(at(app, folder))
    assert any("models='app.models:Base'" in step for step in caught.value.next_steps)


# What is refused


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param({"folder": ".."}, "outside", id="folder outside"),
        pytest.param({"folder": "/tmp"}, "outside", id="absolute folder"),
        pytest.param({"folder": "nowhere"}, "no folder", id="no folder"),
        pytest.param({"folder": "link"}, "outside", id="a link to the outside"),
        pytest.param({"scripts": "../migrations"}, "not inside", id="scripts outside"),
        pytest.param({"scripts": "/tmp/migrations"}, "not inside", id="absolute scripts"),
        pytest.param({"scripts": "link/migrations"}, "not inside", id="scripts through a link"),
        pytest.param({"scripts": "."}, "not inside", id="scripts everywhere"),
        pytest.param({"scripts": "app"}, "app is there already", id="a folder that has files"),
        pytest.param({"models": "app.db:Nobody"}, "no declarative base", id="no such base"),
        pytest.param({"url": "app.nowhere:settings.url"}, "no module app.nowhere", id="no such module"),
        pytest.param({"template": "sqlmodel"}, "no SQLModel", id="no SQLModel"),
    ],
)
async def test_what_cannot_be_is_refused_and_nothing_is_written(app, tmp_path, arguments, words):
    folder = write(tmp_path / "shop", PLAIN)
    (folder / "link").symlink_to(tmp_path)
    before = tree(folder)
    with pytest.raises(Refused, match=words) as caught:
        await init(at(app, folder), **arguments)
    assert caught.value.next_steps
    assert tree(folder) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shop"]


async def test_an_address_is_refused_without_repeating_it(app, tmp_path):
    folder = write(tmp_path / "shop", PLAIN)
    with pytest.raises(Refused) as caught:
        await init(at(app, folder), url="postgresql://shop:hunter22@db/shop")
    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize(
    ("there", "arguments"),
    [
        pytest.param({"alembic.ini": "[alembic]\nscript_location = old\n"}, {}, id="a project"),
        pytest.param({"alembic.ini": "nothing of note\n"}, {}, id="an ini that is none"),
        pytest.param({"migrations/0001_first.py": ""}, {}, id="somebody else's migrations"),
        pytest.param(
            {"pyproject.toml": "[tool.alembic]\nfile_template = 'x'\n"},
            {"config": "pyproject"},
            id="a table in pyproject",
        ),
        pytest.param({"backend/alembic.ini": "[alembic]\nscript_location = old\n"}, {}, id="a project below"),
    ],
)
async def test_nothing_is_ever_overwritten(app, tmp_path, there, arguments):
    folder = write(tmp_path / "shop", {**PLAIN, **there})
    before = tree(folder)
    with pytest.raises(Refused, match=r"already|valid") as caught:
        await init(at(app, folder), **arguments)
    assert Path(next(iter(there))).parts[0] in caught.value.message
    assert tree(folder) == before


async def test_a_broken_pyproject_is_not_added_to(app, tmp_path):
    folder = write(tmp_path / "shop", {**PLAIN, "pyproject.toml": "[project\n"})
    before = tree(folder)
    with pytest.raises(Refused):
        await init(at(app, folder), config="pyproject")
    assert tree(folder) == before


async def test_what_cannot_be_written_whole_is_not_written_at_all(app, tmp_path, monkeypatch):
    folder = write(tmp_path / "shop", PLAIN)
    before = tree(folder)
    replace = Path.replace

    def full(path, target):
        if Path(target).name == "alembic.ini":
            raise OSError(28, "No space left on device", str(target))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(Failed, match="Nothing was left behind"):
        await init(at(app, folder))
    assert tree(folder) == before
    assert sorted(path.name for path in folder.iterdir()) == ["app"]


async def test_a_second_application_of_a_repository_gets_its_own(app, place, tmp_path):
    place("pysqlite")
    backend = {f"backend/{name}": text for name, text in PLAIN.items()}
    folder = write(tmp_path / "shop", {**backend, "other/alembic.ini": "[alembic]\nscript_location = old\n"})
    report = await init(at(app, folder), folder="backend")
    assert report.configuration == "backend/alembic.ini"
    assert report.revision is not None, report.summary
