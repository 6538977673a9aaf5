"""VALIDATE CONSTRAINT in the transaction of ADD CONSTRAINT ... NOT VALID: its lock is held while rows are checked.

The lock of ADD CONSTRAINT is given back only at the end of the transaction, so that NOT VALID gains nothing.
"""

from __future__ import annotations

from ...locks import STATEMENT_LOCKS
from ...operations import AddConstraint, ConstraintKind, Operation, ValidateConstraint
from ...report import Severity
from ..context import Context
from ..counts import rows_of
from ..locking import same_transaction
from ..remedies import autocommit, execute, quoted
from ..rule import Found, rule


@rule(severity=Severity.DANGER, remedy="Validate the constraint in a revision of its own.")
def validate_in_same_transaction(op: Operation, context: Context) -> Found | None:
    """Judge VALIDATE CONSTRAINT on tables that others use, on PostgreSQL."""
    if not isinstance(op, ValidateConstraint) or not context.is_postgresql or not context.in_use(op.table):
        return None
    for added in context.prior:
        match added:
            case AddConstraint(not_valid=True, name=op.name, table=op.table) if same_transaction(op, context, added):
                return _found(op, added, context)
    return None


def _found(op: ValidateConstraint, added: AddConstraint, context: Context) -> Found:
    foreign = added.kind is ConstraintKind.FOREIGN_KEY
    mode = STATEMENT_LOCKS["add foreign key" if foreign else "add constraint"]
    tables = f"{op.table} and {added.references}" if foreign and added.references != op.table else op.table
    rows = rows_of(op.table, context)
    since = f"line {added.line}" if added.line else "ADD CONSTRAINT"
    code = execute(f"ALTER TABLE {quoted(op.table)} VALIDATE CONSTRAINT {quoted(op.name)}")
    return Found(
        f"Validating {op.name} in the transaction that added it ({since}) blocks {mode.blocks} to {tables} while every "
        f"row of {op.table} ({rows.text}) is checked, as if NOT VALID were not there.",
        remedy=f"Move it into a later revision: {code}; or, at the end of this one: {autocommit(code)}.",
        severity=Severity.WARNING if rows.small else Severity.DANGER,
        evidence={**rows.evidence, "lock_mode": mode.value},
    )
