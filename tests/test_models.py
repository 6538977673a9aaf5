"""Finding models and what they hang on, in files that are read and not run."""

from textwrap import dedent

import pytest

from alembic_mcp.project.models import find_models
from alembic_mcp.project.source import Source

BASE = "from sqlalchemy.orm import DeclarativeBase\nclass Base(DeclarativeBase): pass\n"
USER = "class User(Base):\n    __tablename__ = 'users'\n"


def scan(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return find_models(Source(folder))


CASES = [
    pytest.param({"models.py": BASE + USER}, ["models:Base"], ["models:User users"], id="one file"),
    pytest.param(
        {"app/db.py": BASE, "app/user.py": "from app.db import Base\n" + USER},
        ["app.db:Base"],
        ["app.user:User users"],
        id="base elsewhere",
    ),
    pytest.param(
        {
            "app/__init__.py": "",
            "app/db/__init__.py": "from .base import Base",
            "app/db/base.py": BASE,
            "app/user.py": "from . import db\nclass User(db.Base):\n    __tablename__ = 'users'\n",
        },
        ["app.db.base:Base"],
        ["app.user:User users"],
        id="through a package and an attribute",
    ),
    pytest.param(
        {"db.py": BASE, "a.py": "from db import *\n", "b.py": "from a import *\n" + USER},
        ["db:Base"],
        ["b:User users"],
        id="through stars",
    ),
    pytest.param(
        {"m.py": "from sqlalchemy.ext.declarative import declarative_base\nBase = declarative_base()\n" + USER},
        ["m:Base"],
        ["m:User users"],
        id="declarative_base()",
    ),
    pytest.param(
        {"m.py": "from sqlalchemy.orm import registry\nreg = registry()\nBase = reg.generate_base()\n" + USER},
        ["m:Base"],
        ["m:User users"],
        id="registry().generate_base()",
    ),
    pytest.param(
        {"m.py": "from sqlalchemy.orm import as_declarative\n@as_declarative()\nclass Base: pass\n" + USER},
        ["m:Base"],
        ["m:User users"],
        id="as_declarative",
    ),
    pytest.param(
        {
            "m.py": "from sqlmodel import SQLModel\nclass Hero(SQLModel, table=True):\n    id: int\n"
            "class HeroRead(SQLModel):\n    id: int\nclass Team(HeroRead, table=True):\n    __tablename__ = 't'\n"
        },
        ["sqlmodel:SQLModel"],
        ["m:Hero hero", "m:Team t"],
        id="sqlmodel",
    ),
    pytest.param(
        {
            "m.py": "from flask_sqlalchemy import SQLAlchemy\ndb = SQLAlchemy()\nclass User(db.Model):\n"
            "    id = db.Column(db.Integer, primary_key=True)\nlink = db.Table('link', db.Column('a'))\n"
        },
        ["m:db"],
        ["m:User None", "m:link link"],
        id="flask-sqlalchemy",
    ),
    pytest.param(
        {
            "t.py": "import sqlalchemy as sa\nmetadata = sa.MetaData(schema='s')\n"
            "users = sa.Table('users', metadata, sa.Column('id', sa.Integer))\n"
        },
        ["t:metadata"],
        ["t:users s.users"],
        id="tables of a MetaData",
    ),
    pytest.param(
        {
            "t.py": "import sqlalchemy as sa\nfrom sqlalchemy.orm import DeclarativeBase\nmeta = sa.MetaData()\n"
            "class Base(DeclarativeBase):\n    metadata = meta\n"
            "a = sa.Table('a', meta)\nb = sa.Table('b', Base.metadata)\n"
        },
        ["t:Base"],
        ["t:a a", "t:b b"],
        id="a MetaData that is a base's",
    ),
    pytest.param(
        {
            "m.py": BASE + "class Mixin:\n    __tablename__ = 'no'\nclass Abstract(Base):\n    __abstract__ = True\n"
            "class User(Abstract):\n    __tablename__ = 'users'\n    __table_args__ = ({'schema': 's'},)\n"
            "class Admin(User):\n    pass\n"
        },
        ["m:Base"],
        ["m:User s.users"],
        id="abstract, mixins, single-table inheritance",
    ),
    pytest.param(
        {
            "m.py": BASE.replace(": pass", ":\n    @declared_attr\n    def __tablename__(cls): return cls.__name__\n")
            + "class User(Base):\n    id = mapped_column()\n"
        },
        ["m:Base"],
        ["m:User None"],
        id="tables named by the base",
    ),
    pytest.param(
        {"a.py": BASE + USER, "b.py": BASE + USER.replace("users", "others").replace("User", "Other")},
        ["a:Base", "b:Base"],
        ["a:User users", "b:Other others"],
        id="two bases",
    ),
    pytest.param(
        {
            "src/app/m.py": BASE + USER,
            "tests/m.py": BASE + USER,
            ".venv/x.py": BASE,
            "m/script.py.mako": "",
            "m/e.py": BASE,
        },
        ["app.m:Base"],
        ["app.m:User users"],
        id="src, and what is not looked at",
    ),
    pytest.param(
        {"a.py": "def broken(:\n    __tablename__", "b.py": BASE + USER}, ["b:Base"], ["b:User users"], id="broken"
    ),
    pytest.param(
        {"a.py": "from b import Base\n" + USER, "b.py": "from a import Base\n"}, [], [], id="a circle of imports"
    ),
]


@pytest.mark.parametrize(("files", "origins", "models"), CASES)
def test_models_are_found_where_they_are(tmp_path, files, origins, models):
    found = scan(tmp_path, files)
    assert sorted(origin.reference for origin in found.origins) == origins
    assert sorted(f"{model.module}:{model.name} {model.key}" for model in found.models) == models
    assert all(model.origin in found.origins for model in found.models)


def test_a_file_is_read_again_when_it_has_changed(tmp_path):
    assert [model.name for model in scan(tmp_path, {"m.py": BASE + USER}).models] == ["User"]
    assert [model.name for model in scan(tmp_path, {"m.py": BASE + USER.replace("User", "Member")}).models] == [
        "Member"
    ]
