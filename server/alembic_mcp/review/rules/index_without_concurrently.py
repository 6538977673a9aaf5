"""Building an index takes a SHARE lock: nobody can write to the table until it is done.

CREATE INDEX CONCURRENTLY takes SHARE UPDATE EXCLUSIVE instead, and writes go on. DROP INDEX takes ACCESS EXCLUSIVE for
a moment, but waits for every running query first, and everybody else waits behind it. Neither CONCURRENTLY form can
run inside a transaction, hence the autocommit block.
"""

from __future__ import annotations

from ...locks import LockMode
from ...operations import CreateIndex, DropIndex, DropTable, Operation
from ...report import Severity
from ..context import Context
from ..counts import rows_of
from ..rule import Found, rule


@rule(
    severity=Severity.DANGER,
    lock_mode=LockMode.SHARE,
    remedy="Pass postgresql_concurrently=True inside op.get_context().autocommit_block().",
)
def index_without_concurrently(op: Operation, context: Context) -> Found | None:
    """Judge CREATE INDEX and DROP INDEX on tables that others use, on PostgreSQL."""
    if not context.is_postgresql:
        return None
    match op:
        case CreateIndex(concurrently=False):
            return _create(op, context)
        case DropIndex(concurrently=False):
            return _drop(op, context)
    return None


def _create(op: CreateIndex, context: Context) -> Found | None:
    if context.is_new(op.table) or not context.is_live(op.table):
        return None
    rows = rows_of(op.table, context)
    name = f"index {op.name}" if op.name else "an index"
    columns = ", ".join(f'"{column}"' for column in op.columns)
    remedy = "Run it outside the transaction, with CONCURRENTLY."
    if op.name and not op.from_effect:
        remedy = (
            f'with op.get_context().autocommit_block(): op.create_index("{op.name}", "{op.table}", [{columns}], '
            f"{'unique=True, ' if op.unique else ''}postgresql_concurrently=True, if_not_exists=True)"
        )
    return Found(
        f"Building {name} blocks writes to {op.table} ({rows.text}) until it is done.",
        remedy=remedy,
        severity=Severity.WARNING if rows.small else Severity.DANGER,
        evidence=rows.evidence,
    )


def _drop(op: DropIndex, context: Context) -> Found | None:
    table = op.table or _owner(op, context)
    if table is not None and (context.is_new(table) or not context.is_live(table)):
        return None
    if context.prior.has(CreateIndex, name=op.name):
        return None
    if table is not None and context.later.has(DropTable, table=table):
        return None
    owner = f'"{table}", ' if table else ""
    return Found(
        f"Dropping index {op.name} waits for every query on {table or 'its table'}, and blocks reads and writes "
        "meanwhile.",
        remedy=f'with op.get_context().autocommit_block(): op.drop_index("{op.name}", '
        f"{f'table_name={owner}' if owner else ''}postgresql_concurrently=True, if_exists=True)",
        severity=Severity.WARNING if context.running else Severity.INFO,
        evidence={"lock_mode": LockMode.ACCESS_EXCLUSIVE.value},
        table=table,
    )


def _owner(op: DropIndex, context: Context) -> str | None:
    """The table of an index whose name alone is given, from what was locked or what the revision says elsewhere."""
    for statement in op.statements:
        for lock in statement.measured.locks if statement.measured else ():
            if lock.mode is LockMode.ACCESS_EXCLUSIVE:
                return lock.table
    made = [*context.prior.of(CreateIndex, name=op.name), *context.other.of(CreateIndex, name=op.name)]
    return made[0].table if made else None
