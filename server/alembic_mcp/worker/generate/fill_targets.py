"""What a fill is for: the column that gets it, what that refers to, and whether its values may repeat."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

import sqlalchemy as sa
from alembic.operations import ops

from ..describe import describe
from .changes import Change, Facts

__all__ = ["filled", "to_fill"]


def filled(changes: List[Change], facts: Facts) -> List[Dict[str, Any]]:
    """What the fills are for: ``[{"name", "table", "column", "new", "required", "references", "unique", ...}]``.

    ``table`` is the name in the database, None if it has no rows; ``required``: the column is, or becomes, NOT NULL;
    ``references`` is a table, ``referenced`` its ``[table, column]`` as the database has them, None if that is not one
    column; ``type`` is that of the column in SQL; ``unique``: each row needs a value of its own; ``expression`` is the
    fill.
    """
    found = []
    for change in changes:
        column = to_fill(change)
        expression = facts.fills.get(f"{change.table}.{column}")
        if column is None or expression is None:
            continue
        op = change.op
        new = isinstance(op, ops.AddColumnOp)
        references, referenced = _refers(change, changes, column, facts)
        found.append(
            {
                "name": f"{change.table}.{column}",
                "table": facts.former.get(change.table or "", change.table) if facts.live(change.table) else None,
                "column": column,
                "new": new,
                "required": not op.column.nullable if new else True,
                "type": _spelt(op.column.type if new else op.modify_type or op.existing_type, facts),
                "references": references,
                "referenced": referenced,
                "unique": any(_is_unique(each.op, column) for each in changes if each.table == change.table),
                "expression": expression,
            }
        )
    return found


def _spelt(kind: Any, facts: Facts) -> Optional[str]:
    try:
        return str(kind.compile(dialect=facts.dialect))
    except Exception:  # noqa: BLE001 - types of the user's compile with code of the user's
        return None


def to_fill(change: Change, *, required: bool = False) -> Optional[str]:
    """The column that rows need, or (unless *required*) may get, a value for; None if there is none."""
    op = change.op
    if isinstance(op, ops.AddColumnOp):
        column = op.column
        made = getattr(column, "computed", None) is not None or getattr(column, "identity", None) is not None
        if made or (required and (column.nullable or column.server_default is not None or _counts_up(column))):
            return None
        return str(column.name)
    if isinstance(op, ops.AlterColumnOp) and op.modify_nullable is False:
        return str(op.column_name)
    return None


def _counts_up(column: Any) -> bool:
    return bool(column.primary_key) and isinstance(column.type, sa.Integer)


def _refers(
    change: Change, changes: List[Change], column: str, facts: Facts
) -> Tuple[Optional[str], Optional[List[str]]]:
    """The table that the column refers to, and what exactly if it does so alone."""
    for each in changes:
        if isinstance(each.op, ops.CreateForeignKeyOp) and each.table == change.table:
            found = describe(each.op, facts.dialect)
            if column in found["columns"]:
                return _referenced(str(found["references"]), found["columns"], found["referenced_columns"], facts)
    if isinstance(change.op, ops.AddColumnOp):
        return None, None
    former = facts.former.get(change.table or "", change.table or "")
    own = facts.former.get(f"{change.table}.{column}", column).rpartition(".")[2]
    schema, _, name = former.rpartition(".")
    inspector: Any = sa.inspect(facts.context.connection)
    for key in inspector.get_foreign_keys(name, schema=schema or None):
        if own in key["constrained_columns"]:
            table = facts.table(key["referred_table"], key["referred_schema"])
            return _referenced(table, key["constrained_columns"], key["referred_columns"], facts)
    return None, None


def _referenced(table: str, columns: List[str], to: List[str], facts: Facts) -> Tuple[str, Optional[List[str]]]:
    if len(columns) > 1 or table in facts.created:
        return table, None
    return table, [facts.former.get(table, table), facts.former.get(f"{table}.{to[0]}", to[0]).rpartition(".")[2]]


def _is_unique(op: Any, column: str) -> bool:
    unique = isinstance(op, (ops.CreateUniqueConstraintOp, ops.CreatePrimaryKeyOp))
    unique = unique or (
        isinstance(op, ops.CreateIndexOp) and bool(op.unique) and not (op.kw or {}).get("postgresql_where")
    )
    return unique and [str(getattr(part, "name", part)) for part in op.columns] == [column]
