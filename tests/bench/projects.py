"""The projects that are measured: with many tables, and with many revisions."""

import sqlite3
from pathlib import Path

import psycopg

__all__ = ["add_revision", "at", "many_revisions", "many_tables", "ten_tables"]

INI = """\
[alembic]
script_location = %(here)s/alembic
prepend_sys_path = .
sqlalchemy.url = {url}
"""

ENV = """\
from alembic import context
from sqlalchemy import engine_from_config, pool

from models import Base

config = context.config
target_metadata = Base.metadata


def offline():
    context.configure(url=config.get_main_option("sqlalchemy.url"), target_metadata=target_metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def online():
    engine = engine_from_config(config.get_section(config.config_ini_section), poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=target_metadata)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    offline()
else:
    online()
"""

MODELS = """\
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass

"""

MODEL = """
class Table{n}(Base):
    __tablename__ = "table_{n}"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    note: Mapped[str | None]
{parent}
"""

REVISION = '''\
"""{message}

Revision ID: {revision}
Revises: {parent}
Create Date: 2026-01-01 00:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = {revision!r}
down_revision = {parent!r}
branch_labels = None
depends_on = None


def upgrade():
    {upgrade}


def downgrade():
    {downgrade}
'''


TEMPLATE = '''\
"""${message}

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
Create Date: ${create_date}
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade():
    ${upgrades if upgrades else "pass"}


def downgrade():
    ${downgrades if downgrades else "pass"}
'''


def ten_tables(folder: Path, url: str) -> list[str]:
    """Ten tables, one revision each; the ids, oldest first. The database is left as it is."""
    ids = _start(folder, url, 10)
    models = MODELS
    for n in range(len(ids)):
        parent = f'    parent_id: Mapped[int] = mapped_column(ForeignKey("table_{n - 1}.id"))' if n else ""
        models += MODEL.format(n=n, parent=parent)
        columns = [
            f'"table_{n}"',
            'sa.Column("id", sa.Integer(), primary_key=True)',
            'sa.Column("name", sa.String(80), nullable=False)',
            'sa.Column("note", sa.String())',
        ]
        if n:
            foreign = f'sa.ForeignKey("table_{n - 1}.id")'
            columns.append(f'sa.Column("parent_id", sa.Integer(), {foreign}, nullable=False)')
        upgrade = f"op.create_table({', '.join(columns)})"
        _revision(folder, ids, n, f"create table_{n}", upgrade=upgrade, downgrade=f'op.drop_table("table_{n}")')
    (folder / "models.py").write_text(models, encoding="utf-8")
    return ids


def many_tables(folder: Path, url: str, count: int) -> str:
    """Many tables in one revision; its id. The database is left as it is."""
    [revision] = _start(folder, url, 1)
    models = MODELS
    for n in range(count):
        parent = f'    parent_id: Mapped[int] = mapped_column(ForeignKey("table_{n - 1}.id"))' if n else ""
        models += MODEL.format(n=n, parent=parent)
    (folder / "models.py").write_text(models, encoding="utf-8")
    upgrade = "from models import Base; Base.metadata.create_all(op.get_bind())"
    downgrade = "from models import Base; Base.metadata.drop_all(op.get_bind())"
    _revision(folder, [revision], 0, "create the tables", upgrade=upgrade, downgrade=downgrade)
    return revision


def add_revision(folder: Path, revision: str, parent: str, *, upgrade: str, downgrade: str = "pass") -> None:
    """Write a revision after *parent*; *upgrade* and *downgrade* are lines of Python, indented by four blanks."""
    text = REVISION.format(
        message=f"step {revision}", revision=revision, parent=parent, upgrade=upgrade, downgrade=downgrade
    )
    (folder / "alembic" / "versions" / f"{revision}.py").write_text(text, encoding="utf-8")


def many_revisions(folder: Path, url: str, count: int = 2_000) -> list[str]:
    """A long line of revisions that do nothing; the ids, oldest first. The database is left as it is."""
    ids = _start(folder, url, count)
    (folder / "models.py").write_text(MODELS, encoding="utf-8")
    for n in range(count):
        _revision(folder, ids, n, f"step {n}", upgrade="pass", downgrade="pass")
    return ids


def at(revision: str, *, postgres: dict[str, str] | None = None, sqlite: Path | None = None) -> None:
    """Write *revision* into a new version table."""
    create = "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
    insert = f"INSERT INTO alembic_version VALUES ('{revision}')"
    if postgres:
        with psycopg.connect(**postgres, autocommit=True) as connection:
            connection.execute(create)
            connection.execute(insert)
    if sqlite:
        connection = sqlite3.connect(sqlite)
        connection.execute(create)
        connection.execute(insert)
        connection.commit()
        connection.close()


def _start(folder: Path, url: str, count: int) -> list[str]:
    (folder / "alembic" / "versions").mkdir(parents=True)
    (folder / "alembic.ini").write_text(INI.format(url=url), encoding="utf-8")
    (folder / "alembic" / "env.py").write_text(ENV, encoding="utf-8")
    (folder / "alembic" / "script.py.mako").write_text(TEMPLATE, encoding="utf-8")
    return [f"{n * 2654435761 % 2**48:012x}" for n in range(1, count + 1)]


def _revision(folder: Path, ids: list[str], n: int, message: str, *, upgrade: str, downgrade: str) -> None:
    text = REVISION.format(
        message=message,
        revision=ids[n],
        parent=ids[n - 1] if n else None,
        upgrade=upgrade,
        downgrade=downgrade,
    )
    name = f"{ids[n]}_{message.replace(' ', '_')}.py"
    (folder / "alembic" / "versions" / name).write_text(text, encoding="utf-8")
