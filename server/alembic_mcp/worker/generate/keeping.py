"""Keeps what a drop would lose in a side table, and brings it back in the downgrade, which must not fail on rows.

On PostgreSQL a dropped table moves into a schema of the revision's own, ``alembic_mcp_kept_<revision>``, which takes
no time and keeps its indexes; a column's values are copied there with the primary key, in one statement: it locks
nobody out, and batches would gain nothing. Elsewhere copies named ``_alembic_mcp_kept_...`` lie beside the tables.
Autogenerate is told not to look at either.
"""

from __future__ import annotations

import hashlib
import re
from functools import partial
from typing import Any, Dict, List, Optional, Set, Tuple

import sqlalchemy as sa
from alembic.operations import ops

from ..kept_names import SCHEMA, TABLE
from .bringing_back import back
from .changes import Change, Facts, Phase
from .directives import sql
from .quoting import quoted

__all__ = ["Copy", "kept"]

_LONGEST = 63
# (SELECT r.id FROM rotations r WHERE r.name = assignments.rotation_name)
_LOOKED_UP = re.compile(
    r"\(\s*SELECT\s+(?P<of>\w+)\.(?P<key>\w+)\s+FROM\s+(?P<table>[\w.]+)\s+(?:AS\s+)?(?P<alias>\w+)\s+"
    r"WHERE\s+(?P<left>[\w.]+)\s*=\s*(?P<right>[\w.]+)\s*\)",
    re.IGNORECASE,
)
_RULES = frozenset({"drop-column", "drop-table"})


def kept(changes: List[Change], facts: Facts, revision: str) -> Tuple[List[Change], List[str]]:
    """The changes with drops that lose nothing where ``facts.parked`` says so, and that say what they lose elsewhere.

    The second value are warnings. Downgrades of all of them work on a table that has rows.

    Args:
        changes: after renames and answers.
        facts: what is known.
        revision: id of the first revision that is made of them; it names the side table.
    """
    work = _Keeping(facts, revision, changes)
    found: List[Change] = []
    for change in changes:
        is_drop = isinstance(change.op, (ops.DropColumnOp, ops.DropTableOp)) and facts.live(change.table)
        if is_drop and isinstance(change.op, ops.DropColumnOp):
            found.append(work.column(change))
        elif is_drop:
            found.append(work.table(change))
        else:
            found.append(change)
    # The indexes of a table that moves go with it.
    found = [each for each in found if not (isinstance(each.op, ops.DropIndexOp) and each.table in work.moved)]
    if work.keeps and facts.postgresql:
        own = quoted(facts.dialect, SCHEMA + revision)
        first = next(index for index, change in enumerate(found) if change.rule in _RULES)
        create = [sql(f"CREATE SCHEMA IF NOT EXISTS {own}")]
        drop = [sql(f"DROP SCHEMA IF EXISTS {own}")]
        found.insert(first, Change(create, drop, phase=found[first].phase, rule=found[first].rule))
    if work.keeps and (not facts.postgresql or facts.context.opts.get("include_schemas")):
        kind, names = ("schemas", SCHEMA) if facts.postgresql else ("tables", TABLE)
        work.warnings.append(
            f"The commands alembic check and alembic revision will propose to drop what is kept; let include_name in "
            f"env.py leave out {kind} whose names begin with {names}. Nothing here proposes it."
        )
    return found, work.warnings


