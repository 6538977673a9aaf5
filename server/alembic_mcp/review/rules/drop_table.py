"""Dropping a table destroys its rows, and breaks whatever still reads them.

A table that is counted as empty is only mentioned; one whose rows could not be counted is taken to have some.
Tables that the same path of revisions made before are left out.
"""

from __future__ import annotations

from ...locks import LockMode
from ...operations import DropTable, Operation
from ...report import Severity
from ..context import Context
from ..counts import rows_of
from ..rule import Found, rule


@rule(
    severity=Severity.DANGER,
    lock_mode=LockMode.ACCESS_EXCLUSIVE,
    remedy="Stop using the table first, keep a copy of what is needed, and drop it in a later revision.",
)
def drop_table(op: Operation, context: Context) -> Found | None:
    """Judge DROP TABLE where it is about to run; the downgrade of an upgrade is judged by lossy-downgrade."""
    match op:
        case DropTable() if context.running and not context.is_new(op.table) and not _not_there(op, context):
            rows = rows_of(op.table, context)
            if rows.none:
                return Found(f"{op.table} is dropped; it has no rows.", severity=Severity.INFO, evidence=rows.evidence)
            by = ", by something that this line runs" if op.from_effect else ""
            return Found(
                f"Dropping {op.table} destroys {rows.text}{by}.",
                remedy=f"Stop using {op.table} first, keep a copy of what is needed (for instance rename it with "
                f'op.rename_table("{op.table}", "{op.table}_old")), and drop it in a later revision.',
                evidence=rows.evidence,
            )
    return None


def _not_there(op: DropTable, context: Context) -> bool:
    """True if IF EXISTS finds nothing; without it, a table that is not found may just be called otherwise."""
    original = context.names.table(op.table)
    return op.if_exists and original is not None and context.facts.is_missing(original)
