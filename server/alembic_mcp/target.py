"""The database that a call is about: who it is, how to reach it, and in which state it was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from .errors import redact

__all__ = ["Connect", "Environment", "Target"]


class Environment(StrEnum):
    """What a database is for, loosest first. Unknown is treated as production."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    UNKNOWN = "unknown"
    PRODUCTION = "production"

    @property
    def strictness(self) -> int:
        """0 (development) to 3 (production)."""
        return list(Environment).index(self)

    @property
    def guarded(self) -> bool:
        """True if every change needs a person."""
        return self in (Environment.UNKNOWN, Environment.PRODUCTION)

    @classmethod
    def strictest(cls, *environments: Environment) -> Environment:
        """The strictest of those given."""
        return max(environments, key=lambda environment: environment.strictness)


@dataclass(frozen=True, repr=False)
class Connect:
    """How to open a connection; holds the password, so it never prints itself.

    Attributes:
        libpq: keyword arguments of libpq (host, port, user, password, dbname, sslmode, ...), PostgreSQL only.
        path: the file, SQLite only; None for a database in memory.
        complete: False if the project connects in a way that only its own driver can follow (a creator function,
            an SSL context, a token): then there is no connection but through the worker.
    """

    libpq: dict[str, str] = field(default_factory=dict)
    path: str | None = None
    complete: bool = True

    def __repr__(self) -> str:
        return "Connect(***)"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        return tuple(value for key, value in self.libpq.items() if key in ("password", "sslpassword", "passfile"))

    def redact(self, text: str) -> str:
        """*text* without these secrets and without any other password."""
        return redact(text, self.secrets)


@dataclass(frozen=True)
class Target:
    """A database as it was found: by the worker through the project's env.py, or by ourselves.

    Attributes:
        database: the name it is asked for by, ``default`` unless settings name others.
        dialect: SQLAlchemy's name: postgresql, sqlite, mysql, mariadb, ...
        driver: SQLAlchemy's name: psycopg, asyncpg, pysqlite, ...
        name: database name, or the file name for SQLite.
        host: host name, ``localhost`` for a socket, ``""`` for SQLite.
        server_version: as the server says it: ``15.18``.
        identity: stable identity of the database itself, never the URL: ``postgresql:<system id>:<name>``,
            ``sqlite:<device>:<inode>``, ``sqlite:new:<its place>`` while the file is not there or empty.
        marker: value of the database's own ``alembic_mcp.environment``, None if it has none.
        pins: fingerprints in the database's own ``alembic_mcp.approvers``: nobody else can approve what changes it.
        heads: revisions that the database has.
        version_table: its name, with the schema where it has one.
        default_schema: ``public`` unless the role's search_path says otherwise; None for SQLite.
        fingerprint: SHA-256 of its schema (`worker.schema`), None if it was not asked for.
        may_create_databases: the role can make scratch databases on the same server.
        naming_convention: how the models name constraints, as SQLAlchemy's MetaData takes it: ``uq``, ``fk``, ...
        modules: project files imported on the way: path -> SHA-256.
        marks_known: False if *marker* and *pins* could not be read over a connection of our own.
        reachable: False for a scratch database that stands in for one that could not be reached: nothing is known of
            the real one's rows, revisions and environment, and nothing that changes it can be planned.
        shielded: the project's code gets its address only to run a plan; what looks at it is ours.
    """

    database: str
    dialect: str
    driver: str
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
    version_table: str = "alembic_version"
    default_schema: str | None = None
    fingerprint: str | None = None
    may_create_databases: bool = False
    naming_convention: dict[str, str] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    marks_known: bool = True
    reachable: bool = True
    shielded: bool = False

    @property
    def is_local(self) -> bool:
        """True if it is reached over a socket, loopback or a file."""
        return self.host in ("", "localhost", "127.0.0.1", "::1") or self.host.startswith("/")
