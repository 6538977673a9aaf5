"""Rows that would make an operation fail: what was asked, what the answer proves, and how it is said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..operations import (
    AddConstraint,
    AlterColumn,
    AlterObject,
    ConstraintKind,
    CreateIndex,
    CreateObject,
    Operation,
    ValidateConstraint,
)
from ..report import Severity
from .context import Context
from .counts import rows_of
from .enums import values_after
from .expressions import is_plain, translated
from .history import Change, change_before, operations_before, steps_before
from .questions import MISSING, Answer, Duplicates, NonNullCount, Nulls, Orphans, Question, Unfit, Violators
from .rule import Evidence, Found

__all__ = [
    "Offence",
    "constraint_of",
    "duplicates",
    "judged",
    "nulls",
    "offence",
    "orphans",
    "said",
    "unfit",
    "violators",
]

_PLAIN = re.compile(r'"((?:[^"]|"")+)"|([A-Za-z_][\w$]*)')
_TAIL = re.compile(r"\s+(asc|desc|nulls\s+(first|last)|[a-z_]+_ops)\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class Offence:
    """What is known about the rows that an operation would fail on.

    Attributes:
        answer: None if nothing was asked.
        change: what happens on the way to the rows that were counted.
        looked: False if no database was asked anything at all.
    """

    answer: Answer | None
    change: Change | None = None
    looked: bool = True

    @property
    def number(self) -> int | None:
        """How many there are now; None if that is not known."""
        return None if self.answer is None or self.answer.problem else self.answer.rows

    @property
    def why_unknown(self) -> str | None:
        """Why the database did not answer; None if it did, or if it was not asked or has no such table."""
        problem = self.answer.problem if self.answer is not None else None
        return None if problem is None or problem == MISSING else problem

    @property
    def keys(self) -> str:
        """A few of them, in parentheses; empty if there is nothing to show."""
        keys = self.answer.keys if self.answer is not None else ()
        return f" ({'; '.join(keys)}{'; ...' if (self.number or 0) > len(keys) else ''})" if keys else ""

    @property
    def evidence(self) -> Evidence:
        """For a finding."""
        answer = self.answer
        if answer is None:
            return {"offending_rows": None}
        found: Evidence = {"offending_rows": self.number}
        if answer.at_least:
            found["at_least"] = True
        if answer.keys:
            found["keys"] = list(answer.keys)
        if answer.shows:
            found["shows"] = answer.shows
        if answer.query:
            found["query"] = answer.query
        if self.why_unknown:
            found["unknown_because"] = self.why_unknown
        return found


def offence(
    question: Question | None, table: str, columns: Sequence[str], context: Context, other: str | None = None
) -> Offence:
    """What is known about *question*, which stands for *columns* of *table* as they are called now."""
    answer = context.facts.answer(question) if question is not None else None
    return Offence(answer, change_before(table, columns, context, other), looked=bool(context.facts.answers))


def judged(
    found: Offence, *, certain: str, possible: str, remedy: str, outcome: str = "this fails", harmless: bool = False
) -> Found | None:
    """The finding, None if nothing can happen.

    Args:
        found: what is known.
        certain: what is the matter with the rows that were found, without a full stop.
        possible: what would make it fail, for when nobody knows: a sentence.
        remedy: what to do.
        outcome: what happens on rows that were found.
        harmless: the database goes on all the same.
    """
    if found.number == 0 or (found.change is not None and found.change.mends):
        return None
    if found.number:
        if found.change is not None:
            return Found(
                f"{certain} now. Before that, {found.change.text}: whether it mends them can't be told beforehand.",
                remedy=remedy,
                severity=Severity.WARNING,
                evidence=found.evidence,
            )
        estimated = found.answer is not None and found.answer.estimated
        severity = Severity.WARNING if harmless else Severity.DANGER if estimated else Severity.BLOCKER
        return Found(f"{certain}: {outcome}.", remedy=remedy, severity=severity, evidence=found.evidence)
    if found.why_unknown is not None:
        return Found(
            f"{possible} This could not be checked: {found.why_unknown}.",
            remedy=remedy,
            severity=Severity.WARNING if found.change is not None or harmless else Severity.DANGER,
            evidence=found.evidence,
        )
    if found.change is not None:
        return None
    asked = found.answer is not None
    why = "The database has no such table or column to look at." if asked else "Its rows were not looked at."
    unseen = {} if found.looked and not asked else {"looked_at": False}
    return Found(f"{possible} {why}", remedy=remedy, severity=Severity.WARNING, evidence={**found.evidence, **unseen})


def said(found: Offence, table: str, context: Context, one: str = "", many: str = "") -> str:
    """How many of how many: ``3 of the 1,200 rows of persons (id 7; id 8; id 9)``, and the verb that agrees."""
    rows, number = rows_of(table, context), found.number or 0
    least = "at least " if found.answer is not None and found.answer.at_least else ""
    if not rows.number:
        text = f"{least}{number:,} row{'' if number == 1 else 's'} of {table}"
    elif number == rows.number and not least:
        text = f"all {rows.text} of {table}" if number > 1 else f"the only row of {table}"
    else:
        text = f"{least}{number:,} of the {rows.text} of {table}"
    verb = f" {one if number == 1 else many}" if one else ""
    return f"{text}{found.keys}{verb}"


def constraint_of(op: Operation, context: Context, kind: ConstraintKind) -> AddConstraint | None:
    """The constraint that looks at the rows here: one that is added, or one from the way that is validated."""
    if isinstance(op, AddConstraint) and op.kind is kind and not op.not_valid:
        return op
    if isinstance(op, ValidateConstraint):
        for step in steps_before(op.table, (), context, (AddConstraint,)):
            match step.op:
                case AddConstraint() as made if made.table == step.table and made.name == op.name and made.kind is kind:
                    return made if made.table == op.table else None
    return None


def nulls(table: str, column: str, context: Context) -> Question | None:
    """Rows without a value; None if the column is not there yet."""
    real, name = context.names.table(table), context.names.column(table, column)
    return Nulls(real, name) if real is not None and name is not None else None


def _real_columns(table: str, columns: Sequence[str], context: Context) -> tuple[str, ...] | None:
    """What *columns* are called in the real database; None if one is not there yet."""
    found = [context.names.column(table, column) for column in columns]
    known = tuple(name for name in found if name is not None)
    return known if len(known) == len(found) else None


def duplicates(op: AddConstraint | CreateIndex, context: Context) -> Question | None:
    """Rows that share the values of a unique constraint or index; None if it can't be asked."""
    real = context.names.table(op.table)
    if real is None or not op.columns:
        return None
    where = op.where if isinstance(op, CreateIndex) else None
    if where is not None:
        where = _real_expression(where, op.table, context)
        if where is None:
            return None
    folds = op.from_sql and context.is_postgresql
    names = [_column(text, folds=folds) for text in op.columns] if isinstance(op, CreateIndex) else list(op.columns)
    if all(name is not None for name in names):
        columns = _real_columns(op.table, [name for name in names if name is not None], context)
        return Duplicates(real, columns, where, op.nulls_equal) if columns is not None else None
    keys = [_real_expression(_key(text), op.table, context) for text in op.columns]
    if any(key is None for key in keys):
        return None
    return Duplicates(real, tuple(key for key in keys if key is not None), where, op.nulls_equal, expressions=True)


