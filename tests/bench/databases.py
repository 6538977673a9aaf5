"""Databases on the embedded PostgreSQL, for the benchmarks."""

import uuid
from dataclasses import dataclass, field

import psycopg

from alembic_mcp.scratch.embedded import EmbeddedPostgres
from alembic_mcp.target import Connect, Target

__all__ = ["Databases", "Place"]


@dataclass(frozen=True)
class Place:
    """A database.

    Attributes:
        url: for SQLAlchemy.
        libpq: keyword arguments for psycopg.connect.
    """

    url: str
    libpq: dict[str, str]

    def run(self, *statements: str) -> None:
        """Run statements, each committed."""
        with psycopg.connect(**self.libpq, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def target(self) -> Target:
        """As the worker would find it."""
        return Target(
            database="default",
            dialect="postgresql",
            driver="psycopg",
            name=self.libpq["dbname"],
            host="localhost",
            user=self.libpq["user"],
            server_version="18.4",
            identity=f"postgresql:1:{self.libpq['dbname']}",
            default_schema="public",
            connect=Connect(libpq=self.libpq),
        )


@dataclass
class Databases:
    """Makes databases; they go with the server.

    Attributes:
        made: names of those that were made.
    """

    postgres: EmbeddedPostgres
    made: list[str] = field(default_factory=list)

    def make(self) -> Place:
        """An empty database."""
        name = f"bench_{uuid.uuid4().hex[:8]}"
        self.run(f"CREATE DATABASE {name}")
        self.made.append(name)
        socket, port, user = (self.postgres.params[key] for key in ("host", "port", "user"))
        url = f"postgresql+psycopg://{user}@/{name}?host={socket}&port={port}"
        return Place(url, {**self.postgres.params, "dbname": name})

    def run(self, *statements: str) -> None:
        """Run statements of the whole server."""
        with psycopg.connect(**self.postgres.params, dbname="postgres", autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def names(self) -> list[str]:
        """Every database there is, but the server's own."""
        with psycopg.connect(**self.postgres.params, dbname="postgres") as connection:
            rows = connection.execute("SELECT datname FROM pg_database WHERE NOT datistemplate").fetchall()
        return [name for (name,) in rows if name != "postgres"]
