"""What a path does to a table before an operation comes, so that what its rows look like now may not hold by then."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from ..operations import (
    AddColumn,
    AlterColumn,
    CreateObject,
    CreateTable,
    Delete,
    Direction,
    DropObject,
    Harmless,
    Insert,
    Operation,
    RenameTable,
    Truncate,
    Unrecognised,
    Update,
)
from .context import Context
from .expressions import mentions
from .window import Reads, Renames, Window

__all__ = [
    "Change",
    "Step",
    "added",
    "change_before",
    "is_made",
    "is_untouched",
    "operations_before",
    "ran",
    "steps_before",
]


_CHANGES_ROWS = (Update, Delete, Truncate, Insert, Unrecognised, Reads)
_ANYWHERE = (Truncate, Unrecognised, Reads)
"""What may concern a table that it is not about."""


@dataclass(frozen=True)
class Step:
    """An earlier operation, with what the table and its columns were called when it came.

    Attributes:
        revision: the one it belongs to; empty if it is the same.
    """

    op: Operation
    table: str
    columns: tuple[str, ...]
    revision: str = ""

    @property
    def where(self) -> str:
        """For a sentence: ``line 7``, ``line 7 of a1b2``."""
        line = f"line {self.op.line}" if self.op.line else "an earlier operation"
        return f"{line} of {self.revision}" if self.revision else line


@dataclass(frozen=True)
class Change:
    """An earlier operation that may have changed the rows in question.

    Attributes:
        mends: it looks as if it was written for the very columns, or leaves no row.
        text: ``line 7 updates persons``.
    """

    op: Operation
    mends: bool
    text: str


def operations_before(context: Context, types: tuple[type[Operation], ...] = ()) -> Iterator[Operation]:
    """All operations of the path before this one, or those of *types*, the latest first."""
    return (op for op, _ in _before(context, types))


def _before(
    context: Context, types: tuple[type[Operation], ...] = (), tables: Collection[str] = ()
) -> Iterator[tuple[Operation, str]]:
    """The same with the revision of each, empty for the one that the context stands in.

    With *tables*, what is not about one of them may be left out; where tables are renamed on the way, it is not.
    """
    windows = list(_windows(context))
    if tables and not any(window.has(RenameTable) for window, _ in windows):
        on_table = tuple(kind for kind in types if kind not in _ANYWHERE)
        anywhere = tuple(kind for kind in types if kind in _ANYWHERE)
        for window, revision in windows:
            yield from ((op, revision) for op in reversed(window.about(tables, *on_table, anywhere=anywhere)))
        return
    for window, revision in windows:
        yield from ((op, revision) for op in reversed(window.of(*types) if types else window))


def _windows(context: Context) -> Iterator[tuple[Window, str]]:
    yield context.prior, ""
    path = context.path
    if context.direction is not path.running:
        yield path.window(context.revision, path.running), ""
    index = next((i for i, one in enumerate(path.revisions) if one is context.revision), 0)
    for revision in reversed(path.revisions[:index]):
        yield path.window(revision, path.running), revision.revision


def steps_before(
    table: str,
    columns: Sequence[str],
    context: Context,
    types: tuple[type[Operation], ...],
    others: Collection[str] = (),
) -> Iterator[Step]:
    """Those of *types*, with the names of *table* and *columns* followed back; ends where the table was made.

    Of operations that name what they change, only those on *table* or on one of *others* are sure to be among them.
    """
    named = tuple(columns)
    for op, revision in _before(context, (CreateTable, RenameTable, Renames, *types), {table, *others}):
        if isinstance(op, RenameTable) and op.to == table:
            table = op.table
        elif isinstance(op, AlterColumn) and op.table == table and op.rename_to in named:
            named = tuple(op.column if column == op.rename_to else column for column in named)
        yield Step(op, table, named, revision)
        if isinstance(op, CreateTable) and op.table == table:
            return


def added(table: str, column: str, context: Context) -> tuple[AddColumn, str] | None:
    """What adds *column* on the way, and where; None if it was there before, or nothing is known."""
    for step in steps_before(table, (column,), context, (AddColumn,)):
        match step.op:
            case AddColumn() as op if op.table == step.table and op.column.name == step.columns[0]:
                return op, step.where
    return None


def change_before(table: str, columns: Sequence[str], context: Context, other: str | None = None) -> Change | None:
    """What may have changed the rows of *table* so that *columns* look different when the operation comes.

    One that was written for these columns wins over one that only touches the table. *other* is the table that the
    columns refer to: rows that appear there change the answer too.
    """
    found: Change | None = None
    others = {*_spreading(table, context), *([other] if other is not None else [])}
    for step in steps_before(table, columns, context, _CHANGES_ROWS, others):
        change = _change(step, context, other)
        if change is not None and (found is None or change.mends):
            found = change
            if change.mends:
                break
    return found


def is_untouched(table: str, context: Context) -> bool:
    """True if nothing on the way writes to *table*, as far as is known: its rows are those that were counted."""
    for step in steps_before(table, (), context, (Unrecognised, Insert, Update, Reads)):
        op = step.op
        if isinstance(op, Unrecognised) and (not op.writes or step.table in op.writes):
            return False
        if isinstance(op, (Insert, Update)) and op.table == step.table:
            return False
        if isinstance(op, Harmless) and _reads(op, step.table):
            return False
    return True


def _change(step: Step, context: Context, other: str | None) -> Change | None:
    op, where = step.op, step.where
    match op:
        case Update() if op.table == step.table:
            if op.columns and not set(op.columns) & set(step.columns):
                return None
            aimed = bool(op.columns) and _is_aimed(op.where, step, context)
            return Change(op, mends=aimed, text=f"{where} updates {op.table}")
        case Delete() if op.table == step.table:
            return Change(op, mends=_is_aimed(op.where, step, context), text=f"{where} deletes rows of {op.table}")
        case Truncate() if op.table == step.table or op.cascade:
            return Change(op, mends=op.table == step.table, text=f"{where} empties {op.table}")
        case Insert() if op.table == other:
            return Change(op, mends=True, text=f"{where} inserts into {op.table}")
        case Insert(replaces=True) if op.table == step.table:
            return Change(op, mends=False, text=f"{where} may overwrite rows of {op.table}")
        case Delete() | Update() if op.table not in (step.table, other) and _spreads(op, step.table, context):
            return Change(op, mends=False, text=f"{where} changes {op.table}, on which {step.table} depends")
        case Unrecognised() if not op.writes or {step.table, other} & set(op.writes):
            return Change(op, mends=_names_them(op, step), text=f"{where} runs what could not be read")
        case Harmless() if _reads(op, step.table):
            return Change(op, mends=False, text=f"{where} reads {step.table}, perhaps to change it row by row")
    return None


def _reads(op: Harmless, table: str) -> bool:
    """True if it reads rows of *table*: a loop over what it finds has nothing to do on an empty copy."""
    return op.what == "read" and any(_is_named(table, statement.sql) for statement in op.statements)


def _is_aimed(condition: str | None, step: Step, context: Context) -> bool:
    """True if it meets all rows, or if its condition is about the columns in question."""
    return condition is None or any(mentions(condition, column, context.path.dialect) for column in step.columns)


def _spreads(op: Operation, table: str, context: Context) -> bool:
    """True if a change of another table reaches *table* by the foreign keys that the database has."""
    return bool(_spreading(table, context).intersection(op.tables))


def _spreading(table: str, context: Context) -> set[str]:
    original = context.names.table(table) or table
    return {key.references for key in context.path.schema.keys(original) if key.references and key.on_delete}


def _names_them(op: Unrecognised, step: Step) -> bool:
    return _is_named(step.table, op.sql) and any(_is_named(column, op.sql) for column in step.columns)


def _is_named(name: str, text: str) -> bool:
    return re.search(rf"\b{re.escape(name.rpartition('.')[2])}\b", text) is not None


def is_made(kind: str, name: str, context: Context) -> bool | None:
    """True if a type, schema or extension was created on the way, False if it was dropped; None: neither."""
    bare = name.rpartition(".")[2].lower()
    kinds = ("type", "domain", "table") if kind == "type" else (kind,)
    creates = re.compile(
        rf'\bCREATE\s+({"|".join(kinds)})\s+(IF\s+NOT\s+EXISTS\s+)?("?\w+"?\.)?"?{re.escape(bare)}\b', re.IGNORECASE
    )
    for op in operations_before(context):
        match op:
            case CreateObject() if op.kind in kinds and op.name.rpartition(".")[2].lower() == bare:
                return True
            case CreateTable() if "table" in kinds and op.table.rpartition(".")[2].lower() == bare:
                return True
            case DropObject() if op.kind in kinds and op.name.rpartition(".")[2].lower() == bare:
                return False
            case Unrecognised() if creates.search(op.sql):
                return True
        if any(creates.search(statement.sql) for statement in op.statements):
            return True
    return None


def ran(op: Operation, context: Context) -> bool:
    """True if the operation was seen to run on the scratch database, so that nothing it needs is missing there."""
    if op.statements:
        return all(one.measured is not None and not one.error for one in op.statements)
    rehearsed = context.rehearsed
    done = rehearsed and (rehearsed.upgraded if context.direction is Direction.UPGRADE else rehearsed.downgraded)
    return bool(done)
