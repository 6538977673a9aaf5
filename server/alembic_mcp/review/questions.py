"""What judgement asks about the rows of the real database, and the answers as facts.

Tables are named as in `operations`: ``table`` in the default schema, ``schema.table`` elsewhere, unquoted.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["MISSING", "Answer", "Facts", "NonNullCount", "Question", "RowCount"]

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


Question = RowCount | NonNullCount


@dataclass(frozen=True)
class Answer:
    """What the database said to one question.

    Attributes:
        rows: the number asked for; None if it is not known.
        estimated: True if *rows* comes from statistics rather than from counting.
        query: the SQL that was run, or would have been; a person can run it again.
        bytes: size of the table with its indexes, where the database tells.
        problem: why *rows* is not known, or ``does not exist``; None if all went well.
    """

    rows: int | None
    estimated: bool = False
    query: str = ""
    bytes: int | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Facts:
    """Answers by question; whatever was not answered is unknown, never zero."""

    answers: dict[Question, Answer] = field(default_factory=dict)

    def rows(self, table: str) -> int | None:
        """Rows of *table*; None if unknown."""
        return self._rows(RowCount(table))

    def non_null(self, table: str, column: str) -> int | None:
        """Rows of *table* with a value in *column*; None if unknown."""
        return self._rows(NonNullCount(table, column))

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

    def _rows(self, question: Question) -> int | None:
        answer = self.answers.get(question)
        return answer.rows if answer else None
