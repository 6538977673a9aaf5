"""A partition is dropped as if it were a stray table: its rows are rows of the partitioned table.

Autogenerate takes a partition that the models do not name for a table that nobody needs any more.
"""

from __future__ import annotations

import re

from ...operations import AlterObject, DropTable, Operation
from ...report import Severity
from ..context import Context
from ..counts import rows_of
from ..rule import Found, rule
from ..schema import words

_LOOKS_LIKE_ONE = re.compile(
    r"^(?P<stem>.+?)_+(?:p|part|y)?_?(?:\d{4}(?:_?[mwq]?\d{1,2}){0,2}|default)$", re.IGNORECASE
)
_FILTER = (
    "Leave it out of the revision, and tell autogenerate to leave partitions alone: in env.py, context.configure("
    'include_name=lambda name, type_, parents: not (type_ == "table" and name.startswith("{stem}_"))).'
)


@rule(
    severity=Severity.DANGER, remedy="Leave it out of the revision, and filter partitions with include_name in env.py."
)
def drops_partition_child(op: Operation, context: Context) -> Found | None:
    """Judge DROP TABLE where it is about to run; a partition that was detached before is meant to go."""
    if not isinstance(op, DropTable) or not context.running or op.from_effect or context.is_new(op.table):
        return None
    original = context.names.table(op.table) or op.table
    schema = context.path.schema
    parent = schema.parent(original)
    everything = (*context.prior, *context.later)
    if parent is None:
        return None if schema.tables else _by_name(op, context)
    if any(isinstance(other, DropTable) and other.table == parent for other in everything):
        return None
    bare = op.table.rpartition(".")[2]
    detached = (other for other in context.prior if isinstance(other, AlterObject) and "detach" in other.action)
    if any(bare in words(other.text) for other in detached):
        return None
    rows = rows_of(op.table, context)
    if rows.none:
        return None
    return Found(
        f"{op.table} is a partition of {parent}: dropping it destroys {rows.text} of {parent}.",
        remedy=_FILTER.format(stem=parent.rpartition(".")[2]),
        evidence={**rows.evidence, "partition_of": parent},
    )


def _by_name(op: DropTable, context: Context) -> Found | None:
    """Where the schema is not known, several tables that are named like partitions of one."""
    found = _LOOKS_LIKE_ONE.match(op.table)
    if found is None:
        return None
    stem = found["stem"]
    everything = (*context.prior, op, *context.later)
    dropped = [other.table for other in everything if isinstance(other, DropTable)]
    like = {table for table in dropped if (one := _LOOKS_LIKE_ONE.match(table)) and one["stem"] == stem}
    if len(like) < 2 or stem in dropped:  # one alone says little
        return None
    return Found(
        f"{op.table} is named like a partition of {stem}: dropping it would destroy rows of {stem}.",
        severity=Severity.WARNING,
        remedy=_FILTER.format(stem=stem.rpartition(".")[2]),
        evidence={"partition_of": stem},
    )
