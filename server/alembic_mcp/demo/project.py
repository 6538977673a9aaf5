"""The project that the demo is about: one model, an ordinary Alembic environment, a database with rows in it."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import ClassVar
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

__all__ = ["Project"]

MODELS = '''\
"""The application's models."""

from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Person(Base):
    __tablename__ = "person"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(320))
'''

ENVIRONMENT = '''\
"""How Alembic reaches the database and the models."""

from alembic import context
from sqlalchemy import engine_from_config, pool

from models import Base

config = context.config

if context.is_offline_mode():
    url = config.get_main_option("sqlalchemy.url")
    context.configure(url=url, target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    engine = engine_from_config(config.get_section(config.config_ini_section), poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata)
        with context.begin_transaction():
            context.run_migrations()
'''

TEMPLATE = '''\
"""${message}"""

from alembic import op
import sqlalchemy as sa
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
'''

FIRST_REVISION = '''\
"""create person"""

from alembic import op
import sqlalchemy as sa

revision = "c0ffee000001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "person",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    op.drop_table("person")
'''


@dataclass(frozen=True)
class Project:
    """The project on disk and the database behind it.

    Attributes:
        folder: holds everything that the demo makes.
        database: its libpq connection string.
    """

    folder: Path
    database: str

    PERSONS: ClassVar = 100_000
    FIRST: ClassVar = "c0ffee000001"
    DATABASE: ClassVar = "people"

    @classmethod
    def create(cls, folder: Path, server: dict[str, str]) -> Project:
        """Write the project into *folder*, and make its empty database on *server* (libpq keywords)."""
        project = cls(folder, make_conninfo(**server, dbname=cls.DATABASE))
        host = quote(server["host"], safe="/")
        url = f"postgresql+psycopg://{server['user']}@/{cls.DATABASE}?host={host}&port={server['port']}"
        configuration = f"""\
            [alembic]
            script_location = %(here)s/migrations
            prepend_sys_path = .
            sqlalchemy.url = {url.replace("%", "%%")}
            """
        files = {
            # Alembic and SQLAlchemy are taken from where this demo runs: nothing is installed for it.
            "pyproject.toml": f"[tool.alembic-mcp]\ninterpreter = {json.dumps(sys.executable)}\n",
            "alembic.ini": dedent(configuration),
            "models.py": MODELS,
            "migrations/env.py": ENVIRONMENT,
            "migrations/script.py.mako": TEMPLATE,
            "migrations/versions/c0ffee000001_create_person.py": FIRST_REVISION,
        }
        for name, text in files.items():
            path = project.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        with psycopg.connect(make_conninfo(**server, dbname="postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(cls.DATABASE)))
        return project

    @property
    def root(self) -> Path:
        """The folder that a developer would call the project."""
        return self.folder / "project"

    @property
    def models(self) -> Path:
        """The file with the models."""
        return self.root / "models.py"

    @property
    def server_environment(self) -> dict[str, str]:
        """Variables for the server: its own files stay in the demo's folder, and the user's settings don't apply."""
        return {
            "ALEMBIC_MCP_CACHE_DIR": str(self.folder / "cache"),
            "ALEMBIC_MCP_STATE_URL": f"sqlite:///{self.folder / 'state.db'}",
            "XDG_CONFIG_HOME": str(self.folder / "config"),
        }

    @property
    def server_log(self) -> Path:
        """Where the server's stderr goes."""
        return self.folder / "server.log"

    def log(self) -> str:
        """The end of what the server logged."""
        return self.server_log.read_text(encoding="utf-8", errors="replace")[-4000:] if self.server_log.exists() else ""

    def fill(self) -> None:
        """Insert the persons, each with a name and an email address."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO person (name, email)"
                " SELECT 'Person ' || n, 'person' || n || '@example.org' FROM generate_series(1, %s) AS n",
                [self.PERSONS],
            )
            connection.execute("ANALYZE person")

    def values(self, column: str) -> int | None:
        """How many values *column* of person holds, asked directly; None if there is no such column."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            try:
                found = connection.execute(sql.SQL("SELECT count({}) FROM person").format(sql.Identifier(column)))
            except psycopg.errors.UndefinedColumn:
                return None
            row = found.fetchone()
        return row[0] if row else None
