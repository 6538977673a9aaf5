"""A constraint gets a name, so that a downgrade, or whoever changes it later, can say which one is meant."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Set

from alembic.operations import ops

from ..generate import catalog
from ..generate.changes import Change, Facts
from ..generate.naming import name_for

__all__ = ["constraint_without_name"]

RULE = "constraint-without-name"


def constraint_without_name(changes: List[Change], facts: Facts) -> List[Change]:
    """For all tables; what CREATE TABLE brings along goes with its table and needs none."""
    taken: Dict[Optional[str], Set[str]] = {}
    for change in changes:
        for directives, others in ((change.up, change.down), (change.down, change.up)):
            for position, op in enumerate(directives):
                if _named(op) is not False:
                    continue
                name = _new(op, change, facts, taken)
                if name is None:
                    continue
                op.constraint_name = name
                if directives is change.down:
                    op.nameless = True
                opposite = others[len(others) - 1 - position] if len(others) == len(directives) else None
                if isinstance(opposite, ops.DropConstraintOp) and not opposite.constraint_name:
                    opposite.constraint_name = name
                    nameless: Any = opposite
                    nameless.unnamed = op if directives is change.down else None  # in the database, as it is now
                if change.rule is None and directives is change.up:
                    change.why = f"The models leave a constraint of {change.table} without a name: it is called {name}."
    return changes


def _named(op: Any) -> Optional[bool]:
    """Whether a constraint that is added has a name; None for other directives."""
    if not isinstance(op, ops.AddConstraintOp):
        return None
    name: Any = op.constraint_name  # type: ignore[attr-defined]
    return isinstance(name, str) and bool(name)


def _new(op: Any, change: Change, facts: Facts, taken: Dict[Optional[str], Set[str]]) -> Optional[str]:
    if change.table not in taken:
        table = getattr(op, "table_name", None) or op.source_table
        schema = getattr(op, "schema", None) or op.kw.get("source_schema")
        taken[change.table] = catalog.names_of(facts, table, schema)
    name = name_for(op, facts, taken[change.table])
    if name is not None:
        taken[change.table].add(name)
    return name
