"""Gives env.py the address of a scratch database where nobody has given it one, so that it can be run at all."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Dict, List, Optional
from urllib.parse import quote

from sqlalchemy import exc
from sqlalchemy.engine import url as sqlalchemy_url

__all__ = ["fill", "likely_dialect"]

_DRIVERS = ("psycopg", "psycopg2", "pg8000", "asyncpg")
_ASYNC_DRIVERS = ("asyncpg", "psycopg")
_ASYNC = re.compile(rb"\b(create_async_engine|async_engine_from_config|AsyncEngine)\b")
_ADDRESS = re.compile(
    r"(DATABASE|(\b|_)DB|POSTGRES\w*|(\b|_)PG|SQLALCHEMY\w*|SQLITE)\w*(URL|URI|DSN|CONNECTION_STRING)\w*"
)
_PART = re.compile(
    r"(?:DATABASE|(?:\b|_)DB|POSTGRES\w*|(?:\b|_)PG|(?:\b|_)SQL)_?"
    r"(?P<part>HOST(?:NAME)?|SERVER|ADDRESS|PORT|USER(?:NAME)?|PASS(?:WORD|WD)?|NAME|DATABASE|DB)"
)
_LIBPQ = re.compile(r"PG[A-Z]+")  # drivers ask for these by themselves
_PLACEHOLDER = "driver"  # what `alembic init` writes for the driver's name


def likely_dialect(environment: Any) -> str:
    """SQLAlchemy's name for the database that env.py leads to, or would if it were given an address."""
    if environment.seen.attempts:
        return str(environment.seen.attempts[-1].dialect.name)
    try:
        name = sqlalchemy_url.make_url(environment.config.get_main_option("sqlalchemy.url") or "").get_backend_name()
    except exc.ArgumentError:
        name = _PLACEHOLDER
    if name != _PLACEHOLDER:
        return "postgresql" if name == "postgres" else name
    return "postgresql" if any(find_spec(driver) for driver in _DRIVERS) else "sqlite"


def fill(environment: Any, redirect: Dict[str, Any], env_py: Path) -> None:
    """Answer for addresses that nobody has set, for the rest of the process: those of *redirect*.

    They stand in for a missing ``sqlalchemy.url``, for None where an engine is made, and for variables that are not
    set and are called like an address of a database or a part of one. What is set stays as it is. ``fill`` of
    *redirect* may name variables that are known to be missed: settings libraries look which there are.
    """
    asynchronous = env_py.is_file() and _ASYNC.search(env_py.read_bytes()) is not None
    address = _Address(redirect, environment.seen.warnings, asynchronous=asynchronous)
    if _is_missing(environment.config.get_main_option("sqlalchemy.url")):
        environment.config.set_main_option("sqlalchemy.url", address.url().replace("%", "%%"))
    for name in redirect["fill"] if isinstance(redirect["fill"], list) else ():
        value = None if name in os.environ else address.variable(name)
        if value is not None:
            os.environ[name] = value
    _Filled.address = address
    os.environ.__class__ = _Filled
    make_url = sqlalchemy_url.make_url

    def made(name_or_url: Any, **kw: Any) -> Any:
        missing = name_or_url is None or (isinstance(name_or_url, str) and _is_missing(name_or_url))
        return make_url(address.url() if missing else name_or_url, **kw)

    sqlalchemy_url.make_url = made


class _Address:
    """The scratch database's address, in all the forms that are asked for."""

    def __init__(self, redirect: Dict[str, Any], warnings: List[str], *, asynchronous: bool) -> None:
        self._sqlite: Optional[str] = redirect.get("path")
        params = redirect.get("params") or {}
        # A socket's folder is no host that code could do something with; connections are led there all the same.
        host = str(params.get("host") or "localhost")
        self._parts = {
            "host": "localhost" if host.startswith("/") else host,
            "port": str(params.get("port") or 5432),
            "user": str(params.get("user") or "scratch"),
            "password": "none_is_needed",  # hidden wherever it appears: no word of ours
            "name": str(params.get("dbname") or "scratch"),
        }
        self._asynchronous = asynchronous
        self._warnings = warnings

    def url(self, *, asynchronous: Optional[bool] = None) -> str:
        """For SQLAlchemy, with a driver that is installed."""
        wanted = self._asynchronous if asynchronous is None else asynchronous
        if self._sqlite is not None:
            return f"sqlite{'+aiosqlite' if wanted else ''}:///{self._sqlite}"
        driver = next((each for each in (_ASYNC_DRIVERS if wanted else _DRIVERS) if find_spec(each)), None)
        user, name = quote(self._parts["user"]), quote(self._parts["name"])
        return (
            f"postgresql{f'+{driver}' if driver else ''}://{user}:{self._parts['password']}"
            f"@{self._parts['host']}:{self._parts['port']}/{name}"
        )

    def variable(self, variable: str) -> Optional[str]:
        """What a variable of that name would hold; None if the name does not say that it is about a database."""
        name = variable.upper()
        value: Optional[str] = None
        if name == "PGHOSTADDR":
            return None  # asked for by the driver itself, which is led to the scratch database anyway
        part = _PART.fullmatch(name) or _PART.search(name)
        if _ADDRESS.search(name):
            value = self.url(asynchronous=None if "SYNC" not in name else "ASYNC" in name)
        elif part is not None and self._sqlite is None:
            value = self._parts[_meant(part["part"])]
        if value is not None and not _LIBPQ.fullmatch(name):
            note = f"{variable} is not set: env.py got the address of the scratch database instead."
            if note not in self._warnings:
                self._warnings.append(note)
        return value


class _Filled(type(os.environ)):  # type: ignore[misc]
    """The environment, with answers for what is asked without a default and not there."""

    address: Any = None

    def __getitem__(self, key: str) -> str:
        try:
            return str(super().__getitem__(key))
        except KeyError:
            value = self.address.variable(key) if isinstance(key, str) else None
            if value is None:
                raise
            return str(value)

    def __contains__(self, key: object) -> bool:
        try:
            super().__getitem__(key)
        except (KeyError, TypeError):
            return False
        return True

    def get(self, key: str, default: Any = None) -> Any:
        if default is not None and key not in self:
            return default
        try:
            return self[key]
        except KeyError:
            return default


def _meant(part: str) -> str:
    if part.startswith(("HOST", "SERVER", "ADDRESS")):
        return "host"
    if part.startswith("USER"):
        return "user"
    if part.startswith("PASS"):
        return "password"
    return "port" if part == "PORT" else "name"


def _is_missing(url: Optional[str]) -> bool:
    return not url or url.startswith(f"{_PLACEHOLDER}://")
