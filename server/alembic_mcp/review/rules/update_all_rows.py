"""An UPDATE of a whole table writes every row anew: it holds row locks until the end, bloats the table, and overwrites.

What an existing column held is lost. Filling a column that this revision adds loses nothing, but on a large table it
belongs in batches of its own.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...operations import Operation, Update
from ...report import Severity
from ..affected import affected, asks_affected
from ..context import Context
from ..counts import Count, rows_of
from ..questions import Question
from ..rule import Found, rule
from ..spreading import spread


def _asks(op: Operation, context: Context) -> Iterable[Question]:
    return asks_affected(op, context) if isinstance(op, Update) else ()


@rule(
    severity=Severity.WARNING,
    remedy="Update in batches, each committed, in a revision of its own after the schema change.",
    asks=_asks,
)
def update_all_rows(op: Operation, context: Context) -> Found | None:
    """Judge UPDATE without a condition, and one that meets more rows than the project calls large."""
    if not isinstance(op, Update) or context.is_new(op.table) or not context.is_live(op.table):
        return None
    rows = affected(op, context)
    overwritten = [one for one in op.columns if context.names.column(op.table, one) is not None]
    if not context.running and not overwritten and op.columns:
        return None
    if op.where is not None:
        return _conditional(op, rows, overwritten, context)
    large = rows.number is None or rows.number > context.path.large_rows
    what = f", and overwrites {', '.join(overwritten) if op.columns else 'what they hold'}"
    severity = Severity.WARNING
    if large and overwritten and context.running:
        severity = Severity.DANGER
    elif not large and not overwritten and op.columns:
        severity = Severity.INFO
    what = what if overwritten or not op.columns else ""
    return Found(
        f"Updates every row of {op.table} ({rows.text}) in one statement{what}.{spread(op, context).text}",
        remedy=_remedy(op, overwritten),
        severity=severity,
        evidence={**rows.evidence, "columns": list(op.columns), "condition": None},
    )


def _conditional(op: Update, rows: Count, overwritten: list[str], context: Context) -> Found | None:
    """With a condition it is about many rows only; what it meets is at most what the table has."""
    known = rows if rows.number is not None else rows_of(op.table, context)
    if rows.limited and (rows.number is None or rows.number <= context.path.large_rows):
        return None  # one batch
    if not known.number or known.number <= context.path.large_rows:
        return None
    met = rows.text if rows.number is not None else f"up to {known.text}"
    return Found(
        f"Updates {met} of {op.table} where {op.where} in one statement.{spread(op, context).text}",
        remedy=_remedy(op, overwritten),
        severity=Severity.WARNING if context.running else Severity.INFO,
        evidence={**rows.evidence, "columns": list(op.columns), "condition": op.where},
    )


def _remedy(op: Update, overwritten: list[str]) -> str:
    keep = f"Keep a copy of {', '.join(overwritten)}, or add a condition. " if overwritten else ""
    return (
        f"{keep}Update {op.table} in batches of some thousand rows, each committed in "
        "op.get_context().autocommit_block(), in a revision of its own after the schema change."
    )
