"""Something is made in a schema that nobody has made.

Alembic makes the tables of a schema, never the schema itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...operations import Operation
from ...report import Severity
from ..context import Context
from ..history import is_made, ran
from ..needs import schema
from ..questions import Exists, Question
from ..remedies import execute, quoted
from ..rule import Found, rule


def _needed(op: Operation, context: Context) -> str | None:
    return schema(op) if context.is_postgresql and not ran(op, context) else None


def _asks(op: Operation, context: Context) -> Iterable[Question]:
    name = _needed(op, context)
    if name is not None and is_made("schema", name, context) is None:
        yield Exists("schema", name)


@rule(severity=Severity.BLOCKER, remedy="Create the schema first.", asks=_asks)
def missing_schema(op: Operation, context: Context) -> Found | None:
    """Judge what is created outside the default schema and was not seen to work."""
    name = _needed(op, context)
    if name is None:
        return None
    made, answer = is_made("schema", name, context), context.facts.answer(Exists("schema", name))
    if made is True or (made is None and (answer is None or answer.rows != 0)):
        return None
    why = "was dropped before" if made is False else "does not exist, and nothing before this line makes it"
    return Found(
        f"The schema {name} {why}: this fails.",
        remedy=f"Before it: {execute(f'CREATE SCHEMA IF NOT EXISTS {quoted(name)}')}.",
        severity=Severity.BLOCKER if context.running else Severity.DANGER,
        evidence={"schema": name},
    )
