"""Looks at the database that env.py leads to: who it is, how to reach it, which revisions it has. Changes nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Tuple

from alembic.runtime.migration import MigrationContext
from alembic.util import to_list

from . import identity, peer, schema
from .connections import Watch, sqlite_path
from .environment import Environment
from .errors import CallError
from .settle import settle
from .stand_in import likely_dialect

__all__ = ["described", "look", "looked", "metadatas", "version_table"]

# A look is over quickly or not at all: another session may hold a table for hours.
_PATIENTLY_READ_ONLY = (
    "SELECT set_config('default_transaction_read_only', 'on', false), set_config('lock_timeout', '4s', false)"
)
_PATIENCE = 15  # seconds, for a connection to come about; somebody waits for the answer
# What a connection needs; psycopg2 tells all that its libpq knows, and another libpq may not know it.
_LIBPQ = frozenset(
    {
        "host",
        "hostaddr",
        "port",
        "user",
        "password",
        "dbname",
        "options",
        "connect_timeout",
        "sslmode",
        "sslrootcert",
        "sslcert",
    }
    | {"sslkey", "sslpassword", "sslcrl", "channel_binding", "gssencmode", "krbsrvname"}
)
_CONSTRAINTS = {
    "Index": "ix",
    "UniqueConstraint": "uq",
    "CheckConstraint": "ck",
    "ForeignKeyConstraint": "fk",
    "PrimaryKeyConstraint": "pk",
}
_LIBPQ_DEFAULTS = {"sslmode": "prefer", "channel_binding": "prefer", "gssencmode": "prefer", "krbsrvname": "postgres"}


def look(request: Dict[str, Any]) -> Dict[str, Any]:
    """Answer the call ``look``: one run of env.py over a read-only connection, or over one to a scratch database.

    Raises:
        CallError: env.py failed, the database can't be reached, or nothing was configured; ``dialect`` in its details
            is that of the database which could not be looked at, as far as that can be known.
    """
    return looked(Environment(request, "current", check_heads=False), request)


def looked(environment: Environment, request: Dict[str, Any]) -> Dict[str, Any]:
    """What `look` answers, found out in *environment*, which has not run yet. Raises as `look`."""
    settle(environment, request["args"])
    environment.seen.patience = request["args"].get("patience") or _PATIENCE
    if not request["args"].get("redirect"):
        environment.seen.on_connect["postgresql"] = _PATIENTLY_READ_ONLY
    found: Dict[str, Any] = {}

    def work(heads: Any, context: MigrationContext) -> None:
        found.update(described(context, environment.seen))
        found["heads"] = sorted(heads)
        if request["args"].get("schema"):
            found["fingerprint"] = schema.fingerprint(schema.snapshot(context))

    try:
        run = environment.run(work, before=_read_heads_plainly, dont_mutate=True)
    except CallError as error:
        error.details.setdefault("dialect", likely_dialect(environment))
        raise
    found.setdefault("fingerprint", None)
    found["warnings"] = list(dict.fromkeys(environment.seen.warnings))
    if run.several:
        found["warnings"].append(
            "env.py runs migrations for several databases or schemas in one go; this is the first of them."
        )
    found["modules"] = environment.modules()
    return found


def version_table(context: MigrationContext) -> str:
    """Name of Alembic's version table, with its schema where it has one."""
    name = context.version_table
    return f"{context.version_table_schema}.{name}" if context.version_table_schema else name


def metadatas(context: MigrationContext) -> Optional[List[Any]]:
    """The MetaData objects that env.py gives for comparison; None if it gives none."""
    metadata = context.opts.get("target_metadata")
    return None if metadata is None else list(to_list(metadata))


def _naming(metadata: Iterable[Any]) -> Dict[str, str]:
    """How the models name constraints and indexes, as far as that is written down; what a function says is left out."""
    found: Dict[str, str] = {}
    for each in metadata:
        convention = getattr(each, "naming_convention", None) or {}
        own = [key for key, value in convention.items() if callable(value)]
        for key, value in convention.items():
            name = key if isinstance(key, str) else _CONSTRAINTS.get(getattr(key, "__name__", ""))
            if name and isinstance(value, str) and not any(f"%({one})s" in value for one in own):
                found.setdefault(name, value)
    return found


