"""Makes a column NOT NULL without a long lock, which several rules ask for."""

from __future__ import annotations

from typing import Any, List, Optional

from alembic.operations import ops
from sqlalchemy.sql.elements import conv

from . import catalog
from .changes import Facts
from .directives import Autocommit, Code, With, sql
from .naming import shortened

__all__ = ["drops_not_null", "sets_not_null"]


def sets_not_null(facts: Facts, table: str, column: str, kind: Any, schema: Optional[str] = None) -> List[Any]:
    """Directives that make a column NOT NULL.

    On PostgreSQL a CHECK is validated first, which spares SET NOT NULL its scan under ACCESS EXCLUSIVE.
    """
    alter = ops.AlterColumnOp(table, column, schema=schema, existing_type=kind, modify_nullable=False)
    if not facts.postgresql or not facts.live(facts.table(table, schema)):
        return [alter]
    name = conv(shortened(f"ck_{table}", column, "not_null"))
    full, check = catalog.spelt(facts, table, schema), catalog.identifier(facts, name)
    condition = f"{catalog.identifier(facts, column)} IS NOT NULL"
    return [
        Code("# SET NOT NULL believes a valid CHECK: then it need not read the table while everybody waits."),
        Autocommit(
            [
                Code("# Left behind by a run that was interrupted."),
                sql(f"ALTER TABLE {full} DROP CONSTRAINT IF EXISTS {check}"),
                With(ops.CreateCheckConstraintOp(name, table, condition, schema=schema), postgresql_not_valid=True),
                sql(f"ALTER TABLE {full} VALIDATE CONSTRAINT {check}"),
            ]
        ),
        alter,
        ops.DropConstraintOp(name, table, type_="check", schema=schema),
    ]


def drops_not_null(table: str, column: str, kind: Any, schema: Optional[str] = None) -> List[Any]:
    """Directives that let a column be null."""
    return [ops.AlterColumnOp(table, column, schema=schema, existing_type=kind, modify_nullable=True)]
