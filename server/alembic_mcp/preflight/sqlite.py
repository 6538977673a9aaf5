"""Asks SQLite: the file is opened for reading alone, and every query ends in time."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ClassVar

from ..review.questions import MISSING, Answer, Exists, Question, Unfit
from ..target import Target
from .asking import Asking
from .inquiry import LATE, Inquiry
from .queries import Offenders, key_text, quoted

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


@dataclass(frozen=True)
class _Table:
    """A table of the file; ``columns`` are in lower case, each with its place in the primary key or 0."""

    relation: str
    columns: dict[str, int]
    total: int | None = None
    problem: str | None = None


@dataclass
class _Sqlite(Asking[_Table]):
    """A connection, and what it has learned about tables."""

    dialect: ClassVar[str] = "sqlite"
    errors: ClassVar[type[Exception]] = sqlite3.Error
    connection: sqlite3.Connection
    tables: dict[str, _Table | None] = field(default_factory=dict)

    def begin(self, until: float) -> None:
        self.connection.set_progress_handler(partial(_is_past, until), _STEPS)

    def said(self, error: Exception) -> str:
        return LATE if "interrupted" in str(error) else str(error)

    def find(self, name: str) -> _Table | None:
        table = name.rpartition(".")[2]
        if table not in self.tables:
            rows = self.connection.execute("SELECT name, pk FROM pragma_table_xinfo(?)", [table])
            columns = {column.lower(): place for column, place in rows}
            self.tables[table] = _Table(quoted(table), columns) if columns else None
        return self.tables[table]

    def folded(self, column: str) -> str:
        # SQLite takes an unknown name in double quotes for a string: it must be known, in whatever case.
        return column.lower()

    def key(self, table: _Table) -> tuple[str, ...]:
        return tuple(name for name, place in sorted(table.columns.items(), key=lambda one: one[1]) if place)

    def exists(self, _question: Exists) -> Answer:
        return Answer(None, problem="SQLite has no such thing")

    def unfit(self, _table: _Table, _question: Unfit, _answer: Answer) -> Answer:
        return Answer(None, problem="SQLite has no such thing")

    def count(self, _table: _Table, _column: str | None, answer: Answer) -> Answer:
        return Answer(self._number(answer.query), query=answer.query)

    def estimate(self, _table: _Table, _matching: Offenders, answer: Answer) -> Answer:
        return Answer(self._number(answer.query), query=answer.query)

    def search(self, table: _Table, offenders: Offenders, answer: Answer) -> Answer:
        key = self.key(table)
        found = self._number(answer.query)
        rows = self.connection.execute(offenders.keys(key)).fetchall() if found and key else []
        keys = tuple(text for text in (key_text(key, row) for row in rows) if text is not None)
        return Answer(found, query=answer.query, shows=offenders.list(key), keys=keys)

    def _number(self, query: str) -> int:
        return int(self.connection.execute(query).fetchone()[0])


def _is_past(moment: float) -> bool:
    return time.monotonic() > moment
