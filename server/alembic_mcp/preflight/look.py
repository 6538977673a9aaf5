"""Looks at a real database over a connection of our own, where what the project's code says of it is not enough."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ..errors import Unreachable
from ..target import Connect

__all__ = ["Seen", "look"]

_CONNECT_PATIENCE = 10  # seconds
_PATIENCE = "SET LOCAL lock_timeout = '4s'; SET LOCAL statement_timeout = '60s'"


@dataclass(frozen=True)
class Seen:
    """What a database says of itself; the attributes are those of `Target`.

    Attributes:
        connect: with the host and port that answered.
    """

    name: str
    host: str
    server_version: str
    identity: str
    connect: Connect
    port: int | None = None
    user: str | None = None
    marker: str | None = None
    pins: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    default_schema: str | None = None
    fingerprint: str | None = None
    may_create_databases: bool = False


def look(dialect: str, connect: Connect, *, version_table: str | None = None, schema: bool = False) -> Seen:
    """Ask the database who it is; blocks.

    Args:
        dialect: ``postgresql`` or ``sqlite``.
        connect: how it is reached.
        version_table: Alembic's, with its schema where it has one; None: the heads are not read.
        schema: take the fingerprint of the schema too.

    Raises:
        Unreachable: there is no connection to it, or it does not answer.
    """
    try:
        if dialect == "sqlite":
            return _sqlite(connect, version_table, schema=schema)
        return _postgresql(connect, version_table, schema=schema)
    except (sqlite3.Error, OSError) as error:
        raise _unreachable(connect, error) from error


def _unreachable(connect: Connect, error: Exception) -> Unreachable:
    why = connect.redact(" ".join(str(error).split()))
    return Unreachable(
        f"The database can't be reached: {why}",
        "Check that the database is running, and that the variable that the settings name holds its URL.",
    )


def _postgresql(connect: Connect, version_table: str | None, *, schema: bool) -> Seen:
    import psycopg  # a project uses one of the two

    params: dict[str, Any] = {"connect_timeout": _CONNECT_PATIENCE, **connect.libpq}
    params |= {"application_name": "alembic-mcp", "client_encoding": "UTF8"}
    try:
        with psycopg.connect(**params, autocommit=False, prepare_threshold=None) as connection:
            connection.read_only = True
            connection.execute(_PATIENCE)
            return _asked(connection, connect, version_table, schema=schema)
    except psycopg.Error as error:
        raise _unreachable(connect, error) from error


def _asked(connection: Any, connect: Connect, version_table: str | None, *, schema: bool) -> Seen:
    from ..worker import identity  # the same questions as the worker asks

    name, version, settings, superuser, creates, user, may_identify = connection.execute(identity.POSTGRESQL).fetchone()
    (default_schema,) = connection.execute("SELECT current_schema()").fetchone()
    system = connection.execute(identity.SYSTEM).fetchone()[0] if may_identify else None
    marks = identity.marks(settings)
    host, port = connection.info.host, connection.info.port
    found: dict[str, Any] = {}
    if version_table is not None:
        found["heads"] = _heads(connection, version_table)
    if schema:
        found["fingerprint"] = _fingerprint(connection, version_table or "", default_schema)
    return Seen(
        name=name,
        host="localhost" if not host or host.startswith(("/", "@")) else host,
        port=port or None,
        user=user,
        server_version=version.split()[0],
        identity=identity.postgresql(system, host, port, name),
        marker=marks.get("environment") or None,
        pins=tuple(identity.pins(marks)),
        may_create_databases=bool(superuser or creates),
        default_schema=default_schema,
        connect=Connect(libpq={**connect.libpq, "host": host, "port": str(port), "dbname": name}),
        **found,
    )


def _heads(connection: Any, version_table: str) -> tuple[str, ...]:
    from psycopg import sql

    schema, _, name = version_table.rpartition(".")
    table = sql.Identifier(schema, name) if schema else sql.Identifier(name)
    text = table.as_string(connection)
    if connection.execute("SELECT to_regclass(%s) IS NULL", [text]).fetchone()[0]:
        return ()
    query = sql.SQL("SELECT version_num FROM {}").format(table)
    return tuple(sorted(str(row[0]) for row in connection.execute(query)))


def _fingerprint(connection: Any, version_table: str, default_schema: str | None) -> str:
    from ..worker import schema, schema_postgresql  # imports Alembic

    skipped_schema, _, skipped = version_table.rpartition(".")
    number = connection.info.server_version // 10_000
    asked = SimpleNamespace(
        dialect=SimpleNamespace(default_schema_name=default_schema, server_version_info=(number,)),
        exec_driver_sql=connection.execute,
    )
    return schema.fingerprint(schema_postgresql.snapshot(asked, skipped, skipped_schema or None))


def _sqlite(connect: Connect, version_table: str | None, *, schema: bool) -> Seen:
    from ..worker import identity  # the same questions as the worker asks

    path = connect.path
    found: dict[str, Any] = {"fingerprint": _sqlite_fingerprint(_nothing, "") if schema else None}
    if path is not None and not Path(path).parent.is_dir():
        raise FileNotFoundError(f"there is no folder {Path(path).parent}")
    if path is not None and Path(path).exists():
        with closing(sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True, timeout=4)) as connection:
            table = (version_table or "").rpartition(".")[2]
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if table in tables:
                quoted = '"' + table.replace('"', '""') + '"'
                rows = connection.execute(f"SELECT version_num FROM {quoted}")  # noqa: S608 - quoted
                found["heads"] = tuple(sorted(str(row[0]) for row in rows))
            if schema:
                found["fingerprint"] = _sqlite_fingerprint(connection.execute, table)
    return Seen(
        name=Path(path).name if path else ":memory:",
        host="",
        server_version=sqlite3.sqlite_version,
        identity=identity.sqlite(path),
        connect=Connect(path=path),
        **found,
    )


def _nothing(_query: str) -> Iterable[Any]:
    """What a file answers that is not there."""
    return ()


def _sqlite_fingerprint(execute: Callable[[str], Iterable[Any]], skipped: str) -> str:
    from ..worker import schema, schema_sqlite  # imports Alembic

    return schema.fingerprint(schema_sqlite.snapshot(SimpleNamespace(exec_driver_sql=execute), skipped))
