"""SET NOT NULL reads the whole table under an ACCESS EXCLUSIVE lock: nobody can even read it meanwhile.

PostgreSQL skips the scan where a validated CHECK says that the column is not null. Such a CHECK can be added NOT VALID,
and validated under a lock that lets reads and writes go on.
"""

from __future__ import annotations

from ...locks import LockMode
from ...operations import AlterColumn, Operation
from ...report import Severity
from ..context import Context
from ..counts import rows_of
from ..remedies import Final, call, execute, named, quoted
from ..rewriting import scans_for_not_null
from ..rule import Found, rule


@rule(
    severity=Severity.DANGER,
    lock_mode=LockMode.ACCESS_EXCLUSIVE,
    remedy="Add a CHECK (... IS NOT NULL) with NOT VALID, validate it in a later revision, then set NOT NULL there.",
)
def set_not_null_scans(op: Operation, context: Context) -> Found | None:
    """Judge SET NOT NULL on tables that others use, on PostgreSQL."""
    if not isinstance(op, AlterColumn) or not context.is_postgresql or not context.in_use(op.table):
        return None
    if not scans_for_not_null(op, context):
        return None
    rows = rows_of(op.table, context)
    name, column = named("ck", op.table, op.column, "not_null"), quoted(op.column)
    check = call(
        "create_check_constraint", Final(name), op.table, f"{column} IS NOT NULL", table=op.table,
        postgresql_not_valid=True,
    )  # fmt: skip
    validate = execute(f"ALTER TABLE {quoted(op.table)} VALIDATE CONSTRAINT {quoted(name)}")
    alter = call("alter_column", op.table, op.column, table=op.table, nullable=False)
    drop = call("drop_constraint", Final(name), op.table, table=op.table)
    return Found(
        f"Setting {op.table}.{op.column} to NOT NULL blocks reads and writes of {op.table} ({rows.text}) while every "
        "row is checked.",
        remedy=f"Here: {check}. In a later revision: {validate}; {alter}; {drop}.",
        severity=Severity.WARNING if rows.small else Severity.DANGER,
        evidence=rows.evidence,
    )
