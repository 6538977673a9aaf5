"""Adding a CHECK reads the whole table under an ACCESS EXCLUSIVE lock: nobody can even read it meanwhile.

With NOT VALID the lock is brief, and VALIDATE CONSTRAINT, in a transaction of its own, lets reads and writes go on.
A constraint of a domain is checked in every table that uses it.
"""

from __future__ import annotations

import re

from ...locks import LockMode
from ...operations import AddConstraint, AlterObject, ConstraintKind, Operation
from ...report import Severity
from ..context import Context
from ..counts import rows_of
from ..remedies import Final, call, execute, named, quoted
from ..rule import Found, rule

_UNCHECKED = re.compile(r"\bNOT\s+(VALID|ENFORCED)\b", re.IGNORECASE)


@rule(
    severity=Severity.DANGER,
    lock_mode=LockMode.ACCESS_EXCLUSIVE,
    remedy="Pass postgresql_not_valid=True, and VALIDATE CONSTRAINT in a revision of its own.",
)
def check_validates(op: Operation, context: Context) -> Found | None:
    """Judge new CHECK constraints of tables that others use, on PostgreSQL."""
    if not context.is_postgresql:
        return None
    match op:
        case AddConstraint(kind=ConstraintKind.CHECK, not_valid=False) if context.in_use(op.table):
            if any(_UNCHECKED.search(one.sql) for one in op.statements):
                return None
            return _table(op, context)
        case AlterObject(kind="domain") if op.action.startswith("add") and not _UNCHECKED.search(op.text):
            return Found(
                f"Adding a constraint to domain {op.name} reads every table that uses it, and blocks writes to them "
                "meanwhile.",
                remedy=f"Add NOT VALID, and ALTER DOMAIN {quoted(op.name)} VALIDATE CONSTRAINT in a later revision.",
                severity=Severity.WARNING,
                evidence={"lock_mode": LockMode.SHARE.value},
            )
    return None


def _table(op: AddConstraint, context: Context) -> Found:
    rows = rows_of(op.table, context)
    name = op.name or named("ck", op.table, *op.columns)
    create = call(
        "create_check_constraint",
        Final(name),
        op.table,
        op.expression or "...",
        table=op.table,
        postgresql_not_valid=True,
    )
    validate = execute(f"ALTER TABLE {quoted(op.table)} VALIDATE CONSTRAINT {quoted(name)}")
    return Found(
        f"Adding check {op.name or op.expression or ''} blocks reads and writes of {op.table} ({rows.text}) while "
        "every row is checked.",
        remedy=f"Here: {create}. In a later revision: {validate}.",
        severity=Severity.WARNING if rows.small else Severity.DANGER,
        evidence=rows.evidence,
    )
