"""Gives a column its value in the rows that are there: in one UPDATE, or on a large table in batches."""

from __future__ import annotations

import re
from keyword import iskeyword
from typing import Any, List, Optional, Set

from . import catalog
from .changes import Facts
from .directives import Code, sql

__all__ = ["BATCH", "fill"]

BATCH = 5_000
"""Rows that one transaction changes: enough to be quick, too few for anybody to wait long."""

_TAKEN = ("batch", "connection", "found", "key", "missing", "op", "sa")


def fill(facts: Facts, table: str, column: str, value: str, schema: Optional[str] = None) -> List[Any]:
    """Directives that set *column* to the SQL expression *value* where it is null.

    On a large PostgreSQL table it goes in batches, each committed by itself, and can be interrupted and run again.
    """
    if facts.postgresql and facts.large(facts.table(table, schema)):
        return [_batches(facts, table, column, value, schema)]
    name = catalog.identifier(facts, column)
    return [sql(f"UPDATE {catalog.spelt(facts, table, schema)} SET {name} = {value} WHERE {name} IS NULL")]  # noqa: S608


def _batches(facts: Facts, table: str, column: str, value: str, schema: Optional[str]) -> Code:
    key = catalog.key_of(facts, table, schema)
    if not key:
        return _without_key(facts, table, column, value, schema)
    imports: Set[str] = set()
    variable = "rows" if not table.isidentifier() or iskeyword(table) or table in _TAKEN else table
    columns = [f"sa.column({name!r}, {_type(kind, imports)})" for name, kind in key]
    columns.append(f"sa.column({column!r})")
    keys = [_member(variable, name) for name, _ in key]
    place = f", schema={schema!r}" if schema else ""
    one = len(key) == 1
    whole = keys[0] if one else f"sa.tuple_({', '.join(keys)})"
    target = _member(variable, column)
    return Code(
        f"""\
# {BATCH} rows at a time, each batch committed by itself: nobody waits long for a lock, and a run
# that was interrupted goes on where it stopped.
{variable} = sa.table({table!r}, {", ".join(columns)}{place})
key = {whole}
missing = (
    sa.select({", ".join(keys)})
    .where({target}.is_(None))
    .order_by({", ".join(keys)})
    .limit({BATCH})
)
with op.get_context().autocommit_block():
    connection = op.get_bind()
    batch = missing
    while True:
        found = connection.execute(batch).all()
        connection.execute(
            sa.update({variable}).where(key.in_(batch)).values({{{column!r}: sa.text({_escaped(value)!r})}})
        )
        if len(found) < {BATCH}:
            break
        batch = missing.where(key > {"found[-1][0]" if one else "sa.tuple_(*found[-1])"})""",
        imports,
    )


def _without_key(facts: Facts, table: str, column: str, value: str, schema: Optional[str]) -> Code:
    name, full = catalog.identifier(facts, column), catalog.spelt(facts, table, schema)
    value = _escaped(value).replace("\\", "\\\\")
    return Code(f'''\
# {BATCH} rows at a time, each batch committed by itself: nobody waits long for a lock, and a run
# that was interrupted goes on where it stopped. Without a primary key, rows are found by their place.
batch = sa.text(
    """
    UPDATE {full} SET {name} = {value}
    WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM {full} WHERE {name} IS NULL AND ({value}) IS NOT NULL LIMIT {BATCH}
    ))
    """
)
with op.get_context().autocommit_block():
    connection = op.get_bind()
    while connection.execute(batch).rowcount == {BATCH}:
        pass''')  # noqa: S608


def _member(variable: str, column: str) -> str:
    plain = column.isidentifier() and not iskeyword(column) and not hasattr(dict, column)
    return f"{variable}.c.{column}" if plain else f"{variable}.c[{column!r}]"


def _type(kind: Any, imports: Set[str]) -> str:
    """The type of a key as Python, for the driver that sends its values; what it needs goes into *imports*."""
    found = re.match(r"sqlalchemy\.dialects\.(\w+)", type(kind).__module__)
    if found is None:
        return f"sa.{kind!r}"
    imports.add(f"from sqlalchemy.dialects import {found[1]}")
    return f"{found[1]}.{kind!r}"


def _escaped(value: str) -> str:
    return str(sql(value).sqltext)
