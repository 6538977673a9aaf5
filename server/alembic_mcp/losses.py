"""Which findings say that data is destroyed or overwritten: one answer for the policy and for the approval page."""

from __future__ import annotations

from .report import Finding, Severity

__all__ = ["COUNTED", "LOSING", "destroys"]

COUNTED = ("drop-table", "drop-column", "truncate", "delete-rows", "drops-partition-child")
"""Rules that count what goes, as ``rows`` or ``values`` of their evidence."""
LOSING = (*COUNTED, "narrows-type", "update-all-rows", "drop-schema", "enum-value-removed")
"""Rules about what is gone, or is something else, afterwards."""
_NARROWS = "narrows-type"
_TRANSLATES = "enum-value-removed"


def destroys(finding: Finding) -> bool:
    """True if rows or values go that nothing brings back.

    A narrower type does so where it changes them silently, and an enum without a value where rows get another one.
    """
    if finding.rule == _NARROWS:
        return finding.severity is Severity.DANGER
    if finding.rule == _TRANSLATES:
        return finding.severity is Severity.DANGER and "rows" in finding.evidence
    return finding.rule in COUNTED and finding.severity is not Severity.INFO
