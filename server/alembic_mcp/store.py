"""Plans that wait for an answer, each of which runs once: a small database of the server's own."""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from .errors import Failed, redact

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["Plan", "Store"]

_BUSY = 20  # seconds to wait for another process's write
_ATTEMPTS = 5


@dataclass(frozen=True)
class Plan:
    """A plan as it is kept.

    Attributes:
        state: ``open``, ``consumed`` or ``expired``.
        created: seconds since 1970; ``expires`` and ``consumed`` likewise.
    """

    id: str
    digest: str
    request: str
    payload: dict[str, Any]
    state: str
    created: float
    expires: float
    consumed: float | None


class Store:
    """The plans of one user, or of a team that shares a database for them. Safe to use from threads and processes.

    Nothing is opened before the first call; all methods block for a few milliseconds.
    """

    def __init__(self, url: str | None = None) -> None:
        """Keep plans at *url* (SQLAlchemy's), else ``ALEMBIC_MCP_STATE_URL``, else in the user's state folder."""
        self._url = url or os.environ.get("ALEMBIC_MCP_STATE_URL")
        self._opened: _Opened | None = None
        self._opening = threading.Lock()

    def open_plan(self, digest: str, request: str, payload: dict[str, Any], lifetime: float) -> str:
        """The id of the open plan with this *digest* for this *request*; a new one, for *lifetime* seconds, if none is.

        Raises:
            Failed: the store cannot be used.
        """
        key = hashlib.sha256(f"{digest}\0{request}".encode()).hexdigest()
        with self._failures() as store:
            for _ in range(_ATTEMPTS):
                found = store.find_or_add(key, digest, request, payload, lifetime)
                if found is not None:
                    return found
        raise Failed(f"{self._place} is too busy to keep a plan.", "Call again.")

    def consume(self, plan_id: str, digest: str) -> bool:
        """Use up a plan: True for exactly one caller, False if it is used, expired, unknown or of another *digest*.

        Raises:
            Failed: the store cannot be used; the plan was not consumed.
        """
        with self._failures() as store:
            return store.consume(plan_id, digest)

    def get(self, plan_id: str) -> Plan | None:
        """The plan, None if there is none of that id.

        Raises:
            Failed: the store cannot be used.
        """
        with self._failures() as store:
            return store.get(plan_id)

    def close(self) -> None:
        """Let go of the connections; the store can be used again."""
        with self._opening:
            if self._opened is not None:
                self._opened.engine.dispose()
                self._opened = None

    @property
    def _place(self) -> str:
        return f"The store of plans ({redact(self._url or str(_default_file()))})"

    @contextmanager
    def _failures(self) -> Iterator[_Opened]:
        import sqlalchemy.exc  # noqa: PLC0415 - 0.2 s that a server which changes nothing does without

        try:
            with self._opening:
                if self._opened is None:
                    self._opened = _Opened(self._url)
                store = self._opened
            yield store
        except (sqlalchemy.exc.SQLAlchemyError, sqlite3.Error, OSError, ImportError) as error:
            why = str(getattr(error, "orig", None) or error)
            raise Failed(
                f"{self._place} cannot be used: {why} Nothing was changed.",
                "Make it readable and writable for this user; a broken file can be moved away: it holds only plans.",
                "ALEMBIC_MCP_STATE_URL names another place.",
            ) from error


class _Opened:
    """The store while it is in use."""

    def __init__(self, url: str | None) -> None:
        import sqlalchemy as sa  # noqa: PLC0415

        self.engine = sa.create_engine(url or _private_file())
        metadata = sa.MetaData()
        self.plans = sa.Table(
            "plans",
            metadata,
            sa.Column("id", sa.String(64), primary_key=True),
            sa.Column("key", sa.String(64), nullable=False),
            sa.Column("digest", sa.String(128), nullable=False),
            sa.Column("request", sa.Text, nullable=False),
            sa.Column("payload", sa.JSON, nullable=False),
            sa.Column("state", sa.String(16), nullable=False),
            sa.Column("created", sa.Double, nullable=False),
            sa.Column("expires", sa.Double, nullable=False),
            sa.Column("consumed", sa.Double),
        )
        is_open = self.plans.c.state == "open"
        only = sa.Index("one_open_plan", self.plans.c.key, unique=True, sqlite_where=is_open, postgresql_where=is_open)
        if self.engine.dialect.name == "sqlite":
            sa.event.listen(self.engine, "connect", _prepare)
        try:
            self._create(only)
        except BaseException:
            self.engine.dispose()
            raise

    def _create(self, only: sa.Index) -> None:
        from sqlalchemy import exc, schema  # noqa: PLC0415

        for attempt in range(_ATTEMPTS):
            try:
                with self.engine.begin() as connection:
                    connection.execute(schema.CreateTable(self.plans, if_not_exists=True))
                    connection.execute(schema.CreateIndex(only, if_not_exists=True))
            except (exc.IntegrityError, exc.ProgrammingError):
                # PostgreSQL: another process is creating them at this moment.
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return

    def find_or_add(self, key: str, digest: str, request: str, payload: dict[str, Any], lifetime: float) -> str | None:
        """The id of the open plan; None if another process has just added or used it: ask again."""
        from sqlalchemy import exc  # noqa: PLC0415

        plans, now = self.plans, time.time()
        try:
            with self.engine.begin() as connection:
                stale = (plans.c.state == "open") & (plans.c.expires <= now)
                connection.execute(plans.update().where(stale, plans.c.key == key).values(state="expired"))
                query = plans.select().where(plans.c.key == key, plans.c.state == "open")
                found = connection.execute(query).first()
                if found is not None:
                    return str(found.id)
                new = secrets.token_urlsafe(12)
                values = {"id": new, "key": key, "digest": digest, "request": request, "payload": payload}
                times = {"state": "open", "created": now, "expires": now + lifetime}
                connection.execute(plans.insert().values(**values, **times))
                return new
        except exc.IntegrityError:
            return None

    def consume(self, plan_id: str, digest: str) -> bool:
        """One statement: the database decides who is first."""
        plans, now = self.plans, time.time()
        valid = (plans.c.state == "open") & (plans.c.expires > now)
        statement = plans.update().where(plans.c.id == plan_id, plans.c.digest == digest, valid)
        with self.engine.begin() as connection:
            return connection.execute(statement.values(state="consumed", consumed=now)).rowcount == 1

    def get(self, plan_id: str) -> Plan | None:
        """The plan as a record."""
        plans = self.plans
        with self.engine.connect() as connection:
            row = connection.execute(plans.select().where(plans.c.id == plan_id)).first()
        if row is None:
            return None
        state = "expired" if row.state == "open" and row.expires <= time.time() else row.state
        return Plan(row.id, row.digest, row.request, row.payload, state, row.created, row.expires, row.consumed)


def _default_file() -> Path:
    return platformdirs.user_state_path("alembic-mcp") / "state.sqlite"


def _private_file() -> str:
    """The URL of the default file, which exists afterwards and which nobody else can read."""
    import sqlalchemy as sa  # noqa: PLC0415

    file = _default_file()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # SQLite gives its own files next to it the same mode.
    os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    return sa.URL.create("sqlite", database=str(file)).render_as_string()


def _prepare(connection: Any, _: Any) -> None:
    """Wait for other writers, and do not block readers."""
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY * 1000}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.close()
