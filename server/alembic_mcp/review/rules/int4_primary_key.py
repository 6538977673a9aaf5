"""A primary key that counts up as integer ends at 2,147,483,647; from then on no row can be added.

To change it then means to write the table, and all that refer to it, anew.
"""

from __future__ import annotations

import re

from ...operations import AddColumn, Column, CreateTable, Operation
from ...report import Severity
from ..column_types import parse
from ..context import Context
from ..rule import Found, rule

_LAST = {"integer": "2,147,483,647", "smallint": "32,767"}


@rule(
    severity=Severity.INFO,
    remedy="Use sa.BigInteger for primary keys that count up: it costs four bytes a row.",
    together="The primary keys {} count up as integer: after 2,147,483,647 no row can be added.",
)
def int4_primary_key(op: Operation, context: Context) -> Found | None:
    """Judge the primary keys of new tables, on PostgreSQL."""
    if not context.is_postgresql or not context.running:
        return None
    match op:
        case CreateTable():
            keys = [column for column in op.columns if column.primary_key]
        case AddColumn() if op.column.primary_key:
            keys = [op.column]
        case _:
            return None
    kind = parse(keys[0].type) if len(keys) == 1 else None
    if kind is None or kind.array or kind.name not in _LAST or not _counts(keys[0], op):
        return None
    return Found(
        f"{op.tables[0]}.{keys[0].name} counts up as {kind.name}: after {_LAST[kind.name]} no row can be added.",
        remedy=f'sa.Column("{keys[0].name}", sa.BigInteger, ...): it costs four bytes a row.',
        subject=f"{op.tables[0]}.{keys[0].name}",
    )


def _counts(column: Column, op: Operation) -> bool:
    """True if the database numbers the rows, as far as can be told."""
    if column.identity or "serial" in column.type.lower() or "nextval" in (column.server_default or ""):
        return True
    text = " ".join(one.sql for one in op.statements)
    if not text or op.from_sql:
        return not re.search(rf'\b{re.escape(column.name)}"?\s[^,]*\bREFERENCES\b', text, re.IGNORECASE)
    return bool(re.search(rf'\b{re.escape(column.name)}"?\s+(SMALL)?SERIAL\b', text, re.IGNORECASE))
