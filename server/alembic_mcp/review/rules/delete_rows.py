"""DELETE destroys rows that no downgrade brings back; without a condition it destroys them all.

Without a condition, on a table that has rows, it loses data for certain: that is refused. Where the rows were not
counted, or where the revision copies all of them to another table first, it can be approved.
In the downgrade of a revision whose upgrade inserts into the same table it is the plain inverse, and only mentioned.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...operations import Delete, Insert, Operation
from ...report import Severity
from ..affected import affected, asks_affected
from ..context import Context
from ..copies import copy_of
from ..counts import rows_of
from ..history import is_untouched
from ..questions import Question
from ..rule import Evidence, Found, rule
from ..spreading import spread


def _asks(op: Operation, context: Context) -> Iterable[Question]:
    return asks_affected(op, context) if isinstance(op, Delete) and context.running else ()


@rule(
    severity=Severity.DANGER,
    remedy="Keep a copy of the rows, and delete them in batches in a later revision.",
    asks=_asks,
)
def delete_rows(op: Operation, context: Context) -> Found | None:
    """Judge DELETE in both directions."""
    if not isinstance(op, Delete) or context.is_new(op.table):
        return None
    rows = rows_of(op.table, context)
    if rows.none:
        return None
    remedy = f"Keep a copy of the rows of {op.table} that go, for instance in a table of their own."
    undoes = context.other.has(Insert, table=op.table)
    if not context.running and undoes:
        return Found(
            f"Deletes rows of {op.table}, as its upgrade inserts some.",
            severity=Severity.INFO,
            remedy=f"See that the condition meets only the rows that the upgrade put into {op.table}.",
        )
    also = spread(op, context)
    spreads: Evidence = {"also": [*also.tables, *also.triggers]} if also.text else {}
    if op.where is None:
        copy = copy_of(op.table, None, context)
        kept = f" They are {copy.where}." if copy is not None else ""
        certain = bool(rows.number) and copy is None and not undoes
        return Found(
            f"Deletes every row of {op.table}: {rows.text}.{kept}{also.text}",
            remedy=f"Add a condition. {remedy}",
            severity=Severity.WARNING
            if not context.running or (copy is not None and not also.text)
            else Severity.BLOCKER
            if certain
            else Severity.DANGER,
            evidence={**rows.evidence, **spreads, "condition": None},
        )
    met = affected(op, context)
    known: Evidence = {} if met.number is None else {"rows": met.number, "estimated": met.estimated, "query": met.query}
    which = f"{met.text} of {op.table}" if met.number is not None else f"the rows of {op.table}"
    return Found(
        f"Deletes {which} where {op.where} (the table has {rows.text}).{also.text}",
        remedy=remedy,
        severity=Severity.INFO if met.none and is_untouched(op.table, context) else Severity.WARNING,
        evidence={**{f"table_{key}" if key == "rows" else key: value for key, value in rows.evidence.items()},
                  **known, **spreads, "condition": op.where},
    )  # fmt: skip
