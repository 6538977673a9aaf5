"""The primary key of a table changes: what refers to its rows, and what replicates them, goes by it.

Foreign keys, replication, caches and URLs name rows by their key. Autogenerate does not see a changed primary key at
all, so models and database may part without anybody noticing. The key's column may also be dropped, or take another
type.
"""

from __future__ import annotations

import re

from ...operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    ConstraintKind,
    DropColumn,
    DropConstraint,
    Operation,
)
from ...report import Severity
from ..column_types import parse
from ..context import Context
from ..counts import rows_of
from ..locking import shares_statement
from ..rule import Found, rule

_NAMED_AS_ONE = re.compile(r"^pk$|^pk_|_pk$|_pkey$", re.IGNORECASE)
"""How primary keys are named where nothing says what kind of constraint is dropped."""


@rule(
    severity=Severity.DANGER,
    remedy="Add the new key beside the old one, move what refers to it, and only then drop the old one.",
)
def changes_primary_key(op: Operation, context: Context) -> Found | None:
    """Judge whatever touches a primary key, in both directions."""
    table = op.tables[0] if op.tables else None
    if table is None or context.is_new(table) or rows_of(table, context).none:
        return None
    found = _change(op, table, context)
    if found is None or (not context.running and _undoes(table, context)):
        return None
    what, severity = found
    rows = rows_of(table, context)
    others = _referring(table, context)
    refers = f"; {', '.join(others)} refer to it" if others else ""
    where = "" if context.running else "The downgrade changes a primary key that the upgrade leaves alone: "
    return Found(
        f"{where}{what} ({rows.text}){refers}.",
        remedy=f"Add the new key of {table} beside the old one, with a unique index that is built concurrently; move "
        f"{', '.join(others) if others else 'what refers to it'}, and only then drop the old one.",
        severity=severity,
        evidence={**rows.evidence, "referred_by": others},
    )


def _change(op: Operation, table: str, context: Context) -> tuple[str, Severity] | None:
    key = next((one for one in context.keys(table) if one.kind is ConstraintKind.PRIMARY_KEY), None)
    columns = key.columns if key is not None else ()
    match op:
        case AddConstraint(kind=ConstraintKind.PRIMARY_KEY):
            if any(shares_statement(op, one) and one.column.primary_key for one in context.prior.of(AddColumn)):
                return None  # said of the column
            named = ", ".join(op.columns) or op.using_index or "an index"
            return f"Makes {named} the primary key of {table}", Severity.WARNING
        case AddColumn() if op.column.primary_key:
            return f"Adds {op.column.name} to {table} as its primary key", Severity.WARNING
        case DropConstraint() if _is_key(op, context):
            return f"Drops the primary key{_listed(columns)} of {table}", Severity.DANGER
        case DropColumn() if op.column in columns or _takes_key(op):
            return f"Dropping {table}.{op.column} drops the primary key{_listed(columns)} of {table}", Severity.DANGER
        case AlterColumn(type=str(new)) if op.column in columns:
            old = op.existing_type or context.type(table, op.column)
            if old and parse(old) == parse(new):
                return None
            became = f" from {old}" if old else ""
            return f"Changes the type of {table}.{op.column}, a primary key,{became} to {new}", Severity.WARNING
    return None


def _listed(columns: tuple[str, ...]) -> str:
    return f" ({', '.join(columns)})" if columns else ""


def _is_key(op: DropConstraint, context: Context) -> bool:
    if op.kind is not None:
        return op.kind is ConstraintKind.PRIMARY_KEY
    original = context.names.table(op.table)
    known = context.path.schema.key(original, op.name) if original and op.name else None
    if known is not None:
        return known.kind is ConstraintKind.PRIMARY_KEY
    return op.name is not None and bool(_NAMED_AS_ONE.search(op.name))


def _takes_key(op: DropColumn) -> bool:
    """True if what looks like a primary key was seen to go with the column."""
    return any(
        item.kind == "table constraint" and _NAMED_AS_ONE.search(item.name.rpartition(".")[2])
        for statement in op.statements
        for item in (statement.measured.dropped if statement.measured else ())
    )


def _undoes(table: str, context: Context) -> bool:
    """True if the other direction touches the primary key of the same table."""
    original = context.names.table(table)
    return any(
        original in [names.table(one) for one in other.tables]
        and (
            (isinstance(other, (AddConstraint, DropConstraint)) and other.kind in (ConstraintKind.PRIMARY_KEY, None))
            or (isinstance(other, AddColumn) and other.column.primary_key)
            or isinstance(other, DropColumn)
            or (isinstance(other, AlterColumn) and other.type is not None)
        )
        for other, names in context.other_steps()
    )


def _referring(table: str, context: Context) -> list[str]:
    """The tables with a foreign key to *table*."""
    original = context.names.table(table)
    schema = context.path.schema
    return sorted(
        {other for other in schema.tables for key in schema.keys(other) if key.references == original}
        - {original or ""}
    )
