"""A foreign key with ON DELETE CASCADE or SET NULL lets a delete spread into another table, unseen by who deletes.

One DELETE in the referenced table then deletes, or empties, rows that nobody named. Where the key was like that
before, nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...operations import AddConstraint, ConstraintKind, CreateTable, Operation
from ...report import Severity
from ..context import Context
from ..declared import declared
from ..rule import Found, rule

_SPREADS = {"CASCADE": "deletes the rows", "SET NULL": "sets {columns} to NULL in the rows",
            "SET DEFAULT": "sets {columns} to its default in the rows"}  # fmt: skip


@rule(
    severity=Severity.WARNING,
    remedy="Leave ON DELETE out, so that the delete is refused, and let the application delete what it means to.",
    together="From now on a delete spreads to rows that nobody named, by the foreign keys {}.",
)
def foreign_key_cascades(op: Operation, context: Context) -> Iterator[Found]:
    """Judge new foreign keys where they are about to be made, those of a new table included."""
    if not context.running:
        return
    for key in declared(op, context) if isinstance(op, CreateTable) else [op]:
        if isinstance(key, AddConstraint) and key.kind is ConstraintKind.FOREIGN_KEY:
            yield from _judge(key, context, new=isinstance(op, CreateTable))


def _judge(op: AddConstraint, context: Context, *, new: bool) -> Iterator[Found]:
    action = (op.on_delete or "").upper()
    spreads = _SPREADS.get(action)
    if spreads is None or op.references is None or _was_there(op, action, context):
        return
    if context.is_new(op.references) or op.references == op.table:
        return  # nobody deletes from it yet; or the rows of one table belong together
    columns = ", ".join(op.columns) or "the key"
    quiet = new or action != "CASCADE" or context.is_new(op.table) or not context.is_live(op.table)
    yield Found(
        f"From now on, deleting a row of {op.references} {spreads.format(columns=columns)} of {op.table} that refer to "
        f"it (ON DELETE {action}).",
        remedy=f"Leave ON DELETE {action} out, so that deleting from {op.references} is refused while {op.table} "
        f"refers to it; or see that everybody who deletes from {op.references} means {op.table} too.",
        severity=Severity.INFO if quiet else None,
        table=op.table,
        evidence={"references": op.references, "on_delete": action},
        subject=f"{op.table}.{columns} to {op.references} ({action})",
    )


def _was_there(op: AddConstraint, action: str, context: Context) -> bool:
    original = context.names.table(op.table)
    return original is not None and any(
        key.kind is ConstraintKind.FOREIGN_KEY and key.columns == op.columns and key.on_delete == action
        for key in context.path.schema.keys(original)
    )
