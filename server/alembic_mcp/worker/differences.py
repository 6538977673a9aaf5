"""What autogenerate finds between the models and the database, in plain words."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional, Set

from alembic.autogenerate import produce_migrations
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext

from .describe import describe
from .kept_names import overlook_kept
from .reflection import in_bulk

__all__ = ["between", "flat", "listed"]


def between(context: MigrationContext, only: Optional[Set[str]] = None) -> Optional[List[Dict[str, Any]]]:
    """The differences, by env.py's own options; None if there are no models to compare or the comparison fails.

    Args:
        context: of env.py's connection.
        only: the tables to compare, those of the default schema without it; None: all.

    On PostgreSQL it runs in a savepoint, so that a failure leaves the transaction as it was.
    """
    metadata = context.opts.get("target_metadata")
    if metadata is None:
        return None
    overlook_kept(context)
    if only is not None and not only:
        return []
    connection: Any = context.connection
    savepoint = connection.begin_nested() if connection.dialect.name == "postgresql" else None
    try:
        with _limited(context, only), in_bulk(context):
            found = listed(produce_migrations(context, metadata).upgrade_ops_list, context.dialect)
    except Exception as error:  # noqa: BLE001 - models and hooks of the user's; it must not fail the rehearsal
        print(f"autogenerate failed: {type(error).__name__}: {error}")  # noqa: T201 - kept with what env.py prints
        found = None
    if savepoint is not None:
        savepoint.rollback()
    return found


@contextmanager
def _limited(context: MigrationContext, only: Optional[Set[str]]) -> Iterator[None]:
    """Make autogenerate see no table but these, before env.py's own filters are asked."""
    if only is None:
        yield
        return
    tables, opts, default = only, context.opts, context.dialect.default_schema_name
    include_name, include_object = opts.get("include_name"), opts.get("include_object")

    def is_one(schema: Optional[str], name: Optional[str]) -> bool:
        return (name if schema in (None, default) else f"{schema}.{name}") in tables

    def name_filter(name: Any, kind: str, parents: Any) -> Any:
        if kind == "table" and not is_one(parents.get("schema_name"), name):
            return False
        return include_name is None or include_name(name, kind, parents)

    def object_filter(item: Any, name: Any, kind: str, *more: Any) -> Any:
        if kind == "table" and not is_one(item.schema, item.name):
            return False
        return include_object is None or include_object(item, name, kind, *more)

    opts.update(include_name=name_filter, include_object=object_filter)
    try:
        yield
    finally:
        opts.update(include_name=include_name, include_object=include_object)


def listed(containers: Any, dialect: Any) -> List[Dict[str, Any]]:
    """[{kind, table, description}] of the operations in UpgradeOps."""
    return [_item(op, dialect) for container in containers for op in flat(container)]


def flat(container: Any) -> Iterator[Any]:
    """The operations in a container and in those inside it."""
    for op in container.ops:
        if isinstance(op, ops.OpContainer):
            yield from flat(op)
        else:
            yield op


def _item(op: Any, dialect: Any) -> Dict[str, Any]:
    found = describe(op, dialect)
    words = _WORDS.get(found["kind"])
    text = words(found) if words else _custom(op, found["op"])
    return {"kind": found["kind"], "table": found.get("table"), "description": text}


def _custom(op: Any, name: str) -> str:
    """What a directive of a library, or of env.py's own, does: in the words of its name, and with what it is about."""
    target = getattr(op, "target", None)  # alembic_utils
    about = getattr(target, "identity", None) or getattr(op, "enum_name", None) or getattr(op, "name", None)
    verb = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub(r"Op$", "", name)).lower()
    return f"{verb} {' '.join(str(about).replace(': ', ' ').split())}" if isinstance(about, str) else name


def _alter(found: Dict[str, Any]) -> str:
    parts = []
    if found["type"] is not None:
        before = f" from {found['existing_type']}" if found["existing_type"] else ""
        parts.append(f"type{before} to {found['type']}")
    if found["nullable"] is not None:
        parts.append("nullable" if found["nullable"] else "not nullable")
    if found["default"] is not None:
        parts.append(f"default {found['default']}")
    if found["drops_default"]:
        parts.append("no default")
    name = f"{found['table']}.{found['column']}"
    if found.get("rename_to"):
        return f"rename column {name} to {found['rename_to']}"
    return f"change column {name}: {', '.join(parts) or 'comment'}"


def _index(found: Dict[str, Any]) -> str:
    unique = "unique " if found["unique"] else ""
    return f"add {unique}index {found['name']} on {found['table']} ({', '.join(found['columns'])})"


def _constraint(found: Dict[str, Any]) -> str:
    name = f" {found['name']}" if found["name"] else ""
    to = f" to {found['references']}" if found.get("references") else ""
    about = ", ".join(found["columns"]) or found.get("expression") or ""
    return f"add {found['constraint']} constraint{name} on {found['table']} ({about}){to}"


def _drop_constraint(found: Dict[str, Any]) -> str:
    kind = f"{found['constraint']} " if found["constraint"] else ""
    return f"drop {kind}constraint {found['name']} on {found['table']}"


_WORDS: Dict[str, Any] = {
    "create_table": lambda f: f"add table {f['table']}",
    "drop_table": lambda f: f"drop table {f['table']}",
    "add_column": lambda f: (
        f"add column {f['table']}.{f['column']['name']} {f['column']['type']}"
        + ("" if f["column"]["nullable"] else " NOT NULL")
    ),
    "drop_column": lambda f: f"drop column {f['table']}.{f['column']}",
    "alter_column": _alter,
    "create_index": _index,
    "drop_index": lambda f: f"drop index {f['name']} on {f['table']}",
    "add_constraint": _constraint,
    "drop_constraint": _drop_constraint,
    "rename_table": lambda f: f"rename table {f['table']} to {f['to']}",
    "execute": lambda f: f"run {f['sql']}",
    "comment": lambda f: f"change the comment of table {f['table']}",
}
