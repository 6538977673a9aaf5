"""An enum is created before the column that uses it, once, and dropped with the last column that did.

``op.create_table`` makes the enums of its columns again if they are there already, ``op.add_column`` and
``op.alter_column`` never make them, and ``op.drop_table`` leaves them behind.
"""

from __future__ import annotations

import copy
import re
from typing import Any, Iterator, List, Set, Tuple

import sqlalchemy as sa
from alembic.operations import ops
from sqlalchemy.dialects import postgresql

from ..generate import catalog
from ..generate.changes import Change, Facts, Phase
from ..generate.covered import Covered, directives
from ..generate.directives import With, sql
from ..generate.enum_columns import uses_of
from ..generate.named_types import NamedType, literal, named_type, values_in
from ..generate.sides import Side

__all__ = ["missing_type"]

_RULE = "missing-type"


def missing_type(changes: List[Change], facts: Facts) -> List[Change]:
    """For PostgreSQL, and the enums that no library of the project's own takes care of."""
    if not facts.postgresql:
        return changes
    return _Types(changes, facts).rewritten()


class _Known(postgresql.ENUM):
    """Renders as ``postgresql.ENUM(..., create_type=False)``; SQLAlchemy says the latter only since 2.0."""

    __module__ = "sqlalchemy.dialects.postgresql"

    def __repr__(self) -> str:
        schema = [f"schema={self.schema!r}"] if self.schema else []
        return f"ENUM({', '.join([*map(repr, self.enums), f'name={self.name!r}', *schema, 'create_type=False'])})"


