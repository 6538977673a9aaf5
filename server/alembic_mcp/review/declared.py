"""The constraints and indexes that CREATE TABLE brings along, read from the SQL that was sent."""

from __future__ import annotations

import re

from ..operations import AddColumn, AddConstraint, AlterColumn, ConstraintKind, CreateIndex, CreateTable, Operation
from .context import Context

__all__ = ["declared", "listed_values", "new_types"]

_LIST = re.compile(
    r"(?:(?P<column>\"?\w+\"?)\s*\)?(?:::[\w ]+)?\s*)"
    r"(?:IN\s*\((?P<values>[^()]*)\)|=\s*ANY\s*\(\s*\(?\s*ARRAY\s*\[(?P<array>[^\]]*)\])",
    re.IGNORECASE,
)
_STRING = re.compile(r"'((?:[^']|'')*)'")


def declared(op: CreateTable, context: Context) -> list[Operation]:
    """What its statements declare besides columns; empty where the SQL is not known or can't be read."""
    from . import columns, ddl  # sqlglot takes long to import, and the server starts without it
    from .words import Naming, Unreadable, split

    found: list[Operation] = []
    for statement in op.statements:
        try:
            for words in split(statement.sql, Naming(context.path.dialect)):
                if not words.take("CREATE"):
                    continue
                if not words.has("TABLE") or words.sees_any("INDEX", "UNIQUE"):
                    found += ddl.create(words)
                    continue
                words.until("(")
                for part in words.group().parts() if words.sees("(") else ():
                    if columns.starts_constraint(part):
                        found.append(columns.constraint(part, op.table))
                    else:
                        found += columns.column(part, op.table).constraints
        except Unreadable:
            continue
    return [one for one in found if isinstance(one, (AddConstraint, CreateIndex))]


def listed_values(op: AddConstraint, at_least: int = 2) -> tuple[str, tuple[str, ...]] | None:
    """The column and the values of a CHECK such as ``state IN ('a', 'b')``; None for any other constraint."""
    if op.kind is not ConstraintKind.CHECK:
        return None
    found = _LIST.search(op.expression or "")
    if found is None:
        return None
    text = found["values"] if found["values"] is not None else found["array"]
    values = tuple(value.replace("''", "'") for value in _STRING.findall(text))
    return (found["column"].strip('"'), values) if len(values) >= at_least else None


def new_types(op: Operation) -> list[tuple[str, str]]:
    """(column, type) of the columns that get a type by *op*."""
    match op:
        case CreateTable():
            return [(column.name, column.type) for column in op.columns]
        case AddColumn():
            return [(op.column.name, op.column.type)]
        case AlterColumn(type=str(kind)):
            return [(op.column, kind)]
    return []
