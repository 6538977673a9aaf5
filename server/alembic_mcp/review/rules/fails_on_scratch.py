"""The revision was run on a scratch database with the schema of the real one, and failed.

It would fail on the real database in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...operations import Direction, RecordedError
from ...report import Severity
from ..context import Context
from ..rule import Evidence, Found, revision_rule
from .irreversible_downgrade import gives_up


@revision_rule(severity=Severity.BLOCKER, remedy="Mend the revision so that it runs, then review it again.")
def fails_on_scratch(context: Context) -> Iterator[Found]:
    """Judge the errors of the rehearsal; one that is about to run is a blocker."""
    rehearsed = context.rehearsed
    if rehearsed is None:
        return
    severity = Severity.BLOCKER if context.running else Severity.DANGER
    if context.direction is Direction.UPGRADE:
        if rehearsed.upgrade_error is not None:
            yield _found("upgrade() fails", rehearsed.upgrade_error, severity)
        return
    error = rehearsed.downgrade_error
    if error is not None and (context.running or not gives_up(error.message, error.sql)):
        yield _found("downgrade() fails", error, severity)
    if rehearsed.reupgrade_error is not None:
        yield Found(
            f"After the downgrade the upgrade does not run again: {rehearsed.reupgrade_error.message}",
            remedy="Make downgrade() remove everything that upgrade() made, types of enums included.",
            severity=Severity.WARNING,
            evidence=_evidence(rehearsed.reupgrade_error),
        )


def _found(what: str, error: RecordedError, severity: Severity) -> Found:
    return Found(
        f"{what}: {error.message}",
        remedy=f"Mend line {error.line}, then review it again." if error.line else None,
        severity=severity,
        line=error.line,
        evidence=_evidence(error),
    )


def _evidence(error: RecordedError) -> Evidence:
    return {"error": error.message, "sql": error.sql}
