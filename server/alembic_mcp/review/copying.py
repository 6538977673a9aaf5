"""What copies a table on MySQL and MariaDB, as their manuals have it: nobody can write to it meanwhile.

Everything else is done in place or at once. InnoDB is what is meant; a newer server may know a shorter way.
"""

from __future__ import annotations

import re

from ..operations import AddColumn, AddConstraint, AlterColumn, AlterObject, ConstraintKind, DropConstraint, Operation

__all__ = ["copies"]

_VARCHAR = re.compile(r"(?:character varying|varchar)\s*\(\s*(\d+)\s*\)", re.IGNORECASE)
_ENUM = re.compile(r"(?:enum|set)\s*\((.*)\)", re.IGNORECASE | re.DOTALL)
_SPECIFIED = re.compile(r"\s*\(\s*\d+\s*\)")
_SAME = {"integer": "int", "bool": "tinyint", "boolean": "tinyint", "numeric": "decimal", "dec": "decimal"}
_NARROW = 63
"""Characters of utf8mb4 whose length takes one byte; VARCHAR grows in place on one side of it."""


def copies(op: Operation) -> str | None:
    """Why the table of *op* is copied, as the beginning of a sentence; None if it is not."""
    match op:
        case AlterColumn(type=str(new)) if not _in_place(op.existing_type, new):
            return f"Changing the type of {op.table}.{op.column} to {new}"
        case AddColumn() if op.column.computed:
            return f"Adding the generated column {op.table}.{op.column.name}"
        case DropConstraint(kind=ConstraintKind.PRIMARY_KEY):
            return f"Dropping the primary key of {op.table}"
        case AddConstraint(kind=ConstraintKind.PRIMARY_KEY | ConstraintKind.FOREIGN_KEY | ConstraintKind.CHECK):
            return f"Adding the {op.kind.value} {op.name or ''}".rstrip() + f" to {op.table}"
        case AlterObject(kind="table") if op.action.startswith(("engine", "convert", "order by", "force")):
            return f"ALTER TABLE {op.table} {op.action.upper()}"
    return None


def _in_place(old: str | None, new: str) -> bool:
    if old is None:
        return False
    one, other = _VARCHAR.fullmatch(old.strip()), _VARCHAR.fullmatch(new.strip())
    if one and other:
        before, after = int(one[1]), int(other[1])
        return before <= after and (before <= _NARROW) == (after <= _NARROW)
    one, other = _ENUM.fullmatch(old.strip()), _ENUM.fullmatch(new.strip())
    if one and other:
        return other[1].replace(" ", "").startswith(one[1].replace(" ", ""))
    return _plain(old) == _plain(new)


def _plain(type_: str) -> str:
    """INTEGER(11) and INT are the same: the width of a number is only about how it is shown."""
    words = type_.strip().lower()
    name, *rest = words.split(None, 1)
    base = _SPECIFIED.sub("", name) if "int" in name else name
    return " ".join([_SAME.get(base, base), *rest])
