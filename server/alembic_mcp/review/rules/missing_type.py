"""A column of a type that nobody has made: an enum or a domain that is not there yet, or not any more.

op.create_table() makes the enums of its columns by itself; op.add_column() and op.alter_column() do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...operations import CreateTable, Operation
from ...report import Severity
from ..context import Context
from ..history import is_made, ran
from ..needs import types
from ..questions import Exists, Question
from ..rule import Found, rule


def _needed(op: Operation, context: Context) -> Iterator[str]:
    if not context.is_postgresql or ran(op, context):
        return
    for name in dict.fromkeys(types(op)):
        if isinstance(op, CreateTable) and not op.from_sql and not _failed_on(name, op):
            continue
        yield name


def _asks(op: Operation, context: Context) -> Iterable[Question]:
    return (Exists("type", name) for name in _needed(op, context) if is_made("type", name, context) is None)


@rule(severity=Severity.BLOCKER, remedy="Create the type first.", asks=_asks)
def missing_type(op: Operation, context: Context) -> Iterator[Found]:
    """Judge the types of new and changed columns that were not seen to work."""
    for name in _needed(op, context):
        made = is_made("type", name, context)
        answer = context.facts.answer(Exists("type", name))
        if made is True or (made is None and (answer is None or answer.rows != 0)):
            continue
        why = "was dropped before" if made is False else "does not exist, and nothing before this line makes it"
        yield Found(
            f"The type {name} {why}: this fails.",
            remedy=f'Make it first: sa.Enum(..., name="{name}").create(op.get_bind(), checkfirst=True); and drop it in '
            "downgrade().",
            severity=Severity.BLOCKER if context.running else Severity.DANGER,
            evidence={"type": name},
        )


def _failed_on(name: str, op: CreateTable) -> bool:
    return any(f'type "{name}" does not exist' in (statement.error or "") for statement in op.statements)
