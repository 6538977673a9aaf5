"""Dropping a table destroys its rows, and breaks whatever still reads them.

A table that is counted as empty is only mentioned; one whose rows could not be counted is taken to have some. Where
the revision copies all rows to another table first, it says where they are.
Tables that the same path of revisions made before are left out.
"""

from __future__ import annotations

from ...locks import LockMode
from ...operations import DropTable, Operation
from ...report import Severity
from ..context import Context
from ..copies import copy_of, put_back
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
            copy = copy_of(op.table, None, context)
            if copy is not None:
                return Found(
                    f"{op.table} is dropped, and code that still uses it fails; what it holds ({rows.text}) is "
                    f"{copy.where}.",
                    remedy=f"Stop using {op.table} first and deploy that; drop {copy.table} when nobody will go back "
                    "any more.",
                    severity=Severity.WARNING,
                    evidence={**rows.evidence, "kept_in": copy.table},
                )
            back = put_back(op.table, context)
            if back is not None:
                line = f" (line {back.line})" if back.line else ""
                return Found(
                    f"{op.table} is dropped ({rows.text}), after what it kept has been put back into "
                    f"{back.tables[0]}{line}.",
                    remedy=f"See that {back.tables[0]} still has the rows that {op.table} kept values of.",
                    severity=Severity.WARNING,
                    evidence={**rows.evidence, "put_back_into": back.tables[0]},
                )
            by = ", by something that this line runs" if op.from_effect else ""
            unseen = op.cascade and not (op.statements and all(one.measured for one in op.statements))
            spreads = ", and with CASCADE whatever depends on it goes too: foreign keys, views" if unseen else ""
            return Found(
                f"Dropping {op.table} destroys {rows.text}{by}{spreads}.",
                remedy=f"Stop using {op.table} first, keep a copy of what is needed (for instance rename it with "
                f'op.rename_table("{op.table}", "{op.table}_old")), and drop it in a later revision.',
                evidence=rows.evidence,
            )
    return None


def _not_there(op: DropTable, context: Context) -> bool:
    """True if IF EXISTS finds nothing; without it, a table that is not found may just be called otherwise."""
    original = context.names.table(op.table)
    return op.if_exists and original is not None and context.facts.is_missing(original)
