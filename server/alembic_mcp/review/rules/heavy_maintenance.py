"""Maintenance that locks a whole table while it is written anew or read: not the business of a revision.

VACUUM FULL and CLUSTER take ACCESS EXCLUSIVE while they write the table anew; REINDEX blocks writes; REFRESH
MATERIALIZED VIEW blocks readers of the view; attaching a partition reads it, and detaching one locks its parent. LOCK
TABLE holds what it says to the end of the transaction.
"""

from __future__ import annotations

from ...locks import LockMode
from ...operations import AlterObject, CreateObject, Operation
from ...report import Severity
from ..context import Context
from ..counts import rows_of
from ..locking import locks_of
from ..remedies import autocommit, execute, quoted
from ..rule import Found, rule


@rule(
    severity=Severity.DANGER,
    lock_mode=LockMode.ACCESS_EXCLUSIVE,
    remedy="Do it outside of a revision, with CONCURRENTLY where there is such a form.",
)
def heavy_maintenance(op: Operation, context: Context) -> Found | None:
    """Judge commands that maintain tables, on PostgreSQL."""
    if not isinstance(op, AlterObject) or not context.is_postgresql:
        return None
    if op.action.startswith("refresh"):
        return _refresh(op, context)
    if op.action.endswith("partition") or "partition" in op.action.split():
        return _partition(op, context)
    words = {*op.action.split(), *op.text.lower().split()}
    if op.action.startswith("reindex") and "concurrently" not in words:
        return _reindex(op, context)
    table = op.table or "every table"
    if op.table and not context.in_use(op.table):
        return None
    rows = rows_of(table, context)
    severity = Severity.WARNING if rows.small and op.table else Severity.DANGER
    if op.action.startswith("vacuum") and "full" in op.action.split():
        return Found(
            f"VACUUM FULL writes {table} ({rows.text}) anew, and blocks reads and writes meanwhile.",
            remedy="Leave it to autovacuum, or use pg_repack, outside of a revision.",
            severity=severity,
            evidence=rows.evidence,
        )
    if op.action == "cluster" and op.kind == "table" and not op.text.upper().startswith("ON "):
        return Found(
            f"CLUSTER writes {table} ({rows.text}) anew, and blocks reads and writes meanwhile.",
            remedy="Use pg_repack, outside of a revision.",
            severity=severity,
            evidence=rows.evidence,
        )
    return _lock(op, context) if op.action == "lock" else None


def _refresh(op: AlterObject, context: Context) -> Found | None:
    made = any(isinstance(other, CreateObject) and other.name == op.name for other in context.prior)
    if made or "concurrently" in op.action or "with no data" in op.text.lower():
        return None
    return Found(
        f"REFRESH MATERIALIZED VIEW {op.name} blocks everybody who reads {op.name} until it is done.",
        remedy=f"{execute(f'REFRESH MATERIALIZED VIEW CONCURRENTLY {quoted(op.name)}')}, which needs a unique index "
        "on the view.",
        severity=Severity.WARNING,
        table=op.name,
    )


def _reindex(op: AlterObject, context: Context) -> Found | None:
    if op.table and not context.in_use(op.table):
        return None
    sql = f"REINDEX {op.kind.upper()} CONCURRENTLY {quoted(op.name)}" if op.name else "REINDEX ... CONCURRENTLY"
    rows = rows_of(op.table, context) if op.table else None
    return Found(
        f"REINDEX {op.kind.upper()} {op.name} blocks writes to "
        f"{f'{op.table} ({rows.text})' if rows else 'the tables concerned'} until it is done, and reads through the "
        "index.",
        remedy=autocommit(execute(sql)),
        severity=Severity.WARNING if rows is None or rows.small else Severity.DANGER,
        evidence={**(rows.evidence if rows else {}), "lock_mode": LockMode.SHARE.value},
    )


def _partition(op: AlterObject, context: Context) -> Found | None:
    table, words = op.table or op.name, op.text.split()
    child = words[1].strip('"') if len(words) > 1 else "the partition"
    if not context.in_use(table):
        return None
    if op.action.startswith("attach"):
        if context.is_new(child) and not context.is_live(child):
            return None
        return Found(
            f"Attaching {child} reads all its rows under an ACCESS EXCLUSIVE lock, to see that they belong into "
            f"{table}, and the default partition likewise.",
            remedy=f"First add a CHECK to {child} with NOT VALID that says what the partition says, validate it, "
            "and drop it afterwards: then nothing is read.",
            severity=Severity.WARNING,
        )
    if op.action.startswith("detach") and "concurrently" not in op.text.lower().split():
        return Found(
            f"Detaching {child} blocks reads and writes of {table}, which has to wait for everybody who uses it.",
            remedy=autocommit(execute(f"ALTER TABLE {quoted(table)} DETACH PARTITION {quoted(child)} CONCURRENTLY")),
            severity=Severity.WARNING,
        )
    return None


def _lock(op: AlterObject, context: Context) -> Found | None:
    mode = next((lock.mode for lock in locks_of(op) if lock.table == op.table), LockMode.ACCESS_EXCLUSIVE)
    if not mode.blocks_writes or not op.table or not context.in_use(op.table):
        return None
    return Found(
        f"LOCK TABLE blocks {mode.blocks} of {op.table} until the end of the transaction.",
        remedy="Leave it out: each statement takes the lock that it needs.",
        severity=Severity.WARNING,
        evidence={"lock_mode": mode.value},
    )
