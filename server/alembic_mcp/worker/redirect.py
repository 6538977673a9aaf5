"""Leads every connection of the process to the scratch database, and refuses those that can't be led there."""

from __future__ import annotations

import contextvars
import os
import re
import sys
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import sqlalchemy
from sqlalchemy import event

from .connections import sqlite_path
from .errors import CallError, is_user_file

__all__ = ["Redirect", "caller", "permitted"]

_permitted: contextvars.ContextVar[bool] = contextvars.ContextVar("permitted", default=False)
# Where to go and as whom: all of it is replaced. What else a project hands to its driver is kept.
_ADDRESS = re.compile(
    r"host|hostaddr|port|user|password|passfile|dbname|database|dsn|conninfo|service|ssl.*|requiressl|requirepeer"
    r"|requireauth|channel_binding|gss.*|krbsrvname|target_session_attrs|load_balance_hosts|connect_timeout|timeout"
    r"|unix_sock|direct_tls|creator|async_creator_fn|connection_class"
)
# Wherever it stands, in a DO block too: one rehearsal too many on another server costs little. A query is none of it:
# who compares privileges asks for columns that are called so.
_CLUSTER_WIDE = re.compile(
    r"\b(CREATE|ALTER|DROP|REASSIGN|COMMENT\s+ON)\s+"
    r"(ROLE|USER(?!\s+MAPPING)|GROUP|DATABASE|TABLESPACE|SUBSCRIPTION|SYSTEM|OWNED)\b"
    r"|\A(?!\s*(?:SELECT|WITH)\b[^;]*\Z).*?\b(GRANT|REVOKE)\b(?:(?!\bON\b).)*\b(TO|FROM)\b|\bpg_(terminate|cancel)_backend\b|\bdblink",
    re.IGNORECASE | re.DOTALL,
)
# How drivers connect when they are called without SQLAlchemy: module -> names in it.
_DRIVERS: Dict[str, Tuple[str, ...]] = {
    "psycopg": ("connect", "Connection.connect", "AsyncConnection.connect"),
    "psycopg2": ("connect", "_connect"),
    "asyncpg": ("connect",),
    "asyncpg.connection": ("connect",),
    "pg8000": ("connect",),
    "pg8000.dbapi": ("connect",),
    "pg8000.native": ("Connection.__init__",),
    "pymysql": ("connect",),
    "MySQLdb": ("connect",),
    "mysql.connector": ("connect",),
    "aiomysql": ("connect",),
    "asyncmy": ("connect",),
    "pymssql": ("connect",),
    "pyodbc": ("connect",),
    "oracledb": ("connect",),
    "duckdb": ("connect",),
}


def permitted() -> bool:
    """Whether this very call is the redirect connecting to the scratch database."""
    return _permitted.get()


