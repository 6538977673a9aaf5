"""An UPDATE of a whole table writes every row anew: it holds row locks until the end, bloats the table, and overwrites.

What an existing column held is lost. Filling a column that this revision adds loses nothing, but on a large table it
belongs in batches of its own.
"""

from __future__ import annotations

from ...operations import Operation, Update
from ...report import Severity
from ..context import Context
from ..counts import Count, rows_of
from ..rule import Found, rule


@rule(
    severity=Severity.WARNING,
    remedy="Update in batches, each committed, in a revision of its own after the schema change.",
)
def update_all_rows(op: Operation, context: Context) -> Found | None:
    """Judge UPDATE without a condition, and one with a condition on a large table."""
    if not isinstance(op, Update) or not context.is_live(op.table) or context.is_new(op.table):
        return None
    rows = rows_of(op.table, context)
    large = rows.number is None or rows.number > context.path.large_rows
    overwritten = [one for one in op.columns if context.names.column(op.table, one) is not None]
    if op.where is not None:
        return _conditional(op, rows, context) if rows.number and large else None
    if not context.running and not overwritten and op.columns:
        return None
    what = f" and overwrites {', '.join(overwritten)}" if overwritten or not op.columns else ""
    what = what.replace(" and overwrites ", " and overwrites what they hold", 1) if not op.columns else what
    severity = Severity.DANGER if overwritten and large and context.running else Severity.WARNING
    if not overwritten and not large:
        severity = Severity.INFO
    return Found(
        f"Updates every row of {op.table} ({rows.text}) in one statement{what}.",
        remedy=_remedy(op, overwritten),
        severity=severity,
        evidence={**rows.evidence, "columns": list(op.columns), "condition": None},
    )


def _conditional(op: Update, rows: Count, context: Context) -> Found:
    return Found(
        f"Updates the rows of {op.table} where {op.where} in one statement; the table has {rows.text}.",
        remedy=_remedy(op, []),
        severity=Severity.WARNING if context.running else Severity.INFO,
        evidence={**{f"table_{key}" if key == "rows" else key: value for key, value in rows.evidence.items()},
                  "condition": op.where},
    )  # fmt: skip


def _remedy(op: Update, overwritten: list[str]) -> str:
    keep = f"Keep a copy of {', '.join(overwritten)}, or add a condition. " if overwritten else ""
    return (
        f"{keep}Update {op.table} in batches of some thousand rows, each committed in "
        "op.get_context().autocommit_block(), in a revision of its own after the schema change."
    )
