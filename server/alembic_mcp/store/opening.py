"""Opens the store's database: a private SQLite file or a shared PostgreSQL, brought up to this version's revision."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..errors import Failed, Refused
from .records import default_file
from .tables import KNOWN, VERSION_TABLE

__all__ = ["Opened"]

BUSY_SECONDS = 20
_LOCK = 0x616C656D6D6370
"""Of PostgreSQL, for the transaction of each writer: the trail is one chain."""


class Opened:
    """The store while it is in use."""

    def __init__(self, url: str | None, busy_seconds: float = BUSY_SECONDS) -> None:
        """Connect, and run what revisions of our own are missing. Raises Refused for a store of a newer version."""
        self._busy = busy_seconds
        place = sa.make_url(url) if url else sa.URL.create("sqlite", database=str(default_file()))
        if place.get_backend_name() == "sqlite" and place.database not in (None, "", ":memory:"):
            _make_private(Path(str(place.database)))
        self.engine = sa.create_engine(place, pool_pre_ping=place.get_backend_name() != "sqlite")
        if self.engine.dialect.name == "sqlite":
            sa.event.listen(self.engine, "connect", self._prepare)
            sa.event.listen(self.engine, "begin", _begin)
        try:
            self._migrate()
        except BaseException:
            self.engine.dispose()
            raise

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that only reads."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that no other writer's overlaps; what it raises undoes it."""
        with self.engine.connect() as connection:
            writer = connection.execution_options(immediate=True)
            with writer.begin():
                if self.engine.dialect.name == "postgresql":
                    writer.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
                yield writer

    def _migrate(self) -> None:
        with self.reading() as connection:
            if _version(connection) == KNOWN[-1]:
                return
        # Alembic is imported only where there is something to do: once in the life of a store.
        from alembic import command
        from alembic.config import Config

        with self.writing() as connection:
            if _version(connection) == KNOWN[-1]:
                return  # another process was first
            config = Config()
            config.set_main_option("script_location", str(Path(__file__).parent / "revisions").replace("%", "%%"))
            config.set_main_option("path_separator", "os")
            config.attributes.update(connection=connection, version_table=VERSION_TABLE)
            command.upgrade(config, "head")

    def _prepare(self, connection: Any, _: Any) -> None:
        """Wait for other writers, do not block readers, and let us begin transactions ourselves."""
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(self._busy * 1000)}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.close()


def _begin(connection: sa.Connection) -> None:
    immediate = connection.get_execution_options().get("immediate")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalars().all()  # noqa: S608 - ours
    unknown = [str(each) for each in found if each not in KNOWN]
    if unknown:
        raise Refused(
            f"The store of plans was written by a newer version of alembic-mcp (revision {', '.join(unknown)}), "
            "which this one does not understand. Nothing was changed.",
            "Update alembic-mcp here, or name another store by ALEMBIC_MCP_STATE_URL.",
        )
    return str(found[0]) if found else None


def _make_private(file: Path) -> None:
    """Make the file if it is not there; nobody else can read it, or those that SQLite puts next to it."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise Failed(
            f"The store of plans ({file}) cannot be used: {error.strerror}. Nothing was changed.",
            "Make it readable and writable for this user.",
            "ALEMBIC_MCP_STATE_URL names another place.",
        ) from error
