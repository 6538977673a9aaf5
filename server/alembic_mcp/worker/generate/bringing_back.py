"""Brings a dropped column back on a table with rows: they get a value that its constraints allow, if there is one."""

from __future__ import annotations

import re
from typing import Any, Iterator, List, Optional, Tuple

import sqlalchemy as sa
from alembic.operations import ops

from . import catalog
from .changes import Facts
from .directives import Code, sql
from .lookalikes import kind_of
from .quoting import quoted
from .serial_columns import is_serial, numbered

__all__ = ["back"]

_ZERO = "'00000000-0000-0000-0000-000000000000'"
_NEUTRAL = (
    (sa.Boolean, "false"),
    ((sa.Integer, sa.Numeric, sa.Float), "0"),
    (sa.JSON, "'{}'"),
    ((sa.DateTime, sa.Date), "'1970-01-01'"),
    (sa.Time, "'00:00'"),
    ((sa.String, sa.LargeBinary), "''"),
    (sa.ARRAY, "'{}'"),
)
_VALUES = re.compile(r"'(?:[^']|'')*'|(?<![\w.])\d+(?:\.\d+)?")
_LENGTHS = (1, 2, 3, 5, 8, 10, 20, 50)
_OWN = "a number of its own"


def back(facts: Facts, add: Any, table: str, restored: List[Any]) -> Tuple[List[Any], str]:
    """Directives that add the column again, and what rows get that have no value to go back to.

    Args:
        facts: what is known.
        add: the directive that makes it as it was.
        table: as reports spell it.
        restored: directives that bring values back.
    """
    was, schema, name = add.column, add.schema, add.table_name
    if was.nullable:
        return [add, *restored], "NULL"
    if was.server_default is not None or getattr(was, "identity", None) is not None:
        return [add, *restored], "the server default"
    again = was._copy() if hasattr(was, "_copy") else was.copy()
    again.nullable = True
    bare = ops.AddColumnOp(name, again, schema=schema)
    if is_serial(facts.database, facts.former.get(table, table), was.name):
        return [bare, *restored, *numbered(facts, name, was, schema)], _OWN
    own = _own_number(facts, was, table, restored=bool(restored))
    if own is not None:
        demanded = ops.AlterColumnOp(
            name, was.name, schema=schema, modify_nullable=False, existing_type=was.type, existing_nullable=True
        )
        return [bare, *restored, sql(own), demanded], _OWN
    value = None if _unique(was) or was.foreign_keys else _fitting(facts, was)
    if value is not None:
        again.nullable = False
        again.server_default = sa.DefaultClause(sa.text(value))
        without = ops.AlterColumnOp(
            name,
            was.name,
            schema=schema,
            modify_server_default=None,
            existing_type=was.type,
            existing_nullable=False,
        )
        # What stands between them keeps them in batch blocks of their own: the first one needs the default.
        between = restored or [Code("# The default was for the rows that are there.")]
        return [bare, *between, without], value
    demanded = _demanded(facts, table, str(was.name), name, schema)
    return [bare, *restored, demanded], "NULL, and the column stays nullable"


def _demanded(facts: Facts, table: str, column: str, bare: str, schema: Optional[str]) -> Any:
    """SET NOT NULL where all rows have a value: a downgrade must not fail on those that came later."""
    target = ".".join(quoted(facts.dialect, part) for part in table.split("."))
    name = quoted(facts.dialect, column)
    if facts.postgresql:
        return sql(
            f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM {target} WHERE {name} IS NULL) "
            f"THEN ALTER TABLE {target} ALTER COLUMN {name} SET NOT NULL; END IF; END $$"
        )
    query = f"SELECT 1 FROM {target} WHERE {name} IS NULL LIMIT 1"  # noqa: S608 - names are quoted
    of = f", schema={str(schema)!r}" if schema else ""
    return Code(
        f"if op.get_bind().execute(sa.text({query!r})).first() is None:\n"
        f"    with op.batch_alter_table({str(bare)!r}{of}) as batch_op:\n"
        f"        batch_op.alter_column({column!r}, nullable=False)"
    )


