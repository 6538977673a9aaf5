"""Makes of the models only what has changed since they were made last: their tables' DDL tells which those are."""

from __future__ import annotations

import hashlib
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from sqlalchemy.schema import CreateIndex, CreateSequence, CreateTable
from sqlalchemy.types import SchemaType

from .. import schema
from ..look import metadatas
from .extensions import needed
from .included import included
from .named_types import named_types

__all__ = ["Signatures", "by_table", "made_again", "signatures"]

_MANY = 50  # tables that have changed, from which on all are made: their locks are held together
_ANYTHING = ("before_create", "after_create")


class Signatures:
    """What tells one state of the models from another.

    Attributes:
        tables: table, as a snapshot spells it -> digest of its DDL.
        rest: digest of all that is made beside tables; None: not everything that is made can be told beforehand.
    """

    def __init__(self, tables: Dict[str, str], rest: Optional[str]) -> None:
        self.tables = tables
        self.rest = rest


def signatures(context: MigrationContext, metadata: Sequence[Any], tables: Sequence[Any]) -> Signatures:
    """Of the *tables* of the models that env.py lets autogenerate see."""
    dialect = context.dialect
    if any(not _is_of_a_type(each) for item in (*metadata, *tables) for each in _listeners(item)):
        return Signatures({}, None)
    types = {name: [list(uses[0][1]), len(uses)] for name, uses in named_types(metadata, dialect).items()}
    sequences = [
        str(CreateSequence(each).compile(dialect=dialect))
        for metadata_ in metadata
        for each in getattr(metadata_, "_sequences", {}).values()
    ]
    rest = [sorted(types.items()), sorted(sequences), sorted({table.schema or "" for table in tables})]
    if dialect.name == "postgresql":
        rest.append(sorted(needed(tables, dialect)))
    return Signatures({_name(table, dialect): _digest(_ddl(table, dialect)) for table in tables}, _digest([repr(rest)]))


def made_again(context: MigrationContext, known: Mapping[str, Any]) -> Dict[str, Any]:
    """Make the tables that differ from what is *known*, look at them, and leave the database as it was.

    Args:
        context: of a scratch copy of the target at head.
        known: ``{"tables", "rest"}`` of what was answered before, by `models` or by this.

    Returns:
        ``tables`` and ``others`` as `models` gives them, only those of changed tables; empty if all have to be made.
    """
    metadata = metadatas(context) or []
    tables = included(context, metadata)
    now = signatures(context, metadata, tables)
    changed = [
        table for table in tables if now.tables.get(name := _name(table, context.dialect)) != known["tables"].get(name)
    ]
    gone = [name for name in known["tables"] if name not in now.tables]
    if now.rest is None or now.rest != known["rest"] or gone or len(changed) > _MANY:
        return {}
    snapshot = _looked_at(context, changed)
    if snapshot is None:
        return {}
    found, others = by_table(snapshot, now.tables)
    names = [_name(table, context.dialect) for table in changed]
    return {
        "tables": {name: {"signature": now.tables[name], "objects": found.get(name, {})} for name in names},
        "others": others,
    }


def by_table(snapshot: Mapping[str, str], tables: Iterable[str]) -> Any:
    """Snapshots of each of the *tables*, and of all that belongs to none of them."""
    found: Dict[str, Dict[str, str]] = {name: {} for name in tables}
    others: Dict[str, str] = {}
    for key, definition in snapshot.items():
        found.get(_owner(key, found), others)[key] = definition
    return found, others


def _owner(key: str, tables: Mapping[str, Any]) -> str:
    """The table that an object is a part of; anything else if it is none's."""
    kind, _, name = key.partition(" ")
    if kind == "table":
        return name
    if kind != "column":
        return key.rpartition(" on ")[2]
    while name and name not in tables:  # schemas and columns may have dots
        name = name.rpartition(".")[0]
    return name


def _looked_at(context: MigrationContext, tables: List[Any]) -> Optional[schema.Snapshot]:
    connection: Any = context.connection
    if connection.get_isolation_level() == "AUTOCOMMIT":
        return None
    quote = context.dialect.identifier_preparer
    cascade = " CASCADE" if context.dialect.name == "postgresql" else ""
    attempt = connection.begin_nested()
    try:
        for table in tables:
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {quote.format_table(table)}{cascade}")
        for table in sa.schema.sort_tables(tables):
            table.create(connection)
        return schema.snapshot(context)
    except sa.exc.SQLAlchemyError:  # it needs what has not been made: then all are
        return None
    finally:
        attempt.rollback()


def _ddl(table: Any, dialect: Any) -> List[str]:
    texts = [str(CreateTable(table).compile(dialect=dialect))]
    texts += sorted(str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes)
    texts += sorted(
        f"{each.name} {[column.name for column in each.columns]} {[str(one.target_fullname) for one in each.elements]}"
        for each in table.foreign_key_constraints
        if each.use_alter
    )
    return texts


def _listeners(item: Any) -> List[Any]:
    return [each for name in _ANYTHING for each in getattr(item.dispatch, name)]


def _is_of_a_type(listener: Any) -> bool:
    """Whether it makes the enum or the domain of a column, which is looked at by itself."""
    function = getattr(listener, "func", listener)
    return isinstance(getattr(function, "__self__", getattr(function, "target", None)), SchemaType)


def _name(table: Any, dialect: Any) -> str:
    own = table.schema in (None, "", getattr(dialect, "default_schema_name", None))
    return str(table.name) if own else f"{table.schema}.{table.name}"


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogateescape")).hexdigest()
