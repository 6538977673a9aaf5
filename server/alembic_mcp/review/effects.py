"""Lays what the database was seen to do over what was read; whatever is left unexplained becomes an operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..locks import LockMode
from ..operations import (
    AlterObject,
    CreateIndex,
    CreateTable,
    Delete,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropObject,
    Dropped,
    DropTable,
    Harmless,
    Insert,
    Lock,
    Measured,
    Operation,
    RenameTable,
    Statement,
    Truncate,
    Unrecognised,
    Update,
)
from .names import Names

__all__ = ["Effects", "altered_tables"]

_WRITES_ROWS = (Insert, Update, Delete, Truncate)
_TABLES = ("table", "foreign table", "partitioned table")
_OBJECTS = frozenset(
    {
        "view", "materialized view", "function", "procedure", "aggregate", "schema", "extension", "domain", "collation",
        "event trigger", "publication", "server", "foreign-data wrapper", "text search configuration", "operator",
    }
)  # fmt: skip
"""Kinds that are reported whenever they go, also by a cascade."""
_LOCKS_AS_TOLD = ("refresh", "lock")
"""Commands that lock for writing what they name: a materialized view, a table."""
_HANGS_ON_TABLE = ("trigger", "policy", "rule")


@dataclass
class Effects:
    """One direction of one revision, walked from its first statement to its last.

    Attributes:
        names: which tables are not in the target database, as far as the walk has come.
        held: tables on which the current transaction already holds ROW EXCLUSIVE: a further write shows no new lock.
    """

    names: Names
    held: dict[int, set[str]] = field(default_factory=dict)

    def lay(self, read: Sequence[Operation], statements: Sequence[Statement], *, told: bool) -> list[Operation]:
        """Return the operations *read* from *statements*, completed and corrected by what was measured.

        *told* says that running what could not be read shows all that it can do, however many rows there are.
        """
        measured = [statement.measured for statement in statements if statement.measured is not None]
        found = [_created(op, measured) for op in read]
        if measured:
            found += self._unexplained(found, measured, statements)
            found = self._unrecognised(found, measured, statements, told=told)
        for statement in statements:
            locked = {lock.table for lock in _locks(statement) if lock.mode is LockMode.ROW_EXCLUSIVE}
            self.held.setdefault(statement.transaction, set()).update(locked)
        for op in found:
            self.names.walk(op)
        return found

    def _unexplained(
        self, read: Sequence[Operation], measured: Sequence[Measured], statements: Sequence[Statement]
    ) -> list[Operation]:
        """What was dropped or created by something else than the operations that were read."""
        line, sent = statements[-1].line, tuple(statements)
        opaque = any(isinstance(op, Unrecognised) for op in read)
        found: list[Operation] = []
        dropped = [item for one in measured for item in one.dropped if not _temporary(item.name)]
        created = {(kind, name) for one in measured for kind, name in one.created}
        gone = {item.name for item in dropped if item.kind in ("table", "foreign table", "partitioned table")}
        for item in dropped:
            if not _explains(read, item) and (item.kind, item.name) not in created:
                op = _drop(item, read, gone, opaque=opaque)
                found += [op] if op is not None else []
        made = {op.table for op in read if isinstance(op, CreateTable)}
        made |= {op.to for op in read if isinstance(op, RenameTable)}
        found += [
            CreateTable(table=name)
            for kind, name in sorted(created)
            if kind == "table" and name not in made and name not in gone and not _temporary(name)
        ]
        if opaque:
            new = self.names.created | made | {name for _, name in created}
            altered = {table for one in measured for table in altered_tables(one)} | new
            rewritten = {table for one in measured for table in one.rewritten} - altered
            found += [Truncate(table=table) for table in sorted(rewritten)]
            found += [
                CreateIndex(table=table, name=name)
                for one in measured
                for name, table in one.indexes_built
                if table not in new and not any(table in each.rewritten for each in measured)
            ]
        return [replace(op, line=line, statements=sent, from_effect=True) for op in found]

    def _unrecognised(
        self, found: list[Operation], measured: Sequence[Measured], statements: Sequence[Statement], *, told: bool
    ) -> list[Operation]:
        """Decide which statements stay unrecognised, and add the writes that no operation names."""
        opaque = [op for op in found if isinstance(op, Unrecognised)]
        known = [op for op in found if not isinstance(op, Unrecognised)]
        left = self._left(known, measured, statements, strict=bool(opaque) or _harmless(known))
        if opaque:
            seen = len(measured) == len(statements) and all(one.complete for one in measured)
            explained = {table for one in measured for table in (*one.rewritten, *altered_tables(one))}
            explained |= {table for one in measured for _, table in one.indexes_built} | self.names.created
            scanned = {table for one in measured for table in one.scanned} - explained
            if seen and told and not left and not scanned and not any(statement.error for statement in statements):
                return known or [Harmless(what="seen to change nothing", line=op.line, statements=op.statements,
                                          from_sql=True) for op in opaque[:1]]  # fmt: skip
            return known + [replace(op, writes=tuple(sorted(left))) for op in opaque]
        if left:
            last = statements[-1]
            writes = tuple(sorted(left))
            known = [op for op in known if not isinstance(op, Harmless)]
            known.append(
                Unrecognised(sql=last.sql, writes=writes, line=last.line, statements=(last,), from_effect=True)
            )
        return known

    def _left(
        self, known: Sequence[Operation], measured: Sequence[Measured], statements: Sequence[Statement], *, strict: bool
    ) -> set[str]:
        """Tables of the target database that were written to, or locked to be changed, without an explanation."""
        rows = {op.table for op in known if isinstance(op, _WRITES_ROWS)}
        rows |= {op.name for op in known if isinstance(op, AlterObject) and op.action.startswith(_LOCKS_AS_TOLD)}
        gone = {op.table for op in known if isinstance(op, DropTable)}
        touched = {table for op in known for table in (*op.tables, getattr(op, "references", None)) if table}
        made = {op.table for op in known if isinstance(op, CreateTable)}
        made |= {name for one in measured for kind, name in one.created}
        left = set()
        # A foreign key that goes takes its triggers off the table that it refers to, which is locked for that.
        frees = any(item.kind in ("table constraint", *_TABLES) for one in measured for item in one.dropped)
        for lock in (lock for one in measured for lock in one.locks):
            if lock.table in made or lock.table in gone or self._is_new(lock.table) or _temporary(lock.table):
                continue
            if lock.mode is LockMode.ROW_EXCLUSIVE:
                # Partitions are locked along with their parent, and are mostly named after it.
                if not any(lock.table == table or lock.table.startswith(f"{table}_") for table in rows):
                    left.add(lock.table)
            elif strict and lock.mode >= LockMode.SHARE and lock.table not in touched and not frees:
                left.add(lock.table)
        if strict and not _harmless(known):
            for statement in statements:
                held = self.held.get(statement.transaction, set()) - made - gone - rows
                left |= {table for table in held if not self._is_new(table)}
        return left

    def _is_new(self, table: str) -> bool:
        return self.names.table(table) is None


def altered_tables(measured: Measured) -> set[str]:
    """Tables that were altered, in whole or in one column."""
    tables = {name for kind, name in measured.altered if kind == "table"}
    return tables | {name.rpartition(".")[0] for kind, name in measured.altered if kind == "table column"}


def _harmless(ops: Sequence[Operation]) -> bool:
    return bool(ops) and all(isinstance(op, Harmless) for op in ops)


def _locks(statement: Statement) -> tuple[Lock, ...]:
    return statement.measured.locks if statement.measured else ()


def _temporary(name: str) -> bool:
    return name.startswith(("pg_temp", "pg_toast"))


def _bare(name: str) -> str:
    """A name without its schema, and without the arguments of a function."""
    return name.partition("(")[0].rpartition(".")[2]


def _created(op: Operation, measured: Sequence[Measured]) -> Operation:
    """CREATE TABLE IF NOT EXISTS makes a new table only where it was seen to make one."""
    if isinstance(op, CreateTable) and op.if_not_exists:
        made = any(kind == "table" and name == op.table for one in measured for kind, name in one.created)
        return replace(op, if_not_exists=not made)
    return op


def _explains(read: Sequence[Operation], item: Dropped) -> bool:
    """True if one of the operations says itself that *item* goes."""
    for op in read:
        match op:
            case DropTable() if item.kind in _TABLES and item.name == op.table:
                return True
            case DropColumn() if item.kind == "table column" and item.name == f"{op.table}.{op.column}":
                return True
            case DropObject() if op.kind == item.kind and _bare(op.name) == _bare(item.name):
                return True
            case DropIndex() if item.kind == "index" and _bare(op.name) == _bare(item.name):
                return True
            case DropConstraint() if item.kind in ("table constraint", "index"):
                if op.name is not None and _bare(item.name) == _bare(op.name):
                    return True
            case _:
                pass
    return False


def _drop(item: Dropped, read: Sequence[Operation], gone: set[str], *, opaque: bool) -> Operation | None:
    """The operation that stands for something that went; None for a mere part of what went."""
    if item.kind in _TABLES:
        return DropTable(table=item.name)
    if item.kind == "table column":
        table, _, column = item.name.rpartition(".")
        return None if table in gone else DropColumn(table=table, column=column)
    if item.kind in _OBJECTS:
        return DropObject(kind=item.kind, name=item.name)
    table, _, name = item.name.rpartition(".")
    if item.kind == "table constraint":
        touched = {other for op in read for other in op.tables}
        cascades = any(isinstance(op, (DropTable, DropConstraint)) for op in read)
        if table and table not in gone and (opaque or (cascades and table not in touched)):
            return DropConstraint(table=table, name=name)
        return None
    if not opaque or table in gone:
        return None
    if item.kind in _HANGS_ON_TABLE:
        return DropObject(kind=item.kind, name=name, table=table or None)
    if item.kind == "index" and not gone:
        return DropIndex(name=item.name)
    if item.kind in ("type", "sequence") and not gone:
        return DropObject(kind=item.kind, name=item.name)
    return None
