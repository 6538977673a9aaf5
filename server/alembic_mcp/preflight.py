"""Questions about the rows of the real database: read-only, limited in time, and unknown rather than wrong."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from .review.questions import MISSING, Answer, Facts, NonNullCount, Question
from .target import Target

if TYPE_CHECKING:
    import psycopg

__all__ = ["answer"]

COUNT_BELOW = 256 * 1024 * 1024  # bytes of a table: up to here it is counted, above its statistics are taken first
_LOCK_PATIENCE = 500  # ms to wait for somebody's ACCESS EXCLUSIVE lock
_CONNECT_PATIENCE = 5  # seconds
_LEAST = 0.05  # seconds: less is not worth a query
_STEPS = 10_000  # of SQLite's machine between looks at the clock; some 0.1 ms
_KEPT_BACK = 0.2  # part of a question's time that a count leaves for what is asked when it is broken off
_LATE = "there was no time left to ask"
_FOREIGN = "its rows are not stored in this database as a table"
_HIDDEN = "row level security may hide rows from this role"


@dataclass
class _Inquiry:
    """One round of questions: how long it may take, and how it is broken off.

    Attributes:
        until: moment on the monotonic clock.
        stop: breaks off the query that is running; None while there is none.
    """

    until: float
    answers: dict[Question, Answer] = field(default_factory=dict)
    stop: Callable[[], None] | None = None
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def left(self) -> float:
        """Seconds."""
        return self.until - time.monotonic()

    @property
    def is_over(self) -> bool:
        return self.stopped.is_set() or self.left < _LEAST

    def share(self, among: int) -> float:
        """Seconds for the next of *among* questions: fair, and what the quick ones leave goes to the others."""
        return max(_LEAST, self.left / among)


async def answer(target: Target, questions: Iterable[Question], *, budget: float) -> Facts:
    """Ask the database of *target*, in *budget* seconds for all questions together.

    What cannot be answered in time, or at all, is unknown and says why in `Answer.problem`; nothing is raised for it.
    A table or column that does not exist has no rows. Statistics stand in for a count that would take too long.
    """
    asked = tuple(dict.fromkeys(questions))
    inquiry = _Inquiry(until=time.monotonic() + budget)
    unknown = _unreachable(target)
    if asked and unknown is None:
        ask = _ask_sqlite if target.dialect == "sqlite" else _ask_postgresql
        try:
            await anyio.to_thread.run_sync(ask, target, asked, inquiry, abandon_on_cancel=True)
        except anyio.get_cancelled_exc_class():
            inquiry.stopped.set()
            if inquiry.stop is not None:
                inquiry.stop()
            raise
    missing = Answer(rows=None, problem=unknown or _LATE)
    return Facts({question: inquiry.answers.get(question, missing) for question in asked})


def _unreachable(target: Target) -> str | None:
    """Why nothing can be asked, None if it can."""
    if target.dialect == "sqlite":
        return None if target.connect.path else "the database is in the memory of another process"
    if target.dialect != "postgresql":
        return f"rows are not counted on {target.dialect}"
    if not target.connect.complete or not target.connect.libpq:
        return "the project connects in a way that only its own driver can follow"
    return None


# PostgreSQL


@dataclass(frozen=True)
class _Table:
    """What the catalog says about a table, children of a partitioned or inherited one included.

    Attributes:
        size: bytes on disk without indexes, now; ``total`` with them.
        estimate: rows by statistics, scaled to the size; None if it was never analysed.
        problem: why its rows cannot be counted; None if they can.
        columns: name -> part of its rows that are null, by statistics.
    """

    schema: str
    name: str
    size: int
    total: int
    estimate: float | None
    problem: str | None
    columns: dict[str, float | None]

    def estimated(self, column: str | None) -> float | None:
        """Rows, or rows with a value in *column*, by statistics; None if those don't say."""
        if self.estimate is None or column is None:
            return self.estimate
        null = self.columns[column]
        return None if null is None else self.estimate * (1 - null)


