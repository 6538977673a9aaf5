"""Brings back, with its table, what SQLAlchemy does not read of SQLite's indexes: expressions, DESC, COLLATE."""

from __future__ import annotations

import re
from typing import Any, List

from alembic.operations import ops

from .changes import Change, Facts
from .directives import sql
from .rebuilding import PLAIN_INDEX, Known

__all__ = ["brought_back"]

_CONDITION = re.compile(r"\)\s*WHERE\b.*$", re.IGNORECASE | re.DOTALL)


def brought_back(changes: List[Change], facts: Facts) -> List[Change]:
    """The changes; the downgrades of those that drop an index or a table make the indexes (and triggers) as they are.

    For SQLite.
    """
    if facts.dialect.name != "sqlite":
        return changes
    indexes = {str(change.op.index_name) for change in changes if isinstance(change.op, ops.DropIndexOp)}
    for change in changes:
        op: Any = change.op
        if isinstance(op, ops.DropIndexOp):
            for _, name, text in Known(facts, str(op.table_name)).others():
                if name == str(op.index_name) and not PLAIN_INDEX.search(_CONDITION.sub(")", text)):
                    change.down = [sql(text)]
        elif isinstance(op, ops.DropTableOp):
            others = Known(facts, str(op.table_name)).others()
            change.down = [*change.down, *(sql(text) for _, name, text in others if name not in indexes)]
    return changes
