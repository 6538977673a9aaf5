"""Asks PostgreSQL: each question in read-only transactions of its own, with a time limit, under ACCESS SHARE alone."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from ..review.expressions import is_plain
from ..review.questions import (
    MISSING,
    Answer,
    Duplicates,
    Exists,
    Matching,
    NonNullCount,
    Nulls,
    Orphans,
    Question,
    RowCount,
    Unfit,
    Violators,
)
from ..target import Target
from . import casts, catalog
from .catalog import Column, Details, Table
from .inquiry import Inquiry
from .queries import MANY, Offenders, conjunction, key_text, quoted

__all__ = ["COUNT_BELOW", "ask"]

COUNT_BELOW = 256 * 1024 * 1024  # bytes of a table: up to here it is counted, above its statistics are taken first
_SAMPLED = 16 * 1024 * 1024  # bytes of a large table that are read as a sample
_LOCK_PATIENCE = 500  # ms to wait for somebody's ACCESS EXCLUSIVE lock
_CONNECT_PATIENCE = 5  # seconds
_KEPT_BACK = 0.2  # part of a question's time that a count leaves for what is asked when it is broken off
_TOO_LONG = "reading it from end to end would take too long"

_Offence = Nulls | Duplicates | Orphans | Violators | Unfit


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


class _Unanswerable(Exception):  # noqa: N818 - it carries an answer
    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.problem)
        self.answer = answer


@dataclass
class _Postgresql:
    """A connection, and what it has learned about tables; ``until`` is the moment by which the question must end."""

    connection: psycopg.Connection[tuple[Any, ...]]
    target: Target
    until: float = 0.0
    tables: dict[str, Table | None] = field(default_factory=dict)
    details: dict[str, Details] = field(default_factory=dict)

    def answer(self, question: Question, until: float) -> Answer:  # noqa: PLR0911 - one return for each kind of answer
        """Count where that is quick, else estimate or sample, else find out whether there is anything at all."""
        self.until = until
        answer = Answer(rows=None)
        try:
            if isinstance(question, Exists):
                return self._exists(question)
            table = self._find(question.table)
            if table is None:
                return Answer(rows=0, problem=MISSING)
            if isinstance(question, (RowCount, NonNullCount)):
                column = question.column if isinstance(question, NonNullCount) else None
                answer = Answer(None, query=_counting(table, column), bytes=table.total)
                return self._rows(table, column, answer)
            if isinstance(question, Matching):
                return self._matching(table, question)
            return self._offence(table, question)
        except _Unanswerable as found:
            return found.answer
        except psycopg.Error as error:
            return Answer(None, query=answer.query, bytes=answer.bytes, problem=_said(self.target, error))

    # Rows and values

    def _rows(self, table: Table, column: str | None, answer: Answer) -> Answer:
        if column is not None and column not in table.columns:
            return Answer(0, query=answer.query, bytes=table.total, problem=MISSING)
        if table.problem:
            return Answer(None, query=answer.query, bytes=table.total, problem=table.problem)
        estimate, problem = table.estimated(column), "counting it would take too long"
        if table.size <= COUNT_BELOW or estimate is None:
            try:
                rows = self._scalar(answer.query, keep_back=_KEPT_BACK)
                return Answer(rows, query=answer.query, bytes=table.total)
            except psycopg.errors.QueryCanceled as error:
                problem = _said(self.target, error)
        if estimate is not None and estimate >= 1:
            return Answer(round(estimate), estimated=True, query=answer.query, bytes=table.total)
        # Statistics that say "none" are too old a witness for rows that somebody may miss.
        condition = f" WHERE {quoted(column)} IS NOT NULL" if column else ""
        name = quoted(table.schema, table.name)
        exists = f"SELECT count(*) FROM (SELECT FROM {name}{condition} LIMIT 1) AS first"  # noqa: S608 - quoted
        if self._scalar(exists) == 0:
            return Answer(0, query=exists, bytes=table.total)
        return Answer(None, query=answer.query, bytes=table.total, problem=f"it has rows, but {problem}")

    def _matching(self, table: Table, question: Matching) -> Answer:
        """Count in a small table, else take the planner's word for it: EXPLAIN of a SELECT locks like a SELECT."""
        relation = quoted(table.schema, table.name)
        query = Offenders(relation, f"({question.condition})").count()
        self._check(table, query, question.condition, queries=True)
        if table.size <= COUNT_BELOW:
            try:
                return Answer(self._scalar(query, keep_back=0.5), query=query, bytes=table.total)
            except psycopg.errors.QueryCanceled:
                pass  # the planner knows roughly
        plan = self._value(f"EXPLAIN (FORMAT JSON) {Offenders(relation, question.condition).list(())}")
        planned = plan if isinstance(plan, list) else json.loads(plan)
        return Answer(int(planned[0]["Plan"]["Plan Rows"]), estimated=True, query=query, bytes=table.total)

    def _exists(self, question: Exists) -> Answer:
        schema, _, name = question.name.rpartition(".")
        with self.connection.transaction():
            self._limit()
            arguments = {"name": name, "schema": schema or self.target.default_schema, "bare": not schema}
            row = self.connection.execute(catalog.EXISTS[question.kind].encode(), arguments).fetchone()
        return Answer(rows=min(int(row[0]), 1) if row else 0)

    # Rows that make a revision fail

    def _offence(self, table: Table, question: _Offence) -> Answer:
        details = self._details(table)
        if isinstance(question, Unfit):
            return self._unfit(table, details, question)
        offenders = self._offenders(table, details, question)
        if offenders is None:
            return Answer(0, bytes=table.total)
        expressions = [question.expression] if isinstance(question, Violators) else []
        if isinstance(question, Duplicates):
            expressions = [*(question.keys if question.expressions else ()), *filter(None, [question.where])]
        queries = isinstance(question, Violators) and question.queries
        self._check(table, offenders.count(), *expressions, queries=queries)
        self._known(table, details, self._columns(question), offenders.count())
        return self._search(table, details, offenders)

    @staticmethod
    def _columns(question: _Offence) -> Sequence[str]:
        match question:
            case Nulls() | Unfit():
                return (question.column,)
            case Orphans():
                return question.columns
            case Duplicates(expressions=False):
                return question.keys
        return ()

    def _offenders(self, table: Table, details: Details, question: _Offence) -> Offenders | None:
        """Which rows are looked for; None if the catalog already says that there are none."""
        name = quoted(table.schema, table.name)
        match question:
            case Nulls():
                column = details.columns.get(question.column)
                return None if column and column.not_null else Offenders(name, f"{quoted(question.column)} IS NULL")
            case Violators():
                return Offenders(name, f"NOT ({question.expression})")
            case Duplicates():
                keys = frozenset() if question.expressions or question.nulls_equal else frozenset(question.keys)
                if any(index <= keys for index in details.unique):
                    return None
                return _duplicates(name, question)
            case Orphans():
                return self._orphans(name, question)
        return None

    def _orphans(self, name: str, question: Orphans) -> Offenders:
        other = self._find(question.references)
        if other is None:
            raise _Unanswerable(Answer(None, problem=f"{question.references} {MISSING}"))
        referenced = question.referenced_columns or self._details(other).key
        if len(referenced) != len(question.columns):
            raise _Unanswerable(Answer(None, problem=f"the primary key of {question.references} does not match"))
        relation = quoted(other.schema, other.name)
        if other.problem:
            raise _Unanswerable(Answer(None, problem=f"{question.references}: {other.problem}"))
        pairs = [f"referenced.{quoted(to)} = {name}.{quoted(of)}" for of, to in
                 zip(question.columns, referenced, strict=True)]  # fmt: skip
        given = [f"{name}.{quoted(column)} IS NOT NULL" for column in question.columns]
        lost = f"NOT EXISTS (SELECT 1 FROM {relation} AS referenced WHERE {conjunction(pairs)})"  # noqa: S608 - quoted
        return Offenders(name, conjunction([*given, lost]))

    def _unfit(self, table: Table, details: Details, question: Unfit) -> Answer:
        name = quoted(table.schema, table.name)
        self._known(table, details, (question.column,), "")
        column: Column = details.columns[question.column]
        test = casts.test(question, column, details.version)
        self._check(table, test.query(name), *filter(None, [question.using]))
        if test.fits:
            return Answer(0, bytes=table.total)
        if test.condition:
            return self._search(table, details, Offenders(name, test.condition))
        query = test.query(name)
        try:
            self._scalar(query)
        except psycopg.errors.DataError:
            # What it says quotes a value of somebody's.
            return Answer(1, at_least=True, query=query, bytes=table.total)
        except psycopg.errors.QueryCanceled:
            return Answer(None, query=query, bytes=table.total, problem=_TOO_LONG)
        return Answer(0, query=query, bytes=table.total)

    def _search(self, table: Table, details: Details, offenders: Offenders) -> Answer:
        """Count offenders in a small table; in a large one look at a sample, then as far as the time goes."""
        if table.size > COUNT_BELOW:
            return self._search_large(table, details, offenders)
        query = offenders.count()
        try:
            found = self._scalar(query, keep_back=_KEPT_BACK)
        except psycopg.errors.QueryCanceled:
            return Answer(None, query=query, bytes=table.total, problem=_TOO_LONG)
        keys = self._keys(offenders, details) if found else ()
        return Answer(found, query=query, bytes=table.total, shows=offenders.list(details.key), keys=keys)

    def _search_large(self, table: Table, details: Details, offenders: Offenders) -> Answer:
        """A sample proves that there are some; that there are none takes reading all of it."""
        shows, sample = offenders.list(details.key), min(100.0, 100 * _SAMPLED / table.size)
        sampled, query = 0, offenders.count(sample=sample, limit=MANY)
        try:
            sampled = self._scalar(query, keep_back=0.7)
            # Rows that share a value are only counted by sorting all of them: too dear once they are known to exist.
            if not (sampled and offenders.grouped):
                query = offenders.count(limit=None if offenders.grouped else MANY)
                found = self._scalar(query, keep_back=_KEPT_BACK)
                keys = self._keys(offenders, details) if found else ()
                many = found >= MANY and not offenders.grouped
                return Answer(found, query=query, bytes=table.total, at_least=many, shows=shows, keys=keys)
        except psycopg.errors.QueryCanceled:
            if not sampled:
                problem = f"{_TOO_LONG}, and a sample of it says nothing"
                return Answer(None, query=query, bytes=table.total, problem=problem, shows=shows)
            query = offenders.count(sample=sample, limit=MANY)
        keys = self._keys(offenders, details, sample)
        return Answer(sampled, query=query, bytes=table.total, at_least=True, shows=shows, keys=keys)

    def _keys(self, offenders: Offenders, details: Details, sample: float | None = None) -> tuple[str, ...]:
        if not details.key:
            return ()
        try:
            rows = self._fetch(offenders.keys(details.key, sample=sample))
        except psycopg.errors.QueryCanceled:
            return ()
        return tuple(text for text in (key_text(details.key, row) for row in rows) if text is not None)

    # What is common

    def _check(self, table: Table, query: str, *expressions: str, queries: bool = False) -> None:
        """Raises _Unanswerable unless the rows can be read, and the revision's expressions do no more than that."""
        if table.problem:
            raise _Unanswerable(Answer(None, query=query, bytes=table.total, problem=table.problem))
        if not all(is_plain(one, "postgresql", queries=queries) for one in expressions):
            problem = "its condition may do more than read, so it was not tried on real rows"
            raise _Unanswerable(Answer(None, query=query, bytes=table.total, problem=problem))

    @staticmethod
    def _known(table: Table, details: Details, columns: Sequence[str], query: str) -> None:
        if any(column not in details.columns for column in columns):
            raise _Unanswerable(Answer(0, query=query, bytes=table.total, problem=MISSING))

    def _find(self, name: str) -> Table | None:
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
        name = f"{table.schema}.{table.name}"
        if name not in self.details:
            with self.connection.transaction():
                self._limit()
                row = self.connection.execute(catalog.DETAILS, [table.schema, table.name]).fetchone()
            columns, indexes, version = row if row is not None else ({}, [], 0)
            key = next((tuple(names or ()) for primary, names in indexes if primary), ())
            self.details[name] = Details(
                {column: Column(*said) for column, said in (columns or {}).items()},
                tuple(frozenset(names or ()) for _, names in indexes),
                key,
                version,
            )
        return self.details[name]

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


def _duplicates(name: str, question: Duplicates) -> Offenders:
    keys = tuple(f"({key})" for key in question.keys) if question.expressions else tuple(map(quoted, question.keys))
    conditions = [] if question.nulls_equal else [f"{key} IS NOT NULL" for key in keys]
    if question.where:
        conditions.append(f"({question.where})")
    return Offenders(name, conjunction(conditions), keys)


def _counting(table: Table, column: str | None) -> str:
    counted = quoted(column) if column else "*"
    return f"SELECT count({counted}) FROM {quoted(table.schema, table.name)}"  # noqa: S608 - quoted


def _said(target: Target, error: Exception) -> str:
    """What the server says; never an error about a value, which it would quote."""
    if isinstance(error, psycopg.errors.DataError):
        return "some of its values cannot be evaluated"
    return target.connect.redact(str(error).strip().split("\n", 1)[0]) or type(error).__name__