_FIND = """
    WITH RECURSIVE family(oid) AS (
        SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relname = %(name)s AND n.nspname = coalesce(%(schema)s, current_schema())
          AND c.relkind IN ('r', 'p', 'm', 'f', 'v')
        UNION
        SELECT i.inhrelid FROM pg_inherits i JOIN family f ON f.oid = i.inhparent
    ), members AS (
        SELECT c.*, pg_table_size(c.oid) AS size, pg_relation_size(c.oid) AS main
        FROM pg_class c JOIN family USING (oid)
    )
    SELECT n.nspname, c.relname, c.relkind IN ('r', 'p', 'm'), row_security_active(c.oid),
        (SELECT coalesce(sum(size), 0) FROM members WHERE relkind IN ('r', 'm'))::bigint,
        (SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM members)::bigint,
        (SELECT bool_or(relkind = 'f') FROM members),
        (SELECT sum(CASE WHEN relpages > 0 AND reltuples >= 0
                         THEN reltuples / relpages * (main / current_setting('block_size')::int)
                         WHEN main = 0 THEN 0 END)::float8 FROM members WHERE relkind IN ('r', 'm')),
        (SELECT bool_and(main = 0 OR (relpages > 0 AND reltuples >= 0)) FROM members WHERE relkind IN ('r', 'm')),
        (SELECT jsonb_object_agg(a.attname, s.null_frac) FROM pg_attribute a
         LEFT JOIN LATERAL (
            SELECT null_frac FROM pg_stats s WHERE s.schemaname = n.nspname AND s.tablename = c.relname
              AND s.attname = a.attname ORDER BY s.inherited DESC LIMIT 1
         ) s ON true WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = %(name)s AND n.nspname = coalesce(%(schema)s, current_schema())
      AND c.relkind IN ('r', 'p', 'm', 'f', 'v')
"""


def _ask_postgresql(target: Target, questions: Sequence[Question], inquiry: _Inquiry) -> None:
    import psycopg  # noqa: PLC0415 - 0.1 s that a project on SQLite does without

    params: dict[str, Any] = {"connect_timeout": _CONNECT_PATIENCE, **target.connect.libpq}
    params |= {"application_name": "alembic-mcp", "client_encoding": "UTF8"}
    try:
        with psycopg.connect(**params, autocommit=False, prepare_threshold=None) as connection:
            connection.read_only = True
            inquiry.stop = connection.cancel
            for position, question in enumerate(questions):
                if inquiry.is_over:
                    return
                until = time.monotonic() + inquiry.share(len(questions) - position)
                inquiry.answers[question] = _Postgresql(connection, target, until).answer(question)
    except psycopg.Error as error:
        problem = f"the database was not reached: {_said(target, error)}"
        inquiry.answers.update(
            {each: Answer(None, problem=problem) for each in questions if each not in inquiry.answers}
        )


