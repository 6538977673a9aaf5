"""Reads the URL of a database as SQLAlchemy and its drivers do, and writes one that leads to a scratch database."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import remember
from ..target import Connect

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

__all__ = ["Address", "read"]

# Heroku's and libpq's way of writing it, which env.py or its driver understands.
_POSTGRESQL = ("postgresql", "postgres")
_SSLMODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# What libpq knows by another name, or does not know at all although a driver does.
_AS_LIBPQ = {"ssl": "sslmode", "database": "dbname", "username": "user"}
# What says how to connect, and neither to where nor as whom.
_KEPT = ("application_name", "client_encoding", "prepared_statement_cache_size", "async_fallback", "timeout")
_SEARCH_PATH = re.compile(r"\s*-c\s*search_path=[\w$\",]+\s*")


@dataclass(frozen=True, repr=False)
class Address:
    """Where a URL leads. Holds the password, so it never prints itself.

    Attributes:
        dialect: ``postgresql`` or ``sqlite``.
        driver: SQLAlchemy's name; empty where the URL names none.
        connect: how we connect ourselves; no path for a SQLite database in memory.
    """

    dialect: str
    driver: str
    connect: Connect
    url: URL

    def __repr__(self) -> str:
        return f"Address({self.dialect})"

    @property
    def same(self) -> tuple[Any, ...]:
        """Two addresses with the same value lead to the same database."""
        libpq = self.connect.libpq
        return (self.dialect, self.connect.path, *(libpq.get(key) for key in ("host", "hostaddr", "port", "dbname")))

    def leading_to(self, redirect: Mapping[str, Any]) -> str:
        """The same kind of URL, driver included, for the scratch database of *redirect*; nothing of ours is in it."""
        kept = {key: value for key, value in self.url.query.items() if key in _KEPT}
        options = self.url.query.get("options")
        if isinstance(options, str) and _SEARCH_PATH.fullmatch(options):
            kept["options"] = options
        if self.dialect == "sqlite":
            made = self.url.set(database=str(redirect.get("path") or ":memory:"), query=kept)
        else:
            params: Mapping[str, Any] = redirect.get("params") or {}
            host = str(params.get("host") or "localhost")
            made = self.url.set(
                # Code may take the URL apart, and a socket's folder is not what it expects of a host.
                host="localhost" if host.startswith("/") else host,
                port=int(params.get("port") or 5432),
                username=str(params.get("user") or "scratch"),
                password=str(params.get("password") or "scratch"),
                database=str(params.get("dbname") or "scratch"),
                query=kept,
            )
        return made.render_as_string(hide_password=False)


def read(value: str, root: Path) -> Address | None:
    """The address in *value*; None if that is no URL of a PostgreSQL or SQLite database. Nothing is connected to.

    Args:
        value: what a variable holds; the password in it is never shown from here on.
        root: the project's folder, which relative paths of SQLite files start from.
    """
    from sqlalchemy.engine import make_url  # not before a database needs it
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(value.strip())
    except (ArgumentError, ValueError):  # a port that is no number
        return None
    dialect, _, driver = url.drivername.partition("+")
    if dialect == "sqlite":
        return Address("sqlite", driver, Connect(path=_file(url, root)), url)
    if dialect not in _POSTGRESQL:
        return None
    libpq = _libpq(url)
    names = {libpq.get("user"), libpq.get("dbname"), dialect}
    remember(*(libpq[key] for key in ("password", "sslpassword") if libpq.get(key) and libpq[key] not in names))
    return Address("postgresql", driver, Connect(libpq=libpq), url)


def _file(url: URL, root: Path) -> str | None:
    name = url.database or ""
    if name.startswith("file:"):
        name, _, query = name[5:].partition("?")
        if "mode=memory" in query or url.query.get("mode") == "memory":
            return None
        name = re.sub(r"^//[^/]*", "", name)
    return None if name in ("", ":memory:") else os.path.realpath(root / name)


def _libpq(url: URL) -> dict[str, str]:
    from psycopg import pq  # not before a database needs it

    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    given: dict[str, str] = {}
    for key, value in url.query.items():
        name = _AS_LIBPQ.get(key, key)
        if name in known:
            given[name] = value if isinstance(value, str) else ",".join(value)
    if given.get("sslmode", "prefer") not in _SSLMODES:
        given["sslmode"] = "require"  # a driver's own word for it: "true"
    # SQLAlchemy takes several hosts with their ports in one: host=a:5432&host=b:5433.
    hosts = [part.rpartition(":") if _with_port(part) else (part, "", "") for part in given.get("host", "").split(",")]
    if any(colon for _, colon, _ in hosts):
        given["host"] = ",".join(host for host, _, _ in hosts)
        given["port"] = ",".join(port or "5432" for _, _, port in hosts)
    named = {"host": url.host, "port": url.port, "user": url.username, "password": url.password, "dbname": url.database}
    # What stands in the query wins, as it does when SQLAlchemy puts the arguments together.
    return {**{key: str(value) for key, value in named.items() if value}, **given}


def _with_port(host: str) -> bool:
    return not host.startswith(("/", "[")) and re.fullmatch(r"[^:]*:\d+", host) is not None
