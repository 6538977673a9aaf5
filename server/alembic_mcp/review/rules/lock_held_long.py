"""A lock is given back at the end of its transaction: long work after it keeps everybody out of the table.

A moment's ALTER TABLE does no harm by itself. With an index built, a constraint checked or rows changed after it in the
same transaction, nobody can even read the altered table until that is done too.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...locks import LockMode
from ...operations import (
    AddConstraint,
    ConstraintKind,
    CreateIndex,
    Delete,
    Operation,
    Unrecognised,
    Update,
    ValidateConstraint,
)
from ...report import Severity
from ..context import Context
from ..counts import rows_of
from ..locking import OWN_TRANSACTIONS, Step, steps
from ..rewriting import fills_from_query, rewrites, scans_for_not_null
from ..rule import Found, revision_rule
from .foreign_key_validates import has_no_values


@revision_rule(severity=Severity.WARNING, remedy="Move the long work into a revision of its own, before or after.")
def lock_held_long(context: Context) -> Iterator[Found]:
    """Judge the first long work after an ACCESS EXCLUSIVE lock on a table that others use, on PostgreSQL."""
    said: set[str] = set()
    for step in steps(context) if context.is_postgresql else ():
        if not step.held or step.held.keys() <= said:
            said &= step.held.keys()
            continue
        found = _judge(step, said)
        if found is not None:
            said |= step.held.keys()
            yield found


def _judge(step: Step, said: set[str]) -> Found | None:
    op, context = step.op, step.context
    work = _work(op, context)
    if work is None:
        return None
    table, what, changes_rows = work
    known: set[str] = context.path.memo.setdefault("said", set())
    held = {
        name: taken for name, taken in step.held.items() if name not in said and not (taken.revision and name in known)
    }
    if changes_rows or _locks_it_anyway(op) or has_no_values(op, context):
        held.pop(table, None)  # data-with-schema and the rule of the work itself say so
    if isinstance(op, ValidateConstraint):  # validate-in-same-transaction judges it with what added the constraint
        held = {name: taken for name, taken in held.items() if not _adds(taken.op, op)}
    rows = rows_of(table, context)
    if not held or rows.small or not context.is_live(table):
        return None
    known.update(name for name, taken in held.items() if taken.revision)  # once is enough
    places = ", ".join(f"{name} ({one.where})" if one.where else name for name, one in held.items())
    revisions = context.path.revisions
    through = context.running and context.path.one_transaction and revisions[-1] is not context.revision
    end = f", which ends with {revisions[-1].revision}: all of these revisions run in one" if through else ""
    return Found(
        f"This {what.format(table)} ({rows.text}) while the transaction holds ACCESS EXCLUSIVE on {places}: all who "
        f"read or write {'that' if len(held) == 1 else 'those'} wait until the end of the transaction{end}.",
        remedy=(
            OWN_TRANSACTIONS
            if all(taken.revision for taken in held.values())
            else f"Move what {what.format(table)} into a revision of its own, so that the lock on {', '.join(held)} is "
            "given back first."
        ),
        evidence={**rows.evidence, "lock_mode": LockMode.ACCESS_EXCLUSIVE.value, "held": list(held)},
        table=next(iter(held)),
        line=op.line,
    )


def _work(op: Operation, context: Context) -> tuple[str, str, bool] | None:
    """What takes long: the table, in words what is done with it, and whether it is rows that change."""
    match op:
        case Update() | Delete():
            return op.table, "changes rows of {}", True
        case CreateIndex(concurrently=False):
            return op.table, "builds an index on {}", False
        case AddConstraint(kind=ConstraintKind.FOREIGN_KEY | ConstraintKind.CHECK, not_valid=False):
            return op.table, "checks every row of {}", False
        case AddConstraint(not_valid=False, using_index=None):
            return op.table, "builds an index on {}", False
        case ValidateConstraint():
            return op.table, "checks every row of {}", False
        case Unrecognised() if op.writes:
            return op.writes[0], "changes rows of {}", True
    if fills_from_query(op):
        return op.tables[0], "writes rows into {}", True
    if scans_for_not_null(op, context):
        return op.tables[0], "checks every row of {}", False
    written = next(rewrites(op, context), None)
    return (written.table, "writes {} anew", False) if written is not None else None


def _locks_it_anyway(op: Operation) -> bool:
    """True if the work takes ACCESS EXCLUSIVE itself, so that nothing gets worse by having it already."""
    match op:
        case CreateIndex() | ValidateConstraint() | AddConstraint(kind=ConstraintKind.FOREIGN_KEY):
            return False
    return True


def _adds(op: Operation, validated: ValidateConstraint) -> bool:
    return isinstance(op, AddConstraint) and (op.table, op.name) == (validated.table, validated.name)