class Copy:
    """Where columns of a table are kept.

    Args:
        table: as reports spell it.
        columns: those that are copied, the primary key first.
        what: for the name of the copy; at most one of a revision has it.
        facts: what is known.
        revision: its id.
        where: the rows.
        again: it may be there, from a run that was interrupted.
        enums: columns whose type may be gone by the time they are needed again: they are kept as text.

    Attributes:
        name: for SQL. On PostgreSQL its schema has to be made first.
        make: the statement that copies.
    """

    def __init__(
        self,
        table: str,
        columns: List[str],
        what: str,
        facts: Facts,
        revision: str,
        *,
        where: str = "",
        again: bool = False,
        enums: Optional[Dict[str, str]] = None,
    ) -> None:
        quote = partial(quoted, facts.dialect)
        self._quote, self._postgresql, self._enums = quote, facts.postgresql, enums or {}
        schema = table.rpartition(".")[0]
        self._of = ".".join(quote(part) for part in table.split("."))
        if facts.postgresql:
            self.name = f"{quote(SCHEMA + revision)}.{quote(_short(what))}"
        else:
            self.name = (f"{quote(schema)}." if schema else "") + quote(_short(f"{TABLE}{what}_{revision}"))
        listed = ", ".join(
            f"{quote(each)}::text AS {quote(each)}" if each in self._enums else quote(each) for each in columns
        )
        absent = "IF NOT EXISTS " if again or not facts.postgresql else ""
        condition = f" WHERE {where}" if where else ""
        self.make = f"CREATE TABLE {absent}{self.name} AS SELECT {listed} FROM {self._of}{condition}"  # noqa: S608 - quoted

    def bring_back(self, columns: List[str], key: List[str]) -> str:
        """The UPDATE that gives the rows the values of *columns* again."""
        quote = self._quote
        same = " AND ".join(f"kept.{quote(name)} = {self._of}.{quote(name)}" for name in key)
        if self._postgresql:
            sets = ", ".join(f"{quote(name)} = kept.{quote(name)}{self._cast(name)}" for name in columns)
            return f"UPDATE {self._of} SET {sets} FROM {self.name} AS kept WHERE {same}"  # noqa: S608 - names are quoted
        values = ", ".join(
            f"{quote(name)} = (SELECT kept.{quote(name)} FROM {self.name} AS kept WHERE {same})"  # noqa: S608 - likewise
            for name in columns
        )
        some = f"SELECT 1 FROM {self.name} AS kept WHERE {same}"  # noqa: S608 - likewise
        return f"UPDATE {self._of} SET {values} WHERE EXISTS ({some})"  # noqa: S608 - likewise

    def _cast(self, column: str) -> str:
        return f"::{self._enums[column]}" if column in self._enums else ""


def _short(name: str) -> str:
    """*name* as far as PostgreSQL and MySQL take names, and still its own."""
    if len(name) <= _LONGEST:
        return name
    return f"{name[: _LONGEST - 9]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


