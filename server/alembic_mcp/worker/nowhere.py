"""A database that is not there: takes every statement, returns no rows, and can't be looked at."""

from __future__ import annotations

import importlib
import re
import sys
from types import SimpleNamespace
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import sqlalchemy
from sqlalchemy import dialects, event, exc, pool
from sqlalchemy.engine.reflection import Inspector

from .redirect import Redirect

__all__ = ["Nowhere", "engine"]

_DRIVER = "nowhere"
# Without a driver's peculiarities: those of the server are all that matters.
_PLAIN = {
    "postgresql": ("sqlalchemy.dialects.postgresql.base", "PGDialect"),
    "sqlite": ("sqlalchemy.dialects.sqlite.base", "SQLiteDialect"),
    "mysql": ("sqlalchemy.dialects.mysql.base", "MySQLDialect"),
    "mariadb": ("sqlalchemy.dialects.mysql.mariadb", "MariaDBDialect"),
    "oracle": ("sqlalchemy.dialects.oracle.base", "OracleDialect"),
    "mssql": ("sqlalchemy.dialects.mssql.base", "MSDialect"),
}
_PARAMSTYLES = {"postgresql": "pyformat", "sqlite": "qmark", "mysql": "format", "mariadb": "format"}
_VERSIONS = {"postgresql": (16, 0), "sqlite": (3, 45, 0), "mysql": (8, 4, 0), "mariadb": (11, 4, 0)}
_RETURNS_ROWS = re.compile(
    r"\s*(SELECT|WITH|VALUES|SHOW|EXPLAIN|TABLE|PRAGMA|CALL|FETCH)\b|.*\bRETURNING\b", re.IGNORECASE | re.DOTALL
)
_ASKED_BY_SQLALCHEMY = 12
"""Frames between a question such as has_type() and the DDL that asks it (checkfirst), at most."""


def engine(name: str, default_schema: Optional[str], fetched: Callable[[], None], past: Callable[[str], None]) -> Any:
    """An engine for a database of the dialect *name*.

    *fetched* is told when somebody asks for rows, *past* what is sent through a cursor of the driver.

    Raises:
        sqlalchemy.exc.NoSuchModuleError: there is no such dialect here.
    """
    made = _dialect(name, default_schema)
    dialects.registry.impls[f"{name}.{_DRIVER}"] = lambda: made
    found = sqlalchemy.create_engine(
        f"{name}+{_DRIVER}://", module=_module(name, lambda: _Cursor(fetched, past)), poolclass=pool.NullPool
    )
    event.listen(found, "before_cursor_execute", _columns)
    _blind()
    return found


class Nowhere(Redirect):
    """Lets nobody connect to anything, except to what `engine` made."""

    def __init__(self, refused: List[Any], root: str) -> None:
        super().__init__({"dialect": _DRIVER}, refused, root)

    def _do_connect(self, dialect: Any, record: Any, cargs: Any, cparams: Dict[str, Any]) -> Any:
        del record, cargs, cparams
        if getattr(dialect, "driver", None) == _DRIVER:
            return None  # as it would be done anyway
        raise self.refuse(f"The project connects to a {dialect.name} database")


class _Cursor:
    arraysize = 1
    lastrowid = None
    rowcount = 0

    def __init__(self, fetched: Callable[[], None], past: Callable[[str], None]) -> None:
        self._fetched, self._past = fetched, past
        self.known = False
        self.columns: Sequence[str] = ()
        self.description: Optional[List[Tuple[Any, ...]]] = None

    def __enter__(self) -> _Cursor:  # noqa: PYI034 - Python 3.9 has no Self
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def execute(self, sql: Any, _parameters: Any = None) -> None:
        sql = sql.decode() if isinstance(sql, bytes) else str(sql)
        if not self.known:
            self._past(sql)
        names = self.columns or (("unknown",) if _RETURNS_ROWS.match(sql) else ())
        self.description = [(each, None, None, None, None, None, None) for each in names] or None

    def executemany(self, _sql: str, _parameters: Any = None) -> None:
        self.description = None

    def fetchone(self) -> None:
        self._fetched()

    def fetchall(self) -> List[Any]:
        self._fetched()
        return []

    def fetchmany(self, _size: Any = None) -> List[Any]:
        return self.fetchall()

    def close(self) -> None:
        """Nothing is open."""


