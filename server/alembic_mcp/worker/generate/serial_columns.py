"""Gives a new column a sequence of its own, as SERIAL does: Alembic adds such a column without one."""

from __future__ import annotations

import re
from typing import Any, List, Mapping, Optional

import sqlalchemy as sa
from alembic.operations import ops

from . import catalog
from .changes import Facts
from .directives import sql
from .named_types import literal
from .naming import shortened

__all__ = ["beyond", "following", "is_serial", "numbered", "started"]

_SERIAL = re.compile(r"^(smallint|integer|bigint) NOT NULL DEFAULT nextval\(", re.IGNORECASE)
_SIZES = ((sa.SmallInteger, "smallint"), (sa.BigInteger, "bigint"))


def is_serial(schema: Optional[Mapping[str, str]], table: str, column: Any) -> bool:
    """Whether a schema (a snapshot of PostgreSQL's) has the column as SERIAL makes it."""
    return _SERIAL.match((schema or {}).get(f"column {table}.{column}", "")) is not None


def started(facts: Facts, table: str, column: Any, schema: Optional[str] = None) -> List[Any]:
    """Directives that make the sequence of a column that is there, and let the column number by it."""
    size = next((spelt for classes, spelt in _SIZES if isinstance(column.type, classes)), "integer")
    of = f"{catalog.spelt(facts, table, schema)}.{catalog.identifier(facts, column.name)}"
    default = sa.DefaultClause(sa.text(following(facts, table, column.name, schema)))
    return [
        sql(f"CREATE SEQUENCE {_sequence(facts, table, column.name, schema)} AS {size} OWNED BY {of}"),
        ops.AlterColumnOp(
            table, str(column.name), schema=schema, existing_type=column.type, modify_server_default=default
        ),
    ]


def beyond(facts: Facts, table: str, column: Any, schema: Optional[str] = None) -> Any:
    """The directive that lets the sequence go on behind the numbers that are there."""
    own, full = catalog.identifier(facts, column), catalog.spelt(facts, table, schema)
    most = f"SELECT coalesce(max({own}), 0) + 1 FROM {full}"  # noqa: S608 - names are quoted
    return sql(f"SELECT setval({literal(_sequence(facts, table, column, schema))}, ({most}), false)")


def following(facts: Facts, table: str, column: Any, schema: Optional[str] = None) -> str:
    """The next number, as SQL."""
    return f"nextval({literal(_sequence(facts, table, column, schema))})"


def numbered(facts: Facts, table: str, column: Any, schema: Optional[str] = None) -> List[Any]:
    """Directives that make a sequence for a column that is there, number the rows without a value, and demand one."""
    own, full = catalog.identifier(facts, column.name), catalog.spelt(facts, table, schema)
    value = following(facts, table, column.name, schema)
    return [
        *started(facts, table, column, schema),
        beyond(facts, table, column.name, schema),
        sql(f"UPDATE {full} SET {own} = {value} WHERE {own} IS NULL"),  # noqa: S608 - names are quoted
        ops.AlterColumnOp(
            table,
            str(column.name),
            schema=schema,
            existing_type=column.type,
            existing_nullable=True,
            modify_nullable=False,
        ),
    ]


def _sequence(facts: Facts, table: str, column: Any, schema: Optional[str]) -> str:
    return catalog.spelt(facts, shortened(table, str(column), "seq"), schema)
