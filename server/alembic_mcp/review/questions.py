"""What judgement asks about the rows of the real database, and the answers as facts.

Tables are named as in `operations`: ``table`` in the default schema, ``schema.table`` elsewhere, unquoted; tables,
columns and expressions are spelt as they are in the real database before anything runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = [
    "MISSING",
    "Answer",
    "Duplicates",
    "Exists",
    "Facts",
    "Matching",
    "NonNullCount",
    "Nulls",
    "Orphans",
    "Question",
    "RowCount",
    "Unfit",
    "Violators",
]

MISSING = "does not exist"


@dataclass(frozen=True)
class RowCount:
    """How many rows does *table* have?"""

    table: str


@dataclass(frozen=True)
class NonNullCount:
    """How many rows of *table* have a value in *column*?"""

    table: str
    column: str


@dataclass(frozen=True)
class Nulls:
    """How many rows of *table* have no value in *column*?"""

    table: str
    column: str


@dataclass(frozen=True)
class Duplicates:
    """How many rows of *table* share the values of *keys* with another row?

    Attributes:
        keys: columns by name, or expressions if *expressions* says so.
        where: the condition of a partial index; only rows that meet it count.
        nulls_equal: two nulls count as the same value.
    """

    table: str
    keys: tuple[str, ...]
    where: str | None = None
    nulls_equal: bool = False
    expressions: bool = False


@dataclass(frozen=True)
class Orphans:
    """How many rows of *table* refer by *columns* to a row of *references* that is not there?

    Without *referenced_columns* they refer to its primary key.
    """

    table: str
    columns: tuple[str, ...]
    references: str
    referenced_columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Violators:
    """How many rows of *table* make *expression* false?

    Attributes:
        queries: it may select from other tables.
    """

    table: str
    expression: str
    queries: bool = False


@dataclass(frozen=True)
class Unfit:
    """How many values of *column* cannot become *type*?

    Attributes:
        using: the expression of USING; None for the cast that ALTER COLUMN TYPE does on its own.
        labels: those of an enum that does not exist yet.
    """

    table: str
    column: str
    type: str
    using: str | None = None
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Matching:
    """How many rows of *table*, roughly, meet *condition*?"""

    table: str
    condition: str


@dataclass(frozen=True)
class Exists:
    """Is there such a thing: 1 or 0 rows?

    Attributes:
        kind: ``type``, ``schema``, ``extension`` (installed in the database) or ``available extension``.
    """

    kind: str
    name: str


Question = RowCount | NonNullCount | Nulls | Duplicates | Orphans | Violators | Unfit | Matching | Exists


@dataclass(frozen=True)
class Answer:
    """What the database said to one question.

    Attributes:
        rows: the number asked for; None if it is not known.
        estimated: True if *rows* comes from statistics, a sample or a plan rather than from counting.
        at_least: True if so many were found before the search ended, and there may be more; never with 0.
        query: the SQL that was run, or would have been; a person can run it again.
        bytes: size of the table with its indexes, where the database tells.
        problem: why *rows* is not known, or ``does not exist``; None if all went well.
        shows: the SQL that lists the rows that were counted.
        keys: primary keys of a few of them: ``id 17``; only of keys that are numbers, dates or UUIDs.
    """

    rows: int | None
    estimated: bool = False
    query: str = ""
    bytes: int | None = None
    problem: str | None = None
    at_least: bool = False
    shows: str = ""
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """Answers by question; whatever was not answered is unknown, never zero."""

    answers: dict[Question, Answer] = field(default_factory=dict)

    def rows(self, table: str) -> int | None:
        """Rows of *table*; None if unknown."""
        answer = self.answer(RowCount(table))
        return answer.rows if answer else None

    def is_empty(self, table: str) -> bool:
        """True only if *table* was counted and has no row; an estimate or nothing at all is False."""
        answer = self.answer(RowCount(table))
        return answer is not None and answer.rows == 0 and not answer.estimated

    def is_missing(self, table: str) -> bool:
        """True if the database has no such table."""
        answer = self.answer(RowCount(table))
        return answer is not None and answer.problem == MISSING

    def answer(self, question: Question) -> Answer | None:
        """The answer, with the query that gave it; None if it was not asked."""
        return self.answers.get(question)