class _Connection:
    autocommit = False

    def __init__(self, make: Callable[[], _Cursor]) -> None:
        self._make = make

    def cursor(self, *_args: Any, **_kw: Any) -> _Cursor:
        return self._make()

    def commit(self) -> None:
        """Nothing was done."""

    rollback = close = commit


def _module(name: str, cursor: Callable[[], _Cursor]) -> Any:
    """What looks like a driver."""
    errors = {
        each: type(each, (Exception,), {})
        for each in (
            "Error", "Warning", "InterfaceError", "DatabaseError", "DataError", "OperationalError", "IntegrityError",
            "InternalError", "ProgrammingError", "NotSupportedError",
        )
    }  # fmt: skip
    return SimpleNamespace(
        paramstyle=_PARAMSTYLES.get(name, "named"),
        apilevel="2.0",
        threadsafety=1,
        version="0",
        sqlite_version_info=_VERSIONS["sqlite"],
        connect=lambda *_args, **_kw: _Connection(cursor),
        Binary=bytes,
        **errors,
    )


def _dialect(name: str, default_schema: Optional[str]) -> Any:
    if name in _PLAIN:
        module, attribute = _PLAIN[name]
        base = getattr(importlib.import_module(module), attribute)
    else:
        base = dialects.registry.load(name)

    def initialize(dialect: Any, _connection: Any) -> None:
        dialect.default_schema_name = default_schema
        dialect.server_version_info = _VERSIONS.get(name, (1, 0))
        dialect.default_isolation_level = "READ COMMITTED"

    own: Dict[str, Any] = {
        "driver": _DRIVER,
        "is_async": False,
        "supports_statement_cache": False,
        "default_schema_name": default_schema,
        "initialize": initialize,
        "on_connect": lambda _dialect: None,
        "on_connect_url": lambda _dialect, _url: None,
        "create_connect_args": lambda _dialect, _url: ((), {}),
        "is_disconnect": lambda *_: False,
        "do_ping": lambda *_: True,
        "get_isolation_level": lambda *_: "READ COMMITTED",
        "get_default_isolation_level": lambda *_: "READ COMMITTED",
        "get_isolation_level_values": lambda *_: ["AUTOCOMMIT", "READ COMMITTED", "SERIALIZABLE"],
        "set_isolation_level": lambda *_: None,
        "reset_isolation_level": lambda *_: None,
        "use_insertmanyvalues": False,
        "insert_returning": False,
        "implicit_returning": False,
    }
    own.update(dict.fromkeys(("has_table", "has_index", "has_sequence", "has_type", "has_schema"), _looked_for))
    return type("NowhereDialect", (base,), own)


def _looked_for(*_args: Any, **_kw: Any) -> bool:
    """Answers DDL with checkfirst so that it is sent; anybody else can't look."""
    frame: Any = sys._getframe(1)
    for _ in range(_ASKED_BY_SQLALCHEMY):
        if frame is None:
            break
        asking = type(frame.f_locals.get("self")).__name__
        if asking.endswith(("Generator", "Dropper")):
            return asking.endswith("Dropper")
        frame = frame.f_back
    raise _unseen()


def _blind() -> None:
    """Nothing can be reflected."""

    def refuse(*_args: Any, **_kw: Any) -> Any:
        raise _unseen()

    for name in ("_construct", "_init_legacy", "_init_engine", "_init_connection", "__init__"):
        if name in vars(Inspector):
            setattr(Inspector, name, classmethod(refuse) if name == "_construct" else refuse)


def _unseen() -> Exception:
    return exc.NoInspectionAvailable("The revision is only read: there is no database to look at.")


def _columns(_connection: Any, cursor: Any, _sql: str, *more: Any) -> None:
    """Name the columns of a result as the statement does, so that the ORM finds them."""
    compiled = getattr(more[1], "compiled", None)
    cursor.known = True
    cursor.columns = [each[0] for each in getattr(compiled, "_result_columns", None) or ()]
