"""Tiny Alembic projects for tests: the folders of tests/projects laid over each other, and a database for them."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["AT_B2", "Place", "make", "on_sqlite", "tree"]

PROJECTS = Path(__file__).parent / "projects"
AT_B2 = (
    "CREATE TABLE person (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(50) NOT NULL, email VARCHAR(80))",
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
    "INSERT INTO alembic_version VALUES ('b2')",
    "INSERT INTO person VALUES (1, 'Ada', 'ada@example.org')",
)
"""What brings an empty database to where ``plain``'s second revision leaves it, with one person in it."""


@dataclass(frozen=True)
class Place:
    """A database that a tiny project uses.

    Attributes:
        url: for SQLAlchemy.
        run: runs statements, each committed; the rows of the last one.
    """

    url: str
    run: Callable[..., list[tuple[Any, ...]]]

    @property
    def is_postgresql(self) -> bool:
        """True on PostgreSQL, else it is SQLite."""
        return self.url.startswith("postgresql")

    def columns(self, table: str) -> list[str]:
        """The columns of a table, in order; none if there is no such table."""
        if self.is_postgresql:
            found = self.run(
                "SELECT column_name FROM information_schema.columns "
                f"WHERE table_name = '{table}' ORDER BY ordinal_position"
            )
            return [row[0] for row in found]
        return [row[1] for row in self.run(f"PRAGMA table_info({table})")]


def make(folder: Path, *layers: str, url: str) -> Path:
    """Lay the project ``plain`` and *layers* over each other in *folder*; the folder."""
    for layer in ("plain", *layers):
        assert (PROJECTS / layer).is_dir(), layer
        shutil.copytree(PROJECTS / layer, folder, dirs_exist_ok=True)
    ini = folder / "alembic.ini"
    ini.write_text(ini.read_text(encoding="utf-8").replace("@URL@", url.replace("%", "%%")), encoding="utf-8")
    return folder


def on_sqlite(folder: Path, driver: str = "pysqlite") -> Place:
    """A SQLite file that does not exist yet."""
    file = folder / "data" / "app.db"
    file.parent.mkdir(parents=True)

    def run(*statements: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            rows: list[tuple[Any, ...]] = []
            for statement in statements:
                rows = connection.execute(statement).fetchall()
        return rows

    return Place(f"sqlite+{driver}:///{file}", run)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a project but what Python and the database keep there."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and path.parts[len(folder.parts)] != "data"
    }
