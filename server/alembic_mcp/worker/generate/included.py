"""The part of the models that a comparison is about."""

from __future__ import annotations

from typing import Any, List, Sequence

from alembic.autogenerate.api import AutogenContext
from alembic.runtime.migration import MigrationContext

__all__ = ["included"]


def included(context: MigrationContext, metadata: Sequence[Any]) -> List[Any]:
    """The tables of the models that env.py lets autogenerate see."""
    autogenerate = AutogenContext(context, metadata=list(metadata), autogenerate=True)
    default = context.dialect.default_schema_name
    schemas = bool(context.opts.get("include_schemas"))
    return [
        table
        for each in metadata
        for table in each.tables.values()
        if (schemas or not table.schema or table.schema == default)
        and autogenerate.run_name_filters(table.name, "table", {"schema_name": table.schema})
        and autogenerate.run_object_filters(table, table.name, "table", reflected=False, compare_to=None)
    ]
