"""A foreign key is added NOT VALID, which takes a moment, and validated in a revision of its own."""

from __future__ import annotations

from typing import Any, List

from alembic.operations import ops

from ..generate import catalog
from ..generate.changes import Change, Facts, Phase
from ..generate.directives import Autocommit, With, sql

__all__ = ["added_unchecked", "foreign_key_validates"]

RULE = "foreign-key-validates"


def foreign_key_validates(changes: List[Change], facts: Facts) -> List[Change]:
    """For PostgreSQL, where the referencing table is live."""
    return added_unchecked(changes, facts, ops.CreateForeignKeyOp, RULE, "foreign key")


def added_unchecked(changes: List[Change], facts: Facts, kind: Any, rule: str, what: str) -> List[Change]:
    """Split each directive of class *kind* into NOT VALID and VALIDATE; in a downgrade both stand in one revision."""
    if not facts.postgresql:
        return changes
    found: List[Change] = []
    for change in changes:
        op = change.op
        if len(change.down) == 1 and _is(change.down[0], kind, change, facts):
            back = change.down[0]
            change.down = [With(back, postgresql_not_valid=True), Autocommit([_validate(back, facts)])]
        if not _is(op, kind, change, facts):
            found.append(change)
            continue
        why = (
            f"The {what} {op.constraint_name} of {change.table} holds for new values at once; those that are there are "
            f"checked in a later revision, while others read and write {change.table}."
        )
        found += [
            Change([With(op, postgresql_not_valid=True)], change.down, table=change.table, rule=rule, why=why),
            Change(
                [_validate(op, facts)],
                [],
                table=change.table,
                phase=Phase.VALIDATE,
                rule=rule,
                why=f"Checks the rows of {change.table} against {op.constraint_name}, while others read and write.",
            ),
        ]
    return found


def _is(op: Any, kind: Any, change: Change, facts: Facts) -> bool:
    if not isinstance(op, kind) or op.constraint_name is None or not facts.live(change.table):
        return False
    table, schema = _place(op)
    # A foreign key of a partitioned table can't be NOT VALID before PostgreSQL 18.
    return kind is not ops.CreateForeignKeyOp or not catalog.partitioned(facts, table, schema)


def _place(op: Any) -> Any:
    if isinstance(op, ops.CreateForeignKeyOp):
        return op.source_table, op.kw.get("source_schema")
    return op.table_name, op.schema


def _validate(op: Any, facts: Facts) -> Any:
    name = catalog.identifier(facts, op.constraint_name)
    return sql(f"ALTER TABLE {catalog.spelt(facts, *_place(op))} VALIDATE CONSTRAINT {name}")
