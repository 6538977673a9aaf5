"""A CHECK constraint cannot be made, or validated, while a row breaks it.

The rows that do are counted in the real database, if the condition does nothing but read. NOT VALID puts that off
until VALIDATE CONSTRAINT.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...operations import ConstraintKind, Operation, ValidateConstraint
from ...report import Severity
from ..context import Context
from ..expressions import mentions, named
from ..offences import constraint_of, judged, offence, said, violators
from ..questions import Question
from ..remedies import LATER, execute, quoted
from ..rule import Found, rule


def _asks(op: Operation, context: Context) -> Iterable[Question]:
    made = constraint_of(op, context, ConstraintKind.CHECK) if context.running else None
    question = violators(made, context) if made is not None else None
    if question is not None:
        yield question


@rule(severity=Severity.BLOCKER, remedy="Mend the rows that break it first.", asks=_asks)
def check_with_violators(op: Operation, context: Context) -> Found | None:
    """Judge ADD CHECK and VALIDATE CONSTRAINT where they are about to run."""
    made = constraint_of(op, context, ConstraintKind.CHECK) if context.running else None
    if made is None or not made.expression or context.is_new(made.table) or not context.is_live(made.table):
        return None
    dialect = context.path.dialect
    new = {column for (table, column), real in context.names.columns.items() if table == made.table and real is None}
    if any(mentions(made.expression, column, dialect) for column in new):
        return None  # about a column that is added on the way: its rows are the revision's own doing
    found = offence(violators(made, context), made.table, named(made.expression, dialect), context)
    if isinstance(op, ValidateConstraint) and not found.number and found.why_unknown is None:
        return None
    name = f" {made.name}" if made.name else ""
    mend = execute(f"UPDATE {quoted(made.table)} SET ... WHERE NOT ({made.expression})")  # noqa: S608 - is not run
    return judged(
        found,
        certain=f"The check{name} on {made.table} ({made.expression}) does not hold, because "
        f"{said(found, made.table, context, 'breaks', 'break')} it",
        possible=f"The check{name} on {made.table} ({made.expression}) fails if a row breaks it.",
        remedy=f"Mend those rows first: {mend}{LATER if context.is_postgresql else ''}.",
    )
