"""Code that still runs reads and writes a column as its old type, and meets another one.

Changes that it does not notice (a longer varchar, varchar to text, integer to bigint, more digits) are left out.
"""

from __future__ import annotations

from ...locks import LockMode
from ...operations import AlterColumn, Operation
from ...report import Severity
from ..column_types import parse, same_to_readers
from ..context import Context
from ..enums import bare, made_on_the_way, values_before
from ..rule import Found, rule


@rule(
    severity=Severity.WARNING,
    lock_mode=LockMode.ACCESS_EXCLUSIVE,
    remedy="Add a column with the new type, write both, change the readers over, and drop the old one.",
)
def changes_type_for_readers(op: Operation, context: Context) -> Found | None:
    """Judge changed types on tables that others use."""
    if not isinstance(op, AlterColumn) or op.type is None or not context.in_use(op.table):
        return None
    if context.names.column(op.table, op.column) is None:
        return None
    before = op.existing_type or context.type(op.table, op.column)
    if not context.running and _changes_back(op, context):
        return None
    same = same_to_readers(before, op.type)
    if before is None and context.is_postgresql and not any(one.measured for one in op.statements):
        return None  # nothing is known but that it may be written anew, which rewrites-table says
    if same or _is_new_enum(op, before, context) or (same is None and _stored_alike(op)):
        return None
    old = f"from {before} " if before else ""
    return Found(
        f"{op.table}.{op.column} changes its type {old}to {op.type}: code that still reads or writes the old type "
        "may fail.",
        remedy=f"Add a new column beside {op.column}, let the code write both, fill it in batches, change the readers "
        f"of {op.table} over, and drop {op.column} in a later revision.",
    )


def _changes_back(op: AlterColumn, context: Context) -> bool:
    """True if the upgrade changed the type, so that whoever goes back runs the code that knows the old one."""
    return any(
        isinstance(other, AlterColumn)
        and other.type is not None
        and (other.table, other.column) == (op.table, op.column)
        for other in context.other
    )


def _is_new_enum(op: AlterColumn, before: str | None, context: Context) -> bool:
    """True if an enum changes over to one made on the way: enum-value-removed says what it loses."""
    old, new = parse(before), parse(op.type)
    if old is None or new is None:
        return False
    return made_on_the_way(new.name, context) and values_before(bare(old.name), context) is not None


def _stored_alike(op: AlterColumn) -> bool:
    """True if the old type is not known, but was seen to be stored in the same way."""
    measured = [one.measured for one in op.statements if one.measured is not None]
    return bool(measured) and not any(op.table in one.rewritten for one in measured)
