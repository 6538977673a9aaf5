"""CONCURRENTLY works in transactions of its own: inside the transaction of a revision PostgreSQL refuses it.

Alembic runs a revision in a transaction unless it is told otherwise, hence the autocommit block. The same goes for
VACUUM, ALTER SYSTEM, and for databases and tablespaces.
"""

from __future__ import annotations

from ...operations import AlterObject, CreateIndex, CreateObject, DropIndex, DropObject, Operation
from ...report import Severity
from ..context import Context
from ..remedies import autocommit, call, execute
from ..rule import Found, rule

_REFUSAL = "transaction block"


@rule(
    severity=Severity.DANGER,
    remedy="Put it into op.get_context().autocommit_block(), which ends the transaction and starts a new one after it.",
)
def concurrently_in_transaction(op: Operation, context: Context) -> Found | None:
    """Judge what cannot run inside a transaction; a blocker where the rehearsal was refused and it is about to run."""
    what = _what(op) if context.is_postgresql else None
    if what is None or op.autocommit:
        return None
    refused = any(_REFUSAL in (one.error or "") for one in op.statements)
    ran = bool(op.statements) and all(one.measured is not None and not one.error for one in op.statements)
    if not refused and (ran or _after_commit(context)):
        return None
    return Found(
        f"{what} cannot run inside a transaction, and the revision runs in one: it fails.",
        remedy=autocommit(_code(op)),
        severity=Severity.BLOCKER if refused and context.running else Severity.DANGER,
    )


def _what(op: Operation) -> str | None:
    match op:
        case CreateIndex(concurrently=True):
            return f"CREATE INDEX CONCURRENTLY {op.name or ''}".rstrip()
        case DropIndex(concurrently=True):
            return f"DROP INDEX CONCURRENTLY {op.name}"
        case AlterObject() if op.kind != "materialized view":
            if op.action.startswith("vacuum"):
                return op.action.upper()
            if op.kind == "system":
                return "ALTER SYSTEM"
            if "concurrently" in (*op.action.split(), *op.text.lower().split()):
                words = " ".join(word for word in op.action.split()[:2] if word != "concurrently")
                return f"{words.upper()} CONCURRENTLY"
        case CreateObject() | DropObject() if op.kind in ("database", "tablespace"):
            return f"{'CREATE' if isinstance(op, CreateObject) else 'DROP'} {op.kind.upper()} {op.name}"
    return None


def _after_commit(context: Context) -> bool:
    """True if the revision ended its transaction by itself right before: some drivers do not open another one."""
    before = context.prior[-1] if context.prior else None
    return isinstance(before, AlterObject) and before.kind == "transaction"


def _code(op: Operation) -> str:
    if op.from_sql or not isinstance(op, (CreateIndex, DropIndex)):
        return execute(op.statements[0].sql) if op.statements else "..."
    table = op.table or ""
    if isinstance(op, DropIndex):
        return call("drop_index", op.name, table=table, table_name=op.table, postgresql_concurrently=True)
    unique: dict[str, object] = {"unique": True} if op.unique else {}
    return call(
        "create_index", op.name, table, op.columns, table=table, schema="schema", **unique, postgresql_concurrently=True
    )
