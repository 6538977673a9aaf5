"""What a statement does is not known: it could be neither read nor measured.

A DO block, a procedure, a helper's SQL or a function with side effects can do anything, and what it does may depend on
rows that an empty copy does not have.
"""

from __future__ import annotations

from ...operations import Operation, Unrecognised
from ...report import Severity
from ..context import Context
from ..rule import Found, rule

_SHOWN = 80


@rule(
    severity=Severity.DANGER,
    remedy="Write it as Alembic operations or as plain SQL statements, so that it can be judged.",
)
def unrecognised_statement(op: Operation, context: Context) -> Found | None:
    """Judge what reading and measuring left over, in both directions."""
    if not isinstance(op, Unrecognised):
        return None
    sql = " ".join(op.sql.split())
    sql = sql if len(sql) <= _SHOWN else f"{sql[: _SHOWN - 3]}..."
    if sql.startswith("-- sent through the driver"):
        sql = "what is sent through a cursor of the driver, past SQLAlchemy,"
    writes = ", ".join(op.writes)
    if op.from_effect:
        problem = f"{sql} also writes to {writes}, which it does not name: a trigger or a function does."
    elif op.writes:
        problem = f"{sql} writes to {writes}, and what it does there is not known."
    else:
        problem = f"What {sql.removeprefix('what ')} does is not known: it was neither understood nor measured."
    return Found(
        problem[0].upper() + problem[1:] if problem.startswith("what ") else problem,
        severity=Severity.DANGER if context.running else Severity.WARNING,
        table=op.writes[0] if op.writes else None,
        evidence={"writes": list(op.writes), "sql": op.sql[:1000]},
    )
