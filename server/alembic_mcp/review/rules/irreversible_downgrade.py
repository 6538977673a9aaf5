"""A revision without a downgrade that works leaves no way back but a backup.

The downgrade raises, does nothing although the upgrade does something, or does not exist.
"""

from __future__ import annotations

from ...operations import CreateTable, Direction, DropTable, Harmless, Update, ValidateConstraint
from ...report import Severity
from ..context import Context
from ..rule import Found, revision_rule

_GIVES_UP = ("NotImplementedError", "RuntimeError", "Exception", "AssertionError", "CommandError", "SystemExit")
"""Exceptions by which a downgrade says that there is none; any other is an accident, see fails-on-scratch."""


@revision_rule(
    severity=Severity.WARNING,
    directions=frozenset({Direction.DOWNGRADE}),
    remedy="Write a downgrade() that undoes upgrade(), or say in its docstring how to get back.",
)
def irreversible_downgrade(context: Context) -> Found | None:
    """Judge what the rehearsal of the downgrade showed."""
    rehearsed = context.rehearsed
    if rehearsed is None or (not context.running and all(isinstance(op, Harmless) for op in context.other)):
        return None
    severity = Severity.DANGER if context.running else Severity.WARNING
    moves = " Running it only moves the version back." if context.running else ""
    if rehearsed.downgrade_missing:
        return Found(f"There is no downgrade(), so there is no way back.{moves}", severity=severity)
    if rehearsed.downgrade_empty and (rehearsed.restored is False or not _leaves_nothing(context)):
        return Found(f"downgrade() does nothing, although upgrade() does something.{moves}", severity=severity)
    error = rehearsed.downgrade_error
    if error is not None and not context.running and gives_up(error.message, error.sql):
        return Found(f"downgrade() refuses to run: {error.message}", line=error.line, evidence={"error": error.message})
    return None


def _leaves_nothing(context: Context) -> bool:
    """True if there is nothing to undo.

    Constraints were checked, columns filled that an earlier revision adds, or tables made that are gone at its end.
    """
    passing = {op.table for op in context.other.of(CreateTable)} & {op.table for op in context.other.of(DropTable)}
    done = [op for op in context.other if not isinstance(op, Harmless) and not passing.issuperset(op.tables or ("",))]
    return not context.running and all(
        isinstance(op, ValidateConstraint)
        or (
            isinstance(op, Update)
            and bool(op.columns)
            and all(context.names.column(op.table, column) is None for column in op.columns)
        )
        for op in done
    )


def gives_up(message: str, sql: str | None) -> bool:
    """True if a downgrade raised on purpose, rather than failed."""
    return sql is None and message.split(":", 1)[0].rpartition(".")[2].strip() in _GIVES_UP
