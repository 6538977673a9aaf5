"""After upgrade and downgrade the schema is not what it was before: the downgrade forgets or changes something.

Measured on the scratch database, by comparing the whole schema.
"""

from __future__ import annotations

from ...operations import Direction
from ...report import Severity
from ..context import Context
from ..rule import Found, revision_rule

_SHOWN = 5
_BATCH = (
    "Make downgrade() undo each step of upgrade(), in the opposite order. Batch mode makes a table anew from what "
    "SQLAlchemy reads of it, without the order, the collation and the conditions of its indexes: drop those before the "
    "batch, and create them again after it, in both directions."
)


@revision_rule(
    severity=Severity.WARNING,
    directions=frozenset({Direction.DOWNGRADE}),
    remedy="Make downgrade() undo each step of upgrade(), in the opposite order.",
)
def downgrade_does_not_restore(context: Context) -> Found | None:
    """Judge the comparison of the schemas; a downgrade that does nothing is irreversible-downgrade's."""
    rehearsed = context.rehearsed
    if rehearsed is None or rehearsed.restored is not False or rehearsed.downgraded is not True:
        return None
    if rehearsed.downgrade_missing or rehearsed.downgrade_empty:
        return None
    shown = "; ".join(rehearsed.not_restored[:_SHOWN])
    more = len(rehearsed.not_restored) - _SHOWN
    again = rehearsed.reupgrade_error
    fails = f" The upgrade does not run again after that: {again.message}" if again is not None else ""
    return Found(
        f"After upgrade and downgrade the schema is not what it was: {shown or 'it differs'}"
        f"{f'; and {more} more' if more > 0 else ''}.{fails}",
        remedy=_BATCH
        if context.path.dialect == "sqlite" and any(" was '" in one for one in shown.split("; "))
        else None,
        evidence={"differences": list(rehearsed.not_restored), "error": again.message if again is not None else None},
    )
