"""A new UNIQUE, PRIMARY KEY or EXCLUDE constraint builds its index under an ACCESS EXCLUSIVE lock.

Nobody can read or write the table until the index is done. CREATE UNIQUE INDEX CONCURRENTLY builds it while both go
on, and ADD CONSTRAINT ... USING INDEX takes it over in a moment. There is no such way for EXCLUDE.
"""

from __future__ import annotations

from ...locks import LockMode
from ...operations import AddConstraint, ConstraintKind, Operation
from ...report import Severity
from ..context import Context
from ..counts import rows_of
from ..remedies import autocommit, call, execute, named, quoted
from ..rule import Found, rule

_KINDS = {ConstraintKind.UNIQUE: "uq", ConstraintKind.PRIMARY_KEY: "pk", ConstraintKind.EXCLUDE: "ex"}


@rule(
    severity=Severity.DANGER,
    lock_mode=LockMode.ACCESS_EXCLUSIVE,
    remedy="Build the index first, with CONCURRENTLY, and add the constraint with USING INDEX.",
)
def unique_builds_index(op: Operation, context: Context) -> Found | None:
    """Judge constraints that have an index, on tables that others use, on PostgreSQL."""
    if not isinstance(op, AddConstraint) or op.kind not in _KINDS or op.using_index or not context.is_postgresql:
        return None
    if not context.in_use(op.table):
        return None
    rows = rows_of(op.table, context)
    name = f" {op.name}" if op.name else f" on {', '.join(op.columns)}" if op.columns else ""
    kind = op.kind.value if op.kind is ConstraintKind.PRIMARY_KEY else f"{op.kind.value} constraint"
    return Found(
        f"Adding {kind}{name} blocks reads and writes of {op.table} ({rows.text}) until its index is built.",
        remedy=_remedy(op),
        severity=Severity.WARNING if rows.small else Severity.DANGER,
        evidence=rows.evidence,
    )


def _remedy(op: AddConstraint) -> str:
    if op.kind is ConstraintKind.EXCLUDE:
        return f"PostgreSQL can't build it concurrently: do it while nobody needs {op.table}."
    name = op.name or named(_KINDS[op.kind], op.table, *op.columns)
    build = call("create_index", name, op.table, op.columns, table=op.table, unique=True, postgresql_concurrently=True)
    kind = op.kind.value.upper()
    use = execute(f"ALTER TABLE {quoted(op.table)} ADD CONSTRAINT {quoted(name)} {kind} USING INDEX {quoted(name)}")
    return f"{autocommit(build)}; then {use}."
