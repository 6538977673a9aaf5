"""Lets autogenerate read the catalogs in bulk: a few queries where Alembic and SQLAlchemy send some for each table.

What autogenerate finds stays the same to the byte: its own code runs, and only the answers to its questions come out
of what was read beforehand. A seam that this version of Alembic or SQLAlchemy does not have, and every question whose
answer was not read, is left to them.
"""

from __future__ import annotations

import gc
import importlib
from contextlib import ExitStack, contextmanager
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from alembic.ddl import postgresql
from alembic.runtime.migration import MigrationContext
from sqlalchemy import event
from sqlalchemy.dialects.sqlite.base import SQLiteDialect

from .defaults import comparable

_inspector_conv: Any
try:
    _inspector_conv = importlib.import_module("alembic.autogenerate.compare.util")._InspectorConv
except (ImportError, AttributeError):  # before Alembic 1.18, which reads every table by itself
    _inspector_conv = None

__all__ = ["TABLES_APART", "in_bulk"]

# Autogenerate reads each table for its own sake alone: earlier versions follow its foreign keys.
TABLES_APART = _inspector_conv is not None

# As Alembic asks for the owner of a sequence, but for all of them. A sequence is named as a default shows it.
_OWNERS = """
SELECT c.oid::pg_catalog.regclass::text, c.relname, o.attname
FROM pg_catalog.pg_class c LEFT JOIN (
  SELECT d.objid, a.attname FROM pg_catalog.pg_depend d
  JOIN pg_catalog.pg_class t ON t.oid = d.refobjid
  JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
  WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
) o ON o.objid = c.oid
WHERE c.relkind = 'S'
"""
_PRAGMAS = {
    "table_info": ("table", 'cid, p.name, p.type, p."notnull", p.dflt_value, p.pk'),
    "table_xinfo": ("table", 'cid, p.name, p.type, p."notnull", p.dflt_value, p.pk, p.hidden'),
    "foreign_key_list": ("table", 'id, p.seq, p."table", p."from", p."to", p.on_update, p.on_delete, p."match"'),
    "index_list": ("table", 'seq, p.name, p."unique", p.origin, p.partial'),
    "index_info": ("index", "seqno, p.cid, p.name"),
}
_READS = ("SELECT", "PRAGMA", "SAVEPOINT", "RELEASE")

Rows = List[Tuple[Any, ...]]


@contextmanager
def in_bulk(context: MigrationContext) -> Iterator[None]:
    """Make autogenerate over the context's connection quick; its results are what they are without.

    It is for one comparison: the process is as before at the end.
    """
    connection: Any = context.connection
    with ExitStack() as stack:
        stack.enter_context(_without_collecting())
        stack.enter_context(_every_schema())
        if connection.dialect.name == "postgresql":
            stack.enter_context(_owners_of_sequences(connection))
            stack.enter_context(comparable())
        elif connection.dialect.name == "sqlite":
            stack.enter_context(_pragmas(connection))
        yield


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Nothing of what autogenerate builds is garbage before it is done."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def _replaced(owner: Any, name: str, make: Callable[[Any], Any]) -> Iterator[None]:
    """Put what *make* makes of an attribute in its place; nothing happens where there is no such attribute."""
    original = vars(owner).get(name)
    if original is None:
        yield
        return
    setattr(owner, name, make(original))
    try:
        yield
    finally:
        setattr(owner, name, original)


def _every_schema() -> Any:
    """Alembic reads the tables of one schema in bulk and keeps them under one key: add those of the others."""

    def make(original: Callable[..., None]) -> Callable[..., None]:
        def pre_cache_tables(conv: Any, *args: Any, **kw: Any) -> None:
            cache = conv.inspector.info_cache
            earlier = {
                key: cache.pop(key) for key in list(cache) if isinstance(key, str) and key.startswith("alembic_")
            }
            original(conv, *args, **kw)
            for key, known in earlier.items():
                found = cache.get(key)
                cache[key] = {**known, **found} if isinstance(known, dict) and isinstance(found, dict) else known

        return pre_cache_tables

    return _replaced(_inspector_conv or _Nothing, "pre_cache_tables", make)


class _Nothing:
    """Stands for a class that this version does not have."""


# PostgreSQL


def _owners_of_sequences(connection: Any) -> Any:
    """Alembic asks for the owner of the sequence behind each SERIAL column: answer from one query."""
    known: Dict[str, Optional[Tuple[str, str]]] = {}
    asked: List[bool] = []

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def exec_on_inspector(inspector: Any, statement: Any, **params: Any) -> Any:
            if list(params) == ["seqname"] and inspector.bind is connection and "d.refobjsubid" in str(statement):
                if not asked:
                    asked.append(True)
                    known.update(_read_owners(connection))
                if params["seqname"] in known:
                    return _First(known[params["seqname"]])
            return original(inspector, statement, **params)

        return exec_on_inspector

    return _replaced(getattr(postgresql, "sqla_compat", _Nothing), "_exec_on_inspector", make)


