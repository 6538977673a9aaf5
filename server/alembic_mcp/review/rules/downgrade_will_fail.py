"""The downgrade works on an empty copy, or has not been run, and will fail on the day when somebody needs it.

It drops a constraint without a name, adds a NOT NULL column to a table that has rows, sets NOT NULL on a column that
the upgrade let be NULL, or drops things after what they belong to.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    ConstraintKind,
    CreateIndex,
    CreateTable,
    Direction,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropTable,
    Harmless,
    Operation,
    Unrecognised,
    Update,
)
from ...report import Severity
from ..context import Context
from ..counts import rows_of
from ..declared import declared
from ..locking import shares_statement
from ..rule import Found, rule


@rule(
    severity=Severity.DANGER,
    directions=frozenset({Direction.DOWNGRADE}),
    remedy="Mend downgrade(), and try it on a copy that has rows.",
)
def downgrade_will_fail(op: Operation, context: Context) -> Iterator[Found]:
    """Judge the operations of a downgrade that is not about to run: one that is, is judged as it stands."""
    if context.running:
        return
    match op:
        case DropConstraint(name=None, from_sql=False):
            yield Found(
                f"downgrade() drops a constraint of {op.table} that has no name: Alembic can't.",
                remedy=f'Name the constraint where it is made, and say op.drop_constraint("{_made_name(op, context)}", '
                f'"{op.table}").',
            )
        case AddColumn() if not _fills_itself(op) and context.path.dialect not in ("mysql", "mariadb"):
            yield from _not_null_column(op, context)
        case AlterColumn(nullable=False):
            yield from _not_null(op, context)
        case _:
            pass
    yield from _out_of_order(op, context)


def _made_name(op: DropConstraint, context: Context) -> str:
    for other in context.other:
        if isinstance(other, AddConstraint) and other.table == op.table and op.kind in (None, other.kind):
            return other.name or "_".join((op.table, *other.columns, _ENDING.get(other.kind, "check")))
    return f"{op.table}_..."


_ENDING = {ConstraintKind.FOREIGN_KEY: "fkey", ConstraintKind.UNIQUE: "key", ConstraintKind.PRIMARY_KEY: "pkey"}


def _fills_itself(op: AddColumn) -> bool:
    column = op.column
    return column.nullable or column.server_default is not None or column.identity or column.computed


def _not_null_column(op: AddColumn, context: Context) -> Iterator[Found]:
    name, rows = f"{op.table}.{op.column.name}", rows_of(op.table, context)
    if context.is_live(op.table) and not context.is_new(op.table):
        yield Found(
            f"downgrade() adds {name} as NOT NULL without a server default: that fails, because {op.table} has "
            f"{rows.text}.",
            remedy=f"In downgrade(), add {op.column.name} as nullable or with a server_default, fill it, and then set "
            "NOT NULL.",
            evidence=rows.evidence,
        )


def _not_null(op: AlterColumn, context: Context) -> Iterator[Found]:
    opened = any(
        isinstance(other, AlterColumn) and (other.table, other.column) == (op.table, op.column) and other.nullable
        for other in context.other
    )
    filled = any(
        isinstance(other, Unrecognised)
        or (isinstance(other, Update) and other.table == op.table and op.column in other.columns)
        for other in context.prior
    )
    if opened and not filled and context.is_live(op.table) and not context.is_new(op.table):
        yield Found(
            f"downgrade() sets {op.table}.{op.column} NOT NULL again: that fails if a row was written without it since "
            "the upgrade.",
            severity=Severity.WARNING,
            remedy=f"Fill {op.column} first, in the rows of {op.table} where it is NULL.",
        )


def _out_of_order(op: Operation, context: Context) -> Iterator[Found]:
    if isinstance(op, (CreateTable, Harmless, Unrecognised)) or op.from_effect or getattr(op, "if_exists", False):
        return
    for table in op.tables:
        made = context.prior.of(DropTable, CreateTable, table=table)
        if made and isinstance(made[-1], DropTable):
            yield Found(
                f"downgrade() works on {table} after it has dropped it: that fails.",
                remedy=f"Put this line before the one that drops {table}, or leave it out: it goes with the table.",
            )
    ran = context.rehearsed is not None and context.rehearsed.downgraded is True  # so it was not taken along
    if isinstance(op, DropTable) and not op.cascade and not ran and context.path.dialect != "sqlite":
        holder = _still_refers(op, context)
        if holder is not None:
            yield Found(
                f"downgrade() drops {op.table} while {holder} refers to it: that fails.",
                remedy=f"Drop {holder}, or its foreign key, before {op.table}.",
            )
    if isinstance(op, (DropIndex, DropConstraint)) and op.name and not op.batch and not ran:
        column = _dropped_column(op, context)
        if column is not None:
            yield Found(
                f"downgrade() drops {op.name} after {column}, which has taken it along: that fails.",
                remedy=f"Drop {op.name} before {column}.",
            )


def _still_refers(op: DropTable, context: Context) -> str | None:
    """A table that the upgrade made refer to the one that is dropped, and that still does."""
    keys = [key for made in context.other.of(CreateTable) for key in declared(made, context)]
    keys += context.other.of(AddConstraint)
    for key in keys:
        if not isinstance(key, AddConstraint) or key.references != op.table or key.table == op.table:
            continue
        gone = [*context.prior, *(other for other in context.later if shares_statement(op, other))]
        if not any(_takes(other, key) for other in gone) and not context.other.has(DropTable, table=key.table):
            return key.table
    return None


def _takes(op: Operation, key: AddConstraint) -> bool:
    """True if the foreign key goes with what *op* drops; a constraint of its table may be it."""
    match op:
        case DropTable() | DropConstraint():
            return op.table == key.table
        case DropColumn():
            return op.table == key.table and op.column in key.columns
    return isinstance(op, Unrecognised)


def _dropped_column(op: DropIndex | DropConstraint, context: Context) -> str | None:
    """The column whose drop has taken an index or a constraint along that the upgrade made on it."""
    indexes, constraints = context.other.of(CreateIndex, name=op.name), context.other.of(AddConstraint, name=op.name)
    both: list[CreateIndex | AddConstraint] = [*indexes, *constraints]
    for made in both:
        for column in made.columns:
            if context.prior.has(DropColumn, table=made.table, name=column):
                return f"{made.table}.{column}"
    return None
