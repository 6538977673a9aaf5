"""What tells why autogenerate finds nothing, or too much: filters, schemas, and which modules were imported."""

from __future__ import annotations

import sys
import sysconfig
from typing import Any, Dict, List, Sequence

from alembic.runtime.migration import MigrationContext

__all__ = ["noticed"]

_MOST = 200
# pg_class instead of the information schema: it is as quick with a thousand tables as with ten.
_TABLES = """
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY 1, 2
"""


def noticed(context: MigrationContext, names: Sequence[str], tables: Sequence[str]) -> Dict[str, Any]:
    """Watch env.py's filters from now on, and tell what is known already.

    Args:
        context: before autogenerate runs in it.
        names: tables of the models, ``schema.table`` where they have one.
        tables: those of the database that autogenerate looks at, in the same way.

    Returns:
        ``hidden``: filled while autogenerate runs: what env.py's filters leave out, each as ``{"type", "name",
        "table", "by": "include_object" | "include_name", "only": "models" | "database" | None}``, where ``only`` says
        that the other side doesn't have it;
        ``database_names``; ``include_schemas``; ``default_schema``;
        ``elsewhere``: table of the models that is not where they say, or not looked at there -> schemas that have it;
        ``loaded``: files of modules that are imported and are neither Python's own nor installed.
    """
    return {
        "hidden": _watch(context),
        "database_names": list(tables),
        "include_schemas": bool(context.opts.get("include_schemas")),
        "default_schema": None if context.dialect.name == "sqlite" else context.dialect.default_schema_name,
        "elsewhere": _elsewhere(context, names, tables),
        "loaded": _loaded(),
    }


def _watch(context: MigrationContext) -> List[Dict[str, Any]]:
    hidden: List[Dict[str, Any]] = []
    keep_object: Any = context.opts.get("include_object")
    keep_name: Any = context.opts.get("include_name")

    def note(by: str, kind: str, name: Any, table: Any, only: Any) -> None:
        if len(hidden) < _MOST:
            hidden.append({"type": kind, "name": str(name), "table": table, "by": by, "only": only})

    def include_object(item: Any, name: Any, kind: str, reflected: bool, compare_to: Any) -> Any:
        kept = keep_object(item, name, kind, reflected, compare_to)
        if not kept:
            only = None if compare_to is not None else "database" if reflected else "models"
            note("include_object", kind, name, _table_of(item), only)
        return kept

    def include_name(name: Any, kind: str, parents: Any) -> Any:
        kept = keep_name(name, kind, parents)
        if not kept:
            table = parents.get("schema_qualified_table_name") or parents.get("table_name")
            note("include_name", kind, name, table, None)
        return kept

    if keep_object:
        context.opts["include_object"] = include_object
    if keep_name:
        context.opts["include_name"] = include_name
    return hidden


def _table_of(item: Any) -> Any:
    table = getattr(item, "table", None)
    key = getattr(table if table is not None else item, "key", None)
    return str(key) if key is not None else None


def _elsewhere(context: MigrationContext, names: Sequence[str], tables: Sequence[str]) -> Dict[str, List[str]]:
    if context.dialect.name != "postgresql":
        return {}
    default = context.dialect.default_schema_name
    seen = {*tables, *(f"{default}.{name}" for name in tables if "." not in name)}
    lacking = [name for name in names if name not in seen]
    if not lacking:
        return {}
    connection: Any = context.connection
    schemas: Dict[str, List[str]] = {}
    for schema, table in connection.exec_driver_sql(_TABLES):
        schemas.setdefault(table, []).append(schema)
    found = {name: schemas.get(name.rpartition(".")[2], []) for name in lacking}
    return {name: where for name, where in found.items() if where}


def _loaded() -> List[str]:
    own = tuple({sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib")})
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    return sorted(
        file
        for file in files
        if isinstance(file, str)
        and file.endswith(".py")
        and "site-packages" not in file
        and "dist-packages" not in file
        and not file.startswith(own)
    )
