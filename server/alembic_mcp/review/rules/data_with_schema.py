"""Rows are changed in the transaction that alters their table: the table is locked until the last row is done.

ALTER TABLE takes ACCESS EXCLUSIVE and keeps it to the end of the transaction, so that nobody can even read the table
while it is filled; and a failure in the data undoes the change of the schema as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...locks import LockMode
from ...operations import Delete, Operation, Unrecognised, Update
from ...report import Severity
from ..context import Context
from ..counts import rows_of
from ..locking import OWN_TRANSACTIONS, Step, steps
from ..rewriting import fills_from_query
from ..rule import Found, revision_rule


@revision_rule(
    severity=Severity.WARNING,
    remedy="Change the schema in one revision, and the rows in the next, in batches.",
)
def data_with_schema(context: Context) -> Iterator[Found]:
    """Judge UPDATE, DELETE and INSERT ... SELECT on tables that others use, on PostgreSQL."""
    said: set[tuple[str, int]] = set()
    for step in steps(context) if context.is_postgresql else ():
        for table in _written(step.op):
            # Once for a loop over the rows.
            if table in step.held and (table, step.op.line) not in said:
                said.add((table, step.op.line))
                if not rows_of(table, step.context).small:
                    yield _found(table, step)


def _found(table: str, step: Step) -> Found:
    rows = rows_of(table, step.context)
    taken = step.held[table]
    since = taken.where or "an earlier statement"
    return Found(
        f"Rows of {table} ({rows.text}) are changed in the transaction that has altered it ({since}): nobody can "
        f"read or write {table} until they are done.",
        remedy=(
            OWN_TRANSACTIONS
            if taken.revision
            else f"Leave the change of {table} in this revision, and change its rows in the next one, in batches "
            "inside op.get_context().autocommit_block()."
        ),
        evidence={**rows.evidence, "lock_mode": LockMode.ACCESS_EXCLUSIVE.value},
        table=table,
        line=step.op.line,
    )


def _written(op: Operation) -> tuple[str, ...]:
    match op:
        case Update() | Delete():
            return (op.table,)
        case Unrecognised():
            return op.writes
    return op.tables if fills_from_query(op) else ()
