"""Code that still runs knows a column by its old name, and fails at once when it is renamed.

A model can have another name for a column than the database: then nothing has to be renamed there.
"""

from __future__ import annotations

from ...locks import LockMode
from ...operations import AlterColumn, AlterObject, DropColumn, Operation
from ...report import Severity
from ..context import Context
from ..counts import rows_of
from ..rule import Found, rule


@rule(
    severity=Severity.DANGER,
    lock_mode=LockMode.ACCESS_EXCLUSIVE,
    remedy="Rename it in the model only; or add a column, write both, change the readers over, and drop the old one.",
)
def rename_column(op: Operation, context: Context) -> Found | None:
    """Judge renamed columns; the downgrade that renames back what the upgrade renamed is left out."""
    match op:
        case AlterColumn(rename_to=str(to)) if to != op.column:
            if context.names.column(op.table, op.column) is None or _renames_back(op, context):
                return None
            if any(isinstance(one, DropColumn) and (one.table, one.column) == (op.table, to) for one in context.rest):
                return None  # drop-column says so
            rows = rows_of(op.table, context)
            return Found(
                f"Renaming {op.table}.{op.column} to {to}: code that still uses {op.column} fails at once.",
                remedy=f'Keep the column and rename it in the model only: {to} = mapped_column("{op.column}", ...). '
                f"Or add {to}, let the code write both, fill it in batches, change the readers over, and drop "
                f"{op.column} in a later revision.",
                severity=Severity.INFO if rows.none else Severity.DANGER,
                evidence=rows.evidence,
            )
        case AlterObject(kind="view" | "materialized view" | "type") if op.action in (
            "rename column",
            "rename attribute",
        ):
            return Found(
                f"A column of {op.kind} {op.name} gets another name: code that still uses the old one fails at once."
            )
    return None


def _renames_back(op: AlterColumn, context: Context) -> bool:
    original = context.names.table(op.table)
    return not context.running and any(
        isinstance(other, AlterColumn)
        and names.table(other.table) == original
        and (other.column, other.rename_to) == (op.rename_to, op.column)
        for other, names in context.other_steps()
    )
