"""Names for constraints that the models leave without one: by the project's convention, else as PostgreSQL does."""

from __future__ import annotations

from typing import Any, List, Optional, Set

from sqlalchemy.sql.elements import conv

from .changes import Facts

__all__ = ["LONGEST", "name_for", "shortened"]

LONGEST = 63
"""Bytes of a name that PostgreSQL keeps."""

_LABELS = {
    "CreateUniqueConstraintOp": "key",
    "CreateForeignKeyOp": "fkey",
    "CreateCheckConstraintOp": "check",
    "CreatePrimaryKeyOp": "pkey",
    "CreateExcludeConstraintOp": "excl",
}


def name_for(op: Any, facts: Facts, taken: Set[str]) -> Optional[str]:
    """A name for the constraint that the directive *op* adds, none of *taken*; None if it is no constraint."""
    label = _LABELS.get(type(op).__name__)
    if label is None:
        return None
    by_convention = _by_convention(op, facts)
    if by_convention:
        return conv(by_convention)
    table = str(getattr(op, "table_name", None) or op.source_table)
    columns = [] if label == "pkey" else _columns(op)
    number = 0
    while True:
        name = shortened(table, "_".join(columns), f"{label}{number or ''}")
        if name not in taken:
            return conv(name)
        number += 1


def shortened(first: str, second: str, label: str) -> str:
    """``first_second_label`` in at most 63 bytes, the longer of the two first parts cut as PostgreSQL does."""
    parts = [first.encode(), second.encode()]
    room = LONGEST - len(label.encode()) - 1 - (1 if second else 0)
    while sum(map(len, parts)) > room:
        longer = 0 if len(parts[0]) > len(parts[1]) else 1
        parts[longer] = parts[longer][:-1]
    words = [part.decode(errors="ignore") for part in parts]
    return "_".join(word for word in [*words, label] if word)


def _by_convention(op: Any, facts: Facts) -> Optional[str]:
    convention = getattr(facts.metadata, "naming_convention", None)
    if not convention:
        return None
    try:
        found = op.to_constraint(facts.context).name
    except Exception:  # noqa: BLE001 - the convention wants a name of its own to build on, or functions of the user's
        return None
    return str(found) if isinstance(found, str) and isinstance(found, conv) else None


def _columns(op: Any) -> List[str]:
    found = getattr(op, "local_cols", None) or getattr(op, "columns", None)
    if found is None:
        return []
    return [str(getattr(column, "name", column)) for column in found]