def _key(text: str) -> str:
    """What an index is built on, without its order and operator class."""
    while (shorter := _TAIL.sub("", text.strip())) != text:
        text = shorter
    return text


def _column(text: str, *, folds: bool) -> str | None:
    """The column that a part of an index is; None for an expression. *folds*: capitals count in quotes only."""
    found = _PLAIN.fullmatch(_key(text))
    if found is None:
        return None
    if found[1]:
        return str(found[1]).replace('""', '"')
    return str(found[2]).lower() if folds else str(found[2])


def orphans(op: AddConstraint, context: Context) -> Question | None:
    """Rows that refer to nothing; None if it can't be asked."""
    real, columns = context.names.table(op.table), _real_columns(op.table, op.columns, context)
    if real is None or not columns or op.references is None:
        return None
    references = context.names.table(op.references)
    if references is None:
        # The other table is made on the way: whatever refers to it refers to nothing, unless it is filled.
        return NonNullCount(real, columns[0]) if len(columns) == 1 else None
    referenced = _real_columns(op.references, op.referenced_columns, context)
    return Orphans(real, columns, references, referenced) if referenced is not None else None


def violators(op: AddConstraint, context: Context) -> Question | None:
    """Rows that make a CHECK false; None if it can't be asked."""
    if op.kind is not ConstraintKind.CHECK or not op.expression:
        return None
    real, expression = context.names.table(op.table), _real_expression(op.expression, op.table, context)
    return Violators(real, expression) if real is not None and expression is not None else None


def unfit(op: Operation, context: Context) -> Question | None:
    """Values that a change of type fails on, where it is about to run; None if it can't be asked."""
    if not isinstance(op, AlterColumn) or op.type is None or not context.running or not context.is_postgresql:
        return None
    real, column = context.names.table(op.table), context.names.column(op.table, op.column)
    if real is None or column is None:
        return None
    using = op.using
    if using is not None and (column != op.column or real != op.table or not is_plain(using, context.path.dialect)):
        return None
    made = values_after(reversed(list(operations_before(context, (CreateObject, AlterObject))))).get(
        op.type.replace('"', "").rpartition(".")[2]
    )
    return Unfit(real, column, op.type, using, made[0] if made else ())


def _real_expression(expression: str, table: str, context: Context) -> str | None:
    dialect, real = context.path.dialect, context.names.table(table)
    if real is None or not is_plain(expression, dialect):
        return None
    return translated(
        expression, dialect, (table.rpartition(".")[2], real), lambda name: context.names.column(table, name)
    )
