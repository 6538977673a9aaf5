"""TRUNCATE destroys every row of a table, and with CASCADE those of the tables that refer to it.

It fires no row triggers, and holds ACCESS EXCLUSIVE to the end of the transaction.
"""

from __future__ import annotations

from ...locks import LockMode
from ...operations import Operation, Truncate
from ...report import Severity
from ..context import Context
from ..counts import rows_of
from ..rule import Found, rule


@rule(
    severity=Severity.DANGER,
    lock_mode=LockMode.ACCESS_EXCLUSIVE,
    remedy="Delete only the rows that have to go, and keep a copy of them.",
)
def truncate(op: Operation, context: Context) -> Found | None:
    """Judge TRUNCATE in both directions."""
    match op:
        case Truncate() if not context.is_new(op.table):
            rows = rows_of(op.table, context)
            spreads = ", and all rows of the tables that refer to it" if op.cascade else ""
            if rows.none and not op.cascade:
                return Found(
                    f"{op.table} is truncated; it has no rows.", severity=Severity.INFO, evidence=rows.evidence
                )
            return Found(
                f"Truncating {op.table} destroys {rows.text}{spreads}.",
                remedy=f"Delete only the rows of {op.table} that have to go, and keep a copy of them.",
                severity=Severity.DANGER if context.running else Severity.WARNING,
                evidence=rows.evidence,
            )
    return None
