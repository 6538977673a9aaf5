"""Makes of a drop and an addition the rename that somebody said they are; nothing is taken for one untold."""

from __future__ import annotations

from functools import partial
from typing import Any, Dict, Iterable, List, Optional, Set, Tuple

import sqlalchemy as sa
from alembic.autogenerate import compare
from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops

from ..errors import CallError
from .changes import Change, Facts
from .mapped import Names, RenameColumn, RenameTable
from .quoting import quoted

__all__ = ["RENAME", "renamed"]

RULE = "rename-read-as-drop"
RENAME = "rename to "
"""How the choice begins that answers a question ``rename:...`` with a rename."""

_SEQUENCES = """
SELECT s.relname, a.attname FROM pg_catalog.pg_class s
JOIN pg_catalog.pg_depend d ON d.objid = s.oid AND d.classid = 'pg_catalog.pg_class'::regclass
  AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')
JOIN pg_catalog.pg_class t ON t.oid = d.refobjid
JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE s.relkind = 'S' AND t.relname = :table AND n.nspname = :schema ORDER BY s.relname
"""


def renamed(changes: List[Change], facts: Facts, wanted: Iterable[Dict[str, Any]]) -> List[Change]:
    """The changes with renames in place of the drops and additions that *wanted* and ``facts.answers`` name.

    A rename comes first; whatever follows speaks of the new names. The indexes, constraints and sequences that carry
    the old name are renamed too.

    Args:
        changes: as autogenerate has them.
        facts: ``former``, ``rows`` and ``created`` are brought up to date.
        wanted: ``{"table", "from", "to"}`` for columns, ``{"from", "to"}`` for tables.

    Raises:
        CallError: ``refused``: nothing of that name is dropped, or added.
    """
    tables, columns = _sorted([*wanted, *_answered(changes, facts)])
    work = _Renaming(changes, facts)
    for old, new in tables:
        work.table(old, new)
    for table, old, new in columns:
        work.column(table, old, new)
    return work.finished() if tables or columns else changes


def _sorted(wanted: List[Dict[str, Any]]) -> Tuple[List[Tuple[str, str]], List[Tuple[str, str, str]]]:
    tables, columns = [], []
    for each in wanted:
        if not each.get("from") or not each.get("to"):
            raise _wrong(f"A rename needs 'from' and 'to': {each!r} has not both.", [])
        if each.get("table"):
            columns.append((str(each["table"]), str(each["from"]), str(each["to"])))
        else:
            tables.append((str(each["from"]), str(each["to"])))
    return list(dict.fromkeys(tables)), list(dict.fromkeys(columns))


def _answered(changes: List[Change], facts: Facts) -> List[Dict[str, Any]]:
    found = []
    dropped = {change.table for change in changes if isinstance(change.op, ops.DropTableOp)}
    for name, choice in facts.answers.items():
        if not name.startswith("rename:") or not str(choice).startswith(RENAME):
            continue
        old, new = name[len("rename:") :], choice[len(RENAME) :]
        if old in dropped:
            found.append({"from": old, "to": new})
        else:
            table, _, column = old.rpartition(".")
            found.append({"table": table, "from": column, "to": new})
    return found


def _wrong(message: str, possible: List[str]) -> CallError:
    steps = [f"What could be renamed: {'; '.join(possible)}." if possible else "Nothing here could be a rename."]
    return CallError("refused", f"{message} Nothing was written.", next_steps=steps)


