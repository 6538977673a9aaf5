"""A change of type fails without USING where PostgreSQL has no automatic cast, and on values that do not cast.

A text that is to become a number, a date, a UUID or an enum needs USING. Whether each value casts, or fits a shorter
or smaller type, is asked of the real database.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...operations import AlterColumn, AlterObject, CreateObject, Operation
from ...report import Severity
from ..context import Context
from ..enums import values_after, values_before
from ..history import operations_before, ran
from ..narrowing import family, narrower
from ..offences import judged, offence, said, unfit
from ..questions import Question
from ..remedies import Code, call, execute, quoted
from ..rule import Found, rule

_KNOWN = frozenset(
    {
        "string", "integer", "decimal", "float", "json", "date", "timestamp", "time", "interval", "boolean", "uuid",
        "bytes", "network", "bits", "money", "xml", "tsvector",
    }
)  # fmt: skip
_NUMBERS = ("integer", "decimal", "float")
_AUTOMATIC = frozenset(
    {
        ("date", "timestamp"), ("timestamp", "date"), ("timestamp", "time"), ("time", "interval"), ("interval", "time"),
        ("integer", "money"), ("decimal", "money"), ("money", "decimal"),
        *((one, other) for one in _NUMBERS for other in _NUMBERS),
    }
)  # fmt: skip
"""Families of types between which ALTER COLUMN TYPE casts on its own; everything becomes a text on its own."""


def _asks(op: Operation, context: Context) -> Iterable[Question]:
    question = unfit(op, context)
    if question is not None:
        yield question


@rule(
    severity=Severity.BLOCKER,
    remedy="Say with postgresql_using how each value becomes one of the new type.",
    asks=_asks,
)
def cast_fails(op: Operation, context: Context) -> Found | None:
    """Judge ALTER COLUMN TYPE on PostgreSQL, its values where it is about to run."""
    if not isinstance(op, AlterColumn) or op.type is None or not context.is_postgresql:
        return None
    old = context.type(op.table, op.column) or op.existing_type
    name = f"{op.table}.{op.column}"
    if op.using is None and _refused(op, context, old):
        refused = any("cannot be cast automatically" in (one.error or "") for one in op.statements)
        return Found(
            f"{name} cannot become {op.type} on its own{f' from {old}' if old else ''}: PostgreSQL refuses this "
            "without USING, even if the table is empty.",
            remedy=_remedy(op),
            severity=Severity.BLOCKER if refused and context.running else Severity.DANGER,
            evidence={"from": old, "to": op.type},
        )
    question = unfit(op, context)
    if question is None or context.is_new(op.table) or not context.is_live(op.table):
        return None
    found = offence(question, op.table, [op.column], context)
    from_text = family(old) == "string" != family(op.type)
    if not found.number and found.why_unknown is None and not from_text:
        return None
    if found.why_unknown is not None and "does not exist" in found.why_unknown:
        return None  # the type: missing-type and missing-extension say so
    loss = narrower(old, op.type)
    if not found.number and loss is not None and not loss.silent and not from_text:
        return None  # narrows-type says what is not known
    return judged(
        found,
        certain=f"{name} cannot become {op.type}, because {said(found, op.table, context, 'has', 'have')} a value that "
        "does not cast or does not fit",
        possible=f"{name} becomes {op.type}: this fails if a value does not cast or does not fit.",
        remedy="Mend those values in a revision before this one, or say in postgresql_using what becomes of them: "
        f"{_using(op, 'CASE WHEN ... THEN ... END')}.",
    )


def _refused(op: AlterColumn, context: Context, old: str | None) -> bool:
    """True if there is no automatic cast: seen to be refused, or by the book where it was not run."""
    if any("cannot be cast automatically" in (one.error or "") for one in op.statements):
        return True
    before, after = family(old), family(op.type)
    if ran(op, context) or not old or after in (before, "string"):
        return False
    is_enum = bool(values_before(_name(op.type or ""), context)) or any(
        _name(op.type or "") in values_after([one]) for one in operations_before(context, (CreateObject, AlterObject))
    )
    if before == "string" and is_enum:
        return True
    return before in _KNOWN and after in _KNOWN and (before, after) not in _AUTOMATIC


def _name(kind: str) -> str:
    return kind.replace('"', "").rpartition(".")[2]


def _remedy(op: AlterColumn) -> str:
    return f"Say how: {_using(op, f'{quoted(op.column)}::{op.type}')}."


def _using(op: AlterColumn, expression: str) -> str:
    kind = _DECLARED.get((op.type or "").upper())
    if kind is None:
        table, column = quoted(op.table), quoted(op.column)
        return execute(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE {op.type} USING {expression}")
    return call("alter_column", op.table, op.column, table=op.table, type_=Code(kind), postgresql_using=expression)


_DECLARED = {
    "INTEGER": "sa.Integer()", "BIGINT": "sa.BigInteger()", "SMALLINT": "sa.SmallInteger()", "DATE": "sa.Date()",
    "BOOLEAN": "sa.Boolean()",
}  # fmt: skip