class Redirect:
    """Installed for the rest of the process.

    Args:
        to: ``{"dialect": "postgresql", "params": libpq keywords}`` or ``{"dialect": "sqlite", "path": file}``;
            ``"shared": True`` if real databases live on the same server.
        refused: gets every refusal, since the code that tried may swallow what is raised.
        root: the project's folder, to say which line of it tried.
    """

    def __init__(self, to: Dict[str, Any], refused: List[CallError], root: str) -> None:
        self.dialect: str = to["dialect"]
        self.params: Dict[str, str] = {key: str(value) for key, value in (to.get("params") or {}).items()}
        self.path: Optional[str] = str(Path(to["path"]).resolve()) if to.get("path") else None
        self.root = root
        self._refused = refused
        if to.get("shared"):
            event.listen(sqlalchemy.engine.Engine, "before_cursor_execute", self._within_database)
        try:
            event.listen(sqlalchemy.engine.Engine, "do_connect", self._do_connect, insert=True)
        except TypeError:  # SQLAlchemy 1.4 has no way to be first; listeners of an engine still come later
            event.listen(sqlalchemy.engine.Engine, "do_connect", self._do_connect)
        for name in _DRIVERS:
            if name in sys.modules:
                self._guard(sys.modules[name], name)
        sys.meta_path.insert(0, _AfterImport(self._guard))

    def refuse(self, what: str) -> CallError:
        """Note that something was tried that would leave the scratch database, and return the error to raise."""
        path, line = caller(self.root)
        by = f" ({path}, line {line})" if path else ""
        error = CallError(
            "not_redirectable",
            f"{what}{by}; a rehearsal must not reach another database, so it was stopped.",
            path=path,
            line=line,
        )
        self._refused.append(error)
        return error

    def allows_sqlite(self, database: Any) -> bool:
        """Whether ``sqlite3.connect(database)`` stays in memory or in the scratch file."""
        path = sqlite_path((database,), {}) if isinstance(database, (str, bytes, os.PathLike)) else None
        return path is None or (self.path is not None and os.path.realpath(path) == os.path.realpath(self.path))

    def _within_database(self, connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        """Stop what would change the server rather than the scratch database."""
        del connection, cursor, rest
        if _CLUSTER_WIDE.search(statement):
            error = CallError(
                "cluster_wide",
                "The revision changes roles, databases or settings of the whole server, which a rehearsal must not do "
                "on a server that holds real databases.",
            )
            self._refused.append(error)
            raise error

    def _do_connect(self, dialect: Any, record: Any, cargs: Any, cparams: Dict[str, Any]) -> Any:
        del record
        if dialect.name != self.dialect:
            raise self.refuse(f"The project also connects to a {dialect.name} database")
        if self.dialect == "sqlite":
            arguments, params = self._sqlite(cparams)
        else:
            arguments, params = (), self._postgresql(dialect, cargs, cparams)
        # The connection is opened here, so that no later listener can change where it goes.
        with _permission():
            return dialect.connect(*arguments, **params)

    def _sqlite(self, cparams: Dict[str, Any]) -> Tuple[Tuple[Any, ...], Dict[str, Any]]:
        return (self.path,), {key: value for key, value in cparams.items() if key not in ("uri", "database")}

    def _postgresql(self, dialect: Any, cargs: Any, cparams: Dict[str, Any]) -> Dict[str, Any]:
        kept = {key: value for key, value in cparams.items() if not _ADDRESS.fullmatch(key)}
        to = self.params
        if dialect.driver in ("psycopg", "psycopg_async", "psycopg2"):
            options = [text for text in (_options(cargs, kept.pop("options", None)), to.get("options")) if text]
            # Said to be nowhere, so that no PGHOSTADDR of the project's leads past the scratch database.
            to = {"hostaddr": "", **to} if os.environ.get("PGHOSTADDR") else to
            return {**kept, **to, **({"options": " ".join(dict.fromkeys(options))} if options else {})}
        names = {"user": "user", "password": "password", "dbname": "database"}
        found = {**kept, **{name: to[key] for key, name in names.items() if key in to}}
        host, port = to.get("host", "localhost"), int(to.get("port") or 5432)
        if dialect.driver == "asyncpg":
            found.update(host=host, port=port)
            if "sslmode" in to:
                found["ssl"] = to["sslmode"]
            return found
        if dialect.driver == "pg8000":
            if host.startswith("/"):
                return {**found, "unix_sock": f"{host}/.s.PGSQL.{port}"}
            return {**found, "host": host, "port": port}
        raise self.refuse(f"The project connects through the driver {dialect.driver}, which can't be redirected")

    def _guard(self, module: Any, name: str) -> None:
        for attribute in _DRIVERS[name]:
            holder, _, last = attribute.rpartition(".")
            target = getattr(module, holder, None) if holder else module
            original = getattr(target, last, None)
            if original is not None and not hasattr(original, "_alembic_mcp_guard"):
                setattr(target, last, self._guarded(original, f"{name}.{attribute}", in_class=bool(holder)))

    def _guarded(self, original: Any, name: str, *, in_class: bool) -> Any:
        bound = in_class and hasattr(original, "__self__")
        function = original.__func__ if bound else original

        def connect(*args: Any, **kw: Any) -> Any:
            if not permitted():
                raise self.refuse(f"The project's code calls {name} itself")
            return function(*args, **kw)

        connect._alembic_mcp_guard = True  # type: ignore[attr-defined]
        return classmethod(connect) if bound else connect


class _AfterImport(MetaPathFinder):
    """Calls back when a driver has been imported."""

    def __init__(self, callback: Callable[[Any, str], None]) -> None:
        self._callback = callback

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Optional[ModuleSpec]:
        if name not in _DRIVERS:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, lambda module: self._callback(module, name))
        return spec


class _Loader(Loader):
    def __init__(self, loader: Any, done: Callable[[Any], None]) -> None:
        self._loader = loader
        self._done = done

    def create_module(self, spec: ModuleSpec) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        self._loader.exec_module(module)
        self._done(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


def caller(root: str) -> Tuple[Optional[str], Optional[int]]:
    """The innermost line of the project that is being executed."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if is_user_file(name, root):
            return name, frame.f_lineno
        frame = frame.f_back
    return None, None


def _options(cargs: Any, options: Optional[str]) -> Optional[str]:
    """``options`` (search_path and the like) as the project sets them, in a keyword or in its connection string."""
    if options or not cargs or not isinstance(cargs[0], str):
        return options
    for module, name in (("psycopg.conninfo", "conninfo_to_dict"), ("psycopg2.extensions", "parse_dsn")):
        parse = getattr(sys.modules.get(module), name, None)
        if parse is not None:
            try:
                return parse(cargs[0]).get("options")
            except Exception:  # noqa: BLE001, S112 - not a connection string of this driver
                continue
    return None


@contextmanager
def _permission() -> Iterator[None]:
    token = _permitted.set(True)
    try:
        yield
    finally:
        _permitted.reset(token)
