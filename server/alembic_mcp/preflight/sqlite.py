"""Asks SQLite: the file is opened for reading alone, and every query ends in time."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

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
from .inquiry import LATE, Inquiry
from .queries import Offenders, conjunction, key_text, quoted

__all__ = ["ask"]

_STEPS = 10_000  # of SQLite's machine between looks at the clock; some 0.1 ms


def ask(target: Target, questions: tuple[Question, ...], inquiry: Inquiry) -> None:
    """Answer *questions* in *inquiry*; nothing is raised for what cannot be answered."""
    path = Path(target.connect.path or "")
    if not path.exists():
        inquiry.answers.update({question: Answer(rows=0, problem=MISSING) for question in questions})
        return
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1)) as connection:
            inquiry.stop = connection.interrupt
            inquiry.ask(questions, _Sqlite(connection).answer)
    except sqlite3.Error as error:
        inquiry.fail(questions, f"the file could not be read: {error}")


@dataclass
class _Sqlite:
    connection: sqlite3.Connection
    tables: dict[str, dict[str, int]] = field(default_factory=dict)

    def answer(self, question: Question, until: float) -> Answer:  # noqa: PLR0911 - one return for each kind of answer
        """The answer, broken off at *until*."""
        self.connection.set_progress_handler(partial(_is_past, until), _STEPS)
        if isinstance(question, (Exists, Unfit)):
            return Answer(None, problem="SQLite has no such thing")
        table = question.table.rpartition(".")[2]
        query = ""
        try:
            columns = self._columns(table)
            if isinstance(question, (RowCount, NonNullCount)):
                column = question.column if isinstance(question, NonNullCount) else None
                query = f"SELECT count({quoted(column) if column else '*'}) FROM {quoted(table)}"  # noqa: S608 - quoted
                # SQLite takes an unknown name in double quotes for a string, and would count it.
                if not columns or (column is not None and column.lower() not in columns):
                    return Answer(rows=0, query=query, problem=MISSING)
                return Answer(rows=self._rows(query)[0][0], query=query)
            problem = self._problem(question, columns)
            if problem is not None:
                return Answer(0 if problem == MISSING else None, problem=problem)
            offenders = self._offenders(table, question)
            query = offenders.count()
            if isinstance(question, Matching):
                return Answer(self._rows(query)[0][0], query=query)
            return self._search(offenders, columns)
        except sqlite3.Error as error:
            interrupted = "interrupted" in str(error)
            return Answer(rows=None, query=query, problem=LATE if interrupted else str(error))

    def _search(self, offenders: Offenders, columns: dict[str, int]) -> Answer:
        key = [name for name, place in sorted(columns.items(), key=lambda one: one[1]) if place]
        found = self._rows(offenders.count())[0][0]
        rows = self._rows(offenders.keys(key)) if found and key else []
        keys = tuple(text for text in (key_text(key, row) for row in rows) if text is not None)
        return Answer(found, query=offenders.count(), shows=offenders.list(key), keys=keys)

    def _offenders(self, table: str, question: Question) -> Offenders:
        name = quoted(table)
        match question:
            case Nulls():
                return Offenders(name, f"{quoted(question.column)} IS NULL")
            case Violators():
                return Offenders(name, f"NOT ({question.expression})")
            case Matching():
                return Offenders(name, f"({question.condition})")
            case Duplicates():
                keys = tuple(f"({key})" if question.expressions else quoted(key) for key in question.keys)
                given = [] if question.nulls_equal else [f"{key} IS NOT NULL" for key in keys]
                given += [f"({question.where})"] if question.where else []
                return Offenders(name, conjunction(given), keys)
            case Orphans():
                other = question.references.rpartition(".")[2]
                known = self._columns(other)
                referenced = question.referenced_columns or tuple(name for name, place in known.items() if place)
                pairs = [f"referenced.{quoted(to)} = {name}.{quoted(of)}" for of, to in
                         zip(question.columns, referenced, strict=False)]  # fmt: skip
                given = [f"{name}.{quoted(column)} IS NOT NULL" for column in question.columns]
                rows = f"SELECT 1 FROM {quoted(other)} AS referenced"  # noqa: S608 - quoted
                lost = f"NOT EXISTS ({rows} WHERE {conjunction(pairs)})"
                return Offenders(name, conjunction([*given, lost]))
        raise AssertionError(question)

    def _problem(self, question: Question, columns: dict[str, int]) -> str | None:
        """Why it cannot be asked."""
        named: tuple[str, ...] = ()
        expressions: tuple[str, ...] = ()
        match question:
            case Nulls():
                named = (question.column,)
            case Orphans():
                named = question.columns
                if not self._columns(question.references.rpartition(".")[2]):
                    return f"{question.references} {MISSING}"
            case Duplicates():
                named = () if question.expressions else question.keys
                expressions = (*(question.keys if question.expressions else ()), *filter(None, [question.where]))
            case Violators():
                expressions = (question.expression,)
            case Matching():
                expressions = (question.condition,)
        if not columns or any(name.lower() not in columns for name in named):
            return MISSING
        queries = isinstance(question, Matching) or (isinstance(question, Violators) and question.queries)
        if not all(is_plain(one, "sqlite", queries=queries) for one in expressions):
            return "its condition may do more than read, so it was not tried on real rows"
        return None

    def _columns(self, table: str) -> dict[str, int]:
        """Column in lower case -> its place in the primary key, 0 if it is no part of it."""
        if table not in self.tables:
            rows = self.connection.execute("SELECT name, pk FROM pragma_table_xinfo(?)", [table])
            self.tables[table] = {name.lower(): place for name, place in rows}
        return self.tables[table]

    def _rows(self, query: str) -> list[tuple[int, ...]]:
        return self.connection.execute(query).fetchall()


def _is_past(moment: float) -> bool:
    return time.monotonic() > moment
