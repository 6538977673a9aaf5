"""An extension is created before what comes with it is used. The downgrade leaves it: others may use it by then."""

from __future__ import annotations

from typing import Any, List, Set

import sqlalchemy as sa
from alembic.operations import ops
from sqlalchemy.types import NullType

from ..generate.catalog import identifier
from ..generate.changes import Change, Facts
from ..generate.covered import directives
from ..generate.directives import sql
from ..generate.extensions import of_column, of_index

__all__ = ["missing_extension"]


def missing_extension(changes: List[Change], facts: Facts) -> List[Change]:
    """For PostgreSQL."""
    if not facts.postgresql:
        return changes
    needed: Set[str] = set()
    for op in directives(changes):
        needed |= _of(op, facts)
    missing = sorted(name for name in needed if f"extension {name}" not in facts.database)
    return [
        *(
            Change(
                [sql(f"CREATE EXTENSION IF NOT EXISTS {identifier(facts, name)}")],
                [],
                rule="missing-extension",
                why=f"The extension {name} is not installed in the database yet; the models use what comes with it.",
            )
            for name in missing
        ),
        *changes,
    ]


def _of(op: Any, facts: Facts) -> Set[str]:
    if isinstance(op, ops.CreateTableOp):
        columns = [each for each in op.columns if isinstance(each, sa.Column)]
        return {name for column in columns for name in of_column(column, facts.dialect)}
    if isinstance(op, ops.AddColumnOp):
        return of_column(op.column, facts.dialect)
    if isinstance(op, ops.AlterColumnOp):
        default = op.modify_server_default
        column = sa.Column(op.column_name, op.modify_type if op.modify_type is not None else NullType())
        if isinstance(default, (str, sa.sql.ClauseElement)):
            column.server_default = sa.DefaultClause(default)
        return of_column(column, facts.dialect)
    if isinstance(op, ops.CreateIndexOp):
        return of_index(op.to_index(facts.context))
    return set()
