"""A new NOT NULL column gets its values first, and its NOT NULL when every row has one."""

from __future__ import annotations

from typing import Any, List, Optional

import sqlalchemy as sa
from alembic.operations import ops
from sqlalchemy import schema as sa_schema

from ..describe import describe
from ..generate import catalog
from ..generate.changes import Change, Facts, Phase
from ..generate.filling import fill
from ..generate.not_null import drops_not_null, sets_not_null
from ..generate.serial_columns import beyond, following, is_serial, started

__all__ = ["not_null_without_default"]

RULE = "not-null-without-default"


def not_null_without_default(changes: List[Change], facts: Facts) -> List[Change]:
    """Expand, backfill, contract; a constant default that no other value was asked for stays as it is."""
    found: List[Change] = []
    for change in changes:
        found += _steps(change, facts) or [change]
    return found


def _steps(change: Change, facts: Facts) -> Optional[List[Change]]:
    op = change.op
    if not isinstance(op, ops.AddColumnOp):
        return None
    if is_serial(facts.models, change.table or "", op.column.name) and op.column.server_default is None:
        return _numbered(change, facts)
    if not facts.live(change.table):
        return None
    column, where = op.column, f"{change.table}.{op.column.name}"
    default = column.server_default if isinstance(column.server_default, sa_schema.DefaultClause) else None
    if column.server_default is not None and default is None:
        return None  # computed or identity: the database fills it
    text = describe(op, facts.dialect)["column"]["server_default"]
    value = facts.fills.get(where)
    if value is None and column.primary_key and not facts.postgresql and isinstance(column.type, sa.Integer):
        value = "rowid"
    if value is None and default is not None and facts.postgresql and not catalog.unvarying(facts, text):
        value = text
    if value is None or (default is not None and not facts.postgresql and where not in facts.fills):
        return None
    return _staged(change, facts, value, default)


def _staged(change: Change, facts: Facts, value: str, default: Any) -> List[Change]:
    op, table = change.op, change.table
    name, where = str(op.column.name), f"{change.table}.{op.column.name}"
    bare = _bare(op)
    expand: List[Any] = [bare]
    if default is not None:
        expand.append(
            ops.AlterColumnOp(
                op.table_name, name, schema=op.schema, existing_type=op.column.type, modify_server_default=default
            )
        )
    update = fill(facts, op.table_name, name, value, op.schema)
    demanded = not op.column.nullable
    contract = sets_not_null(facts, op.table_name, name, op.column.type, op.schema) if demanded else []
    if not facts.postgresql:
        why = f"The rows of {table} get {value} as their {name}" + (", before it is NOT NULL." if demanded else ".")
        return [Change([*expand, *update, *contract], change.down, table=table, rule=RULE, why=why)]
    then = (
        f"{where} is added as nullable, because the rows of {table} have no value for it yet; it becomes NOT NULL in "
        "a later revision, when each has one."
        if demanded
        else f"{where} is added without a value for the rows of {table}; the next revision fills it."
    )
    steps = [Change(expand, change.down, table=table, rule=RULE, why=then)]
    batches = ", in batches that are committed one by one" if facts.large(table) else ""
    steps.append(
        Change(
            update,
            [],
            table=table,
            phase=Phase.BACKFILL,
            rule=RULE,
            why=f"Sets {where} to {value} in the rows that have no value{batches}.",
        )
    )
    if demanded:
        steps.append(
            Change(
                contract,
                drops_not_null(op.table_name, name, op.column.type, op.schema),
                table=table,
                phase=Phase.CONTRACT,
                rule=RULE,
                why=f"Makes {where} NOT NULL. It fails, and changes nothing, if a row has got no value in the "
                "meantime: deploy code that writes the column first.",
            )
        )
    return steps


def _numbered(change: Change, facts: Facts) -> List[Change]:
    """What the models have as SERIAL: Alembic would add it without a sequence."""
    op, table = change.op, change.table
    name, where = str(op.column.name), f"{change.table}.{op.column.name}"
    expand = [_bare(op), *started(facts, op.table_name, op.column, op.schema)]
    demanded = sets_not_null(facts, op.table_name, name, op.column.type, op.schema)
    why = f"{where} gets a sequence of its own, which numbers the rows."
    if not facts.live(table):
        return [Change([*expand, *demanded], change.down, table=table, rule=RULE, why=why)]
    given = facts.fills.get(where)
    value = given or following(facts, op.table_name, name, op.schema)
    update = fill(facts, op.table_name, name, value, op.schema)
    if given:
        update.append(beyond(facts, op.table_name, name, op.schema))
    sets = f"Sets {where} to {given}" if given else f"Numbers {where}"
    return [
        Change(expand, change.down, table=table, rule=RULE, why=why),
        Change(update, [], table=table, phase=Phase.BACKFILL, rule=RULE, why=f"{sets} in the rows that have no value."),
        Change(
            demanded,
            drops_not_null(op.table_name, name, op.column.type, op.schema),
            table=table,
            phase=Phase.CONTRACT,
            rule=RULE,
            why=f"Makes {where} NOT NULL, now that each row has a number.",
        ),
    ]


def _bare(op: Any) -> Any:
    column = sa_schema.Column(op.column.name, op.column.type, nullable=True, comment=op.column.comment)
    return ops.AddColumnOp(op.table_name, column, schema=op.schema)