def _unique(column: Any) -> bool:
    """Whether no two rows may have the same value, alone or together with other columns."""
    if column.primary_key or column.unique:
        return True
    held: List[Any] = [each for each in column.table.constraints if isinstance(each, sa.UniqueConstraint)]
    held += [index for index in column.table.indexes if index.unique]
    return any(getattr(each, "name", None) == column.name for one in held for each in one.columns)


def _own_number(facts: Facts, column: Any, table: str, *, restored: bool) -> Optional[str]:
    """The UPDATE that gives each row without a value one that no other has; None where there is no such way."""
    kind = kind_of(column.type)
    if not _unique(column) or column.foreign_keys or list(_checks(column)):
        return None
    if kind not in ("integer", "number", "string", "uuid") or (kind == "string" and restored):
        return None
    target = ".".join(quoted(facts.dialect, part) for part in table.split("."))
    name = quoted(facts.dialect, column.name)
    if kind == "uuid":
        if not facts.postgresql:
            return None
        return f"UPDATE {target} SET {name} = gen_random_uuid() WHERE {name} IS NULL"  # noqa: S608 - names are quoted
    most = f"(SELECT coalesce(max({name}), 0) FROM {target})" if restored else ""  # noqa: S608 - likewise
    if not facts.postgresql:
        number = f"rowid + {most}" if most else "rowid"
        return f"UPDATE {target} SET {name} = {number} WHERE {name} IS NULL"  # noqa: S608 - likewise
    number = f"row_number() OVER (){f' + {most}' if most else ''}"
    return (
        f"UPDATE {target} SET {name} = numbered.own FROM "  # noqa: S608 - likewise
        f"(SELECT ctid AS place, {number} AS own FROM {target} WHERE {name} IS NULL) AS numbered "
        f"WHERE {target}.ctid = numbered.place"
    )


def _fitting(facts: Facts, column: Any) -> Optional[str]:
    """A constant for rows that have no value, as SQL, which the column's checks allow; None if none is known."""
    neutral, checks = _neutral(column.type, facts), list(_checks(column))
    if neutral is None or not checks:
        return neutral
    return next((value for value in _possible(neutral, checks) if _allowed(facts, column, value, checks)), None)


def _checks(column: Any) -> Iterator[str]:
    for each in column.table.constraints:
        if isinstance(each, sa.CheckConstraint) and re.search(rf"\b{re.escape(str(column.name))}\b", str(each.sqltext)):
            yield str(each.sqltext)


def _possible(neutral: str, checks: List[str]) -> Iterator[str]:
    """The neutral value, then what the checks themselves name, and what is near to it."""
    yield neutral
    for check in checks:
        for value in _VALUES.findall(check):
            yield value
            if "." not in value and not value.startswith("'"):
                yield str(int(value) + 1)
                yield str(int(value) - 1)
    yield from ("1", "-1")
    yield from (f"'{'x' * length}'" for length in _LENGTHS)


def _allowed(facts: Facts, column: Any, value: str, checks: List[str]) -> bool:
    """Whether the database itself says so; a check that reads other columns allows nothing."""
    kind = column.type.compile(dialect=facts.dialect)
    row = f"SELECT CAST({value} AS {kind}) AS {quoted(facts.dialect, column.name)}"
    query = f"SELECT 1 FROM ({row}) AS one WHERE {' AND '.join(f'({check})' for check in checks)}"  # noqa: S608
    return catalog.says(facts, query)


def _neutral(type_: Any, facts: Facts) -> Optional[str]:
    """A constant for rows that have no value, as SQL; None if the type has none that would stand out."""
    known = type_.impl if isinstance(type_, sa.types.TypeDecorator) else type_
    if isinstance(known, sa.Enum):
        return "'" + str(known.enums[0]).replace("'", "''") + "'" if known.enums else None
    if type(known).__name__.lower() == "uuid":
        return _ZERO
    if type(known).__name__.lower() == "interval" and facts.postgresql:
        return "'0'"
    found = next((text for classes, text in _NEUTRAL if isinstance(known, classes)), None)
    return "0" if found == "false" and not facts.postgresql else found
