"""Where two branches get in each other's way: both change one object, or one drops what the other uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any, Literal

from ..operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    AlterObject,
    ConstraintKind,
    CreateIndex,
    CreateObject,
    CreateTable,
    Delete,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropObject,
    DropTable,
    Insert,
    Operation,
    RenameTable,
    Revision,
    Truncate,
    Unrecognised,
    Update,
    ValidateConstraint,
)

__all__ = ["Clash", "Touch", "clashes", "touches"]

Verb = Literal["changes", "drops", "uses"]
_Mark = tuple[Verb, str]

# To make sure that one of these is there twice does no harm, and it is written so that it can be done twice.
_SHARED = frozenset({"schema", "extension"})
# These stand in AlterObject, and no object is changed by them.
_NO_OBJECT = frozenset({"setting", "privileges", "transaction", "table", "index"})


@dataclass(frozen=True)
class Touch:
    """What one line of a revision does to one object.

    Attributes:
        key: the object: ``table users``, ``column users.email``, ``index ix_a``, ``type mood``.
        words: what the line does, for people: ``adds column users.email``.
    """

    key: str
    verb: Verb
    revision: str
    path: str
    line: int
    words: str


@dataclass(frozen=True)
class Clash:
    """Two touches that don't go together, the first one of the first branch."""

    key: str
    problem: str
    sides: tuple[Touch, Touch]


def clashes(left: Iterable[Revision], right: Iterable[Revision]) -> list[Clash]:
    """What the upgrades of two branches do to the same objects, one clash per object, in the order of *left*.

    Both change or drop it, or one drops what the other uses. Two columns added to one table are no clash.
    """
    ours, theirs = list(_of(left)), list(_of(right))
    found: dict[str, Clash] = {}
    by_key: dict[str, list[Touch]] = {}
    for touch in theirs:
        by_key.setdefault(touch.key, []).append(touch)
    for touch in ours:
        for other in by_key.get(touch.key, ()):
            problem = _problem(touch, other)
            if problem and touch.key not in found:
                found[touch.key] = Clash(touch.key, problem, (touch, other))
    return _without_followers(list(found.values()))


def touches(revision: Revision) -> list[Touch]:
    """Everything that a revision's upgrade touches, in order."""
    return [
        Touch(key, verb, revision.revision, revision.path, op.line, _words(op))
        for op in revision.upgrade
        for verb, key in _touched(op)
    ]


def _of(revisions: Iterable[Revision]) -> Iterator[Touch]:
    for revision in revisions:
        yield from touches(revision)


def _problem(one: Touch, other: Touch) -> str | None:
    verbs = {one.verb, other.verb}
    if "drops" not in verbs:
        return f"Both branches change {one.key}." if verbs == {"changes"} else None
    if verbs == {"drops"}:
        return f"Both branches drop {one.key}."
    return f"One branch drops {one.key}, which the other one {'changes' if 'changes' in verbs else 'uses'}."


def _without_followers(found: list[Clash]) -> list[Clash]:
    """Leave out a column's clash where its table's clash says as much about the same two lines."""
    lines = {
        tuple((side.revision, side.line) for side in clash.sides) for clash in found if clash.key.startswith("table ")
    }
    return [
        clash
        for clash in found
        if clash.key.startswith("table ") or tuple((side.revision, side.line) for side in clash.sides) not in lines
    ]


@singledispatch
def _touched(op: Operation) -> list[_Mark]:
    """What an operation changes, drops and uses; for most it is the tables that it names."""
    return [each for table in op.tables for each in _used(table)]


@_touched.register
def _(op: CreateTable) -> list[_Mark]:
    # A foreign key inside it locks the table that it refers to.
    locked = {lock.table for sent in op.statements if sent.measured for lock in sent.measured.locks}
    referred = [each for table in sorted(locked - {op.table}) for each in _used(table)]
    return [("changes", f"table {op.table}"), *referred]


@_touched.register
def _(op: DropTable) -> list[_Mark]:
    return [("drops", f"table {op.table}")]


@_touched.register
def _(op: RenameTable) -> list[_Mark]:
    return [("drops", f"table {op.table}"), ("changes", f"table {op.to}")]


@_touched.register
def _(op: AddColumn) -> list[_Mark]:
    return [("changes", f"column {op.table}.{op.column.name}"), *_used(op.table)]


@_touched.register
def _(op: DropColumn) -> list[_Mark]:
    return [("drops", f"column {op.table}.{op.column}"), *_used(op.table)]


@_touched.register
def _(op: AlterColumn) -> list[_Mark]:
    column = f"column {op.table}.{op.column}"
    if op.rename_to is None:
        return [("changes", column), *_used(op.table)]
    return [("drops", column), ("changes", f"column {op.table}.{op.rename_to}"), *_used(op.table)]


