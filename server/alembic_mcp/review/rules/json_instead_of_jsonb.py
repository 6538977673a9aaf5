"""A column of type json keeps the text as it came: it can't be indexed, compared or searched as jsonb can.

DISTINCT, GROUP BY and = do not work on json at all.
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
    remedy="Use postgresql.JSONB, unless the exact text has to be kept.",
    together="{} are json: no index, no comparison, and slower reading than jsonb.",
)
def json_instead_of_jsonb(op: Operation, context: Context) -> Found | None:
    """Judge the types of new and changed columns, on PostgreSQL."""
    if not context.is_postgresql or not context.running:
        return None
    names = [name for name, kind in new_types(op) if (found := parse(kind)) and found.name == "json"]
    if not names:
        return None
    columns = ", ".join(f"{op.tables[0]}.{name}" for name in names)
    return Found(
        f"{columns} {'are' if len(names) > 1 else 'is'} json: no index, no comparison, and slower reading than jsonb.",
        remedy=f"Declare {', '.join(names)} as postgresql.JSONB (or sa.JSON().with_variant(postgresql.JSONB, "
        '"postgresql")), unless the exact text has to be kept.',
        subject=columns,
    )