class _Renaming:
    """Renames one after the other, then what carries the old names."""

    def __init__(self, changes: List[Change], facts: Facts) -> None:
        self._changes = list(changes)
        self._facts = facts
        self._names = Names(facts)
        self._renames: List[Change] = []
        self._differences: List[Change] = []
        self._made: Set[str] = set()

    def finished(self) -> List[Change]:
        """The renames, then everything else in new names."""
        rest = self._paired([*self._changes, *self._differences])
        return [*self._renames, *rest]

    # Columns

    def column(self, table: str, old: str, new: str) -> None:
        """Rename a column of *table*, old or new name of a table."""
        table = self._names.table(table) or table
        drop = self._find(ops.DropColumnOp, table, old)
        add = self._find(ops.AddColumnOp, table, new)
        if drop is None or add is None:
            gone = self._called(ops.DropColumnOp, table)
            come = self._called(ops.AddColumnOp, table)
            what = f"no column {old} is dropped from" if drop is None else f"no column {new} is added to"
            raise _wrong(
                f"{table}.{old} can't be renamed to {new}: {what} {table}.",
                [f"{table}.{name} to {' or '.join(come)}" for name in gone if come] or self._tables_possible(),
            )
        before, after = drop.down[0].column, add.op.column
        name, schema = add.op.table_name, add.op.schema
        known = {"schema": schema, "existing_type": before.type, "existing_nullable": before.nullable}
        self._renames.append(
            Change(
                [RenameColumn(name, old, modify_name=new, **known)],
                [RenameColumn(name, new, modify_name=old, **known)],
                table=table,
                rule=RULE,
                why=f"{table}.{old} is renamed to {new}: its values stay where they are. Whatever still asks for "
                f"{old} fails from then on: deploy the code that knows {new} with it.",
            )
        )
        for change in (drop, add):
            (self._changes if change in self._changes else self._differences).remove(change)
        self._names.columns[table, old] = new
        self._facts.former[f"{table}.{new}"] = f"{self._facts.former.get(table, table)}.{old}"
        self._differ(table, add.op, new, before, after)
        self._sequences(table, (old, new))

    def _differ(self, table: str, create: Any, column: str, before: Any, after: Any) -> None:
        """Compare the column as it is with what the models say; *create* names the table it is in."""
        name, schema = create.table_name, create.schema
        op = ops.AlterColumnOp(name, column, schema=schema)
        context = AutogenContext(self._facts.context)
        comparators = getattr(context, "comparators", None) or compare.comparators  # of the context since Alembic 1.18
        compared = comparators.dispatch("column", qualifier=self._facts.dialect.name)
        compared(context, op, schema, name, column, before, after)
        if op.has_changes():
            self._differences.append(Change([op], [op.reverse()], table=table))

    # Tables

    def table(self, old: str, new: str) -> None:
        """Rename a table, and bring its columns and constraints to what the models say."""
        drop = self._find(ops.DropTableOp, old)
        create = self._find(ops.CreateTableOp, new)
        if drop is None or create is None:
            what = f"no table {old} is dropped" if drop is None else f"no table {new} is added"
            raise _wrong(f"{old} can't be renamed to {new}: {what}.", self._tables_possible())
        moves = old.rpartition(".")[0] != new.rpartition(".")[0]
        if moves and drop.op.table_name != create.op.table_name:
            steps = "Move it under its own name first, and rename it in a revision after that."
            raise _wrong(f"{old} can't be renamed to {new} at once: they are in different schemas. {steps}", [])
        name, to, schema = drop.op.table_name, create.op.table_name, create.op.schema
        up: List[Any] = [RenameTable(name, to, schema=schema)]
        down: List[Any] = [RenameTable(to, name, schema=schema)]
        if moves:
            up, down = self._moved(name, drop.op.schema, schema)
        self._renames.append(
            Change(
                up,
                down,
                table=new,
                rule=RULE,
                why=f"{old} is {'moved' if moves else 'renamed'} to {new}: its rows stay where they are. "
                f"Whatever still asks for {old} fails from then on: deploy the code that knows {new} with it.",
            )
        )
        self._changes.remove(drop)
        self._changes.remove(create)
        facts = self._facts
        self._names.tables[old] = new
        facts.former[new] = old
        facts.created.discard(new)
        if old in facts.rows:
            facts.rows[new] = facts.rows[old]
        self._columns(new, drop.down[0], create.op)
        self._constraints(old, new, drop.down[0], create.op)
        self._sequences(new)
        self._primary_key(new, drop.down[0], create.op)

    def _moved(self, name: str, schema: Optional[str], to: Optional[str]) -> Tuple[List[Any], List[Any]]:
        """Up and down of a table's way from one schema into another, with its indexes, constraints and sequences."""
        quote, default = partial(quoted, self._facts.dialect), self._facts.dialect.default_schema_name
        one, other = (quote(each or default) for each in (schema, to))
        up = [ops.ExecuteSQLOp(f"ALTER TABLE {one}.{quote(name)} SET SCHEMA {other}")]
        down = [ops.ExecuteSQLOp(f"ALTER TABLE {other}.{quote(name)} SET SCHEMA {one}")]
        if to is not None and f"schema {to}" not in self._facts.database and to not in self._made:
            self._made.add(to)
            up.insert(0, ops.ExecuteSQLOp(f"CREATE SCHEMA {other}"))
            down.append(ops.ExecuteSQLOp(f"DROP SCHEMA {other}"))
        return up, down

    def _columns(self, table: str, was: Any, now: Any) -> None:
        name, schema = now.table_name, now.schema
        before = {str(each.name): each for each in was.columns if isinstance(each, sa.Column)}
        after = {str(each.name): each for each in now.columns if isinstance(each, sa.Column)}
        for column, model in after.items():
            if column in before:
                self._differ(table, now, column, before[column], model)
            else:
                op = ops.AddColumnOp(name, model, schema=schema)
                self._differences.append(Change([op], [op.reverse()], table=table))
        for column, reflected in before.items():
            if column not in after:
                gone = ops.DropColumnOp.from_column_and_tablename(schema, name, reflected)
                self._differences.append(Change([gone], [gone.reverse()], table=table))

    def _constraints(self, old: str, new: str, was: Any, now: Any) -> None:
        for table, made, source in ((old, False, was), (new, True, now)):
            for each in source.columns:
                if isinstance(each, (sa.UniqueConstraint, sa.ForeignKeyConstraint)):
                    create = ops.AddConstraintOp.from_constraint(each)
                    drop = ops.DropConstraintOp.from_constraint(each)
                    up, down = (create, drop) if made else (drop, create)
                    self._differences.append(Change([up], [down], table=table))

    # What carries the old names

    def _paired(self, changes: List[Change]) -> List[Change]:
        """Pairs of what is dropped and added that differ in their names alone become renames, or nothing."""
        names, found = self._names, list(changes)
        # Of several that are equal, those of the same name belong together.
        kept = {_name_of_created(change.op) for change in changes if _is_created(change.op)}
        drops = [change for change in changes if isinstance(change.op, (ops.DropIndexOp, ops.DropConstraintOp))]
        for drop in sorted(drops, key=lambda each: _name(each.op) not in kept):
            signature = names.signature(drop.down[0], there=True)
            pairs = [each for each in found if signature and names.signature(each.op, there=False) == signature]
            pair = next((each for each in pairs if _name_of_created(each.op) == _name(drop.op)), None)
            pair = pair or next(iter(pairs), None)
            if pair is None:
                continue
            old, new = _name(drop.op), names.own_name(pair.op)
            if pair.op is not None and _name_of_created(pair.op) is None and old != self._default(drop.down[0]):
                new = old  # the models leave the name to the database, which has one
            if old == new:
                found.remove(drop)
                found.remove(pair)
            elif self._facts.postgresql and old and new:
                found.remove(drop)
                found[found.index(pair)] = self._name(pair, old, new, index=isinstance(drop.op, ops.DropIndexOp))
        for change in list(found):
            if isinstance(change.op, ops.CreateUniqueConstraintOp) and self._is_there(change.op, change.table or ""):
                found.remove(change)
            if isinstance(change.op, (ops.DropIndexOp, ops.DropConstraintOp)):
                change.up = [names.mapped(op) for op in change.up]
                change.down = [names.mapped(op) for op in change.down]
                change.table = names.table(change.table)
        return sorted(found, key=lambda change: not isinstance(change.op, ops.DropIndexOp))  # names are free again

    def _is_there(self, op: Any, table: str) -> bool:
        """Whether SQLite has a constraint without a name, which autogenerate takes for none, on these columns."""
        touched = {*self._names.tables.values(), *(of for of, _ in self._names.columns)}
        if self._facts.dialect.name != "sqlite" or table not in touched:
            return False
        schema, _, name = self._facts.former.get(table, table).rpartition(".")
        inspector: Any = sa.inspect(self._facts.context.connection)
        columns = [str(part) for part in op.columns]
        return any(
            each["name"] is None and [self._names.column(table, part) for part in each["column_names"]] == columns
            for each in inspector.get_unique_constraints(name, schema=schema or None)
        )

    def _default(self, op: Any) -> Optional[str]:
        """The name that PostgreSQL gave to a constraint that was made without one."""
        unnamed = Names(self._facts)
        if isinstance(op, ops.CreateIndexOp):
            return None
        given, op.constraint_name = op.constraint_name, None
        try:
            return unnamed.own_name(op)
        finally:
            op.constraint_name = given

    def _name(self, change: Change, old: str, new: str, *, index: bool) -> Change:
        table = change.table or ""
        quote = partial(quoted, self._facts.dialect)
        schema = table.rpartition(".")[0]
        prefix = f"{quote(schema)}." if schema else ""
        of = prefix + quote(table.rpartition(".")[2])

        def renaming(one: str, other: str) -> Any:
            if index:
                return ops.ExecuteSQLOp(f"ALTER INDEX {prefix}{quote(one)} RENAME TO {quote(other)}")
            return ops.ExecuteSQLOp(f"ALTER TABLE {of} RENAME CONSTRAINT {quote(one)} TO {quote(other)}")

        return Change([renaming(old, new)], [renaming(new, old)], table=table, rule=RULE)

    def _primary_key(self, table: str, was: Any, now: Any) -> None:
        before, after = (
            next((each for each in op.columns if isinstance(each, sa.PrimaryKeyConstraint)), None) for op in (was, now)
        )
        if not self._facts.postgresql or before is None or after is None or not before.name:
            return
        default = f"{was.table_name}_pkey"
        wanted = str(after.name) if after.name else f"{now.table_name}_pkey" if before.name == default else None
        if wanted and wanted != before.name:
            self._differences.append(self._name(Change([], [], table=table), str(before.name), wanted, index=False))

    def _sequences(self, table: str, column: Optional[Tuple[str, str]] = None) -> None:
        """A SERIAL column's sequence is called after table and column."""
        facts = self._facts
        if not facts.postgresql:
            return
        was = facts.former.get(table, table)
        schema, _, name = was.rpartition(".")
        rows = facts.context.connection.execute(
            sa.text(_SEQUENCES), {"table": name, "schema": schema or facts.dialect.default_schema_name}
        )
        quote = partial(quoted, facts.dialect)
        now, _, to = table.rpartition(".")
        prefix = f"{quote(now)}." if now else ""
        for sequence, of in rows.fetchall():
            if sequence != f"{name}_{of}_seq" or (column is not None and of != column[0]):
                continue
            old = f"{to}_{of}_seq" if column else sequence
            new = f"{to}_{column[1] if column else of}_seq"
            if old == new:
                continue
            self._differences.append(
                Change(
                    [ops.ExecuteSQLOp(f"ALTER SEQUENCE {prefix}{quote(old)} RENAME TO {quote(new)}")],
                    [ops.ExecuteSQLOp(f"ALTER SEQUENCE {prefix}{quote(new)} RENAME TO {quote(old)}")],
                    table=table,
                    rule=RULE,
                )
            )

    # What there is

    def _find(self, kind: Any, table: str, column: Optional[str] = None) -> Optional[Change]:
        for change in [*self._changes, *self._differences]:
            if isinstance(change.op, kind) and change.table == table and column in (None, _column_name(change.op)):
                return change
        return None

    def _called(self, kind: Any, table: str) -> List[str]:
        every = [*self._changes, *self._differences]
        return [_column_name(each.op) or "" for each in every if isinstance(each.op, kind) and each.table == table]

    def _tables_possible(self) -> List[str]:
        gone = [each.table or "" for each in self._changes if isinstance(each.op, ops.DropTableOp)]
        come = [each.table or "" for each in self._changes if isinstance(each.op, ops.CreateTableOp)]
        found = [f"table {name} to {' or '.join(come)}" for name in gone if come]
        seen: Set[str] = {each.table or "" for each in self._changes}
        for table in sorted(seen):
            new = self._called(ops.AddColumnOp, table)
            found += [f"{table}.{name} to {' or '.join(new)}" for name in self._called(ops.DropColumnOp, table) if new]
        return found


def _column_name(op: Any) -> Optional[str]:
    if isinstance(op, ops.AddColumnOp):
        return str(op.column.name)
    return str(op.column_name) if isinstance(op, ops.DropColumnOp) else None


def _name(op: Any) -> Optional[str]:
    name = op.index_name if isinstance(op, ops.DropIndexOp) else op.constraint_name
    return None if name is None else str(name)


def _is_created(op: Any) -> bool:
    return isinstance(op, (ops.CreateIndexOp, ops.AddConstraintOp)) and hasattr(
        op, "constraint_name" if isinstance(op, ops.AddConstraintOp) else "index_name"
    )


def _name_of_created(op: Any) -> Optional[str]:
    name = op.index_name if isinstance(op, ops.CreateIndexOp) else op.constraint_name
    return None if name is None else str(name)
