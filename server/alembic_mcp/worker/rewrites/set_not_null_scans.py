"""A column that becomes NOT NULL is filled first where a value was given, and checked without a long lock."""

from __future__ import annotations

import copy
from typing import Any, List

from alembic.operations import ops

from ..generate.changes import Change, Facts, Phase
from ..generate.filling import fill
from ..generate.not_null import drops_not_null, sets_not_null

__all__ = ["set_not_null_scans"]

RULE = "set-not-null-scans"
FILLED = "set-not-null-with-nulls"


def set_not_null_scans(changes: List[Change], facts: Facts) -> List[Change]:
    """Whatever else the directive alters stays where it is; a downgrade that sets NOT NULL does it the same way."""
    found: List[Change] = []
    for change in changes:
        op = change.op
        if isinstance(op, ops.AlterColumnOp) and facts.live(change.table) and op.modify_nullable is False:
            found += _steps(change, facts)
            continue
        if facts.live(change.table) and len(change.down) == 1 and facts.postgresql:
            back = change.down[0]
            if isinstance(back, ops.AlterColumnOp) and back.modify_nullable is False:
                rest = _without(back)
                change.down = ([rest] if rest.has_changes() else []) + _sets(facts, back)
        found.append(change)
    return found


def _steps(change: Change, facts: Facts) -> List[Change]:
    op, table = change.op, change.table
    column, where = str(op.column_name), f"{change.table}.{op.column_name}"
    value = facts.fills.get(where)
    update = fill(facts, op.table_name, column, value, op.schema) if value is not None else []
    if not facts.postgresql:
        if not update:
            return [change]
        why = f"The rows of {table} without a {column} get {value}, before it is NOT NULL."
        loses = f"It does not bring back which rows of {table} had no {column}."
        return [Change([*update, op], change.down, table=table, rule=FILLED, why=why, loses=loses)]
    steps, rest = [], _without(op)
    if rest.has_changes():
        back = [_without(one) if isinstance(one, ops.AlterColumnOp) else one for one in change.down]
        steps.append(Change([rest], back, table=table, loses=change.loses))
    if update:
        batches = ", in batches that are committed one by one" if facts.large(table) else ""
        why = f"Sets {where} to {value} in the rows that have no value{batches}."
        loses = f"It does not bring back which rows of {table} had no {column}."
        steps.append(Change(update, [], table=table, phase=Phase.BACKFILL, rule=FILLED, why=why, loses=loses))
    steps.append(
        Change(
            _sets(facts, op),
            drops_not_null(op.table_name, column, _kind(op), op.schema),
            table=table,
            phase=Phase.CONTRACT,
            rule=RULE,
            why=f"Makes {where} NOT NULL: its values are checked while others read and write {table}. It fails, and "
            "changes nothing, if a row has no value.",
        )
    )
    return steps


def _sets(facts: Facts, op: Any) -> List[Any]:
    return sets_not_null(facts, op.table_name, str(op.column_name), _kind(op), op.schema)


def _kind(op: Any) -> Any:
    return op.modify_type if op.modify_type is not None else op.existing_type


def _without(op: Any) -> Any:
    rest = copy.copy(op)
    rest.modify_nullable = None
    return rest
