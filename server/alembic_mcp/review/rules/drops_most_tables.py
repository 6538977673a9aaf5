"""The revision drops most of the database: env.py did not see the models when it was generated.

Autogenerate drops every table that is not in target_metadata. A metadata that is empty, or of which a module was not
imported, makes it drop what the application lives on.
"""

from __future__ import annotations

from ...operations import CreateTable, Direction, DropTable
from ...report import Severity
from ..context import Context
from ..counts import rows_of
from ..rule import Found, revision_rule

_SEVERAL = 3
_MANY = 5
"""Dropped tables that make one wonder where it is not known how many there are."""
_SHOWN = 5


@revision_rule(
    severity=Severity.DANGER,
    directions=frozenset({Direction.UPGRADE}),
    remedy="Import all models in env.py before target_metadata is used, and generate the revision again.",
)
def drops_most_tables(context: Context) -> Found | None:
    """Judge an upgrade that is about to run, as a whole; what somebody wrote as SQL was not generated."""
    if not context.running:
        return None
    gone = [
        (op, rows_of(op.table, here))
        for op, here in context.steps()
        if isinstance(op, DropTable) and not op.from_sql and not op.from_effect and not here.is_new(op.table)
        and not here.facts.is_missing(here.names.table(op.table) or op.table)
    ]  # fmt: skip
    made = [op for op in context.later if isinstance(op, CreateTable)]
    schema = context.path.schema
    there = [table for table in schema.tables if schema.parent(table) is None]
    count = len({op.table for op, _ in gone})
    enough = count >= _SEVERAL and 2 * count >= len(there) if there else count >= _MANY
    if not enough or len(made) >= count or all(rows.none for _, rows in gone):
        return None
    names = list(dict.fromkeys(op.table for op, _ in gone))
    shown = ", ".join(names[:_SHOWN]) + (f" and {count - _SHOWN} more" if count > _SHOWN else "")
    of = f" of {len(there)}" if there else ""
    return Found(
        f"Drops {count}{of} tables: {shown}. It looks as if env.py did not import the models when this was generated.",
        line=gone[0][0].line,
        table=names[0],
        evidence={"tables": names, "of": len(there) or None},
    )
