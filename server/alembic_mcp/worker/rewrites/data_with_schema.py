"""What a backfill reads is dropped after it, and a column after the index on it."""

from __future__ import annotations

import re
from typing import Any, Iterable, Iterator, List, Set

from alembic.operations import ops

from ..generate.changes import Change, Facts, Phase
from ..generate.directives import Code, With

__all__ = ["data_with_schema"]

RULE = "data-with-schema"
_WORD = re.compile(r"\w+")
_QUOTED = re.compile(r'"([^"]+)"')


def data_with_schema(changes: List[Change], facts: Facts) -> List[Change]:  # noqa: ARG001 - as all rewrites
    """Move drops into the last revision where another revision has to run before them."""
    read = {word for change in changes if change.phase is Phase.BACKFILL for word in _words(change.up)}
    for position, change in enumerate(changes):
        names = _drops(change)
        if not names or change.phase >= Phase.CONTRACT:
            continue
        if names & read:
            change.phase = Phase.CONTRACT
            change.why = change.why or f"Drops {', '.join(sorted(names))} of {change.table}: the backfill has read it."
            if isinstance(change.op, ops.DropTableOp):
                change.why = f"Drops {change.table}: the backfill has read it."
                for other in changes[:position]:
                    if other.table == change.table:
                        other.phase = Phase.CONTRACT
        elif any(
            other.table == change.table and other.phase > change.phase and names & _words([*other.up, *other.down])
            for other in changes[:position]
        ):
            change.phase = Phase.CONTRACT
    latest = max((change.phase for change in changes), default=Phase.EXPAND)
    for change in changes:
        if change.table is None and any(text.startswith("DROP TYPE ") for text in _texts(change.up)):
            change.phase = latest  # after the last column that has it
    return changes


def _drops(change: Change) -> Set[str]:
    found = set()
    for op in change.up:
        if isinstance(op, ops.DropColumnOp):
            found.add(str(op.column_name))
        elif isinstance(op, ops.DropTableOp):
            found.add(str(op.table_name))
    return found


def _words(directives: Iterable[Any]) -> Set[str]:
    """What could be names: each text as a whole, what is quoted in it, and its words."""
    return {word for text in _texts(directives) for word in (text, *_QUOTED.findall(text), *_WORD.findall(text))}


def _texts(directives: Iterable[Any]) -> Iterator[str]:
    for directive in directives:
        op = directive.inner if isinstance(directive, With) else directive
        yield from _texts(getattr(op, "ops", ()))
        if isinstance(op, Code):
            yield op.text
        elif isinstance(op, ops.ExecuteSQLOp):
            yield str(op.sqltext)
        else:
            for column in getattr(op, "columns", None) or ():
                yield str(getattr(column, "name", None) or column)
            options = (getattr(op, "kw", None) or {}).values()  # included columns, and the condition of an index
            for value in options:
                yield from map(str, value if isinstance(value, (list, tuple)) else [value])
