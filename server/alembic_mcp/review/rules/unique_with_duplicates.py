"""A unique constraint or index cannot be made while two rows share its values.

The rows that do are counted in the real database. CREATE UNIQUE INDEX CONCURRENTLY that fails leaves an invalid index
behind, which slows down writes until somebody drops it.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...operations import AddConstraint, ConstraintKind, CreateIndex, Operation
from ...report import Severity
from ..context import Context
from ..counts import rows_of
from ..history import added, change_before
from ..offences import duplicates, judged, offence, said
from ..questions import Question
from ..rule import Found, rule

_KINDS = (ConstraintKind.UNIQUE, ConstraintKind.PRIMARY_KEY)


def _is_unique(op: Operation) -> bool:
    match op:
        case CreateIndex(unique=True):
            return True
        case AddConstraint(using_index=None):
            return op.kind in _KINDS
    return False


def _asks(op: Operation, context: Context) -> Iterable[Question]:
    if context.running and isinstance(op, (AddConstraint, CreateIndex)) and _is_unique(op):
        question = duplicates(op, context)
        if question is not None:
            yield question


@rule(severity=Severity.BLOCKER, remedy="Merge or delete the duplicates first.", asks=_asks)
def unique_with_duplicates(op: Operation, context: Context) -> Found | None:
    """Judge unique constraints, primary keys and unique indexes where they are about to be made."""
    if not context.running or not isinstance(op, (AddConstraint, CreateIndex)) or not _is_unique(op):
        return None
    if context.is_new(op.table) or not context.is_live(op.table):
        return None
    columns = ", ".join(op.columns)
    rows = rows_of(op.table, context)
    if rows.number == 1 and not rows.estimated:
        return None
    new = [column for column in op.columns if context.names.column(op.table, column) is None]
    if new:
        return _new_column(op, new, context)
    what = _what(op)
    found = offence(duplicates(op, context), op.table, op.columns, context)
    leaves = ", and leaves an invalid index behind" if isinstance(op, CreateIndex) and op.concurrently else ""
    return judged(
        found,
        certain=f"{what} ({columns}) cannot be made, because {said(found, op.table, context, 'shares', 'share')} "
        f"{'its' if found.number == 1 else 'their'} values with another row",
        outcome=f"this fails{leaves}",
        possible=f"{what} ({columns}) fails if two rows of {op.table} share their values{leaves}.",
        remedy=f"Decide which of the rows of {op.table} with the same {columns} stays, delete or change the others in "
        "a revision before this one, and then make it unique.",
    )


def _new_column(op: AddConstraint | CreateIndex, new: list[str], context: Context) -> Found | None:
    """Columns added on the way hold one and the same value in every row, or none."""
    rows = rows_of(op.table, context)
    made = added(op.table, new[0], context)
    if len(op.columns) != 1 or made is None or not rows.number or change_before(op.table, new, context) is not None:
        return None
    default, where = made[0].column.server_default, made[1]
    if default is None or "(" in default or (isinstance(op, CreateIndex) and op.where):
        return None
    return Found(
        f"{_what(op)} ({new[0]}) cannot be made: {where} gives the {rows.text} of {op.table} one and the same value, "
        f"{default}, so this fails.",
        remedy=f"Add {new[0]} without a server_default, give each row of {op.table} a value of its own, and then make "
        "it unique.",
        severity=Severity.DANGER if rows.estimated else Severity.BLOCKER,
        evidence={**rows.evidence, "offending_rows": rows.number},
    )


def _what(op: AddConstraint | CreateIndex) -> str:
    named = f" {op.name}" if op.name else ""
    if isinstance(op, CreateIndex):
        return f"The unique index{named} on {op.table}"
    kind = "primary key" if op.kind is ConstraintKind.PRIMARY_KEY else "unique constraint"
    return f"The {kind}{named} of {op.table}"
