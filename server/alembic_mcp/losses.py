"""Which findings say that data is destroyed or overwritten: one answer for the policy and for the approval page."""

from __future__ import annotations

from .report import Finding, Severity

__all__ = ["COUNTED", "LOSING", "destroys"]

COUNTED = ("drop-table", "drop-column", "truncate", "delete-rows", "drops-partition-child")
"""Rules that count what goes, as ``rows`` or ``values`` of their evidence."""
LOSING = (*COUNTED, "narrows-type", "update-all-rows", "drop-schema", "enum-value-removed")
"""Rules about what is gone, or is something else, afterwards."""
_NARROWS = "narrows-type"


def destroys(finding: Finding) -> bool:
    """True if rows or values go that nothing brings back; a narrower type does so where it changes them silently."""
    if finding.rule == _NARROWS:
        return finding.severity is Severity.DANGER
    return finding.rule in COUNTED and finding.severity is not Severity.INFO
