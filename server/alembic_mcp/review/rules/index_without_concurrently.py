"""Building an index takes a SHARE lock: nobody can write to the table until it is done.

CREATE INDEX CONCURRENTLY takes SHARE UPDATE EXCLUSIVE instead, and writes go on. DROP INDEX takes ACCESS EXCLUSIVE for
a moment, but waits for every running query first, and everybody else waits behind it. Neither CONCURRENTLY form can
run inside a transaction, hence the autocommit block.
"""

from __future__ import annotations

import re

from ...locks import LockMode
from ...operations import CreateIndex, DropIndex, DropTable, Operation
from ...report import Severity
from ..context import Context
from ..counts import rows_of
from ..remedies import Code, autocommit, call, execute
from ..rule import Found, rule

_COLUMN = re.compile(r"\w+")
_INDEX = re.compile(r"^\s*(CREATE\s+(?:UNIQUE\s+)?INDEX)\s+(?:IF\s+NOT\s+EXISTS\s+)?", re.IGNORECASE)
_MORE = re.compile(
    r"\b(USING\s+(?!btree\b)\w+|INCLUDE|NULLS|WITH|TABLESPACE|COLLATE|ASC|DESC|\w+_ops)\b", re.IGNORECASE
)


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
    if context.is_new(op.table) or not context.is_live(op.table) or _of_no_rows(op, context):
        return None
    rows = rows_of(op.table, context)
    name = f"index {op.name}" if op.name else "an index"
    remedy = "Run it outside the transaction, with CONCURRENTLY."
    if op.name and not op.from_effect:
        remedy = autocommit(_concurrently(op, op.name))
    return Found(
        f"Building {name} blocks writes to {op.table} ({rows.text}) until it is done.",
        remedy=remedy,
        severity=Severity.WARNING if rows.small else Severity.DANGER,
        evidence=rows.evidence,
    )


def _concurrently(op: CreateIndex, name: str) -> str:
    """The same index, CONCURRENTLY: as a directive, or as its own SQL where it says more than a directive shows."""
    from ..sql import pieces

    called = re.compile(rf"\b{re.escape(name.rpartition('.')[2])}\b", re.IGNORECASE)
    sent = (piece for one in op.statements for piece in pieces(one.sql, "postgresql"))
    sql = next((piece for piece in sent if _INDEX.match(piece) and called.search(piece)), "")
    if sql and (op.where or _MORE.search(sql) or not all(map(_COLUMN.fullmatch, op.columns))):
        return execute(_INDEX.sub(r"\1 CONCURRENTLY IF NOT EXISTS ", sql.strip(), count=1))
    columns = [Code(f"sa.text({one!r})") if not _COLUMN.fullmatch(one) else one for one in op.columns]
    options: dict[str, object] = {"unique": True} if op.unique else {}
    options |= {"postgresql_where": Code(f"sa.text({op.where!r})")} if op.where else {}
    return call(
        "create_index", name, op.table, columns, table=op.table, schema="schema", **options,
        postgresql_concurrently=True, if_not_exists=True,
    )  # fmt: skip


def _of_no_rows(op: CreateIndex, context: Context) -> bool:
    """True for an index on a partitioned table alone, to which those of its partitions are attached later."""
    stored = context.path.schema.tables.get(context.names.table(op.table) or op.table)
    return op.only and (stored is None or stored.startswith("partition by"))


def _drop(op: DropIndex, context: Context) -> Found | None:
    if op.statements and all(one.measured and one.measured.complete and not one.measured.dropped
                             for one in op.statements):  # fmt: skip
        return None  # IF EXISTS, and it does not
    table = op.table or _owner(op, context)
    if table is not None and (context.is_new(table) or not context.is_live(table)):
        return None
    if context.prior.has(CreateIndex, name=op.name):
        return None
    if table is not None and context.later.has(DropTable, table=table):
        return None
    owner = table or op.name
    options: dict[str, object] = {"table_name": owner.rpartition(".")[2]} if table else {}
    drop = call(
        "drop_index", op.name.rpartition(".")[2], table=owner, schema="schema", **options,
        postgresql_concurrently=True, if_exists=True,
    )  # fmt: skip
    return Found(
        f"Dropping index {op.name} waits for every query on {table or 'its table'}, and blocks reads and writes "
        "meanwhile.",
        remedy=autocommit(drop),
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
