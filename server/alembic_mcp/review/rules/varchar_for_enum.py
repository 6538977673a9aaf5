"""A list of values is kept as text with a CHECK: another value means another CHECK, which reads the whole table.

An enum takes a new value in a moment (ALTER TYPE ... ADD VALUE), and a table of its own takes one as a row.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...operations import AddConstraint, CreateTable, DropConstraint, Operation
from ...report import Severity
from ..context import Context
from ..declared import declared, listed_values
from ..rule import Found, rule


@rule(
    severity=Severity.INFO,
    remedy="Use an enum type, or a table that holds the values and a foreign key to it.",
    together="{} are text with a CHECK of the values that they may have: another value means another CHECK, and every "
    "row is read for it.",
)
def varchar_for_enum(op: Operation, context: Context) -> Iterator[Found]:
    """Judge new CHECK constraints with a list of texts; one that takes the place of another is left out."""
    if context.path.dialect == "sqlite" or not context.running:
        return
    checks: list[AddConstraint] = []
    if isinstance(op, CreateTable):
        checks = [part for part in declared(op, context) if isinstance(part, AddConstraint)]
    elif isinstance(op, AddConstraint) and not _replaces(op, context):
        checks = [op]
    for check in checks:
        listed = listed_values(check)
        if listed is not None:
            column, values = listed
            yield Found(
                f"{check.table}.{column} is text that may be one of {len(values)} values: another value means another "
                f"CHECK, and every row of {check.table} is read for it.",
                remedy=f"Declare {column} as sa.Enum({', '.join(map(repr, values[:3]))}{', ...' if values[3:] else ''}"
                f', name="{column}"), or give the values a table of their own.',
                table=check.table,
                subject=f"{check.table}.{column}",
            )


def _replaces(op: AddConstraint, context: Context) -> bool:
    return op.name is not None and context.prior.has(DropConstraint, table=op.table, name=op.name)
