"""Finding where an application gets its database's address from, in files that are read and not run."""

from textwrap import dedent

import pytest

from alembic_mcp.project.database_url import addresses, is_asynchronous, parse_address
from alembic_mcp.project.source import Source

SETTINGS = """
from pydantic_settings import BaseSettings
class Settings(BaseSettings):
    debug: bool = False
    database_url: str
settings = Settings()
"""
CREATE = "from sqlalchemy import create_engine\n"
CASES = [
    pytest.param(
        {"db.py": f"import os\n{CREATE}engine = create_engine(os.environ['DATABASE_URL'])\n"},
        ["DATABASE_URL"],
        False,
        id="environ[]",
    ),
    pytest.param(
        {"db.py": "from os import getenv\nimport sqlalchemy as sa\nU = getenv('APP_DSN')\ne = sa.create_engine(U)\n"},
        ["APP_DSN"],
        False,
        id="through a constant",
    ),
    pytest.param(
        {
            "app/config.py": SETTINGS,
            "app/db.py": "from sqlalchemy.ext.asyncio import create_async_engine\n"
            "from app.config import settings\nengine = create_async_engine(str(settings.database_url), echo=True)\n",
        },
        ["app.config:settings.database_url"],
        True,
        id="settings, asynchronous",
    ),
    pytest.param(
        {"app/config.py": SETTINGS.replace("settings = Settings()", "def get_settings():\n    return Settings()\n")},
        ["app.config:get_settings().database_url"],
        False,
        id="settings that a function gives",
    ),
    pytest.param(
        {"config.py": SETTINGS.replace("settings = Settings()", "")},
        ["config:Settings().database_url"],
        False,
        id="settings class",
    ),
    pytest.param(
        {"db.py": "from sqlalchemy import create_engine\nURL = 'sqlite:///app.db'\nengine = create_engine(URL)\n"},
        ["db:URL"],
        False,
        id="a constant",
    ),
    pytest.param(
        {"db.py": "from sqlmodel import create_engine\nengine = create_engine('sqlite:///app.db')\n"},
        ["db:engine.url"],
        False,
        id="a literal",
    ),
    pytest.param(
        {
            "a.py": "import os\nA = os.getenv('DATABASE_URL')\nB = os.getenv('REDIS_URL')\n",
            ".env": "X=postgresql+asyncpg://h/d",
        },
        ["DATABASE_URL"],
        True,
        id="a variable that is read",
    ),
    pytest.param({".env.example": "A=1\nexport DATABASE_URL=postgresql://h/d\n"}, ["DATABASE_URL"], False, id=".env"),
    pytest.param(
        {
            "db.py": f"import os\n{CREATE}A = create_engine(os.environ['A_DATABASE_URL'])\n"
            "B = create_engine(os.environ['B_DATABASE_URL'])\n"
        },
        ["A_DATABASE_URL", "B_DATABASE_URL"],
        False,
        id="two engines",
    ),
    pytest.param(
        {"db.py": f"import os\n{CREATE}URL = os.getenv('URL', 'sqlite:///app.db')\nengine = create_engine(URL)\n"},
        ["db:URL"],
        False,
        id="a variable that may be missing",
    ),
    pytest.param(
        {"db.py": f"import os\n{CREATE}engine = create_engine(os.environ.get('DATABASE_URL', 'sqlite:///app.db'))\n"},
        ["db:engine.url"],
        False,
        id="a variable that may be missing, at once",
    ),
    pytest.param(
        {"db.py": f"import os\n{CREATE}engine = create_engine(os.getenv('DATABASE_URL', ''))\n"},
        ["DATABASE_URL"],
        False,
        id="a variable without a real default",
    ),
    pytest.param({"db.py": f"{CREATE}def make(url):\n    return create_engine(url)\n"}, [], False, id="none"),
]


@pytest.mark.parametrize(("files", "references", "asynchronous"), CASES)
def test_the_address_is_found_where_the_application_takes_it_from(tmp_path, files, references, asynchronous):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    source = Source(tmp_path)
    found = addresses(source)
    assert [address.reference for address in found] == references
    assert is_asynchronous(source, found[0] if found else None) is asynchronous


@pytest.mark.parametrize("text", ["DATABASE_URL", "app.config:settings.database_url", "app:get_settings().url"])
def test_a_name_is_taken(text):
    assert parse_address(text).reference == text


@pytest.mark.parametrize(
    "text", ["postgresql://me:secret@host/db", "app.config", "a:b;import os", "a:f(1)", "", "x = 1"]
)
def test_what_is_no_name_is_not(text):
    assert parse_address(text) is None
