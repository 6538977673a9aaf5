"""Without NOT NULL readers meet nulls where the code that still runs expects a value.

The downgrade that takes back the NOT NULL of its upgrade is left out.
"""

from __future__ import annotations

from ...locks import LockMode
from ...operations import AlterColumn, DropColumn, Operation
from ...report import Severity
from ..context import Context
from ..rule import Found, rule


@rule(
    severity=Severity.WARNING,
    lock_mode=LockMode.ACCESS_EXCLUSIVE,
    remedy="Let the code that reads the column handle nulls first, and deploy it.",
)
def drop_not_null(op: Operation, context: Context) -> Found | None:
    """Judge DROP NOT NULL on tables that others use."""
    if not isinstance(op, AlterColumn) or op.nullable is not True or not context.in_use(op.table):
        return None
    if context.names.column(op.table, op.column) is None or _is_inverse(op, context):
        return None
    if any(isinstance(other, DropColumn) and (other.table, other.column) == (op.table, op.column)
           for other in context.later):  # fmt: skip
        return None
    if _is_nullable_already(op, context):
        return None
    return Found(
        f"{op.table}.{op.column} may be null from now on: code that reads it and expects a value fails on the first "
        "null.",
        remedy=f"Let what reads {op.table}.{op.column} handle None first, and deploy that before this revision.",
    )


def _is_inverse(op: AlterColumn, context: Context) -> bool:
    return not context.running and any(
        isinstance(other, AlterColumn) and (other.table, other.column, other.nullable) == (op.table, op.column, False)
        for other in context.other
    )


def _is_nullable_already(op: AlterColumn, context: Context) -> bool:
    table, column = context.names.table(op.table), context.names.column(op.table, op.column)
    target = (op.table, op.column, False)
    same = context.prior.of(AlterColumn, table=op.table, name=op.column)
    if any((one.table, one.column, one.nullable) == target for one in same):
        return False
    known = context.path.schema.objects.get(f"column {table}.{column}")
    return known is not None and "NOT NULL" not in known
