"""Finds what may be a rename: something is dropped, and something that could hold the same is added beside it."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Any, Dict, List, Set

import sqlalchemy as sa
from alembic.operations import ops

from .changes import Change, Facts

__all__ = ["alike", "column_renames", "kind_of", "table_renames"]

ALIKE = 0.5
"""From here on two names look like one that was changed, and two tables as if they had the same columns."""
_CLOSE = 0.66
_FEW = 2

_KINDS = (
    ("boolean", sa.Boolean),
    ("enum", sa.Enum),
    ("uuid", getattr(sa, "Uuid", ())),
    ("json", sa.JSON),
    ("integer", sa.Integer),
    ("number", (sa.Numeric, sa.Float)),
    ("timestamp", sa.DateTime),
    ("date", sa.Date),
    ("time", sa.Time),
    ("interval", sa.Interval),
    ("bytes", sa.LargeBinary),
    ("array", sa.ARRAY),
    ("string", sa.String),
)


def column_renames(changes: List[Change], facts: Facts) -> Dict[str, List[str]]:
    """``table.column`` that is dropped -> names of new columns of the table that could be it, the likeliest first.

    A column for which a fill is given is new: it gets its values from there. In a table without rows only names that
    are alike count: there is nothing to lose here, but perhaps elsewhere.
    """
    found: Dict[str, List[str]] = {}
    added: Dict[str, List[Any]] = {}
    for change in changes:
        if isinstance(change.op, ops.AddColumnOp):
            column = change.op.column
            if f"{change.table}.{column.name}" not in facts.fills and not _is_made(column):
                added.setdefault(change.table or "", []).append(column)
    for change in changes:
        if not isinstance(change.op, ops.DropColumnOp) or change.table in facts.created:
            continue
        old = change.down[0].column
        fitting = [
            new
            for new in added.get(change.table or "", [])
            if kind_of(old.type) == kind_of(new.type)
            and not _is_made(old)
            and (facts.live(change.table) or alike(str(old.name), str(new.name)) >= ALIKE)
        ]
        fitting.sort(key=lambda new: (-alike(str(old.name), str(new.name)), str(new.name)))
        if fitting:
            found[f"{change.table}.{old.name}"] = [str(new.name) for new in fitting]
    return found


def table_renames(changes: List[Change], facts: Facts) -> Dict[str, List[str]]:
    """Tables that are dropped -> new ones with largely the same columns, the likeliest first."""
    found: Dict[str, List[str]] = {}
    added = [change for change in changes if isinstance(change.op, ops.CreateTableOp)]
    for change in changes:
        if not isinstance(change.op, ops.DropTableOp):
            continue
        old = change.table or ""
        fitting = []
        for each in added:
            new = each.table or ""
            share = _shared(_columns(change.down[0]), _columns(each.op))
            close = alike(old, new)
            enough = share > 0.8 or (share >= ALIKE and close >= ALIKE)  # nearly all of them
            one_part = (
                old.rpartition(".")[0] == new.rpartition(".")[0] or old.rpartition(".")[2] == new.rpartition(".")[2]
            )
            if enough and one_part and (facts.live(old) or close >= ALIKE):
                fitting.append((-share - close, new))
        if fitting:
            found[old] = [new for _, new in sorted(fitting)]
    return found


def alike(old: str, new: str) -> float:
    """0 to 1: how much one name looks like the other, by its letters or by its words."""
    parts, others = (set(re.findall(r"[a-z]+|\d+", _spaced(name))) for name in (old, new))
    shared = len(parts & others) / max(len(parts), len(others), 1)
    if parts and others and (parts <= others or others <= parts):
        shared = 1.0
    letters = SequenceMatcher(None, old.lower(), new.lower()).ratio()
    return max(letters if letters >= _CLOSE else 0.0, shared)


def kind_of(type_: Any) -> str:
    """``string``, ``integer``, ...; the name of the class of a type that is none of those."""
    known = getattr(type_, "impl_instance", None) or getattr(type_, "impl", None) or type_
    known = known if isinstance(known, sa.types.TypeEngine) else type_
    for kind, classes in _KINDS:
        if classes and isinstance(known, classes):
            return kind
    if type(known).__name__.lower() == "uuid":
        return "uuid"
    return type(known).__name__.lower()


def _spaced(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _is_made(column: Any) -> bool:
    return getattr(column, "computed", None) is not None or getattr(column, "identity", None) is not None


def _columns(op: Any) -> Set[Any]:
    return {(str(each.name), kind_of(each.type)) for each in op.columns if isinstance(each, sa.Column)}


def _shared(old: Set[Any], new: Set[Any]) -> float:
    both = old & new
    if len(both) < _FEW and len(old | new) > 1:
        return 0.0
    return len(both) / max(len(old | new), 1)
