"""Dropping a column destroys its values, and breaks whatever still reads them.

A column that is counted as having no values is only mentioned; one that could not be counted is taken to have some.
Columns and tables that the same path of revisions made before are left out.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...locks import LockMode
from ...operations import DropColumn, Operation
from ...report import Severity
from ..context import Context
from ..counts import values_of
from ..questions import NonNullCount, Question
from ..rule import Found, rule


def _asks(op: Operation, context: Context) -> Iterable[Question]:
    if isinstance(op, DropColumn) and context.running:
        table, column = context.names.table(op.table), context.names.column(op.table, op.column)
        if table is not None and column is not None:
            yield NonNullCount(table, column)


@rule(
    severity=Severity.DANGER,
    lock_mode=LockMode.ACCESS_EXCLUSIVE,
    remedy="Remove the column from the models first, and drop it in a later revision.",
    asks=_asks,
)
def drop_column(op: Operation, context: Context) -> Found | None:
    """Judge DROP COLUMN where it is about to run; the downgrade of an upgrade is judged by lossy-downgrade."""
    match op:
        case DropColumn() if context.running and context.names.column(op.table, op.column) is not None:
            name = f"{op.table}.{op.column}"
            values = values_of(op.table, op.column, context)
            if values.none:
                return Found(f"{name} is dropped; it has no values.", severity=Severity.INFO, evidence=values.evidence)
            by = ", by something that this line runs" if op.from_effect else ""
            return Found(
                f"Dropping {name} destroys {values.text}{by}, and code that still selects it fails.",
                remedy=f"Remove {op.column} from the model of {op.table} first and deploy that; keep a copy of what "
                "is needed, and drop the column in a later revision.",
                evidence=values.evidence,
            )
    return None
