"""Rows of a table or values of a column, as a rule judges them and as a person reads them."""

from __future__ import annotations

from dataclasses import dataclass

from .context import Context
from .questions import MISSING
from .rule import Evidence

__all__ = ["SMALL", "Count", "rows_of", "values_of"]

SMALL = 10_000
"""Rows up to which a table is read or written from end to end within a blink."""


@dataclass(frozen=True)
class Count:
    """How many there are.

    Attributes:
        number: None if it is not known, which counts as data.
        estimated: from statistics.
        query: the SQL that shows it.
        noun: what is counted: ``row`` or ``value``.
        limited: it is one row or one batch at a time, however many there are.
    """

    number: int | None
    estimated: bool = False
    query: str = ""
    noun: str = "row"
    problem: str | None = None
    limited: bool = False

    @property
    def none(self) -> bool:
        """True only if they were counted and there are none."""
        return self.number == 0 and not self.estimated

    @property
    def small(self) -> bool:
        """True if they are known to be so few that working through them takes a blink."""
        unknown = self.number is None or (self.estimated and self.number == 0)
        return not unknown and (self.number or 0) < SMALL

    @property
    def text(self) -> str:
        """In words: ``1,200 rows``, ``about 5,000,000 rows``, ``an unknown number of rows``."""
        if self.number is None or (self.estimated and self.number == 0):
            return f"an unknown number of {self.noun}s"
        return f"{'about ' if self.estimated else ''}{self.number:,} {self.noun}{'' if self.number == 1 else 's'}"

    @property
    def evidence(self) -> Evidence:
        """For a finding."""
        found: Evidence = {f"{self.noun}s": self.number}
        if self.estimated:
            found["estimated"] = True
        if self.query:
            found["query"] = self.query
        if self.problem:
            found["unknown_because"] = self.problem
        return found


def rows_of(table: str, context: Context) -> Count:
    """Rows of *table* right before the operation."""
    answer = context.answer(table)
    number = context.rows(table)
    if answer is None or number != answer.rows:
        return Count(number)
    return Count(number, answer.estimated, answer.query, problem=answer.problem)


def values_of(table: str, column: str, context: Context) -> Count:
    """Values in a column: none if its table has no rows."""
    rows = rows_of(table, context)
    if rows.none:
        return Count(0, query=rows.query, noun="value")
    answer = context.answer(table, column)
    if answer is None or answer.problem == MISSING:
        return Count(None, noun="value")
    return Count(answer.rows, answer.estimated, answer.query, noun="value", problem=answer.problem)
