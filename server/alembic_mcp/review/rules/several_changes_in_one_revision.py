"""One revision changes many tables that have nothing to do with each other: all of them are locked until the last is.

If one change has to wait or fails, all do; and there is no way to undo one of them alone.
"""

from __future__ import annotations

from ...locks import LockMode
from ...operations import AddConstraint, Operation, RenameTable
from ...report import Severity
from ..context import Context
from ..locking import locks_of, shares_statement, steps
from ..rule import Found, revision_rule

_MANY = 5


@revision_rule(severity=Severity.INFO, remedy="Make a revision of each change that stands on its own.")
def several_changes_in_one_revision(context: Context) -> Found | None:
    """Count the unrelated tables in use that what is about to run alters, on PostgreSQL."""
    if not context.is_postgresql or not context.running:
        return None
    groups: list[tuple[set[str], set[str]]] = []
    for step in steps(context):
        shared = any(shares_statement(step.op, other) for other in (*step.context.prior[-1:], *step.context.later[:1]))
        tables = {
            lock.table
            for lock in locks_of(step.op)
            if lock.mode is LockMode.ACCESS_EXCLUSIVE
            and step.context.in_use(lock.table)
            # What a statement locks for another of its operations is not this one's.
            and not (shared and step.op.tables and lock.table not in (*step.op.tables, *_related(step.op)))
        }
        if tables:
            _put(groups, tables | _related(step.op), _does(step.op))
    if len(groups) < _MANY:
        return None
    shown = sorted({min(names) for names, _ in groups})
    return Found(
        f"It changes {len(groups)} tables that have nothing to do with each other ({', '.join(shown)}): all of them "
        "stay locked until the last one is done.",
        evidence={"tables": shown},
    )


def _related(op: Operation) -> set[str]:
    if isinstance(op, AddConstraint) and op.references:
        return {op.references}
    return {op.to} if isinstance(op, RenameTable) else set()


def _does(op: Operation) -> set[str]:
    """What is done, so that the same change of many tables counts as one: a column of the same name, for instance."""
    column = getattr(op, "column", None)
    name = getattr(column, "name", column)
    return {f"{type(op).__name__} {name}"} if name else set()


def _put(groups: list[tuple[set[str], set[str]]], tables: set[str], does: set[str]) -> None:
    """Add to the groups; those that it has a table or a change in common with become one."""
    common = [group for group in groups if group[0] & tables or group[1] & does]
    for group in common:
        groups.remove(group)
        tables, does = tables | group[0], does | group[1]
    groups.append((tables, does))
