"""A tiny project with models before and after a change, on a database that has rows: what `generate` is tried on."""

import dataclasses
import sys
import types
from pathlib import Path

import sqlalchemy as sa
from tiny_projects import Place

from alembic_mcp.workflows import generate as workflow

__all__ = ["HEADER", "Shop", "open_shop"]

HEADER = """\
import datetime
import enum
import uuid

from sqlalchemy import *
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import DDL

{naming}


class Base:
    metadata = metadata


"""

ENV = """\
from alembic import context
from sqlalchemy import engine_from_config, pool

from models import Base

config = context.config


def run():
    engine = engine_from_config(config.get_section(config.config_ini_section), poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata, **{options})
        with context.begin_transaction():
            context.run_migrations()


run()
"""

START = '''\
"""start

Revision ID: start
Revises:
Create Date: 2026-01-01 00:00:00
"""

revision = "start"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    pass


def downgrade():
    pass
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


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
'''


@dataclasses.dataclass
class Shop:
    """The project on disk and its database.

    Attributes:
        app: what the workflows take.
        folder: the project's.
        place: its database, at revision ``start``, made from the models before, with rows.
    """

    app: object
    folder: Path
    place: Place

    async def generate(self, message="change", **args):
        """Call the workflow; the report."""
        return await workflow.generate(self.app, workflow.Wish(message=message, **args))

    @property
    def files(self):
        """The generated revisions, the first one first: [text]."""
        return [path.read_text(encoding="utf-8") for path in self.paths]

    @property
    def paths(self):
        """Their files, the first one first."""
        by_parent = {}
        for path in (self.folder / "alembic" / "versions").glob("*.py"):
            found = {}
            exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), found)
            by_parent[found["down_revision"]] = (found["revision"], path)
        paths, at = [], "start"
        while at in by_parent:
            at, path = by_parent[at]
            paths.append(path)
        return paths


def open_shop(app, folder, place, *, before, after, rows=(), naming=None, options=None):
    """Write the project into *folder*, and bring *place* to the state before.

    Args:
        app: an open `App`, or None; it is used with *folder* as its start.
        folder: is made.
        place: an empty database.
        before: Python source of the models before; ``metadata``, all of sqlalchemy and ``postgresql`` are there.
        after: the same after the change.
        rows: SQL statements that fill the tables.
        naming: the metadata's naming convention.
        options: more arguments for ``context.configure``.
    """
    header = HEADER.replace("{naming}", f"metadata = MetaData(naming_convention={naming!r})")
    versions = folder / "alembic" / "versions"
    versions.mkdir(parents=True)
    (folder / "alembic" / "env.py").write_text(ENV.replace("{options}", repr(options or {})), encoding="utf-8")
    (folder / "alembic" / "script.py.mako").write_text(TEMPLATE, encoding="utf-8")
    (versions / "start.py").write_text(START, encoding="utf-8")
    (folder / "alembic.ini").write_text(
        "[alembic]\nscript_location = %(here)s/alembic\nprepend_sys_path = .\n"
        f"sqlalchemy.url = {place.url.replace('%', '%%')}\n",
        encoding="utf-8",
    )
    (folder / "models.py").write_text(header + after, encoding="utf-8")
    fill(place, header + before, rows)
    return Shop(app and dataclasses.replace(app, start=folder, prepared={}, runs={}), folder, place)


def fill(place, source, rows):
    """Make the tables of the models in *source*, stamp the database with ``start``, and run *rows*."""
    module = types.ModuleType(f"models_of_{abs(hash(source))}")
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, "models.py", "exec"), module.__dict__)
        engine = sa.create_engine(place.url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            module.metadata.create_all(connection)
            connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
            connection.execute(sa.text("INSERT INTO alembic_version VALUES ('start')"))
        engine.dispose()
    finally:
        del sys.modules[module.__name__]
    if rows:
        place.run(*rows)
