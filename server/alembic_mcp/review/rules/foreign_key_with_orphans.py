"""A foreign key cannot be made, or validated, while a row refers to something that is not there.

The rows that do are counted in the real database. NOT VALID puts that off until VALIDATE CONSTRAINT. SQLite does not
look at rows that are there.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...operations import ConstraintKind, Operation, ValidateConstraint
from ...report import Severity
from ..context import Context
from ..offences import constraint_of, judged, offence, orphans, said
from ..questions import Question
from ..remedies import LATER
from ..rule import Found, rule


def _asks(op: Operation, context: Context) -> Iterable[Question]:
    made = constraint_of(op, context, ConstraintKind.FOREIGN_KEY) if context.running else None
    question = orphans(made, context) if made is not None else None
    if question is not None:
        yield question


@rule(severity=Severity.BLOCKER, remedy="Mend or delete the rows that refer to nothing first.", asks=_asks)
def foreign_key_with_orphans(op: Operation, context: Context) -> Found | None:
    """Judge ADD FOREIGN KEY and VALIDATE CONSTRAINT where they are about to run."""
    made = constraint_of(op, context, ConstraintKind.FOREIGN_KEY) if context.running else None
    if made is None or context.is_new(made.table) or not context.is_live(made.table) or made.references is None:
        return None
    if any(context.names.column(made.table, column) is None for column in made.columns):
        return None  # added on the way: it refers to nothing yet, or to what the revision itself chose
    columns, to = ", ".join(made.columns), made.references
    found = offence(orphans(made, context), made.table, made.columns, context, other=to)
    validates = isinstance(op, ValidateConstraint)
    if validates and not found.number and found.why_unknown is None:
        return None
    name = f" {made.name}" if made.name else ""
    sqlite = context.path.dialect == "sqlite"
    return judged(
        found,
        certain=f"The foreign key{name} from {made.table} ({columns}) to {to} does not hold, because "
        f"{said(found, made.table, context, 'refers', 'refer')} to a row of {to} that is not there",
        outcome="SQLite lets that stay, and whatever relies on the key meets it" if sqlite else "this fails",
        possible=f"The foreign key{name} from {made.table} ({columns}) to {to} fails if a row refers to nothing.",
        remedy=f"Before it, set {columns} of those rows to NULL, delete them, or insert what they refer to into {to}"
        f"{LATER if context.is_postgresql else ''}.",
        harmless=sqlite,
    )
