"""A timestamp without time zone does not say which moment it is: that depends on who wrote it, and where.

timestamptz takes no more room, keeps the moment, and shows it in the time zone of the reader.
"""

from __future__ import annotations

from ...operations import Operation
from ...report import Severity
from ..column_types import parse
from ..context import Context
from ..declared import new_types
from ..rule import Found, rule


@rule(
    severity=Severity.INFO,
    remedy="Use sa.DateTime(timezone=True).",
    together="{} have no time zone: the same value is another moment for whoever has another time zone.",
)
def timestamp_without_time_zone(op: Operation, context: Context) -> Found | None:
    """Judge the types of new and changed columns, on PostgreSQL."""
    if not context.is_postgresql or not context.running:
        return None
    names = [
        name for name, kind in new_types(op) if (found := parse(kind)) and found.name == "timestamp without time zone"
    ]
    if not names:
        return None
    columns = ", ".join(f"{op.tables[0]}.{name}" for name in names)
    return Found(
        f"{columns} {'have' if len(names) > 1 else 'has'} no time zone: the same value is another moment for whoever "
        "has another time zone.",
        remedy=f"Declare {', '.join(names)} as sa.DateTime(timezone=True).",
        subject=columns,
    )
