"""What the database that a revision is written for has: keys, names, casts; and how its names are spelt in SQL."""

from __future__ import annotations

import re
from contextlib import nullcontext
from typing import Any, List, NamedTuple, Optional, Set, Tuple

import sqlalchemy

from .changes import Facts
from .directives import sql
from .quoting import quoted

__all__ = [
    "casts",
    "column_type",
    "identifier",
    "key_name",
    "key_of",
    "names_of",
    "partitioned",
    "refused",
    "says",
    "spelt",
    "type_of",
    "unvarying",
]

_CALL = re.compile(r"([a-z_][a-z0-9_]*)\s*\(", re.IGNORECASE)
_QUOTED = re.compile(r"'(?:[^']|'')*'")


def identifier(facts: Facts, name: Any) -> str:
    """A name as SQL spells it: quoted if it has to be."""
    return quoted(facts.dialect, name)


def spelt(facts: Facts, name: Any, schema: Optional[str] = None) -> str:
    """A table or index, with its schema if it has one."""
    return f"{identifier(facts, schema)}.{identifier(facts, name)}" if schema else identifier(facts, name)


def key_of(facts: Facts, table: str, schema: Optional[str] = None) -> List[Tuple[str, Any]]:
    """The columns of the table's primary key in their order, each with its type; empty if there is none."""
    inspector: Any = _inspector(facts)
    known, former = facts.table(table, schema), _former(facts, table, schema)
    columns = inspector.get_pk_constraint(former, schema=schema).get("constrained_columns") or []
    types = {column["name"]: column["type"] for column in inspector.get_columns(former, schema=schema)}
    renamed = {old.rpartition(".")[2]: new.rpartition(".")[2] for new, old in facts.former.items()
               if new.startswith(f"{known}.") and new != known}  # fmt: skip
    return [(renamed.get(name, name), types[name]) for name in columns]


def key_name(facts: Facts, table: str, schema: Optional[str] = None) -> Optional[str]:
    """The name of the table's primary key, None if it has none."""
    found = _inspector(facts).get_pk_constraint(_former(facts, table, schema), schema=schema).get("name")
    return None if found is None else str(found)


def column_type(facts: Facts, table: str, column: str, schema: Optional[str] = None) -> Any:
    """The type of a column as it is; None if there is no such column."""
    found = _inspector(facts).get_columns(_former(facts, table, schema), schema=schema)
    return next((each["type"] for each in found if each["name"] == column), None)


def names_of(facts: Facts, table: str, schema: Optional[str] = None) -> Set[str]:
    """Names that the table's constraints and indexes have."""
    inspector: Any = _inspector(facts)
    table = _former(facts, table, schema)
    if not inspector.has_table(table, schema=schema):
        return set()
    found: List[Any] = [inspector.get_pk_constraint(table, schema=schema)]
    for read in ("get_unique_constraints", "get_foreign_keys", "get_check_constraints", "get_indexes"):
        found += getattr(inspector, read)(table, schema=schema)
    return {str(each["name"]) for each in found if each.get("name")}


def partitioned(facts: Facts, table: str, schema: Optional[str] = None) -> bool:
    """Whether the table has partitions (PostgreSQL): much of what spares others a lock is not to be had for it."""
    name = spelt(facts, _former(facts, table, schema), schema)
    kind = _value(facts, "SELECT relkind FROM pg_catalog.pg_class WHERE oid = to_regclass(:name)", name=name)
    return kind in ("p", b"p")


def casts(facts: Facts, old: str, new: str) -> Optional[str]:
    """How PostgreSQL gets from one type to the other.

    Returns:
        ``automatic``: ALTER COLUMN TYPE does it on its own; ``explicit``: with USING; ``none``: there is no cast;
        None: one of the types is not there.
    """
    if _plain(old) == _plain(new):
        return "automatic"
    query = """
        SELECT (SELECT typcategory FROM pg_catalog.pg_type WHERE oid = to_regtype(:old)),
          (SELECT typcategory FROM pg_catalog.pg_type WHERE oid = to_regtype(:new)),
          (SELECT castcontext FROM pg_catalog.pg_cast
           WHERE castsource = to_regtype(:old) AND casttarget = to_regtype(:new))
    """
    row = facts.context.connection.execute(sqlalchemy.text(query), {"old": _plain(old), "new": _plain(new)}).first()
    source, target, context = (part.decode() if isinstance(part, bytes) else part for part in row)
    if source is None or target is None:
        return None
    if target == "S" or context in ("i", "a"):
        return "automatic"
    return "explicit" if context == "e" or source == "S" else "none"


def says(facts: Facts, query: str) -> bool:
    """Whether the database answers *query* with a row; False too if it finds the query wrong."""
    return _asked(facts, query).row is not None


def refused(facts: Facts, query: str) -> str:
    """What the database finds wrong with a query; empty if nothing."""
    return _asked(facts, query).problem


def type_of(facts: Facts, query: str) -> Optional[str]:
    """The type of a query's one column, as PostgreSQL spells it; None where the query or its driver tells none."""
    number = _asked(facts, query).type
    if not isinstance(number, int):
        return None
    return str(_value(facts, "SELECT format_type(CAST(:number AS oid), NULL)", number=number))


class _Said(NamedTuple):
    row: Any = None
    type: Any = None
    problem: str = ""


def _asked(facts: Facts, query: str) -> _Said:
    connection: Any = facts.context.connection
    transaction = facts.postgresql and connection.get_isolation_level() != "AUTOCOMMIT"
    try:
        with connection.begin_nested() if transaction else nullcontext():
            found = connection.execute(sqlalchemy.text(str(sql(query).sqltext)))
            return _Said(type=found.cursor.description[0][1], row=found.first())
    except sqlalchemy.exc.SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        return _Said(problem=" ".join(str(cause).partition("\n")[0].split()) or type(cause).__name__)


def unvarying(facts: Facts, expression: str) -> bool:
    """Whether an expression has one value for all rows, so that PostgreSQL keeps it in the catalog as a default."""
    if "(" not in expression:
        return True
    functions = sorted({name.lower() for name in _CALL.findall(_QUOTED.sub("''", expression))})
    if not functions:
        return True
    query = sqlalchemy.text(
        "SELECT count(*) FROM pg_catalog.pg_proc WHERE provolatile = 'v' AND proname IN :names"
    ).bindparams(sqlalchemy.bindparam("names", expanding=True))
    return not facts.context.connection.execute(query, {"names": functions}).scalar()


def _former(facts: Facts, table: str, schema: Optional[str]) -> str:
    """The table's name in the database, which the revision may change."""
    known = facts.table(table, schema)
    return facts.former[known].rpartition(".")[2] if known in facts.former else table


def _plain(kind: str) -> str:
    """A type without length, precision or collation."""
    return re.sub(r"\s*\([\d\s,]*\)|\s+COLLATE\s+(?:\"[^\"]*\"|\w+)", "", kind).strip().lower()


def _value(facts: Facts, query: str, **parameters: Any) -> Any:
    return facts.context.connection.execute(sqlalchemy.text(query), parameters).scalar()


def _inspector(facts: Facts) -> Any:
    return sqlalchemy.inspect(facts.context.connection)
