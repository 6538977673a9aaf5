"""Adding a foreign key locks both tables against writes while every row is looked up in the other table.

It takes SHARE ROW EXCLUSIVE on both. With NOT VALID the lock is brief, and VALIDATE CONSTRAINT, in a transaction of its
own, lets writes go on. A foreign key that comes with a new column and no default has nothing to look up.
"""

from __future__ import annotations

import re

from ...locks import LockMode
from ...operations import AddColumn, AddConstraint, ConstraintKind, Operation, Update
from ...report import Severity
from ..context import Context
from ..counts import rows_of
from ..remedies import call, execute, named, quoted
from ..rule import Found, rule


@rule(
    severity=Severity.DANGER,
    lock_mode=LockMode.SHARE_ROW_EXCLUSIVE,
    remedy="Pass postgresql_not_valid=True, and VALIDATE CONSTRAINT in a revision of its own.",
)
def foreign_key_validates(op: Operation, context: Context) -> Found | None:
    """Judge new foreign keys of tables that others use, on PostgreSQL."""
    if not isinstance(op, AddConstraint) or op.kind is not ConstraintKind.FOREIGN_KEY or op.not_valid:
        return None
    if not context.is_postgresql or not context.in_use(op.table):
        return None
    rows = rows_of(op.table, context)
    other = op.references or "the table that it refers to"
    both = op.table if other == op.table else f"{op.table} and {other}"
    name = op.name or named("fk", op.table, *op.columns)
    label = f"foreign key {op.name}" if op.name else "a foreign key"
    if has_no_values(op, context):
        if rows.small:
            return None
        return Found(
            f"Adding {label} blocks writes to {both} until the transaction ends; its column is new, so that there "
            f"are no values to look up, but {op.table} ({rows.text}) may still be read through.",
            remedy=_remedy(op, name),
            severity=Severity.INFO if _comes_with_column(op) else Severity.WARNING,
            evidence=rows.evidence,
        )
    return Found(
        f"Adding {label} blocks writes to {both} while every row of {op.table} ({rows.text}) is looked up in {other}.",
        remedy=_remedy(op, name),
        severity=Severity.WARNING if rows.small else Severity.DANGER,
        evidence=rows.evidence,
    )


def _remedy(op: AddConstraint, name: str) -> str:
    owner, _, referred = (op.references or "").rpartition(".")
    options: dict[str, object] = {"referent_schema": owner} if owner else {}
    options |= {"ondelete": op.on_delete} if op.on_delete else {}
    create = call(
        "create_foreign_key", name, op.table, referred, op.columns, op.referenced_columns or ("id",),
        table=op.table, schema="source_schema", **options, postgresql_not_valid=True,
    )  # fmt: skip
    validate = execute(f"ALTER TABLE {quoted(op.table)} VALIDATE CONSTRAINT {quoted(name)}")
    return f"Here: {create}. In a later revision: {validate}."


def _comes_with_column(op: AddConstraint) -> bool:
    """True for ADD COLUMN ... REFERENCES, which PostgreSQL takes for granted where there is no default."""
    return any(
        re.search(r"\bREFERENCES\b", one.sql, re.IGNORECASE)
        and not re.search(r"\bFOREIGN\s+KEY\b", one.sql, re.IGNORECASE)
        for one in op.statements
    )


def has_no_values(op: Operation, context: Context) -> bool:
    """True for a foreign key whose columns were added on the way, without a default, and not filled by anything."""
    if not isinstance(op, AddConstraint) or op.kind is not ConstraintKind.FOREIGN_KEY or not op.columns:
        return False
    near = [one for name in op.columns for one in context.around(AddColumn, table=op.table, name=name)]
    added = {other.column.name: other.column for other in near}
    if any(context.names.column(op.table, name) is not None and name not in added for name in op.columns):
        return False
    if any(name in added and added[name].server_default is not None for name in op.columns):
        return False
    return not any(
        not other.columns or {*other.columns} & {*op.columns} for other in context.prior.of(Update, table=op.table)
    )
