"""Makes what the models define on a scratch database, so that the database itself says what its schema would be."""

from __future__ import annotations

import gc
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from sqlalchemy import event

from .. import schema
from ..environment import Environment
from ..errors import CallError
from ..look import metadatas
from ..settle import settle
from .extensions import needed
from .included import included
from .models_again import by_table, made_again, signatures
from .named_types import named_types

__all__ = ["again", "models"]

# A transaction holds a lock for every object that it makes, and the server has room for some thousands.
_AT_ONCE = 100
_SEVERAL_AT_ONCE = ("psycopg", "psycopg2")  # drivers that take several statements in one string
_MAKES = ("CREATE TABLE", "CREATE INDEX", "CREATE UNIQUE INDEX", "CREATE TYPE", "ALTER TABLE", "COMMENT ON")
_INDEXES = """
SELECT n.nspname::text, c.relname::text, c.oid::bigint FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('i', 'I') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""


def models(request: Dict[str, Any]) -> Dict[str, Any]:
    """Answer the call ``models``: the schema that the models define, as a database has it.

    args: ``redirect`` to a scratch copy of the target at head; it is of no use afterwards. What the models don't know
    is left there, but for what depends on their tables. ``known``: table -> signature in ``tables``, and ``rest``, of
    an earlier answer about the same database: then only the tables that differ are made, if that is possible.

    Returns:
        ``tables``: table -> ``{"signature", "objects"}``, the part of a snapshot (see `schema`) that is about it;
        ``others``: the rest of the snapshot; both null if env.py gives no models or the dialect is not known well
        enough. ``rest``: signature of what is made beside tables; null: tables can't be made again one by one.
        ``unmade``: ``[{"table": str | null, "why"}]``: what could not be made.
        ``sources``: files and folders that the models come from -> when they were changed (ns) and their size.
        ``partial``: ``tables`` has only those that differ, and ``others`` may be older than what is known.

    Raises:
        CallError: ``internal`` without ``redirect``; else as ``compare``.
    """
    if not request["args"].get("redirect"):
        raise CallError("internal", "The models are only ever made on a scratch database.")
    environment = Environment(request, "check")
    settle(environment, request["args"])
    found: Dict[str, Any] = {}

    def work(_heads: Any, context: MigrationContext) -> None:
        found.update(_made(context, request["args"].get("known")))

    gc.disable()  # what is built here is needed to the end, and the process ends with the call
    environment.run(work, dont_mutate=True)
    return found


def again(context: MigrationContext, known: Dict[str, Any]) -> Dict[str, Any]:
    """What `models` answers where only what differs from *known* is made; empty if that is not possible.

    The database, a scratch copy of the target at head, is as it was afterwards.
    """
    made = made_again(context, known)
    return {**made, "rest": known["rest"], "unmade": [], "sources": _sources(), "partial": True} if made else {}


def _made(context: MigrationContext, known: Optional[Dict[str, Any]]) -> Dict[str, Any]:
    found = again(context, known) if known else {}
    if found:
        return found
    metadata = metadatas(context)
    if not metadata or context.dialect.name not in ("postgresql", "sqlite"):
        return {"tables": None, "others": None, "rest": None, "unmade": [], "sources": _sources(), "partial": False}
    tables = included(context, metadata)
    now = signatures(context, metadata, tables)
    maker = _Maker(context, metadata, tables)
    maker.make()
    parts, others = by_table(schema.snapshot(context), now.tables)
    return {
        "tables": {name: {"signature": digest, "objects": parts[name]} for name, digest in now.tables.items()},
        "others": others,
        "rest": None if maker.unmade else now.rest,
        "unmade": maker.unmade,
        "sources": _sources(),
        "partial": False,
    }


def _sources() -> Dict[str, List[int]]:
    """What was imported, but for this package. A folder changes when a file comes into it."""
    own = __name__.partition(".")[0]
    modules = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] != own]
    files = {getattr(module, "__file__", None) for module in modules}
    paths = {Path(file) for file in files if file}
    paths |= {path.parent for path in paths if "site-packages" not in path.parts}
    found = {}
    for path in paths:
        with suppress(OSError):  # a module out of an archive
            status = path.stat()
            found[str(path)] = [status.st_mtime_ns, status.st_size]
    return found


class _Maker:
    def __init__(self, context: MigrationContext, metadata: Sequence[Any], tables: List[Any]) -> None:
        self.unmade: List[Dict[str, Any]] = []
        self._context = context
        self._connection: Any = context.connection
        self._metadata = metadata
        self._tables = tables
        self._quote = context.dialect.identifier_preparer

    def make(self) -> None:
        """Drop what the models define, and make it anew."""
        if self._context.dialect.name == "postgresql":
            self._drop()
            self._prepare()
        else:
            self._connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            for table in self._tables:
                self._must(f"DROP TABLE IF EXISTS {self._quote.format_table(table)}", str(table))
        for each in self._metadata:
            tables = [table for table in self._tables if table.metadata is each]
            try:
                with self._in_bulk():
                    each.create_all(self._connection, tables=tables, checkfirst=False)
            except Exception:  # noqa: BLE001 - a single one stood in the way, for whatever reason of the models' own
                self._raw().rollback()
                self._one_by_one(each, tables)

    def _drop(self) -> None:
        names = [self._quote.format_table(table) for table in self._tables]
        for start in range(0, len(names), _AT_ONCE):
            group = names[start : start + _AT_ONCE]
            if self._try(f"DROP TABLE IF EXISTS {', '.join(group)} CASCADE") is not None:
                for name in group:
                    self._must(f"DROP TABLE IF EXISTS {name} CASCADE", name)
            self._raw().commit()
        chosen = set(self._tables)
        for uses in named_types(self._metadata, self._context.dialect).values():
            if any(column.table in chosen for column, _ in uses):
                kind = uses[0][1]
                what = "DOMAIN" if kind.values is None else "TYPE"
                self._must(f"DROP {what} IF EXISTS {kind.sql(self._context.dialect)} CASCADE")
        self._make_room()
        for each in self._metadata:
            for sequence in getattr(each, "_sequences", {}).values():
                self._must(f"DROP SEQUENCE IF EXISTS {self._quote.format_sequence(sequence)} CASCADE")

    def _make_room(self) -> None:
        """A table that the models call otherwise is still there, and its indexes have the names that theirs get."""
        names = {index.name for table in self._tables for index in table.indexes}
        names |= {each.name for table in self._tables for each in table.constraints}
        for schema_name, name, number in self._connection.exec_driver_sql(_INDEXES).fetchall():
            if name in names:
                index = f"{self._quote.quote(schema_name)}.{self._quote.quote(name)}"
                self._must(f"ALTER INDEX {index} RENAME TO other_{number}")

    def _prepare(self) -> None:
        for extension in needed(self._tables, self._context.dialect):
            self._must(f"CREATE EXTENSION IF NOT EXISTS {self._quote.quote(extension)}")
        for name in sorted({table.schema for table in self._tables if table.schema}):
            self._must(f"CREATE SCHEMA IF NOT EXISTS {self._quote.quote(name)}")
        self._raw().commit()

    def _one_by_one(self, metadata: Any, tables: List[Any]) -> None:
        there = set(sa.inspect(self._connection).get_table_names())
        for table in metadata.sorted_tables:
            if table in tables and (table.schema or table.name not in there):
                try:
                    with self._savepoint():
                        table.create(self._connection, checkfirst=True)
                except Exception as error:  # noqa: BLE001 - see above
                    self._note(str(table), error)
        if metadata.dispatch.after_create:
            self.unmade.append({"table": None, "why": "What the models' MetaData makes after its tables was not made."})

    def _try(self, sql: str) -> Optional[BaseException]:
        """Run it; what was raised, if it was the database that refused."""
        try:
            with self._savepoint():
                self._connection.exec_driver_sql(sql)
        except sa.exc.DBAPIError as error:
            return error
        return None

    def _must(self, sql: str, table: Optional[str] = None) -> None:
        error = self._try(sql)
        if error is not None:
            self._note(table, error)

    def _note(self, table: Optional[str], error: BaseException) -> None:
        cause = getattr(error, "orig", None) or error
        self.unmade.append({"table": table, "why": " ".join(str(cause).split()).partition(" LINE 1:")[0]})

    def _raw(self) -> Any:
        """The driver's connection: SQLAlchemy's own transaction belongs to env.py and stays open."""
        return self._connection.connection

    @contextmanager
    def _savepoint(self) -> Iterator[None]:
        if self._context.dialect.name != "postgresql" or self._connection.get_isolation_level() == "AUTOCOMMIT":
            yield
            return
        with self._connection.begin_nested():
            yield

    @contextmanager
    def _in_bulk(self) -> Iterator[None]:
        """Send many statements at once, or most of the time goes into waiting; and give locks back now and then."""
        waiting: List[str] = []
        made: List[Any] = []
        together = self._context.dialect.driver in _SEVERAL_AT_ONCE

        def send() -> None:
            if waiting:
                text = ";\n".join(waiting)
                waiting.clear()
                cursor = self._raw().cursor()
                try:
                    cursor.execute(text)
                finally:
                    cursor.close()

        def do_execute(_cursor: Any, statement: str, parameters: Any, _context: Any) -> bool:
            if not together or parameters or not statement.lstrip().startswith(_MAKES):
                send()
                return False
            waiting.append(statement.replace("%%", "%"))
            return True

        def after_create(table: Any, *_args: Any, **_kw: Any) -> None:
            made.append(table)
            if len(made) % _AT_ONCE == 0:
                send()
                self._raw().commit()

        event.listen(self._connection.engine, "do_execute", do_execute)
        event.listen(sa.Table, "after_create", after_create)
        try:
            yield
            send()
        finally:
            together = False
            event.remove(sa.Table, "after_create", after_create)
