"""Asks PostgreSQL: each question in read-only transactions of its own, with a time limit, under ACCESS SHARE alone."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import psycopg
from psycopg import sql

from ..review.questions import Answer, Duplicates, Exists, Nulls, Question, Unfit
from ..target import Target
from . import casts, catalog
from .asking import Asking
from .catalog import Column, Details, Table
from .inquiry import Inquiry
from .queries import MANY, Offence, Offenders, key_text, quoted

__all__ = ["COUNT_BELOW", "ask"]

COUNT_BELOW = 256 * 1024 * 1024  # bytes of a table: up to here it is counted, above its statistics are taken first
_SAMPLED = 16 * 1024 * 1024  # bytes of a large table that are read as a sample
_LOCK_PATIENCE = 500  # ms to wait for somebody's ACCESS EXCLUSIVE lock
_CONNECT_PATIENCE = 5  # seconds
_KEPT_BACK = 0.2  # part of a question's time that a count leaves for what is asked when it is broken off
_TOO_LONG = "reading it from end to end would take too long"


def ask(target: Target, questions: tuple[Question, ...], inquiry: Inquiry) -> None:
    """Answer *questions* in *inquiry*; nothing is raised for what cannot be answered."""
    params: dict[str, Any] = {"connect_timeout": _CONNECT_PATIENCE, **target.connect.libpq}
    params |= {"application_name": "alembic-mcp", "client_encoding": "UTF8"}
    try:
        with psycopg.connect(**params, autocommit=False, prepare_threshold=None) as connection:
            connection.read_only = True
            inquiry.stop = connection.cancel
            asked = _Postgresql(connection, target)
            inquiry.ask(questions, asked.answer)
    except psycopg.Error as error:
        inquiry.fail(questions, f"the database was not reached: {_said(target, error)}")


@dataclass
class _Postgresql(Asking[Table]):
    """A connection, and what it has learned about tables; ``until`` is the moment by which the question must end."""

    dialect: ClassVar[str] = "postgresql"
    errors: ClassVar[type[Exception]] = psycopg.Error
    connection: psycopg.Connection[tuple[Any, ...]]
    target: Target
    until: float = 0.0
    tables: dict[str, Table | None] = field(default_factory=dict)
    details: dict[str, Details] = field(default_factory=dict)

    def begin(self, until: float) -> None:
        self.until = until

    def said(self, error: Exception) -> str:
        return _said(self.target, error)

    # What the catalog knows

    def find(self, name: str) -> Table | None:
        if name in self.tables:
            return self.tables[name]
        schema, _, table = name.rpartition(".")
        with self.connection.transaction():
            self._limit()
            arguments = {"name": table, "schema": schema or self.target.default_schema}
            row = self.connection.execute(catalog.FIND, arguments).fetchone()
        found = None
        if row is not None:
            namespace, relation, counts, hidden, size, total, foreign, estimate, analysed, columns = row
            problem = catalog.HIDDEN if hidden else None if counts and not foreign else catalog.FOREIGN
            estimate = estimate if analysed else None
            found = Table(namespace, relation, size, total, estimate, problem, columns or {})
        self.tables[name] = found
        return found

    def _details(self, table: Table) -> Details:
        if table.relation not in self.details:
            with self.connection.transaction():
                self._limit()
                row = self.connection.execute(catalog.DETAILS, [table.schema, table.name]).fetchone()
            columns, indexes, version = row if row is not None else ({}, [], 0)
            key = next((tuple(names or ()) for primary, names in indexes if primary), ())
            self.details[table.relation] = Details(
                {column: Column(*said) for column, said in (columns or {}).items()},
                tuple(frozenset(names or ()) for _, names in indexes),
                key,
                version,
            )
        return self.details[table.relation]

    def key(self, table: Table) -> tuple[str, ...]:
        return self._details(table).key

    def is_impossible(self, table: Table, question: Offence) -> bool:
        details = self._details(table)
        if isinstance(question, Nulls):
            column = details.columns.get(question.column)
            return column is not None and column.not_null
        if isinstance(question, Duplicates) and not question.expressions and not question.nulls_equal:
            return any(index <= frozenset(question.keys) for index in details.unique)
        return False

    def exists(self, question: Exists) -> Answer:
        schema, _, name = question.name.rpartition(".")
        with self.connection.transaction():
            self._limit()
            arguments = {"name": name, "schema": schema or self.target.default_schema, "bare": not schema}
            row = self.connection.execute(catalog.EXISTS[question.kind].encode(), arguments).fetchone()
        return Answer(rows=min(int(row[0]), 1) if row else 0)

    # Rows and values

    def count(self, table: Table, column: str | None, answer: Answer) -> Answer:
        """Count where that is quick, else estimate, else find out whether there is anything at all."""
        estimate, problem = table.estimated(column), "counting it would take too long"
        if table.size <= COUNT_BELOW or estimate is None:
            try:
                return replace(answer, rows=self._scalar(answer.query, keep_back=_KEPT_BACK))
            except psycopg.errors.QueryCanceled as error:
                problem = _said(self.target, error)
        if estimate is not None and estimate >= 1:
            return replace(answer, rows=round(estimate), estimated=True)
        # Statistics that say "none" are too old a witness for rows that somebody may miss.
        condition = f" WHERE {quoted(column)} IS NOT NULL" if column else ""
        exists = f"SELECT count(*) FROM (SELECT FROM {table.relation}{condition} LIMIT 1) AS first"  # noqa: S608 - quoted
        if self._scalar(exists) == 0:
            return replace(answer, rows=0, query=exists)
        return replace(answer, problem=f"it has rows, but {problem}")

    def estimate(self, table: Table, matching: Offenders, answer: Answer) -> Answer:
        """Count in a small table, else take the planner's word for it: EXPLAIN of a SELECT locks like a SELECT."""
        if table.size <= COUNT_BELOW:
            try:
                return replace(answer, rows=self._scalar(answer.query, keep_back=0.5))
            except psycopg.errors.QueryCanceled:
                pass  # the planner knows roughly
        plan = self._value(f"EXPLAIN (FORMAT JSON) {matching.list(())}")
        planned = plan if isinstance(plan, list) else json.loads(plan)
        return replace(answer, rows=int(planned[0]["Plan"]["Plan Rows"]), estimated=True)

    # Rows that make a revision fail

    def unfit(self, table: Table, question: Unfit, answer: Answer) -> Answer:
        """Look for the values by a condition, where one tells them; else let the cast fail on them."""
        self.check(table, answer, (question.column,))
        details = self._details(table)
        test = casts.test(question, details.columns[question.column], details.version)
        answer = replace(answer, query=test.query(table.relation))
        self.check(table, answer, (), tuple(filter(None, [question.using])))
        if test.fits:
            return Answer(0, bytes=table.total)
        if test.condition:
            offenders = Offenders(table.relation, test.condition)
            return self.search(table, offenders, replace(answer, query=offenders.count()))
        try:
            self._scalar(answer.query)
        except psycopg.errors.DataError:
            # What it says quotes a value of somebody's.
            return replace(answer, rows=1, at_least=True)
        except psycopg.errors.QueryCanceled:
            return replace(answer, problem=_TOO_LONG)
        return replace(answer, rows=0)

    def search(self, table: Table, offenders: Offenders, answer: Answer) -> Answer:
        """Count offenders in a small table; in a large one look at a sample, then as far as the time goes."""
        key = self.key(table)
        shown = replace(answer, shows=offenders.list(key))
        if table.size > COUNT_BELOW:
            return self._search_large(table, offenders, key, shown)
        try:
            found = self._scalar(answer.query, keep_back=_KEPT_BACK)
        except psycopg.errors.QueryCanceled:
            return replace(answer, problem=_TOO_LONG)
        return replace(shown, rows=found, keys=self._keys(offenders, key) if found else ())

    def _search_large(self, table: Table, offenders: Offenders, key: tuple[str, ...], answer: Answer) -> Answer:
        """A sample proves that there are some; that there are none takes reading all of it."""
        sample = min(100.0, 100 * _SAMPLED / table.size)
        sampled, query = 0, offenders.count(sample=sample, limit=MANY)
        try:
            sampled = self._scalar(query, keep_back=0.7)
            # Rows that share a value are only counted by sorting all of them: too dear once they are known to exist.
            if not (sampled and offenders.grouped):
                query = offenders.count(limit=None if offenders.grouped else MANY)
                found = self._scalar(query, keep_back=_KEPT_BACK)
                keys = self._keys(offenders, key) if found else ()
                many = found >= MANY and not offenders.grouped
                return replace(answer, rows=found, query=query, at_least=many, keys=keys)
        except psycopg.errors.QueryCanceled:
            if not sampled:
                return replace(answer, query=query, problem=f"{_TOO_LONG}, and a sample of it says nothing")
            query = offenders.count(sample=sample, limit=MANY)
        return replace(answer, rows=sampled, query=query, at_least=True, keys=self._keys(offenders, key, sample))

    def _keys(self, offenders: Offenders, key: tuple[str, ...], sample: float | None = None) -> tuple[str, ...]:
        if not key:
            return ()
        try:
            rows = self._fetch(offenders.keys(key, sample=sample))
        except psycopg.errors.QueryCanceled:
            return ()
        return tuple(text for text in (key_text(key, row) for row in rows) if text is not None)

    # How the server is asked

    def _scalar(self, query: str, *, keep_back: float = 0) -> int:
        return int(self._value(query, keep_back=keep_back) or 0)

    def _value(self, query: str, *, keep_back: float = 0) -> Any:
        rows = self._fetch(query, keep_back=keep_back)
        return rows[0][0] if rows else None

    def _fetch(self, query: str, *, keep_back: float = 0) -> list[tuple[Any, ...]]:
        with self.connection.transaction():
            self._limit(keep_back)
            # In the binary protocol there is room for one statement and no more.
            return self.connection.execute(sql.SQL(query), binary=True).fetchall()

    def _limit(self, keep_back: float = 0) -> None:
        """Set the limits of this transaction alone: a pooler may give the connection to others after it."""
        milliseconds = max(1, int((self.until - time.monotonic()) * (1 - keep_back) * 1000))
        limits = {
            "statement_timeout": str(milliseconds),
            "lock_timeout": str(min(milliseconds, _LOCK_PATIENCE)),
            "row_security": "off",  # an error, rather than the rows that the role may see
            "jit": "off",
        }
        for name, value in limits.items():
            self.connection.execute("SELECT set_config(%s, %s, true)", [name, value])


def _said(target: Target, error: Exception) -> str:
    """What the server says; never an error about a value, which it would quote."""
    if isinstance(error, psycopg.errors.DataError):
        return "some of its values cannot be evaluated"
    return target.connect.redact(str(error).strip().split("\n", 1)[0]) or type(error).__name__