class _Types:
    def __init__(self, changes: List[Change], facts: Facts) -> None:
        self._changes = changes
        self._facts = facts
        self._covered = Covered(changes, facts)
        self._here = Side(facts.database, facts.dialect.name)

    def rewritten(self) -> List[Change]:
        """The changes, with types made before and dropped after them."""
        used = dict(self._used([op for change in self._changes for op in change.up]))
        freed = dict(self._used([op for change in self._changes for op in change.down]))
        first = [self._create(kind) for key, kind in used.items() if self._values(key) is None]
        last = [
            self._drop(kind, key)
            for key, kind in freed.items()
            if key not in used and self._values(key) is not None and self._unused(key, kind)
        ]
        converted = [each for change in self._changes for each in self._converted(change)]
        for change in converted:
            for op in (*change.up, *change.down):
                self._leave_types_alone(op, {*used, *freed})
        return [*first, *converted, *last]

    def _values(self, key: str) -> Any:
        return values_in(self._here.others.get(("type", key), ""))

    def _used(self, directives_: List[Any]) -> Iterator[Tuple[str, NamedType]]:
        for op in directives(Change([each], []) for each in directives_):
            for kind in _types(op):
                made = named_type(kind, self._facts.dialect)
                if made is not None and made.values is not None and made.plain:
                    key = made.key(self._facts.dialect)
                    if key not in self._covered.types:
                        yield key, made

    def _create(self, kind: NamedType) -> Change:
        return Change(
            [self._sql_create(kind, kind.values or ())],
            [sql(f"DROP TYPE {kind.sql(self._facts.dialect)}")],
            rule=_RULE,
            why=f"The enum {kind.key(self._facts.dialect)} is made before what uses it, and goes after it.",
        )

    def _sql_create(self, kind: NamedType, values: Any) -> Any:
        return sql(f"CREATE TYPE {kind.sql(self._facts.dialect)} AS ENUM ({', '.join(map(literal, values))})")

    def _drop(self, kind: NamedType, key: str) -> Change:
        return Change(
            [sql(f"DROP TYPE {kind.sql(self._facts.dialect)}")],
            [self._sql_create(kind, self._values(key))],
            phase=max((change.phase for change in self._changes), default=Phase.EXPAND),
            rule=_RULE,
            why=f"The enum {key} goes with the last column that used it.",
        )

    def _unused(self, key: str, kind: NamedType) -> bool:
        """Whether nothing has the type any more after the changes."""
        name = kind.sql(self._facts.dialect)
        left = [
            use
            for use in uses_of(kind, self._facts, self._here)
            if use.key not in self._covered.gone and not self._changed(use.key, use.column)
        ]
        word = re.compile(rf"(?<![\w\"]){re.escape(name)}(?![\w\"])")
        elsewhere = any(
            word.search(f"{own} {definition}") for (what, own), definition in self._here.others.items() if own != key
        )
        return not left and not elsewhere

    def _changed(self, table: str, column: str) -> bool:
        op = self._covered.altered.get((table, column))
        return (table, column) in self._covered.columns or (op is not None and op.modify_type is not None)

    def _converted(self, change: Change) -> List[Change]:
        """Text to enum, and back, one enum to another: by a cast, with the default out of its way."""
        op = change.op
        if not isinstance(op, ops.AlterColumnOp) or op.modify_type is None or len(change.down) != 1:
            return [change]
        back = change.down[0]
        new, old = (named_type(kind, self._facts.dialect) for kind in (op.modify_type, op.existing_type))
        if not any(kind is not None and kind.values is not None for kind in (new, old)):
            return [change]
        if new is not None and old is not None and new.sql(self._facts.dialect) == old.sql(self._facts.dialect):
            return [change]
        table = change.table or ""
        name = str(op.column_name)
        had = self._facts.database.get(f"column {self._facts.former.get(table, table)}.{name}", "")
        had = had.partition(" DEFAULT ")[2]
        wanted = (self._facts.models or {}).get(f"column {table}.{name}", had).partition(" DEFAULT ")[2] or None
        if op.modify_server_default not in (False, None) and self._facts.models is None:
            wanted = self._text(op.modify_server_default)
        change.up = self._cast(op, new, drop=bool(had), default=wanted if had or wanted else None)
        change.down = self._cast(back, old, drop=bool(wanted), default=had or None)
        change.rule = _RULE
        change.why = f"The values of {table}.{name} are cast one by one; the upgrade fails where one does not fit."
        return [change]

    def _text(self, default: Any) -> str:
        arg = getattr(default, "arg", default)
        return literal(arg) if isinstance(arg, str) else str(arg)

    def _cast(self, op: Any, to: Any, *, drop: bool, default: Any) -> List[Any]:
        op = copy.copy(op)
        op.modify_server_default = False
        op.existing_server_default = False
        column = catalog.identifier(self._facts, op.column_name)
        array = "[]" if to is not None and to.array else ""
        # Text becomes VARCHAR(n) without being told: a cast would cut what is too long.
        cast = f"::{to.sql(self._facts.dialect)}{array}" if to is not None else ""
        place = {"schema": op.schema}
        found: List[Any] = []
        if drop:
            found.append(ops.AlterColumnOp(op.table_name, op.column_name, modify_server_default=None, **place))
        found.append(With(op, postgresql_using=f"{column}::text{array}{cast}"))
        if default is not None:
            plain = re.match(r"^'((?:[^']|'')*)'(::[^']*)?$", default)
            clause = sa.DefaultClause(plain[1].replace("''", "'") if plain else sa.text(default))
            found.append(ops.AlterColumnOp(op.table_name, op.column_name, modify_server_default=clause, **place))
        return found

    def _leave_types_alone(self, op: Any, made: Set[str]) -> None:
        """Let ``op.create_table`` not make again what is made elsewhere."""
        if not isinstance(op, ops.CreateTableOp):
            return
        columns: List[Any] = []
        for column in op.columns:
            kind = named_type(column.type, self._facts.dialect) if isinstance(column, sa.Column) else None
            known = kind is not None and kind.values is not None and kind.plain
            if kind is None or not known or kind.key(self._facts.dialect) not in made:
                columns.append(column)
                continue
            known_column: Any = column
            plain = getattr(known_column, "_copy", None) or known_column.copy  # before SQLAlchemy 1.4.42
            plain = plain()
            enum: Any = _Known(*(kind.values or ()), name=kind.name, schema=kind.schema, create_type=False)
            plain.type = postgresql.ARRAY(enum) if kind.array else enum
            columns.append(plain)
        op.columns = columns


def _types(op: Any) -> Iterator[Any]:
    if isinstance(op, ops.CreateTableOp):
        yield from (column.type for column in op.columns if isinstance(column, sa.Column))
    elif isinstance(op, ops.AddColumnOp):
        yield op.column.type
    elif isinstance(op, ops.AlterColumnOp) and op.modify_type is not None:
        yield op.modify_type
