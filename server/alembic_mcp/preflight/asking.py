"""How one question is answered, whatever the database: find its table, try nothing that may write, then look.

A dialect tells what its catalog knows, how rows are counted and how a query ends in time; what is looked for, and what
is not tried on real rows, is the same for all of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Generic, Protocol, TypeVar

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
from .queries import Offence, Offenders, counting, sought

__all__ = ["Asking", "Unanswerable"]


class _Table(Protocol):
    @property
    def relation(self) -> str:
        """Its name, quoted."""

    @property
    def total(self) -> int | None:
        """Bytes with its indexes, where the database tells."""

    @property
    def problem(self) -> str | None:
        """Why its rows cannot be read; None if they can."""

    @property
    def columns(self) -> Container[str]:
        """Its columns, in the dialect's own spelling."""


T = TypeVar("T", bound=_Table)


class Unanswerable(Exception):
    """There is nothing to run: *answer* says so, and why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.problem)
        self.answer = answer


@dataclass
class Asking(ABC, Generic[T]):
    """A connection to one database, by which questions are asked one after the other."""

    dialect: ClassVar[str]
    errors: ClassVar[type[Exception]]

    def answer(self, question: Question, until: float) -> Answer:
        """The answer, or why there is none; *until* is the moment by which the database must have ended."""
        answer = Answer(None)
        try:
            self.begin(until)
            if isinstance(question, Exists):
                return self.exists(question)
            table = self.find(question.table)
            if table is None:
                return Answer(0, problem=MISSING)
            answer = Answer(None, bytes=table.total)
            if isinstance(question, Unfit):
                return self.unfit(table, question, answer)
            if isinstance(question, (RowCount, NonNullCount)):
                column = question.column if isinstance(question, NonNullCount) else None
                answer = replace(answer, query=counting(table.relation, column))
                self.check(table, answer, () if column is None else (column,))
                return self.count(table, column, answer)
            if not isinstance(question, Matching) and self.is_impossible(table, question):
                return replace(answer, rows=0)
            offenders = sought(question, table.relation, *self._referenced(question))
            answer = replace(answer, query=offenders.count())
            queries = isinstance(question, Matching) or (isinstance(question, Violators) and question.queries)
            self.check(table, answer, _columns(question), _expressions(question), queries=queries)
            return (self.estimate if isinstance(question, Matching) else self.search)(table, offenders, answer)
        except Unanswerable as found:
            return found.answer
        except self.errors as error:
            return replace(answer, problem=self.said(error))

    def check(
        self,
        table: T,
        answer: Answer,
        columns: Sequence[str],
        expressions: Sequence[str] = (),
        *,
        queries: bool = False,
    ) -> None:
        """Make sure that the rows can be read, and that the revision's *expressions* do no more than that.

        Args:
            table: whose rows.
            answer: what is known of the question so far.
            columns: those that the question names.
            expressions: SQL of the revision's author.
            queries: these may select from other tables.

        Raises:
            Unanswerable: they cannot, or may do more.
        """
        if any(self.folded(column) not in table.columns for column in columns):
            raise Unanswerable(replace(answer, rows=0, problem=MISSING))
        if table.problem:
            raise Unanswerable(replace(answer, problem=table.problem))
        if not all(is_plain(one, self.dialect, queries=queries) for one in expressions):
            problem = "its condition may do more than read, so it was not tried on real rows"
            raise Unanswerable(replace(answer, problem=problem))

    def _referenced(self, question: Offence | Matching) -> tuple[str, Sequence[str]]:
        """Where orphans would have their parents: the other table, quoted, and its columns."""
        if not isinstance(question, Orphans):
            return "", ()
        other = self.find(question.references)
        if other is None:
            raise Unanswerable(Answer(None, problem=f"{question.references} {MISSING}"))
        columns = question.referenced_columns or self.key(other)
        if len(columns) != len(question.columns):
            raise Unanswerable(Answer(None, problem=f"the primary key of {question.references} does not match"))
        if other.problem:
            raise Unanswerable(Answer(None, problem=f"{question.references}: {other.problem}"))
        return other.relation, columns

    @abstractmethod
    def begin(self, until: float) -> None:
        """See to it that every query ends by then."""

    @abstractmethod
    def said(self, error: Exception) -> str:
        """What the database says, fit for a report."""

    @abstractmethod
    def find(self, name: str) -> T | None:
        """A table by its name, with its schema where it has one; None if there is none."""

    def folded(self, column: str) -> str:
        """A column's name as the table spells it."""
        return column

    @abstractmethod
    def key(self, table: T) -> tuple[str, ...]:
        """The columns of the primary key."""

    def is_impossible(self, table: T, question: Offence) -> bool:  # noqa: ARG002 - for those that know better
        """True if the catalog already says that no row offends."""
        return False

    @abstractmethod
    def exists(self, question: Exists) -> Answer:
        """Whether there is such a thing."""

    @abstractmethod
    def count(self, table: T, column: str | None, answer: Answer) -> Answer:
        """Rows, or those with a value in *column*; *answer* has the query that counts them."""

    @abstractmethod
    def estimate(self, table: T, matching: Offenders, answer: Answer) -> Answer:
        """How many meet a condition, roughly."""

    @abstractmethod
    def search(self, table: T, offenders: Offenders, answer: Answer) -> Answer:
        """How many rows offend, and a few of their keys."""

    @abstractmethod
    def unfit(self, table: T, question: Unfit, answer: Answer) -> Answer:
        """How many values do not become another type."""


def _columns(question: Offence | Matching) -> Sequence[str]:
    match question:
        case Nulls():
            return (question.column,)
        case Orphans():
            return question.columns
        case Duplicates(expressions=False):
            return question.keys
    return ()


def _expressions(question: Offence | Matching) -> Sequence[str]:
    match question:
        case Violators():
            return (question.expression,)
        case Matching():
            return (question.condition,)
        case Duplicates():
            return (*(question.keys if question.expressions else ()), *filter(None, [question.where]))
    return ()
