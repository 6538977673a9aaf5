"""A column cannot become NOT NULL, or part of a primary key, while a row has no value in it.

The rows without one are counted in the real database. A column that the path adds without a default has no value in
any row until something fills it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ...operations import AddConstraint, AlterColumn, ConstraintKind, Operation
from ...report import Severity
from ..context import Context
from ..counts import rows_of
from ..history import added, change_before, steps_before
from ..offences import judged, nulls, offence, said
from ..questions import Question
from ..remedies import call, execute, quoted
from ..rule import Found, rule


def _columns(op: Operation, context: Context) -> tuple[tuple[str, str], ...]:
    """The (table, column) pairs that may hold no null from here on."""
    if not context.running:
        return ()
    match op:
        case AlterColumn(nullable=False):
            return ((op.table, op.column),)
        case AddConstraint(kind=ConstraintKind.PRIMARY_KEY, using_index=None):
            return tuple((op.table, column) for column in op.columns)
    return ()


def _asks(op: Operation, context: Context) -> Iterable[Question]:
    for table, column in _columns(op, context):
        question = nulls(table, column, context)
        if question is not None:
            yield question


@rule(severity=Severity.BLOCKER, remedy="Fill the column first, then set NOT NULL.", asks=_asks)
def set_not_null_with_nulls(op: Operation, context: Context) -> Iterator[Found]:
    """Judge SET NOT NULL and ADD PRIMARY KEY where they are about to run."""
    for table, column in _columns(op, context):
        if context.is_new(table) or not context.is_live(table) or _is_guaranteed(table, column, context):
            continue
        name = f"{table}.{column}"
        why = "part of the primary key" if isinstance(op, AddConstraint) else "NOT NULL"
        fill = execute(f"UPDATE {quoted(table)} SET {quoted(column)} = ... WHERE {quoted(column)} IS NULL")  # noqa: S608 - is not run
        remedy = f"Fill it first: {fill}, in batches if there are many rows; then {_again(op, table, column)}."
        if context.names.column(table, column) is None:
            verdict = _new_column(table, column, why, context)
            if verdict is not None:
                yield replace(verdict, remedy=remedy)
            continue
        found = offence(nulls(table, column, context), table, [column], context)
        verdict = judged(
            found,
            certain=f"{name} becomes {why}, but {said(found, table, context, 'has', 'have')} no value in it",
            possible=f"{name} becomes {why}: this fails if a row has no value in it.",
            remedy=remedy,
        )
        if verdict is not None:
            yield verdict


def _new_column(table: str, column: str, why: str, context: Context) -> Found | None:
    """A column that was added on the way: empty, unless it has a default or something was done to it."""
    made, rows = added(table, column, context), rows_of(table, context)
    if made is None or not rows.number or change_before(table, [column], context) is not None:
        return None
    op, where = made
    if op.column.server_default is not None or op.column.identity or op.column.computed:
        return None
    return Found(
        f"{table}.{column} becomes {why}, but {where} adds it without a default and nothing fills it: it has no value "
        f"in the {rows.text} of {table}, and this fails.",
        severity=Severity.DANGER if rows.estimated else Severity.BLOCKER,
        evidence={**rows.evidence, "offending_rows": rows.number},
    )


def _is_guaranteed(table: str, column: str, context: Context) -> bool:
    """True if it is NOT NULL already, or a CHECK on the way says that there are none: then that one fails first."""
    real, name = context.names.table(table), context.names.column(table, column)
    if "NOT NULL" in context.path.schema.objects.get(f"column {real}.{name}", "").split(" DEFAULT ")[0]:
        return name is not None
    words = [column.lower(), "is", "not", "null"]
    return any(
        isinstance(step.op, AddConstraint)
        and step.op.table == step.table
        and (step.op.expression or "").lower().replace('"', "").replace("(", " ").replace(")", " ").split() == words
        for step in steps_before(table, [column], context, (AddConstraint,))
    )


def _again(op: Operation, table: str, column: str) -> str:
    if isinstance(op, AddConstraint):
        return f"make the primary key of {table}"
    return call("alter_column", table, column, table=table, nullable=False)
