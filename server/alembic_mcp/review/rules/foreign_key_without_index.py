"""A foreign key has no index on its own side: each delete in the other table reads this one from end to end.

PostgreSQL makes an index for a primary key or a unique constraint, but none for a foreign key; MySQL does.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...operations import AddConstraint, ConstraintKind, CreateIndex, CreateTable, Operation
from ...report import Severity
from ..context import Context
from ..declared import declared
from ..remedies import call, named
from ..rule import Found, rule

_INDEXED = (ConstraintKind.PRIMARY_KEY, ConstraintKind.UNIQUE, ConstraintKind.EXCLUDE)


@rule(
    severity=Severity.INFO,
    remedy="Make an index on the columns of each of these foreign keys.",
    together="The foreign keys {} have no index: each delete or changed key in the other table reads theirs from end "
    "to end.",
)
def foreign_key_without_index(op: Operation, context: Context) -> Iterator[Found]:
    """Judge foreign keys that an upgrade adds, where it is known which indexes there are."""
    if not context.running or context.path.dialect in ("mysql", "mariadb"):
        return
    if isinstance(op, AddConstraint) and op.kind is ConstraintKind.FOREIGN_KEY:
        if _is_known(op, context) and not _is_covered(op, [], context):
            yield _found(op)
    elif isinstance(op, CreateTable):
        parts = declared(op, context)
        keys = [one for one in parts if isinstance(one, AddConstraint) and one.kind is ConstraintKind.FOREIGN_KEY]
        yield from (_found(key) for key in keys if not _is_covered(key, parts, context))


def _found(key: AddConstraint) -> Found:
    columns = ", ".join(key.columns)
    index = call("create_index", named("ix", key.table, *key.columns), key.table, key.columns, table=key.table)
    return Found(
        f"{key.table}.{columns} refers to {key.references} and has no index: each delete or changed key in "
        f"{key.references} reads {key.table} from end to end.",
        remedy=f"{index}, with postgresql_concurrently=True where {key.table} has rows.",
        table=key.table,
        subject=f"{key.table}.{columns} to {key.references}",
    )


def _is_known(key: AddConstraint, context: Context) -> bool:
    """True if all indexes of its table are known: its columns are new, or the database was looked at."""
    if not key.columns:
        return False
    new = all(context.names.column(key.table, column) is None for column in key.columns)
    return new or bool(context.path.schema.columns(context.names.table(key.table) or ""))


def _is_covered(key: AddConstraint, parts: list[Operation], context: Context) -> bool:
    """True if an index begins with its columns, here or anywhere else in the path."""
    everywhere = (
        op
        for revision in context.path.revisions
        for op in context.path.window(revision, context.direction).of(
            CreateIndex, AddConstraint, CreateTable, table=key.table
        )
    )
    for op in (*parts, *everywhere):
        match op:
            case CreateIndex(table=key.table) | AddConstraint(table=key.table) if _leads(op.columns, key.columns):
                if isinstance(op, CreateIndex) or op.kind in _INDEXED:
                    return True
            case CreateTable(table=key.table):
                own = tuple(column.name for column in op.columns if column.primary_key)
                if _leads(own, key.columns):
                    return True
    return any(
        (known.kind is None or known.kind in _INDEXED) and _leads(known.columns, key.columns)
        for known in context.keys(key.table)
    )


def _leads(indexed: tuple[str, ...], columns: tuple[str, ...]) -> bool:
    return bool(columns) and set(indexed[: len(columns)]) == set(columns)