@dataclass(frozen=True)
class _Postgresql:
    """One question to PostgreSQL, until a moment on the monotonic clock."""

    connection: psycopg.Connection[tuple[Any, ...]]
    target: Target
    until: float

    def answer(self, question: Question) -> Answer:
        """Count where that is quick, else estimate, else find out whether there is anything at all."""
        import psycopg  # noqa: PLC0415

        column = question.column if isinstance(question, NonNullCount) else None
        query, size = "", None
        try:
            table = self._find(question.table)
            if table is None:
                return Answer(rows=0, problem=MISSING)
            query, size = self._query("count", table, column), table.total
            if column is not None and column not in table.columns:
                return Answer(rows=0, query=query, bytes=size, problem=MISSING)
            if table.problem:
                return Answer(rows=None, query=query, bytes=size, problem=table.problem)
            return self._count(table, column, query)
        except psycopg.Error as error:
            return Answer(rows=None, query=query, bytes=size, problem=_said(self.target, error))

    def _count(self, table: _Table, column: str | None, query: str) -> Answer:
        import psycopg  # noqa: PLC0415

        estimate, problem = table.estimated(column), "counting it would take too long"
        if table.size <= COUNT_BELOW or estimate is None:
            try:
                return Answer(rows=self._scalar(query, keep_back=_KEPT_BACK), query=query, bytes=table.total)
            except psycopg.errors.QueryCanceled as error:
                problem = _said(self.target, error)
        if estimate is not None and estimate >= 1:
            return Answer(rows=round(estimate), estimated=True, query=query, bytes=table.total)
        # Statistics that say "none" are too old a witness for rows that somebody may miss.
        exists = self._query("exists", table, column)
        if self._scalar(exists) == 0:
            return Answer(rows=0, query=exists, bytes=table.total)
        return Answer(rows=None, query=query, bytes=table.total, problem=f"it has rows, but {problem}")

    def _query(self, what: str, table: _Table, column: str | None) -> str:
        from psycopg import sql  # noqa: PLC0415

        name = sql.Identifier(table.schema, table.name)
        if what == "exists":
            condition = sql.SQL(" WHERE {} IS NOT NULL").format(sql.Identifier(column)) if column else sql.SQL("")
            query = sql.SQL("SELECT count(*) FROM (SELECT FROM {}{} LIMIT 1) AS first").format(name, condition)
        else:
            counted = sql.Identifier(column) if column else sql.SQL("*")
            query = sql.SQL("SELECT count({}) FROM {}").format(counted, name)
        return query.as_string(self.connection)

    def _find(self, name: str) -> _Table | None:
        schema, _, table = name.rpartition(".")
        with self.connection.transaction():
            self._limit()
            arguments = {"name": table, "schema": schema or self.target.default_schema}
            row = self.connection.execute(_FIND, arguments).fetchone()
        if row is None:
            return None
        namespace, relation, counts, hidden, size, total, foreign, estimate, analysed, columns = row
        problem = _HIDDEN if hidden else None if counts and not foreign else _FOREIGN
        return _Table(namespace, relation, size, total, estimate if analysed else None, problem, columns or {})

    def _scalar(self, query: str, *, keep_back: float = 0) -> int:
        from psycopg import sql  # noqa: PLC0415

        with self.connection.transaction():
            self._limit(keep_back)
            row = self.connection.execute(sql.SQL(query)).fetchone()
        return int(row[0]) if row else 0

    def _limit(self, keep_back: float = 0) -> None:
        """Set the limits of this transaction alone: a pooler may give the connection to others after it."""
        milliseconds = max(1, int((self.until - time.monotonic()) * (1 - keep_back) * 1000))
        limits = {
            "statement_timeout": str(milliseconds),
            "lock_timeout": str(min(milliseconds, _LOCK_PATIENCE)),
            "row_security": "off",  # an error, rather than the rows that the role may see
        }
        for name, value in limits.items():
            self.connection.execute("SELECT set_config(%s, %s, true)", [name, value])


def _said(target: Target, error: Exception) -> str:
    return target.connect.redact(str(error).strip().split("\n", 1)[0]) or type(error).__name__


# SQLite


def _ask_sqlite(target: Target, questions: Sequence[Question], inquiry: _Inquiry) -> None:
    path = Path(target.connect.path or "")
    if not path.exists():
        inquiry.answers.update({question: Answer(rows=0, problem=MISSING) for question in questions})
        return
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1)) as connection:
            inquiry.stop = connection.interrupt
            for position, question in enumerate(questions):
                if inquiry.is_over:
                    return
                until = time.monotonic() + inquiry.share(len(questions) - position)
                connection.set_progress_handler(partial(_is_past, until), _STEPS)
                inquiry.answers[question] = _count_sqlite(connection, question)
    except sqlite3.Error as error:
        problem = f"the file could not be read: {error}"
        inquiry.answers.update(
            {each: Answer(None, problem=problem) for each in questions if each not in inquiry.answers}
        )


def _count_sqlite(connection: sqlite3.Connection, question: Question) -> Answer:
    table = question.table.rpartition(".")[2]
    column = question.column if isinstance(question, NonNullCount) else None
    counted = "*" if column is None else _quoted(column)
    query = f"SELECT count({counted}) FROM {_quoted(table)}"  # noqa: S608 - quoted
    try:
        # SQLite takes an unknown name in double quotes for a string, and would count it.
        columns = {name.lower() for (name,) in connection.execute("SELECT name FROM pragma_table_xinfo(?)", [table])}
        if not columns or (column is not None and column.lower() not in columns):
            return Answer(rows=0, query=query, problem=MISSING)
        return Answer(rows=connection.execute(query).fetchone()[0], query=query)
    except sqlite3.OperationalError as error:
        interrupted = "interrupted" in str(error)
        return Answer(rows=None, query=query, problem=_LATE if interrupted else str(error))


def _is_past(moment: float) -> bool:
    return time.monotonic() > moment


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
