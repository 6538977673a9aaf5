"""Puts what gives a name up before what takes it, for indexes and constraints share names; other tables go last."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

import sqlalchemy as sa
from alembic.operations import ops

from .changes import Change

__all__ = ["freed_first"]

_Name = Tuple[Optional[str], str]
_KEYS = (sa.UniqueConstraint, sa.PrimaryKeyConstraint)


def freed_first(changes: List[Change]) -> List[Change]:
    """The changes, those first that drop an index or a table whose names others need; a table goes with what it has.

    All other tables are dropped last.
    """
    wanted: Dict[_Name, Set[Optional[str]]] = {}
    for change in changes:
        for name in _names(change.op):
            wanted.setdefault(name, set()).add(change.table)
    tables: Set[Optional[str]] = set()
    first: List[Change] = []
    for change in changes:
        needed = any(name in wanted for name in _names(change.down[0] if change.down else None))
        if isinstance(change.op, ops.DropTableOp) and (change.table in tables or needed):
            tables.add(change.table)
        elif isinstance(change.op, ops.DropIndexOp) and needed:
            tables.add(change.table)
            first.append(change)
    gone = {change.table for change in changes if isinstance(change.op, ops.DropTableOp)} & tables
    if not first and not gone:
        return _last(changes, set())
    for change in changes:
        drops = isinstance(change.op, (ops.DropTableOp, ops.DropIndexOp, ops.DropConstraintOp))
        if drops and change.table in gone and change not in first:
            first.append(change)
    referring = [change for change in changes if change not in first and _refers(change, gone)]
    moved = [*referring, *first]
    moved.sort(key=lambda change: isinstance(change.op, ops.DropTableOp))  # in their order, the tables last
    return _last([*moved, *(change for change in changes if change not in moved)], gone)


def _last(changes: List[Change], first: Set[Optional[str]]) -> List[Change]:
    """The tables that are dropped, but for *first*, behind all others: what refers to them has to go before."""

    def late(change: Change) -> bool:
        return isinstance(change.op, ops.DropTableOp) and change.table not in first

    return sorted(changes, key=late)


def _names(op: Any) -> Iterator[_Name]:
    """The names that a directive takes, each with its schema."""
    if isinstance(op, ops.CreateIndexOp) and op.index_name:
        yield op.schema, str(op.index_name)
    elif isinstance(op, ops.CreateTableOp):
        for each in op.columns:
            if isinstance(each, _KEYS) and isinstance(each.name, str) and each.name:
                yield op.schema, str(each.name)


def _refers(change: Change, tables: Set[Optional[str]]) -> bool:
    back: Any = change.down[0] if change.down else None
    if not isinstance(change.op, ops.DropConstraintOp) or not isinstance(back, ops.CreateForeignKeyOp):
        return False
    schema = back.kw.get("referent_schema")
    return (f"{schema}.{back.referent_table}" if schema else str(back.referent_table)) in tables
