"""Dropping a schema with CASCADE destroys every table, view and function in it, whoever made them.

Without CASCADE the database refuses to drop a schema that holds anything. The tables that were seen to go with it are
counted one by one, by drop-table.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...operations import CreateObject, DropObject, Operation
from ...report import Severity
from ..context import Context
from ..rule import Found, rule


@rule(severity=Severity.DANGER, remedy="Drop what is in the schema by name, and then the schema without CASCADE.")
def drop_schema(op: Operation, context: Context) -> Found | None:
    """Judge DROP SCHEMA in both directions; one that was made on the way is nobody else's."""
    if not isinstance(op, DropObject) or op.kind != "schema" or _is_made(op, context.prior):
        return None
    remedy = (
        f"Drop what {op.name} holds by name, so that it is counted, and then DROP SCHEMA {op.name} without CASCADE."
    )
    with_it = [item for item in _gone(op) if item != f"schema {op.name}"]
    if not context.running and _is_made(op, context.other):
        if not op.cascade:
            return None
        return Found(
            f"The downgrade drops schema {op.name} with CASCADE: whatever others have put into it since is lost.",
            severity=Severity.WARNING,
            remedy=remedy,
        )
    if with_it:
        shown = ", ".join(with_it[:5]) + (f" and {len(with_it) - 5} more" if len(with_it) > 5 else "")
        return Found(
            f"Dropping schema {op.name} destroys all that is in it: {shown}.",
            remedy=remedy,
            evidence={"objects": with_it},
        )
    if op.cascade and not _watched(op):
        return Found(f"Dropping schema {op.name} destroys every table and object in it.", remedy=remedy)
    return Found(
        f"Schema {op.name} is dropped; the database refuses if it holds anything."
        if not op.cascade
        else f"Schema {op.name} is dropped; nothing is in it.",
        severity=Severity.INFO,
        remedy=f"See that no search_path and no application names {op.name} any more.",
    )


def _is_made(op: DropObject, among: Sequence[Operation]) -> bool:
    return any(isinstance(other, CreateObject) and (other.kind, other.name) == ("schema", op.name) for other in among)


def _gone(op: DropObject) -> list[str]:
    kinds = ("table", "view", "materialized view", "function", "procedure", "type", "sequence", "foreign table")
    return [
        f"{item.kind} {item.name}"
        for statement in op.statements
        for item in (statement.measured.dropped if statement.measured else ())
        if item.kind in kinds and item.name.startswith(f"{op.name}.")
    ]


def _watched(op: DropObject) -> bool:
    return bool(op.statements) and all(
        statement.measured is not None and statement.measured.complete for statement in op.statements
    )