class _Keeping:
    """Writes each drop; ``moved`` are the tables that go elsewhere as they are."""

    def __init__(self, facts: Facts, revision: str, changes: List[Change]) -> None:
        self._facts = facts
        self._new_keys = {
            change.table: [str(getattr(part, "name", part)) for part in op.columns]
            for change in changes
            for op in change.up
            if isinstance(op, ops.CreatePrimaryKeyOp)
        }
        self._revision = revision
        self._quote = partial(quoted, facts.dialect)
        self.moved: Set[str] = set()
        self.keeps = False
        self._taken: Set[str] = set()
        self.warnings: List[str] = []

    def _only(self, what: str) -> str:
        """*what*, or with a number if another copy is called so."""
        found, number = what, 1
        while found in self._taken:
            number += 1
            found = f"{what}_{number}"
        self._taken.add(found)
        return found

    # Columns

    def column(self, change: Change) -> Change:
        """A dropped column of a table in use."""
        add = change.down[0]
        table, column = change.table or "", str(change.op.column_name)
        name = f"{table}.{column}"
        if getattr(add.column, "computed", None) is not None:
            return change  # its values come back by themselves
        key = self._key(table) if self._facts.keep_data or name in self._facts.parked else None
        if key is not None and column in key:
            key = self._new_keys.get(table, [])
        if key is not None and (not key or column in key):
            self.warnings.append(f"The values of {name} can't be kept: {table} has no primary key to find them by.")
        if not key or column in key:
            looked_up = self._looked_up(table, column)
            change.down, stands = back(self._facts, add, table, [sql(text) for text, _ in looked_up])
            change.loses = f"The values of {name} don't come back: every row gets {stands}."
            for _, source in looked_up:
                change.loses = f"{name} comes back from {source}: rows that refer to nothing there get {stands}."
            return change
        where = f"{self._quote(column)} IS NOT NULL"
        spelt = add.column.type.compile(dialect=self._facts.dialect) if isinstance(add.column.type, sa.Enum) else ""
        copy = Copy(
            table,
            [*key, column],
            self._only(f"{table.replace('.', '_')}_{column}"),
            self._facts,
            self._revision,
            where=where,
            enums={column: str(spelt)} if spelt and self._facts.postgresql else None,
        )
        restored = [copy.bring_back([column], key), f"DROP TABLE {copy.name}"]
        down, stands = back(self._facts, add, table, [sql(text) for text in restored])
        self.keeps = True
        return Change(
            [sql(copy.make), change.op],
            down,
            table=table,
            phase=change.phase,
            rule="drop-column",
            why=f"The values of {name} are kept in {copy.name} for the downgrade: drop that when nobody will go back "
            "any more, and until then leave it out of what autogenerate compares.",
            loses="" if stands == "NULL" else f"{name}: rows that were added after the upgrade get {stands}.",
        )

    def _looked_up(self, table: str, column: str) -> List[Tuple[str, str]]:
        """How the values are found again, and where, if a new column refers to the row that has them: at most one."""
        for name, value in self._facts.fills.items():
            of, _, new = name.rpartition(".")
            found = _LOOKED_UP.search(value) if of == table else None
            if found is None:
                continue
            own = {f"{table}.{column}", f"{table.rpartition('.')[2]}.{column}", column}
            sides = [found["left"], found["right"]]
            theirs = [side for side in sides if side.startswith(f"{found['alias']}.")]
            if (
                found["of"] != found["alias"]
                or len(theirs) != 1
                or not own & {side for side in sides if side not in theirs}
            ):
                continue
            target = ".".join(self._quote(part) for part in table.split("."))
            key = f"{found['alias']}.{found['key']}"
            select = (
                f"SELECT {theirs[0]} FROM {found['table']} {found['alias']} WHERE {key} = {target}.{self._quote(new)}"  # noqa: S608
            )
            update = f"UPDATE {target} SET {self._quote(column)} = ({select}) WHERE ({select}) IS NOT NULL"  # noqa: S608
            return [(update, f"{found['table']}.{theirs[0].partition('.')[2]}")]
        return []

    def _key(self, table: str) -> List[str]:
        """The columns of the primary key, as they are called when the column is dropped."""
        former = self._facts.former.get(table, table)
        schema, _, name = former.rpartition(".")
        inspector: Any = sa.inspect(self._facts.context.connection)
        found = inspector.get_pk_constraint(name, schema=schema or None).get("constrained_columns") or []
        now = {old: new.rpartition(".")[2] for new, old in self._facts.former.items()}
        return [now.get(f"{former}.{each}", each) for each in found]

    # Tables

    def table(self, change: Change) -> Change:
        """A dropped table that has rows."""
        table = change.table or ""
        if table not in self._facts.parked and not self._facts.keep_data:
            change.loses = f"The rows of {table} don't come back."
            return change
        self.keeps = True
        return self._moved(change) if self._facts.postgresql else self._copied(change)

    def _moved(self, change: Change) -> Change:
        table, op = change.table or "", change.op
        self.moved.add(table)
        self._taken.add(str(op.table_name))
        schema = self._quote(op.schema or self._facts.dialect.default_schema_name)
        name, own = self._quote(op.table_name), self._quote(SCHEMA + self._revision)
        here = f"{self._quote(op.schema)}.{name}" if op.schema else name
        # A foreign key would go on to hold the rows of other tables.
        keys = [each for each in change.down[0].columns if isinstance(each, sa.ForeignKeyConstraint) and each.name]
        return Change(
            [
                *(ops.DropConstraintOp.from_constraint(each) for each in keys),
                sql(f"ALTER TABLE {here} SET SCHEMA {own}"),
            ],
            [
                sql(f"ALTER TABLE {own}.{name} SET SCHEMA {schema}"),
                *(ops.AddConstraintOp.from_constraint(each) for each in keys),
            ],
            table=table,
            phase=Phase.CONTRACT if self._facts.fills else change.phase,
            rule="drop-table",
            why=f"{table} is not dropped but moved to {own}.{name}, for the downgrade: drop that when nobody will go "
            "back any more, and until then leave its schema out of what autogenerate compares.",
        )

    def _copied(self, change: Change) -> Change:
        table = change.table or ""
        columns = [
            str(each.name)
            for each in change.down[0].columns
            if isinstance(each, sa.Column) and getattr(each, "computed", None) is None
        ]
        copy = Copy(table, columns, self._only(table.replace(".", "_")), self._facts, self._revision)
        listed = ", ".join(self._quote(name) for name in columns)
        target = ".".join(self._quote(part) for part in table.split("."))
        fill = f"INSERT INTO {target} ({listed}) SELECT {listed} FROM {copy.name}"  # noqa: S608 - names are quoted
        why = (
            f"The rows of {table} are kept in {copy.name} for the downgrade. Drop it when nobody will go back any more."
        )
        return Change(
            [sql(copy.make), change.op],
            [*change.down, sql(fill), sql(f"DROP TABLE {copy.name}")],
            table=table,
            phase=change.phase,
            rule="drop-table",
            why=why,
        )
