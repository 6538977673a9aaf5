"""A column or table is dropped, and one like it is added: that was meant as a rename, and loses the data.

Autogenerate can't see a rename; it sees one thing gone and another come. Where the revision moves the values over in
between, all is well.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from difflib import SequenceMatcher

from ...operations import AddColumn, Column, CreateTable, Direction, DropColumn, DropTable, Insert, Operation, Update
from ...report import Severity
from ..column_types import parse
from ..context import Context
from ..counts import rows_of, values_of
from ..narrowing import family
from ..remedies import call
from ..rule import Found, revision_rule
from ..schema import words
from .writes_data import unseen_loops

_ALIKE = 0.5
"""From here on, two names look like one that was changed; or two tables have the same columns."""
_CLOSE = 0.66
"""Letters in common from which on it is no accident: nick and nickname, but not name and age."""
_FEW = 2
_PAIRS = 2_500
"""Dropped times added columns of one table, at most, that are compared with each other."""

_Step = tuple[Operation, Context]


@revision_rule(
    severity=Severity.DANGER,
    directions=frozenset({Direction.UPGRADE}),
    remedy="If it is a rename, say so: op.alter_column(..., new_column_name=...) or op.rename_table(...).",
)
def rename_read_as_drop(context: Context) -> Iterator[Found]:
    """Judge an upgrade that is about to run, as a whole."""
    if not context.running:
        return
    steps = [
        (op, replace(here, names=here.names.copy()) if isinstance(op, (DropColumn, DropTable)) else here)
        for op, here in context.steps()
    ]
    lines = {op.line for op, _ in steps}
    if any(unseen_loops(context.revision.source, context.direction, lines)):
        return  # it may move the values, row by row
    yield from _columns(steps)
    yield from _tables(steps)


def _columns(steps: list[_Step]) -> Iterator[Found]:
    gone = [
        (op, here)
        for op, here in steps
        if isinstance(op, DropColumn) and not op.from_effect and here.names.column(op.table, op.column) is not None
        and here.is_live(op.table) and not values_of(op.table, op.column, here).none
    ]  # fmt: skip
    come = [op for op, _ in steps if isinstance(op, AddColumn) and not op.column.computed]
    drops, adds = Counter(op.table for op, _ in gone), Counter(op.table for op in come)
    if any(drops[table] * adds[table] > _PAIRS for table in drops):
        return  # with so many at once, names that are alike say nothing
    pairs = sorted(
        (
            (_likeness(old.column, new.column.name), index, old, new, here)
            for index, (old, here) in enumerate(gone)
            for new in come
            if new.table == old.table and _fits(old, new, here)
        ),
        key=lambda pair: (-pair[0], pair[1]),
    )
    taken: set[int] = set()
    for likeness, _, old, new, here in pairs:
        alone = (drops[old.table], adds[old.table]) == (1, 1)
        if id(old) in taken or id(new) in taken or (likeness < _ALIKE and not alone) or _is_moved(old, new, steps):
            continue
        taken |= {id(old), id(new)}
        values = values_of(old.table, old.column, here)
        yield Found(
            f"{old.table}.{old.column} is dropped and {old.table}.{new.column.name} added, which looks like a rename: "
            f"{values.text} of {old.column} would be lost.",
            remedy=f"If it is a rename, replace both by {_renamed(old, new)}.",
            severity=Severity.DANGER if likeness >= _ALIKE else Severity.WARNING,
            line=old.line,
            table=old.table,
            evidence={**values.evidence, "dropped": old.column, "added": new.column.name, "alike": round(likeness, 2)},
        )


def _renamed(old: DropColumn, new: AddColumn) -> str:
    return call("alter_column", old.table, old.column, table=old.table, new_column_name=new.column.name)


def _fits(old: DropColumn, new: AddColumn, here: Context) -> bool:
    """True if the new column could hold what the old one held."""
    if old.column == new.column.name:
        return False
    before = here.type(old.table, old.column) or next(
        (
            other.column.type
            for other in here.other
            if isinstance(other, AddColumn) and (other.table, other.column.name) == (old.table, old.column)
        ),
        None,
    )
    if not before or not new.column.type:
        return _likeness(old.column, new.column.name) >= _ALIKE
    if _likeness(old.column, new.column.name) < _ALIKE:
        return parse(before) == parse(new.column.type)
    return family(before) == family(new.column.type)


def _likeness(old: str, new: str) -> float:
    """0 to 1: how much one name looks like the other, by its letters or by its words."""
    parts, others = (set(re.findall(r"[a-z]+|\d+", _spaced(name))) for name in (old, new))
    shared = len(parts & others) / max(len(parts), len(others), 1)
    if parts and others and (parts <= others or others <= parts):
        shared = 1.0
    letters = SequenceMatcher(None, old.lower(), new.lower()).ratio()
    return max(letters if letters >= _CLOSE else 0.0, shared)


def _spaced(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _is_moved(old: DropColumn, new: AddColumn, steps: list[_Step]) -> bool:
    """True if something writes to the new column, or reads the old one, in between."""
    for op, _ in steps:
        if isinstance(op, Update) and op.table == old.table and (new.column.name in op.columns or not op.columns):
            return True
        if not isinstance(op, (AddColumn, DropColumn)) and not _only_changes_schema(op):
            text = {word for statement in op.statements for word in words(statement.sql)}
            if old.column in text and (old.table.rpartition(".")[2] in text or new.column.name in text):
                return True
    return False


def _only_changes_schema(op: Operation) -> bool:
    """True unless it may move values."""
    return not isinstance(op, (Insert, Update, CreateTable)) and type(op).__name__ != "Unrecognised"


def _tables(steps: list[_Step]) -> Iterator[Found]:
    come = [op for op, here in steps if isinstance(op, CreateTable) and not op.from_effect]
    gone = [
        (op, here)
        for op, here in steps
        if isinstance(op, DropTable) and not op.from_effect and not here.is_new(op.table) and here.is_live(op.table)
    ]
    taken: set[str] = set()
    for op, here in sorted(
        gone, key=lambda step: -max((_likeness(step[0].table, new.table) for new in come), default=0)
    ):
        rows = rows_of(op.table, here)
        columns = _columns_of(op, here)
        for new in sorted(come, key=lambda one: -_likeness(op.table, one.table)):
            if new.table in taken:
                continue
            if new.table == op.table or not _same_columns(columns, new.columns, op.table, new.table):
                continue
            taken.add(new.table)
            if _is_copied(op.table, new.table, steps):
                break
            yield Found(
                f"{op.table} is dropped and {new.table} created with the same columns, which looks like a rename: "
                f"{rows.text} would be lost.",
                remedy="If it is a rename, replace both by "
                f"{call('rename_table', op.table, new.table.rpartition('.')[2], table=op.table)}.",
                line=op.line,
                table=op.table,
                evidence={**rows.evidence, "dropped": op.table, "added": new.table},
            )
            break


def _columns_of(op: DropTable, here: Context) -> dict[str, str]:
    original = here.names.table(op.table)
    known = here.path.schema.columns(original) if original is not None else {}
    if known:
        return dict(known)
    made = (other for other in here.other if isinstance(other, CreateTable) and other.table == op.table)
    return {column.name: column.type for other in made for column in other.columns}


def _same_columns(old: dict[str, str], new: tuple[Column, ...], name: str, other: str) -> bool:
    both = [one for one in new if one.name in old and family(old[one.name]) == family(one.type)]
    together = len(old) + len(new) - len(both)
    if len(both) < _FEW or not together:
        return False
    share = len(both) / together
    if [one.name for one in both] == ["id"]:
        return False
    return share > 0.8 or (share >= _ALIKE and _likeness(name, other) >= _ALIKE)  # nearly all


def _is_copied(old: str, new: str, steps: list[_Step]) -> bool:
    """True if the rows are moved: by an INSERT into the new table, or by CREATE TABLE ... AS SELECT."""
    for op, _ in steps:
        if isinstance(op, Insert) and op.table == new:
            return True
        text = [word for statement in op.statements for word in words(statement.sql)]
        selects = "SELECT" in {word.upper() for word in text}
        if isinstance(op, CreateTable) and selects and old.rpartition(".")[2] in text:
            return True
    return False
