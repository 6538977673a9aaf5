"""A dropped column takes with it, without a word, the keys, constraints and indexes that it is part of.

A unique constraint over two columns is gone as a whole when one of them is dropped; so is an index that queries on
the other column need, a foreign key, or the primary key. An index or a check of the column alone is not missed.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...operations import ConstraintKind, DropColumn, DropTable, Operation
from ...report import Severity
from ..context import Context
from ..rule import Found, rule
from ..schema import Key

_TYPES = {ConstraintKind.UNIQUE: "unique", ConstraintKind.FOREIGN_KEY: "foreignkey", ConstraintKind.CHECK: "check"}


@rule(
    severity=Severity.WARNING,
    remedy="Drop by name what goes with the column first, and make again what is still needed without it.",
)
def drop_column_takes_constraints(op: Operation, context: Context) -> Iterator[Found]:
    """Judge DROP COLUMN where it is about to run, by the schema that is there and by what was seen to go."""
    if not isinstance(op, DropColumn) or not context.running or context.is_new(op.table):
        return
    column = context.names.column(op.table, op.column)
    if column is None:
        return
    name = f"{op.table}.{op.column}"
    for key in context.keys(op.table):
        if column in key.columns and _is_missed(key):
            left = [other for other in key.columns if other != column]
            yield Found(
                f"Dropping {name} also drops the {key.text}, without a word.",
                remedy=_remedy(op.table, key, left),
                severity=Severity.DANGER if key.kind is ConstraintKind.PRIMARY_KEY else None,
                evidence={"object": key.name, "kind": key.kind.value if key.kind else "index", "columns": left},
            )
    for kind, gone in _elsewhere(op, context):
        yield Found(
            f"Dropping {name} also drops {kind} {gone}, which depends on it.",
            remedy=f"Without CASCADE the database refuses instead: drop {gone} by name first, if it may go.",
            evidence={"object": gone, "kind": kind},
        )


def _is_missed(key: Key) -> bool:
    """False for what is about the dropped column alone."""
    alone = len(key.columns) == 1
    return not alone or (key.kind is not None and key.kind is not ConstraintKind.CHECK) or key.unique


def _remedy(table: str, key: Key, left: list[str]) -> str:
    if key.kind is ConstraintKind.PRIMARY_KEY:
        return f"Decide on the primary key of {table} first: without one its rows can't be told apart."
    columns = ", ".join(f'"{one}"' for one in left)
    drop = f'op.drop_index("{key.name}", "{table}")' if key.kind is None else (
        f'op.drop_constraint("{key.name}", "{table}", type_="{_TYPES.get(key.kind, "")}")'
    )  # fmt: skip
    if not key.name:
        return f"Say so in the revision, and make again what {table} still needs."
    if not left:
        return f"Say so in the revision: {drop} before the column is dropped."
    return f"Say so in the revision with {drop}, and make again what is still needed on [{columns}]."


def _elsewhere(op: DropColumn, context: Context) -> Iterator[tuple[str, str]]:
    """Foreign keys of other tables and generated columns that were seen to go, by a cascade."""
    for statement in op.statements:
        for item in statement.measured.dropped if statement.measured else ():
            table, _, name = item.name.rpartition(".")
            own = table == op.table
            if item.kind == "table constraint" and not own and not context.around(DropTable, table=table):
                yield "constraint", f"{name} of {table}"
            if item.kind == "table column" and own and name != op.column and not _asked(name, op, context):
                yield "column", item.name


def _asked(column: str, op: DropColumn, context: Context) -> bool:
    """True if the revision itself says that the column goes."""
    return any(not other.from_effect for other in context.around(DropColumn, table=op.table, name=column))