def _read_heads_plainly(context: MigrationContext) -> None:
    """Read the heads on PostgreSQL without Alembic, whose queries take longer to put together than to run."""
    connection: Any = context.connection
    if connection.dialect.name != "postgresql":
        return
    table = connection.dialect.identifier_preparer.format_table(context._version)
    if "%" in table or "'" in table:
        return
    heads: Tuple[str, ...] = ()
    if connection.exec_driver_sql(f"SELECT to_regclass('{table}') IS NOT NULL").scalar():
        heads = tuple(row[0] for row in connection.exec_driver_sql(f"SELECT version_num FROM {table}"))  # noqa: S608
    context.get_current_heads = lambda: heads


def described(context: MigrationContext, seen: Watch) -> Dict[str, Any]:
    """What a connection tells of its database: who it is, where, and how it is reached."""
    connection = context.connection
    dialect = context.dialect
    metadata = metadatas(context)
    found: Dict[str, Any] = {
        "dialect": dialect.name,
        "driver": dialect.driver,
        "user": None,
        "port": None,
        "marker": None,
        "pins": [],
        "may_create_databases": False,
        "default_schema": None if dialect.name == "sqlite" else dialect.default_schema_name,
        "version_table": version_table(context),
        "naming_convention": _naming(metadata or ()),
    }
    attempt = next((each for each in reversed(seen.attempts) if each.dialect is dialect), None)
    if dialect.name == "sqlite":
        found.update(_sqlite(connection, attempt))
    elif dialect.name == "postgresql":
        found.update(_postgresql(connection, attempt))
    elif dialect.name in ("mysql", "mariadb"):
        found.update(_mysql(connection, attempt))
    else:
        found.update(_other(connection, attempt))
    return found


def _sqlite(connection: Any, attempt: Any) -> Dict[str, Any]:
    path = sqlite_path(attempt.cargs, attempt.cparams) if attempt else None
    if path is None:
        rows = connection.exec_driver_sql("PRAGMA database_list").fetchall()
        path = next((row[2] for row in rows if row[1] == "main"), None) or None
    return {
        "name": Path(path).name if path else ":memory:",
        "host": "",
        "server_version": ".".join(str(part) for part in connection.dialect.dbapi.sqlite_version_info),
        "identity": identity.sqlite(path),
        "connect": {"libpq": {}, "path": path, "complete": True},
    }


def _postgresql(connection: Any, attempt: Any) -> Dict[str, Any]:
    name, version, settings, superuser, creates, user, may_identify = connection.exec_driver_sql(
        identity.POSTGRESQL
    ).fetchone()
    marks = identity.marks(settings)
    libpq, complete = _libpq(connection, attempt)
    host = libpq.get("host", "")
    port = libpq.get("port")
    system = connection.exec_driver_sql(identity.SYSTEM).scalar() if may_identify else None
    return {
        "name": name,
        "host": peer.machine(host, peer.address(_driver(connection))),
        "port": int(port) if port and port.isdigit() else None,
        "user": user,
        "server_version": version.split()[0],
        "identity": identity.postgresql(system, host, port, name),
        "marker": marks.get("environment") or None,
        "pins": identity.pins(marks),
        "may_create_databases": superuser or creates,
        "connect": {"libpq": {**libpq, "dbname": name}, "path": None, "complete": complete},
    }


