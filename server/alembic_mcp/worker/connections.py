"""Watches every connection that env.py opens: with which parameters, whether it failed, and what it must not do."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.engine import default
from sqlalchemy.pool import Pool

__all__ = ["Attempt", "Watch", "raw_execute", "sqlite_path", "watch"]

_READ_ONLY = {
    "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "sqlite": "PRAGMA query_only = ON",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
}
_LIBPQ_DRIVERS = ("psycopg", "psycopg_async", "psycopg2")
# What env.py may send on every run, before it comes to the revisions: CREATE SCHEMA IF NOT EXISTS and its kin.
_DEFINITION = re.compile(r"\s*(CREATE|ALTER|DROP|GRANT|REVOKE|COMMENT|DO)\s", re.IGNORECASE)
# SQLite refuses to begin like this where nothing may be written.
_BEGIN_TO_WRITE = re.compile(r"\s*BEGIN\s+(IMMEDIATE|EXCLUSIVE)\b", re.IGNORECASE)


class Attempt(NamedTuple):
    """One connection that SQLAlchemy opened: the dialect and what was handed to the driver."""

    dialect: Any
    cargs: Tuple[Any, ...]
    cparams: Dict[str, Any]


class Watch:
    """What was seen.

    Attributes:
        attempts: the connections, in order.
        errors: what the driver raised when one couldn't be opened.
        statements: how many statements were sent so far.
        warnings: what was left out because the session is read only.
        patience: seconds for a PostgreSQL connection to come about, where the project sets no limit; None: as it is.
        on_connect: SQL to run on each new connection, by dialect; committed at once.
    """

    def __init__(self) -> None:
        self.attempts: List[Attempt] = []
        self.errors: List[BaseException] = []
        self.statements = 0
        self.warnings: List[str] = []
        self.patience: Optional[int] = None
        self.on_connect: Dict[str, str] = {}
        self._read_only = False

    def read_only(self) -> None:
        """From now on nothing can be written through a new connection; what env.py creates by habit is left out.

        A SQLite file that does not exist is not created: the connection gets an empty database in memory.
        """
        self._read_only = True
        self.on_connect.update(_READ_ONLY)

    def _connect(self, original: Callable[..., Any], dialect: Any, cargs: Any, cparams: Any) -> Any:
        self.attempts.append(Attempt(dialect, cargs, cparams))
        if self._read_only and dialect.name == "sqlite":
            path = sqlite_path(cargs, cparams)
            if path and not Path(path).exists() and Path(path).parent.is_dir():
                cargs, cparams = (":memory:", *cargs[1:]), {**cparams, "uri": False}
        if self.patience and dialect.driver in _LIBPQ_DRIVERS and not _is_limited(cargs, cparams):
            cparams = {**cparams, "connect_timeout": self.patience}
        try:
            return original(dialect, *cargs, **cparams)
        except Exception as error:
            self.errors.append(error)
            raise

    def _connected(self, connection: Any, record: Any) -> None:
        dialect: Any = getattr(getattr(record, "_ConnectionRecord__pool", None), "_dialect", None)
        sql = self.on_connect.get(getattr(dialect, "name", ""))
        if sql:
            raw_execute(connection, sql)
            if dialect.name != "sqlite":
                connection.commit()

    def _before_execute(
        self, connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
    ) -> Tuple[str, Any]:
        self.statements += 1
        if self._read_only and connection.dialect.name in _READ_ONLY and _DEFINITION.match(statement):
            text = " ".join(statement.split())[:200]
            self.warnings.append(f"env.py sends this on every run; it was left out here: {text}")
            return "SELECT 1", parameters
        if self._read_only and connection.dialect.name == "sqlite" and _BEGIN_TO_WRITE.match(statement):
            return "BEGIN", parameters
        return statement, parameters


def _is_limited(cargs: Tuple[Any, ...], cparams: Dict[str, Any]) -> bool:
    given = [*cparams, *(arg for arg in cargs if isinstance(arg, str))]
    return "PGCONNECT_TIMEOUT" in os.environ or any("connect_timeout" in each or "service" in each for each in given)


def watch() -> Watch:
    """Start watching, for the rest of the process."""
    seen = Watch()
    original = default.DefaultDialect.connect

    def connect(dialect: Any, *cargs: Any, **cparams: Any) -> Any:
        return seen._connect(original, dialect, cargs, cparams)

    # Below do_connect, so that the parameters are those that listeners of the project (for tokens) have settled.
    default.DefaultDialect.connect = connect  # type: ignore[assignment]
    event.listen(Pool, "connect", seen._connected)
    event.listen(sqlalchemy.engine.Engine, "before_cursor_execute", seen._before_execute, retval=True)
    return seen


def raw_execute(connection: Any, sql: str) -> Optional[List[Any]]:
    """Send *sql* over a DBAPI connection (or the adapter of an async one); the rows, None if it returns none."""
    cursor = connection.cursor()
    try:
        cursor.execute(sql)
        return list(cursor.fetchall()) if cursor.description else None
    finally:
        cursor.close()


def sqlite_path(cargs: Tuple[Any, ...], cparams: Dict[str, Any]) -> Optional[str]:
    """Absolute path of the file that a SQLite connection opens; None for one in memory."""
    name = os.fspath(cargs[0] if cargs else cparams.get("database", ":memory:"))
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    if name.startswith("file:"):
        name, _, query = name[5:].partition("?")
        if "mode=memory" in query:
            return None
        name = re.sub(r"^//[^/]*", "", name)
    return None if name in ("", ":memory:") else str(Path(name).resolve())
