"""Dropping a column destroys its values, and breaks whatever still reads them.

A column that is counted as having no values is only mentioned, and so is a generated one; one that could not be
counted is taken to have some. Where the revision copies the values to another table first, it says where they are.
Columns and tables that the same path of revisions made before are left out.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...locks import LockMode
from ...operations import Direction, DropColumn, Operation
from ...report import Severity
from ..context import Context
from ..copies import copy_of
from ..counts import values_of
from ..questions import NonNullCount, Question
from ..rule import Found, rule

_BACK = "Keep a copy of {} before going back, and deploy the code from before it first."


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
                return Found(
                    f"{name} is dropped; it has no values.",
                    remedy=_BACK.format(name) if context.direction is Direction.DOWNGRADE else None,
                    severity=Severity.INFO,
                    evidence=values.evidence,
                )
            original = context.names.table(op.table) or op.table
            if context.path.schema.is_computed(original, context.names.column(op.table, op.column) or op.column):
                return Found(
                    f"{name} is dropped, and code that still selects it fails; its values are computed from other "
                    "columns, so that nothing is lost.",
                    severity=Severity.INFO,
                )
            copy = copy_of(op.table, op.column, context)
            if copy is not None:
                return Found(
                    f"{name} is dropped, and code that still selects it fails; what it holds ({values.text}) is "
                    f"{copy.where}.",
                    remedy=f"Remove {op.column} from the model of {op.table} first and deploy that; drop {copy.table} "
                    "when nobody will go back any more.",
                    severity=Severity.WARNING,
                    evidence={**values.evidence, "kept_in": copy.table},
                )
            by = ", by something that this line runs" if op.from_effect else ""
            return Found(
                f"Dropping {name} destroys {values.text}{by}, and code that still selects it fails.",
                remedy=_BACK.format(name)
                if context.direction is Direction.DOWNGRADE
                else f"Remove {op.column} from the model of {op.table} first and deploy that; keep a copy of what "
                "is needed, and drop the column in a later revision.",
                evidence=values.evidence,
            )
    return None