def _mysql(connection: Any, attempt: Any) -> Dict[str, Any]:
    found = _other(connection, attempt)
    name, version, user = connection.exec_driver_sql("SELECT DATABASE(), VERSION(), CURRENT_USER()").fetchone()
    server = dict(connection.exec_driver_sql(identity.MYSQL).fetchall())
    driver = _driver(connection)
    host = peer.mysql(driver, attempt.cparams if attempt else {}) or found["host"]
    return {
        **found,
        "name": name or "",
        "host": peer.machine(host, peer.address(driver)),
        "user": str(user).rpartition("@")[0] or found["user"],
        # 10.11.19-MariaDB-0+deb12u1: which of the two it is matters, how it was packaged does not.
        "server_version": "-".join(str(version).split("-")[: 2 if "mariadb" in str(version).lower() else 1]),
        "identity": identity.mysql(server, host, found["port"], name or ""),
    }


def _other(connection: Any, attempt: Any) -> Dict[str, Any]:
    url = connection.engine.url
    dialect = connection.dialect
    params = attempt.cparams if attempt else {}
    host, port = params.get("host") or url.host or "localhost", params.get("port") or url.port
    name = url.database or ""
    version = getattr(dialect, "server_version_info", None) or ()
    return {
        "name": name,
        "host": host,
        "port": int(port) if port else None,
        "user": params.get("user") or url.username,
        "server_version": ".".join(str(part) for part in version),
        "identity": f"{dialect.name}:{host}:{port or ''}:{name}",
        "connect": {"libpq": {}, "path": None, "complete": False},
    }


def _driver(connection: Any) -> Any:
    """The driver's own connection."""
    raw = connection.connection
    return getattr(raw, "driver_connection", None) or raw.connection


def _libpq(connection: Any, attempt: Any) -> Tuple[Dict[str, str], bool]:
    """Keywords of libpq for an open connection, as the driver itself resolved them; and whether they are enough."""
    driver = _driver(connection)
    info = getattr(driver, "info", None)
    if info is not None and hasattr(info, "dbname"):  # psycopg and psycopg2
        given = info.get_parameters() if hasattr(info, "get_parameters") else dict(info.dsn_parameters)
        found = {
            key: str(value)
            for key, value in given.items()
            if value and key in _LIBPQ and value != _LIBPQ_DEFAULTS.get(key)
        }
        for key, value in (("host", info.host), ("port", info.port), ("user", info.user), ("password", info.password)):
            if value:
                found[key] = str(value)
        if found.get("hostaddr"):  # of a list, as of a list of hosts, what the connection was made to
            found["hostaddr"] = peer.address(driver) or found["hostaddr"]
        return found, True
    if hasattr(driver, "_addr") and hasattr(driver, "_params"):  # asyncpg
        return _asyncpg(driver, attempt)
    if attempt is None:
        return {}, False
    # pg8000 and others that take keywords of this kind
    names = {"host": "host", "port": "port", "user": "user", "password": "password"}
    found = {keyword: str(attempt.cparams[name]) for name, keyword in names.items() if attempt.cparams.get(name)}
    if attempt.cparams.get("unix_sock"):
        found["host"], _, found["port"] = str(attempt.cparams["unix_sock"]).rpartition("/.s.PGSQL.")
    return found, not attempt.cparams.get("ssl_context")


def _asyncpg(driver: Any, attempt: Any) -> Tuple[Dict[str, str], bool]:
    address = driver._addr
    if isinstance(address, str):
        host, _, port = address.rpartition("/.s.PGSQL.")
    else:
        host, port = address[0], str(address[1])
    found = {"host": host, "port": port, "user": driver._params.user}
    if os.environ.get("PGHOSTADDR"):  # which asyncpg doesn't know, and whoever connects with these keywords does
        found["hostaddr"] = peer.address(driver) or ""
    if driver._params.password:
        found["password"] = str(driver._params.password)
    ssl = (attempt.cparams.get("ssl") if attempt else None) or os.environ.get("PGSSLMODE")
    if isinstance(ssl, str):
        found["sslmode"] = ssl
    settings = (attempt.cparams.get("server_settings") if attempt else None) or {}
    if settings.get("search_path"):
        found["options"] = f"-c search_path={settings['search_path']}".replace(", ", ",")
    return found, attempt is not None and (ssl is None or isinstance(ssl, str))
