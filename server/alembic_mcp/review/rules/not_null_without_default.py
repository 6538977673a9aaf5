"""A new NOT NULL column without a server default fails as soon as its table has one row.

The rows that are there have no value for it. MySQL makes up a value instead, which is rarely the right one.
"""

from __future__ import annotations

from ...operations import AddColumn, Operation
from ...report import Severity
from ..context import Context
from ..counts import rows_of
from ..rule import Found, rule


@rule(
    severity=Severity.BLOCKER,
    remedy="Give the column a server_default, or add it as nullable, fill it, and then set NOT NULL.",
)
def not_null_without_default(op: Operation, context: Context) -> Found | None:
    """Judge ADD COLUMN where it is about to run: a blocker if there are rows. See downgrade-will-fail for later."""
    match op:
        case AddColumn() if context.running and not _fills_itself(op) and context.is_live(op.table):
            rows = rows_of(op.table, context)
            name, column = f"{op.table}.{op.column.name}", op.column.name
            remedy = (
                f"Give {column} a server_default; or add it with nullable=True, fill it, and then "
                f'op.alter_column("{op.table}", "{column}", nullable=False).'
            )
            if context.path.dialect in ("mysql", "mariadb"):
                return Found(
                    f"{name} is NOT NULL without a default: MySQL fills it with an empty value in {rows.text}.",
                    remedy=remedy,
                    severity=Severity.WARNING,
                    evidence=rows.evidence,
                )
            proven = bool(rows.number)
            return Found(
                f"{name} is NOT NULL without a server default: adding it fails, because {op.table} has {rows.text}."
                if rows.number
                else f"{name} is NOT NULL without a server default: adding it fails if {op.table} has any row, "
                "and its rows could not be counted.",
                remedy=remedy,
                severity=Severity.BLOCKER if proven else Severity.DANGER,
                evidence=rows.evidence,
            )
    return None


def _fills_itself(op: AddColumn) -> bool:
    column = op.column
    return column.nullable or column.server_default is not None or column.identity or column.computed