@_touched.register
def _(op: CreateIndex) -> list[_Mark]:
    own: list[_Mark] = [("changes", f"index {op.name}")] if op.name else []
    return [*own, *_used(op.table, op.columns)]


@_touched.register
def _(op: DropIndex) -> list[_Mark]:
    return [("drops", f"index {op.name}"), *_used(op.table)]


@_touched.register
def _(op: AddConstraint) -> list[_Mark]:
    name = op.name or f"({', '.join(op.columns)})"
    what = "primary key" if op.kind is ConstraintKind.PRIMARY_KEY else f"constraint {name}"
    return [
        ("changes", f"{what} on {op.table}"),
        *_used(op.table, op.columns),
        *_used(op.references, op.referenced_columns),
    ]


@_touched.register
def _(op: DropConstraint) -> list[_Mark]:
    own: list[_Mark] = [("drops", f"constraint {op.name} on {op.table}")] if op.name else []
    return [*own, *_used(op.table)]


@_touched.register
def _(op: ValidateConstraint) -> list[_Mark]:
    return [("uses", f"constraint {op.name} on {op.table}"), *_used(op.table)]


@_touched.register
def _(op: CreateObject) -> list[_Mark]:
    own: list[_Mark] = [] if op.kind in _SHARED else [("changes", _object(op))]
    return [*own, *_used(op.table)]


@_touched.register
def _(op: DropObject) -> list[_Mark]:
    return [("drops", _object(op)), *_used(op.table)]


@_touched.register
def _(op: AlterObject) -> list[_Mark]:
    own: list[_Mark] = [] if op.kind in _NO_OBJECT or not op.name else [("changes", _object(op))]
    return [*own, *_used(op.table)]


@_touched.register
def _(op: Update) -> list[_Mark]:
    # Who writes last wins: the order decides what the rows hold in the end.
    written: list[_Mark] = [("changes", f"values of {op.table}.{name}") for name in op.columns]
    return [*written, *_used(op.table, op.columns)]


@_touched.register
def _(op: Unrecognised) -> list[_Mark]:
    return [each for table in op.writes for each in _used(table)]


def _used(table: str | None, columns: Sequence[str] = ()) -> list[_Mark]:
    if table is None:
        return []
    used: list[_Mark] = [("uses", f"column {table}.{name}") for name in columns]
    return [("uses", f"table {table}"), *used]


def _object(op: CreateObject | DropObject | AlterObject) -> str:
    return f"{op.kind} {op.name} on {op.table}" if op.table else f"{op.kind} {op.name}"


def _words(op: Operation) -> str:
    words = _WORDS.get(type(op))
    if words is None:
        return f"touches {', '.join(op.tables) or 'the database'}"
    return " ".join(words(op).split())


def _altered(op: AlterColumn) -> str:
    if op.rename_to is not None:
        return f"renames column {op.table}.{op.column} to {op.rename_to}"
    parts = [
        *([f"type {op.type}"] if op.type else []),
        *(["NOT NULL"] if op.nullable is False else ["nullable"] if op.nullable else []),
        *([f"default {op.default}"] if op.default is not None else []),
        *(["no default"] if op.drops_default else []),
    ]
    return f"changes column {op.table}.{op.column}" + (f" ({', '.join(parts)})" if parts else "")


_WORDS: dict[type, Callable[[Any], str]] = {
    CreateTable: lambda op: f"creates table {op.table}",
    DropTable: lambda op: f"drops table {op.table}",
    RenameTable: lambda op: f"renames table {op.table} to {op.to}",
    AddColumn: lambda op: f"adds column {op.table}.{op.column.name}",
    DropColumn: lambda op: f"drops column {op.table}.{op.column}",
    AlterColumn: _altered,
    CreateIndex: lambda op: f"creates index {op.name or ''} on {op.table}",
    DropIndex: lambda op: f"drops index {op.name}",
    AddConstraint: lambda op: f"adds {op.kind} constraint {op.name or ''} on {op.table}",
    DropConstraint: lambda op: f"drops constraint {op.name} on {op.table}",
    ValidateConstraint: lambda op: f"validates constraint {op.name} on {op.table}",
    CreateObject: lambda op: f"creates {op.kind} {op.name}",
    DropObject: lambda op: f"drops {op.kind} {op.name}",
    AlterObject: lambda op: f"changes {op.kind} {op.name} ({op.action})",
    Update: lambda op: f"updates {', '.join(f'{op.table}.{name}' for name in op.columns) or op.table}",
    Insert: lambda op: f"inserts into {op.table}",
    Delete: lambda op: f"deletes rows of {op.table}",
    Truncate: lambda op: f"deletes all rows of {op.table}",
    Unrecognised: lambda op: f"runs SQL that writes to {', '.join(op.writes) or 'the database'}",
}
