"""A narrower type does not hold every value of the old one: a shorter varchar, a smaller number, a text made an enum.

Some values make the change fail, others are silently rounded or cut off: digits, the time of day, the time zone, and
with USING whatever its cast throws away.
"""

from __future__ import annotations

from ...operations import AlterColumn, Operation
from ...report import Severity
from ..context import Context
from ..counts import rows_of
from ..narrowing import Loss, family, narrower
from ..rule import Found, rule


@rule(
    severity=Severity.WARNING,
    remedy="Look for values that do not fit first, or keep the wider type and limit new values with a CHECK.",
)
def narrows_type(op: Operation, context: Context) -> Found | None:
    """Judge ALTER COLUMN TYPE in both directions; SQLite does not enforce its types."""
    if not isinstance(op, AlterColumn) or op.type is None or context.path.dialect == "sqlite":
        return None
    if not context.is_live(op.table):
        return None
    now = context.type(op.table, op.column)
    old = op.existing_type or (now if context.running else _undone(op, context) or now)
    loss = narrower(old, op.type)
    if old is None or loss is None:
        return None
    rows, name = rows_of(op.table, context), f"{op.table}.{op.column}"
    silent = loss.silent or (op.using is not None and family(op.type) == "string")
    if not context.running:
        return Found(
            f"The downgrade narrows {name} from {old} to {op.type}: values {loss.what} that are written until then "
            f"{'are changed' if silent else 'make it fail'}.",
            severity=Severity.INFO,
            remedy=_remedy(op, old),
            evidence={"from": old, "to": op.type},
        )
    return Found(
        f"Narrows {name} from {old} to {op.type}: values {loss.what} "
        f"{_changed(op, loss) if silent else 'make it fail'} ({op.table} has {rows.text}).",
        severity=Severity.DANGER if silent else Severity.WARNING,
        remedy=_remedy(op, old),
        evidence={**rows.evidence, "from": old, "to": op.type, "using": op.using},
    )


def _changed(op: AlterColumn, loss: Loss) -> str:
    return f"become what {op.using} makes of them" if op.using and not loss.silent else "are silently changed"


def _undone(op: AlterColumn, context: Context) -> str | None:
    """The type that the other direction gives to the column."""
    return next(
        (
            other.type
            for other in context.other
            if isinstance(other, AlterColumn) and (other.table, other.column) == (op.table, op.column)
        ),
        None,
    )


def _remedy(op: AlterColumn, old: str) -> str:
    return (
        f"Look for values of {op.table}.{op.column} that do not fit first. Or keep {old}, and limit new values with "
        f'op.create_check_constraint(..., "{op.table}", ..., postgresql_not_valid=True).'
    )
