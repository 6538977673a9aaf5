"""Once a unique, foreign key, check or exclusion constraint is gone, nothing stops the rows that it kept out.

They may be there within a second, and the constraint can't be put back without deleting them. A constraint that is
made again further down, or whose columns or table go as well, is not missed.
"""

from __future__ import annotations

from ...operations import (
    AddConstraint,
    ConstraintKind,
    CreateIndex,
    CreateTable,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropTable,
    Operation,
)
from ...report import Severity
from ..context import Context
from ..history import operations_before
from ..rule import Found, rule
from ..schema import Key, words

_KEPT_OUT = {
    ConstraintKind.UNIQUE: "duplicates",
    ConstraintKind.FOREIGN_KEY: "rows that refer to nothing",
    ConstraintKind.CHECK: "rows that violate it",
    ConstraintKind.EXCLUDE: "rows that exclude each other",
}


@rule(severity=Severity.WARNING, remedy="Keep the constraint, or put another in its place in the same revision.")
def drop_constraint(op: Operation, context: Context) -> Found | None:
    """Judge dropped constraints and unique indexes; a primary key is changes-primary-key's."""
    match op:
        case DropConstraint() if op.name is not None:
            key = next((one for one in context.keys(op.table) if op.name and one.name == op.name), None)
            return _gone(op, op.table, key or Key(op.name or "", _kind(op), ()), context)
        case DropIndex():
            found = context.path.schema.index(op.name.rpartition(".")[2])
            if found is not None and found[1].unique and found[1].kind is None:
                return _gone(op, found[0], found[1], context)
    return None


def _kind(op: DropConstraint) -> ConstraintKind | None:
    if op.kind is not None or op.name is None:
        return op.kind
    name = op.name.lower()
    for marks, kind in (
        (("_pkey", "_pk"), ConstraintKind.PRIMARY_KEY),
        (("_fkey", "_fk"), ConstraintKind.FOREIGN_KEY),
        (("_key", "_uq", "_unique"), ConstraintKind.UNIQUE),
        (("_check", "_ck"), ConstraintKind.CHECK),
        (("_excl",), ConstraintKind.EXCLUDE),
    ):
        if name.endswith(marks) or name.startswith(tuple(f"{mark[1:]}_" for mark in marks)):
            return kind
    return None


def _gone(op: DropConstraint | DropIndex, table: str, key: Key, context: Context) -> Found | None:
    if key.kind is ConstraintKind.PRIMARY_KEY or context.is_new(table) or not context.is_live(table):
        return None
    if _is_replaced(table, key, context) or _goes_anyway(table, key, context) or _is_of_the_path(op, table, context):
        return None
    if not context.running and _is_inverse(op, table, key, context):
        return None
    by = ", by something that this line runs" if op.from_effect else ""
    kind = key.kind or (ConstraintKind.UNIQUE if key.unique else None)
    if kind is None:
        problem = f"Drops constraint {key.name or 'without a name'} of {table}{by}: what it kept out can come in."
    else:
        problem = f"Drops the {key.text} of {table}{by}: from then on nothing keeps {_KEPT_OUT[kind]} out of {table}."
    return Found(
        problem,
        remedy=f"Keep it, or put another constraint on {table} in its place in the same revision; if it goes for good, "
        "see that the application does not rely on it.",
        evidence={"object": key.name, "columns": list(key.columns)},
        table=table,
    )


def _is_replaced(table: str, key: Key, context: Context) -> bool:
    for other in context.around(AddConstraint, CreateIndex, table=table):
        if isinstance(other, AddConstraint) and _replaces(other, key):
            return True
        if isinstance(other, CreateIndex) and other.unique and key.kind in (None, ConstraintKind.UNIQUE):
            return True
    return False


def _replaces(new: AddConstraint, old: Key) -> bool:
    """True if a new constraint stands for an old one: of one kind, and with its name or about its columns."""
    is_unique_index = old.kind is None and old.unique
    kind = ConstraintKind.UNIQUE if is_unique_index else old.kind
    if kind is not None and new.kind is not kind:
        return False
    if new.name == old.name or not old.columns:
        return True
    columns = new.columns or words(new.expression or "")
    return bool(set(columns) & set(old.columns))


def _goes_anyway(table: str, key: Key, context: Context) -> bool:
    """True if its table, its column or the table that it refers to goes too."""
    if any(context.around(DropTable, table=one) for one in (table, key.references) if one):
        return True
    if key.columns:
        return any(context.around(DropColumn, table=table, name=column) for column in key.columns)
    return any(other.column in key.name for other in context.around(DropColumn, table=table))


def _is_of_the_path(op: DropConstraint | DropIndex, table: str, context: Context) -> bool:
    """True if a revision that is about to run makes it: nobody relies on it yet."""
    made = operations_before(context, (AddConstraint, CreateIndex)) if context.running and op.name else ()
    return any(getattr(other, "name", None) == op.name and table in other.tables for other in made)


def _is_inverse(op: DropConstraint | DropIndex, table: str, key: Key, context: Context) -> bool:
    name = op.name or key.name
    for other in context.other:
        if isinstance(other, (AddConstraint, CreateIndex)) and other.table == table and other.name in (name, None):
            return True
        if isinstance(other, CreateTable) and other.table == table:
            return True
        made = {item for statement in other.statements if statement.measured for item in statement.measured.created}
        if any(made_name.rpartition(".")[2] == name for _, made_name in made):
            return True
    return False
