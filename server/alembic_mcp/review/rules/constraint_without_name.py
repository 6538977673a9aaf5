"""A constraint that is made without a name gets one from the database, which no downgrade knows.

op.drop_constraint(None, ...) fails. A naming convention in the models' metadata gives every constraint a name.
"""

from __future__ import annotations

import re

from ...operations import AddConstraint, ConstraintKind, Operation
from ...report import Severity
from ..context import Context
from ..remedies import call, named
from ..rule import Found, rule

_NAMED = re.compile(r"\bCONSTRAINT\s+[\"\w]", re.IGNORECASE)
_PREFIX = {
    ConstraintKind.FOREIGN_KEY: "fk",
    ConstraintKind.UNIQUE: "uq",
    ConstraintKind.CHECK: "ck",
    ConstraintKind.PRIMARY_KEY: "pk",
    ConstraintKind.EXCLUDE: "ex",
}
_DIRECTIVE = {
    ConstraintKind.FOREIGN_KEY: "create_foreign_key",
    ConstraintKind.UNIQUE: "create_unique_constraint",
    ConstraintKind.CHECK: "create_check_constraint",
    ConstraintKind.PRIMARY_KEY: "create_primary_key",
    ConstraintKind.EXCLUDE: "create_exclude_constraint",
}


@rule(severity=Severity.WARNING, remedy="Give the constraint a name.")
def constraint_without_name(op: Operation, context: Context) -> Found | None:
    """Judge Alembic's create_*_constraint(None, ...); a convention that named it after all is left alone."""
    if not isinstance(op, AddConstraint) or op.name is not None or op.from_sql or op.from_effect:
        return None
    if context.is_new(op.table) or any(_NAMED.search(statement.sql) for statement in op.statements):
        return None
    name = named(_PREFIX[op.kind], op.table, *op.columns, op.references or "")
    what = f"{op.kind.value}{' constraint' if 'key' not in op.kind.value else ''}"
    columns = f" ({', '.join(op.columns)})" if op.columns else ""
    args = [name, op.table, *([op.references] if op.references else []), *([list(op.columns)] if op.columns else [])]
    if op.referenced_columns:
        args.append(list(op.referenced_columns))
    remedy = call(_DIRECTIVE[op.kind], *args, *([] if op.columns else ["..."]), table=op.table)
    return Found(
        f"The {what} of {op.table}{columns} has no name: the database chooses one, which op.drop_constraint() has to "
        "know.",
        remedy=f"Name it: {remedy}.",
        severity=Severity.WARNING if context.running else Severity.INFO,
    )
