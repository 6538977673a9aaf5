"""A schema is created before the first table in it; Alembic makes the tables only."""

from __future__ import annotations

from typing import List

from alembic.operations import ops

from ..generate.catalog import identifier
from ..generate.changes import Change, Facts
from ..generate.directives import sql

__all__ = ["missing_schema"]


def missing_schema(changes: List[Change], facts: Facts) -> List[Change]:
    """For PostgreSQL; the downgrade drops the schemas that the upgrade creates."""
    if not facts.postgresql:
        return changes
    created = (change.op.schema for change in changes if isinstance(change.op, ops.CreateTableOp))
    names = [name for name in dict.fromkeys(created) if name and name != facts.dialect.default_schema_name]
    missing = [name for name in names if f"schema {name}" not in facts.database]
    return [
        *(
            Change(
                [sql(f"CREATE SCHEMA IF NOT EXISTS {identifier(facts, name)}")],
                [sql(f"DROP SCHEMA IF EXISTS {identifier(facts, name)}")],
                rule="missing-schema",
                why=f"The schema {name} is not there yet; Alembic makes its tables only.",
            )
            for name in missing
        ),
        *changes,
    ]
