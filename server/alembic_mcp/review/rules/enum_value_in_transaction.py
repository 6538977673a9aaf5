"""PostgreSQL refuses to use a value of an enum in the transaction that added it, also as a column default.

The type must have been made in the same transaction; else the value has to be committed first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ...operations import AlterObject, CreateObject, Operation
from ...report import Severity
from ..context import Context
from ..enums import added_value, bare
from ..locking import same_transaction
from ..remedies import autocommit, execute
from ..rule import Found, revision_rule

_REFUSAL = "unsafe use of new value"


@revision_rule(
    severity=Severity.DANGER,
    remedy="Add the value in op.get_context().autocommit_block(), which commits it.",
)
def enum_value_in_transaction(context: Context) -> Iterator[Found]:
    """Judge statements that name a value which the same transaction has added."""
    if not context.is_postgresql:
        return
    added: list[tuple[str, AlterObject]] = []
    for index, op in enumerate(context.later):
        value = added_value(op)
        if value is not None and isinstance(op, AlterObject):
            added.append((value, op))
        elif added:
            here = replace(context, prior=context.later.before(index), later=context.later.after(index))
            yield from _uses(op, here, added)


def _uses(op: Operation, context: Context, added: list[tuple[str, AlterObject]]) -> Iterator[Found]:
    refused = any(_REFUSAL in (one.error or "") for one in op.statements)
    ran = bool(op.statements) and all(one.measured is not None and not one.error for one in op.statements)
    if ran and not refused:
        return
    for value, earlier in added:
        if _names(op, value) and not _is_new(earlier, context) and same_transaction(op, context, earlier):
            sql = earlier.statements[0].sql if earlier.statements else f"ALTER TYPE {earlier.name} {earlier.text}"
            yield Found(
                f"It uses '{value}', which line {earlier.line} adds to enum {earlier.name} in the same transaction: "
                "PostgreSQL refuses that until the value is committed.",
                remedy=f"{autocommit(execute(sql))}, before what uses it.",
                severity=Severity.BLOCKER if refused and context.running else Severity.DANGER,
                line=op.line,
                table=op.tables[0] if op.tables else None,
            )
            return


def _is_new(op: AlterObject, context: Context) -> bool:
    return any(
        isinstance(other, CreateObject) and other.kind == "type" and bare(other.name) == bare(op.name)
        for other in context.prior
    )


def _names(op: Operation, value: str) -> bool:
    literal = re.compile(rf"'{re.escape(value.replace(chr(39), chr(39) * 2))}'")
    texts = [one.sql for one in op.statements]
    texts += [str(getattr(op, name, None) or "") for name in ("default", "where", "expression", "using", "sql")]
    column = getattr(op, "column", None)
    texts.append(str(getattr(column, "server_default", None) or ""))
    return any(literal.search(text) for text in texts) or any(_REFUSAL in (one.error or "") for one in op.statements)
