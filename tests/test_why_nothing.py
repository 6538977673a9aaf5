"""Why autogenerate finds nothing, or too much: real projects, where each time something else keeps it from seeing."""

import dataclasses
from textwrap import dedent

import pytest
from tiny_projects import Place, make, on_sqlite

from alembic_mcp.workflows import inspect

pytestmark = pytest.mark.anyio

INVOICE = """
from sqlalchemy.orm import Mapped, mapped_column
from models import Base

class Invoice(Base):
    __tablename__ = "invoice"
    id: Mapped[int] = mapped_column(primary_key=True)
"""
OTHER = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Invoice(Base):
    __tablename__ = "invoice"
    id: Mapped[int] = mapped_column(primary_key=True)
"""
CREATE = "CREATE TABLE person (id integer NOT NULL PRIMARY KEY, name varchar(50) NOT NULL, email varchar(80))"
VERSION = [
    "CREATE TABLE alembic_version (version_num varchar(32) NOT NULL PRIMARY KEY)",
    "INSERT INTO alembic_version VALUES ('b2')",
]


@pytest.fixture
def sqlite(tmp_path):
    place = on_sqlite(tmp_path)
    place.run(CREATE, *VERSION)
    return place


def project(app, folder, place, *, env="", files=None, edit=("", "")):
    make(folder, url=place.url)
    for name, text in (files or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(dedent(text), encoding="utf-8")
    path = folder / "alembic" / "env.py"
    text = path.read_text(encoding="utf-8").replace(*edit) if edit[0] else path.read_text(encoding="utf-8")
    path.write_text(dedent(env) + text, encoding="utf-8")
    return dataclasses.replace(app, start=folder)


CONFIGURE = "target_metadata=Base.metadata"

CASES = [
    pytest.param(
        {"files": {"shop/__init__.py": "", "shop/billing.py": INVOICE}},
        [],
        ["1 table of the models is not in the metadata", "invoice (Invoice, shop/billing.py:5)"],
        ["alembic/env.py", "import shop.billing  # noqa: F401"],
        id="a module that is not imported",
    ),
    pytest.param(
        {"files": {"billing.py": OTHER}, "env": "import billing\n"},
        [],
        ["models:Base", "billing:Base", "invoice (Invoice, billing.py:7)"],
        ["[models.Base.metadata, billing.Base.metadata]"],
        id="another base, which is imported",
    ),
    pytest.param(
        {
            "files": {"more.py": INVOICE},
            "env": "import more\n",
            "edit": (CONFIGURE, f"{CONFIGURE}, include_object=lambda o, n, t, r, c: n != 'invoice'"),
        },
        [],
        ["include_object leaves out what the models have and the database has not: table invoice"],
        ["Change include_object in env.py"],
        id="include_object hides a table",
    ),
    pytest.param(
        {"edit": (CONFIGURE, f"{CONFIGURE}, include_object=lambda o, n, t, r, c: n != 'email'")},
        ["ALTER TABLE person DROP COLUMN email"],
        ["column person.email"],
        ["Change include_object in env.py"],
        id="include_object hides a column",
    ),
    pytest.param(
        {"edit": (CONFIGURE, f"{CONFIGURE}, include_name=lambda n, t, p: n != 'person'")},
        [],
        ["include_name hides tables", "create them again: person"],
        ["Let include_name in env.py pass"],
        id="include_name hides what is there",
    ),
]


@pytest.mark.parametrize(("layout", "statements", "said", "steps"), CASES)
async def test_what_keeps_autogenerate_from_seeing_is_named(app, sqlite, tmp_path, *, layout, statements, said, steps):
    sqlite.run(*(statements or ["SELECT 1"]))
    report = await inspect.check(project(app, tmp_path / "shop", sqlite, **layout))
    assert report.status == "done"
    assert all(words in report.why_nothing for words in said), report.why_nothing
    assert all(any(words in step for step in report.next_steps) for words in steps), report.next_steps
    if not report.differences:
        assert report.summary == report.why_nothing


async def test_what_would_be_dropped_for_want_of_an_import_is_said_first(app, sqlite, tmp_path):
    sqlite.run("CREATE TABLE invoice (id integer NOT NULL PRIMARY KEY)")
    report = await inspect.check(project(app, tmp_path / "shop", sqlite, files={"billing.py": INVOICE}))
    assert [item.kind for item in report.differences] == ["drop_table"]
    assert "Autogenerate would drop invoice." in report.why_nothing
    assert report.summary == report.why_nothing
    assert not any("generate" in step for step in report.next_steps)


async def test_another_base_that_nobody_imports_is_somebody_elses(app, sqlite, tmp_path):
    report = await inspect.check(project(app, tmp_path / "shop", sqlite, files={"warehouse/models.py": OTHER}))
    assert (report.why_nothing, report.differences) == (None, [])


async def test_an_empty_metadata_names_the_base_that_the_models_have(app, sqlite, tmp_path):
    start = project(
        app,
        tmp_path / "shop",
        sqlite,
        files={
            "billing.py": OTHER,
            "models.py": "from sqlalchemy.orm import DeclarativeBase\n\nclass Base(DeclarativeBase): pass\n",
        },
    )
    report = await inspect.check(start)
    assert "models:Base" in report.why_nothing
    assert "billing:Base" in report.why_nothing


async def test_when_the_database_has_it_all_the_summary_says_so(app, sqlite, tmp_path):
    report = await inspect.check(project(app, tmp_path / "shop", sqlite))
    assert (report.why_nothing, report.differences, report.next_steps) == (None, [], [])
    assert "the database already has what the 1 table of the models defines" in report.summary


SCHEMA = '__tablename__ = "person"\n    __table_args__ = {"schema": "crm"}'


@pytest.mark.parametrize(
    ("statements", "models", "said"),
    [
        pytest.param(
            ["CREATE SCHEMA crm", CREATE.replace("person", "crm.person")],
            SCHEMA,
            ["crm.person", "include_schemas is off"],
            id="include_schemas is off",
        ),
        pytest.param(
            ["CREATE SCHEMA crm", CREATE.replace("person", "crm.person")],
            '__tablename__ = "person"',
            ["into schema public", "in crm"],
            id="the models say another schema",
        ),
    ],
)
async def test_a_table_in_another_schema_is_found(app, tmp_path, database, *, statements, models, said):
    place = Place(database.url(), database.run)
    place.run(*statements, *VERSION)
    start = project(app, tmp_path / "shop", place)
    path = tmp_path / "shop" / "models.py"
    path.write_text(path.read_text(encoding="utf-8").replace('__tablename__ = "person"', models), encoding="utf-8")
    report = await inspect.check(start)
    assert all(words in report.why_nothing for words in said), report
    assert any("include_schemas=True" in step for step in report.next_steps)
