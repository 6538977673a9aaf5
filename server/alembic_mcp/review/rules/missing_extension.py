"""A type, function or operator class that comes with an extension which is not installed in the database.

CREATE EXTENSION itself fails where the server does not have the extension's files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...operations import CreateObject, Operation
from ...report import Severity
from ..context import Context
from ..history import is_made, ran
from ..needs import extensions
from ..questions import Exists, Question
from ..remedies import execute
from ..rule import Found, rule


def _asks(op: Operation, context: Context) -> Iterable[Question]:
    if not context.is_postgresql or ran(op, context):
        return
    if isinstance(op, CreateObject) and op.kind == "extension":
        yield Exists("available extension", op.name)
    for name, _ in extensions(op):
        if is_made("extension", name, context) is None:
            yield Exists("extension", name)


@rule(severity=Severity.BLOCKER, remedy="Create the extension first.", asks=_asks)
def missing_extension(op: Operation, context: Context) -> Iterator[Found]:
    """Judge CREATE EXTENSION, and what needs one and was not seen to work."""
    if not context.is_postgresql or ran(op, context):
        return
    severity = Severity.BLOCKER if context.running else Severity.DANGER
    if isinstance(op, CreateObject) and op.kind == "extension":
        answer = context.facts.answer(Exists("available extension", op.name))
        if answer is not None and answer.rows == 0:
            yield Found(
                f"The server of the database does not have the extension {op.name}: this fails.",
                remedy=f"Have {op.name} installed on the server first, or do without it.",
                severity=severity,
                evidence={"extension": op.name},
            )
        return
    for name, needed in dict(extensions(op)).items():
        made, answer = is_made("extension", name, context), context.facts.answer(Exists("extension", name))
        if made is True or (made is None and (answer is None or answer.rows != 0)):
            continue
        spelled = f'"{name}"' if "-" in name else name
        yield Found(
            f"{op.tables[0]} needs {needed}, which comes with the extension {name}: that is not installed in the "
            "database, and this fails.",
            remedy=f"Before it: {execute(f'CREATE EXTENSION IF NOT EXISTS {spelled}')}.",
            severity=severity,
            evidence={"extension": name},
        )
