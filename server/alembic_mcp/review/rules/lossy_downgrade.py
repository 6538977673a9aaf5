"""A downgrade loses what was written since: it drops tables and columns, or brings them back without their values.

Dropping what this very revision's upgrade made is its plain inverse, and only mentioned. Dropping anything else
destroys what was there before the upgrade. A table or column that the upgrade dropped comes back empty.
"""

from __future__ import annotations

from ...operations import (
    AddColumn,
    AlterColumn,
    CreateTable,
    Direction,
    DropColumn,
    DropTable,
    Insert,
    Operation,
    RenameTable,
    Unrecognised,
    Update,
)
from ...report import Severity
from ..context import Context
from ..copies import put_back
from ..names import Names
from ..questions import NonNullCount
from ..rule import Found, rule


@rule(
    severity=Severity.WARNING,
    directions=frozenset({Direction.DOWNGRADE}),
    remedy="Before such a downgrade, copy what must not be lost.",
    together="The downgrade drops what the upgrade made: {}. Whatever was written to it since is lost.",
)
def lossy_downgrade(op: Operation, context: Context) -> Found | None:
    """Judge the operations of a downgrade against those of its upgrade."""
    match op:
        case DropTable() if not context.running and put_back(op.table, context) is None:
            return _drop(op.table, op.table, context, inverse=_made_table(op.table, context))
        case DropColumn() if not context.running:
            inverse = _made_column(op, context)
            return _drop(f"{op.table}.{op.column}", op.table, context, inverse=inverse)
        case CreateTable() if any(
            isinstance(other, DropTable) and other.table == op.table for other in context.other
        ) and not _is_filled(op.table, None, context):
            return _comes_back(op.table, op.table, None, context)
        case AddColumn() if (
            any(
                isinstance(other, DropColumn) and (other.table, other.column) == (op.table, op.column.name)
                for other in context.other
            )
            and not op.column.computed
            and not _is_filled(op.table, op.column.name, context)
        ):
            return _comes_back(f"{op.table}.{op.column.name}", op.table, op.column.name, context)
    return None


def _drop(name: str, table: str, context: Context, *, inverse: bool) -> Found | None:
    if context.prior.has(CreateTable, table=table):
        return None
    column = name.removeprefix(f"{table}.") if name != table else ""
    if column and context.prior.has(AddColumn, table=table, name=column):
        return None
    if inverse:
        return Found(
            f"The downgrade drops {name}, which the upgrade made: whatever was written to it since is lost.",
            severity=Severity.INFO,
            remedy=f"Copy {name} before downgrading, if its contents matter by then.",
            subject=name,
        )
    unsure = context.other.has(Unrecognised)
    return Found(
        f"The downgrade drops {name}, which the upgrade did not make: it loses what was there before.",
        severity=Severity.WARNING if unsure else Severity.DANGER,
        remedy=f"Leave {name} alone in downgrade(): it must undo upgrade(), and no more.",
    )


def _comes_back(name: str, table: str, column: str | None, context: Context) -> Found | None:
    if not context.running and not _held_data(table, column, context):
        return None
    return Found(
        f"The downgrade makes {name} again, but {'without its values' if column else 'without its rows'}: the upgrade "
        "drops them, and nothing here brings them back.",
        remedy=f"Keep a copy of {name} in upgrade(), and put it back in downgrade().",
    )


def _held_data(table: str, column: str | None, context: Context) -> bool:
    """False if what the upgrade drops is known to hold nothing; the names are those from before the upgrade."""
    original = Names.before(context.revision).table(table)
    if original is None or (context.facts.is_empty(original) and not context.facts.is_missing(original)):
        return False
    answer = context.facts.answer(NonNullCount(original, column)) if column is not None else None
    return answer is None or answer.rows != 0 or answer.estimated or answer.problem is not None


def _made_table(table: str, context: Context) -> bool:
    return any(
        (isinstance(other, CreateTable) and other.table == table)
        or (isinstance(other, RenameTable) and other.to == table)
        for other in context.other
    )


def _made_column(op: DropColumn, context: Context) -> bool:
    return _made_table(op.table, context) or any(
        (isinstance(other, AddColumn) and (other.table, other.column.name) == (op.table, op.column))
        or (isinstance(other, AlterColumn) and (other.table, other.rename_to) == (op.table, op.column))
        for other in context.other
    )


def _is_filled(table: str, column: str | None, context: Context) -> bool:
    """True if the downgrade puts values back afterwards."""
    return any(
        (isinstance(other, Insert) and other.table == table and column is None)
        or (isinstance(other, Update) and other.table == table and (column is None or column in other.columns))
        for other in context.later
    )