def _read_owners(connection: Any) -> Dict[str, Optional[Tuple[str, str]]]:
    """Sequence -> its name and the column that owns it, None if no column does; without those of several columns."""
    found: Dict[str, List[Optional[Tuple[str, str]]]] = {}
    for sequence, name, column in connection.exec_driver_sql(_OWNERS):
        found.setdefault(sequence, []).append(None if column is None else (name, column))
    return {sequence: owners[0] for sequence, owners in found.items() if len(owners) == 1}


class _First:
    """A result of which the first row is asked for."""

    def __init__(self, row: Optional[Tuple[str, str]]) -> None:
        self._row = row

    def first(self) -> Optional[Tuple[str, str]]:
        """The row."""
        return self._row


# SQLite


@contextmanager
def _pragmas(connection: Any) -> Iterator[None]:
    """SQLAlchemy sends several pragmas per table and index, and reads its SQL again and again: read each kind once."""
    read = _Read(connection)

    def pragma(original: Callable[..., Any]) -> Callable[..., Any]:
        def get_table_pragma(dialect: Any, on: Any, name: str, table: str, schema: Optional[str] = None) -> Any:
            rows = read.pragma(schema, name, table) if on is connection else None
            return original(dialect, on, name, table, schema=schema) if rows is None else rows

        return get_table_pragma

    def text(original: Callable[..., Any]) -> Callable[..., Any]:
        def get_table_sql(dialect: Any, on: Any, table: str, schema: Optional[str] = None, **kw: Any) -> Any:
            sql = read.sql(schema, table) if on is connection else None
            return original(dialect, on, table, schema=schema, **kw) if sql is None else sql

        return get_table_sql

    def forget(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if not statement.lstrip().upper().startswith(_READS):
            read.forget()

    event.listen(connection, "before_cursor_execute", forget)
    try:
        with _replaced(SQLiteDialect, "_get_table_pragma", pragma), _replaced(SQLiteDialect, "_get_table_sql", text):
            yield
    finally:
        event.remove(connection, "before_cursor_execute", forget)


class _Read:
    """What was read of a SQLite database; None is the answer to what was not."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._masters: Dict[str, Optional[Dict[str, Dict[str, Optional[str]]]]] = {}
        self._rows: Dict[Tuple[str, str], Optional[Dict[str, Rows]]] = {}

    def forget(self) -> None:
        """Something may have changed."""
        self._masters.clear()
        self._rows.clear()

    def sql(self, schema: Optional[str], table: str) -> Optional[str]:
        """The SQL that made a table or view."""
        master = self._master(schema or "main")
        return None if master is None else master["table"].get(table) or master["view"].get(table)

    def pragma(self, schema: Optional[str], name: str, of: str) -> Optional[Rows]:
        """The rows of a pragma of a table or an index, spelt as it was created."""
        schema = schema or "main"
        master = self._master(schema)
        if master is None or name not in _PRAGMAS:
            return None
        kind, columns = _PRAGMAS[name]
        if of not in master[kind]:
            return None
        key = (schema, name)
        if key not in self._rows:
            self._rows[key] = self._read_rows(schema, name, kind, columns)
        rows = self._rows[key]
        return None if rows is None else rows.get(of, [])

    def _master(self, schema: str) -> Optional[Dict[str, Dict[str, Optional[str]]]]:
        """Kind of object -> its name -> its SQL; None where there are temporary objects, which hide others."""
        if schema not in self._masters:
            found: Dict[str, Dict[str, Optional[str]]] = {"table": {}, "view": {}, "index": {}, "trigger": {}}
            temporary = self._send("SELECT 1 FROM sqlite_temp_master LIMIT 1")
            rows = self._send(f"SELECT type, name, sql FROM {_quoted(schema)}.sqlite_master")  # noqa: S608
            for kind, name, sql in rows or ():
                found.setdefault(kind, {})[name] = sql
            self._masters[schema] = None if temporary is None or temporary or rows is None else found
        return self._masters[schema]

    def _read_rows(self, schema: str, name: str, kind: str, columns: str) -> Optional[Dict[str, Rows]]:
        text = schema.replace("'", "''")
        rows = self._send(
            f"SELECT m.name, p.{columns} FROM {_quoted(schema)}.sqlite_master m, "  # noqa: S608
            f"pragma_{name}(m.name, '{text}') p WHERE m.type = '{kind}'"
        )
        if rows is None:
            return None
        found: Dict[str, Rows] = {}
        for row in rows:
            found.setdefault(row[0], []).append(row[1:])
        return found

    def _send(self, sql: str) -> Optional[Rows]:
        """The rows, over the driver's own cursor; None if SQLite can't: a module of a virtual table is missing."""
        raw = self._connection.connection
        cursor = raw.cursor()
        try:
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()]
        except self._connection.dialect.dbapi.Error:
            return None
        finally:
            cursor.close()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
