"""The databases that we make on a PostgreSQL server: named and marked as ours, dropped by us and nobody else's.

A database is ours if its name has our prefix and its comment is the JSON that we write. The comment says which process
made it, so that what a killed process left behind is swept by the next one.
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from ..owner import Owner

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["PREFIX", "Databases", "Ours", "new_name"]

PREFIX = "alembic_mcp_"
_ABANDONED = 24 * 3600  # seconds after which what another host made is taken for a leftover
_WAL_LOG_SINCE = 150000
_SESSION = {"application_name": "alembic-mcp", "client_encoding": "UTF8"}
_ROLE_COMMENT = "alembic_mcp: stands for a role of a rehearsed database"


@dataclass(frozen=True)
class Ours:
    """A database that carries our name and our comment.

    Attributes:
        kind: ``scratch`` or ``template``.
        age: seconds since it was made or, for a template, last used.
        settings: of a template: what its copies are to be configured with, name -> value.
        warnings: of a template: how it differs from the target.
    """

    name: str
    kind: str
    owner: Owner
    age: float
    settings: dict[str, str]
    warnings: tuple[str, ...]

    @property
    def is_leftover(self) -> bool:
        """True if the process that made it is gone, as far as that can be known."""
        return self.owner.is_dead or (self.owner.host != Owner.me().host and self.age > _ABANDONED)


def new_name() -> str:
    """A name that no database has yet."""
    return f"{PREFIX}{uuid.uuid4().hex}"


@dataclass(frozen=True, repr=False)
class Databases:
    """One server, seen as a place for databases of ours. All methods block.

    Attributes:
        params: keywords of libpq of a connection that may create databases; ``dbname`` is where it connects.
    """

    params: Mapping[str, str]

    def connect(self, dbname: str | None = None) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection in autocommit mode, to *dbname* or to the usual one.

        Raises:
            psycopg.OperationalError: it cannot be reached.
        """
        params: dict[str, Any] = {"connect_timeout": 10, **self.params, **_SESSION}
        if dbname is not None:
            params["dbname"] = dbname
        return psycopg.connect(**params, autocommit=True, prepare_threshold=None)

    def create(
        self,
        name: str,
        *,
        kind: str,
        template: str = "template0",
        options: sql.Composable | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Create *name* as a copy of *template* and mark it; *settings* are set for its connections.

        Raises:
            psycopg.Error: as the server says it; nothing is left behind.
        """
        with self.connect() as connection:
            strategy = " STRATEGY wal_log" if connection.info.server_version >= _WAL_LOG_SINCE else ""
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}" + strategy + " {}")
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template), options or sql.SQL("")))
            self._comment(connection, name, kind)
            self._configure(connection, name, settings or {})

    def drop(self, *names: str) -> None:
        """Drop databases of ours, whoever is connected to them; one that is gone already is no error.

        Raises:
            psycopg.Error: as the server says it.
        """
        with self.connect() as connection:
            for name in names:
                _drop(connection, name)

    def seal(
        self, name: str, settings: Mapping[str, str], warnings: Iterable[str], *, rename: str | None = None
    ) -> str:
        """Make a finished database a template that nobody connects to; its final name.

        Where another process has made a template named *rename* in the meantime, that one is used and this one goes.
        """
        with self.connect() as connection:
            database = sql.Identifier(name)
            connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(database))
            self._comment(connection, name, "template", settings, warnings)
            if rename is None:
                return name
            try:
                connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(database, sql.Identifier(rename)))
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                _drop(connection, name)
            return rename

    def use(self, name: str) -> Ours | None:
        """Note that a template is used now, and return it; None if there is none of that name."""
        with self.connect() as connection:
            found = next((ours for ours in _ours(connection) if ours.name == name and ours.kind == "template"), None)
            if found:
                self._comment(connection, name, "template", found.settings, found.warnings)
            return found

    def sweep(self, *kinds: str) -> None:
        """Drop what processes that are gone left behind, of these *kinds*."""
        with self.connect() as connection:
            for ours in _ours(connection):
                if ours.kind in kinds and ours.is_leftover:
                    _try_drop(connection, ours.name)

    def bound_templates(self, number: int) -> None:
        """Keep the *number* of templates that were used last, drop the others."""
        with self.connect() as connection:
            templates = sorted(
                (ours for ours in _ours(connection) if ours.kind == "template"), key=lambda ours: ours.age
            )
            for ours in templates[number:]:
                _try_drop(connection, ours.name)

    def roles(self) -> frozenset[str]:
        """The names of all roles."""
        with self.connect() as connection:
            return frozenset(name for (name,) in connection.execute("SELECT rolname FROM pg_roles"))

    def add_roles(self, names: Iterable[str]) -> None:
        """Create those roles that are missing; they cannot log in."""
        missing = set(names) - self.roles()
        if missing:
            with self.connect() as connection:
                for name in sorted(missing):
                    role = sql.Identifier(name)
                    try:
                        connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(role))
                    except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
                        continue
                    connection.execute(sql.SQL("COMMENT ON ROLE {} IS {}").format(role, _ROLE_COMMENT))

    def drop_roles(self, *, but: frozenset[str]) -> None:
        """Drop the roles that a rehearsal made: those that are not in *but* and not ours; one in use stays."""
        query = "SELECT rolname FROM pg_roles WHERE shobj_description(oid, 'pg_authid') IS DISTINCT FROM %s"
        with self.connect() as connection:
            for (name,) in connection.execute(query, [_ROLE_COMMENT]).fetchall():
                if name not in but:
                    try:
                        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))
                    except psycopg.Error:  # another rehearsal uses a role of that name, and will drop it
                        continue

    @staticmethod
    def _configure(connection: psycopg.Connection[Any], name: str, settings: Mapping[str, str]) -> None:
        for setting, value in settings.items():
            try:
                connection.execute("SELECT set_config(%s, %s, false)", [setting, value])
                statement = sql.SQL("ALTER DATABASE {} SET {} FROM CURRENT")
                parameter = sql.SQL(".").join(sql.Identifier(part) for part in setting.split("."))
                connection.execute(statement.format(sql.Identifier(name), parameter))
            except psycopg.Error:  # a setting that this server does not know, or whose value it does not
                continue

    @staticmethod
    def _comment(
        connection: psycopg.Connection[Any],
        name: str,
        kind: str,
        settings: Mapping[str, str] | None = None,
        warnings: Iterable[str] = (),
    ) -> None:
        row = connection.execute("SELECT extract(epoch FROM now())::float8").fetchone()
        comment = {
            "alembic_mcp": kind,
            "owner": Owner.me().as_dict(),
            "used": row[0] if row else time.time(),
            "settings": dict(settings or {}),
            "warnings": list(warnings),
        }
        connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), json.dumps(comment)))


def _ours(connection: psycopg.Connection[Any]) -> list[Ours]:
    query = """
        SELECT datname, shobj_description(oid, 'pg_database'), extract(epoch FROM now())::float8
        FROM pg_database WHERE starts_with(datname, %s)
    """
    found = []
    for name, comment, now in connection.execute(query, [PREFIX]).fetchall():
        try:
            value = json.loads(comment or "")
        except ValueError:
            continue
        match value:
            case {"alembic_mcp": str(kind), "owner": owner, "used": float(used)} if known := Owner.read(owner):
                settings, warnings = value.get("settings", {}), value.get("warnings", ())
                found.append(Ours(name, kind, known, now - used, settings, tuple(warnings)))
    return found


def _drop(connection: psycopg.Connection[Any], name: str) -> None:
    if not name.startswith(PREFIX):
        raise ValueError(name)
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _try_drop(connection: psycopg.Connection[Any], name: str) -> None:
    try:
        _drop(connection, name)
    except psycopg.Error:  # another role's, or being copied right now: somebody uses it after all
        return
