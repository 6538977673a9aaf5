"""A narrower type does not hold every value of the old one: a shorter varchar, a smaller number, a text made an enum.

Some values make the change fail, others are silently rounded or cut off: digits, the time of day, the time zone, and
with USING whatever its cast throws away.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...operations import AlterColumn, Operation
from ...report import Severity
from ..context import Context
from ..counts import rows_of
from ..narrowing import Loss, family, narrower
from ..offences import offence, unfit
from ..questions import Question, Unfit, Violators
from ..rule import Evidence, Found, rule


def _asks(op: Operation, context: Context) -> Iterable[Question]:
    if isinstance(op, AlterColumn) and op.type is not None:
        question = _question(op, _loss(op, context), context)
        return () if question is None else (question,)
    return ()


@rule(
    severity=Severity.WARNING,
    remedy="Look for values that do not fit first, or keep the wider type and limit new values with a CHECK.",
    asks=_asks,
)
def narrows_type(op: Operation, context: Context) -> Found | None:
    """Judge ALTER COLUMN TYPE in both directions; SQLite does not enforce its types."""
    if not isinstance(op, AlterColumn) or op.type is None or context.path.dialect == "sqlite":
        return None
    if not context.is_live(op.table):
        return None
    old, loss = _old(op, context), _loss(op, context)
    if old is None or loss is None:
        return None
    name = f"{op.table}.{op.column}"
    silent = loss.silent or (op.using is not None and family(op.type) == "string")
    if context.running:
        return _running(op, loss, context, name=name, silent=silent)
    return Found(
        f"The downgrade narrows {name} from {old} to {op.type}: values {loss.what} that are written until then "
        f"{'are changed' if silent else _fails(context)}.",
        severity=Severity.INFO,
        remedy=_remedy(op, old, context),
        evidence={"from": old, "to": op.type},
    )


def _running(op: AlterColumn, loss: Loss, context: Context, *, name: str, silent: bool) -> Found | None:
    rows, old = rows_of(op.table, context), _old(op, context) or ""
    asked = offence(_question(op, loss, context), op.table, [op.column], context)
    if not silent and (asked.number or (asked.change is not None and asked.change.mends)):
        return None  # cast-fails counts them
    narrows = f"Narrows {name} from {old} to {op.type}"
    changes = _changed(op, loss) if silent else _fails(context)
    evidence: Evidence = {**rows.evidence, **(asked.evidence if asked.answer is not None else {})}
    if asked.number == 0 and asked.change is None:
        problem = f"{narrows}: it has no values {loss.what} now; such as are written until it runs {changes}."
        severity = Severity.INFO
    elif asked.number:
        least = "at least " if asked.answer is not None and asked.answer.at_least else ""
        problem = (
            f"{narrows}: {least}{asked.number:,} of its values, {loss.what}, {changes} ({op.table} has {rows.text})."
        )
        severity = Severity.DANGER
        evidence["values"] = asked.number
    else:
        problem = f"{narrows}: values {loss.what} {changes} ({op.table} has {rows.text})."
        severity = Severity.DANGER if silent else Severity.WARNING
    return Found(
        problem,
        severity=severity,
        remedy=_remedy(op, old, context),
        evidence={**evidence, "from": old, "to": op.type, "using": op.using},
    )


def _old(op: AlterColumn, context: Context) -> str | None:
    now = context.type(op.table, op.column)
    return op.existing_type or (now if context.running else _undone(op, context) or now)


def _loss(op: AlterColumn, context: Context) -> Loss | None:
    return narrower(_old(op, context), op.type)


def _question(op: AlterColumn, loss: Loss | None, context: Context) -> Question | None:
    """Values that are changed silently, or that it fails on; None if it can't be asked."""
    real, column = context.names.table(op.table), context.names.column(op.table, op.column)
    if loss is None or real is None or column is None or not context.running or not context.is_postgresql:
        return None
    if loss.silent:
        quoted = f'"{column}"'
        plain = loss.keeps and op.using is None and '"' not in column
        return Violators(real, loss.keeps.format(quoted, quoted)) if plain else None
    if op.using is not None and family(op.type) == "string":
        return Unfit(real, column, op.type or "")  # what its own cast would refuse, USING cuts off
    return unfit(op, context)


def _changed(op: AlterColumn, loss: Loss) -> str:
    return f"become what {op.using} makes of them" if op.using and not loss.silent else "are silently changed"


def _undone(op: AlterColumn, context: Context) -> str | None:
    """The type that the other direction gives to the column."""
    return next(
        (
            other.type
            for other in context.other
            if isinstance(other, AlterColumn) and (other.table, other.column) == (op.table, op.column)
        ),
        None,
    )


def _fails(context: Context) -> str:
    return f"make it fail{' (without strict SQL mode they are cut)' if _is_mysql(context) else ''}"


def _is_mysql(context: Context) -> bool:
    return context.path.dialect in ("mysql", "mariadb")


def _remedy(op: AlterColumn, old: str, context: Context) -> str:
    more = "" if _is_mysql(context) else ", postgresql_not_valid=True"
    return (
        f"Look for values of {op.table}.{op.column} that do not fit first. Or keep {old}, and limit new values with "
        f'op.create_check_constraint(..., "{op.table}", ...{more}).'
    )
