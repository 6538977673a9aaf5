"""Keeps a long review short enough for a conversation: its statements come a page at a time."""

from __future__ import annotations

from typing import TypeVar

from ..report import Report, ReviewReport

__all__ = ["PAGE", "paged"]

PAGE = 100
"""Statements that one answer holds; findings and decision are always complete."""

R = TypeVar("R", bound=Report)


def paged(report: R, first: int = 0) -> R:
    """*report* with at most a page of its statements, from number *first* (0 is the first) on.

    What is left out is said in ``next_steps``. A report that is no review, or has no more than a page, is as it was.
    """
    if not isinstance(report, ReviewReport) or len(report.statements) <= PAGE:
        return report
    count = len(report.statements)
    page = report.statements[first : first + PAGE]
    until = first + len(page)
    steps = [*report.next_steps]
    if until < count:
        steps.append(
            f"{count - until} of {count} statements are left out here; review with statements_from={until} shows more, "
            "or review one revision by its id."
        )
    return report.model_copy(update={"statements": page, "next_steps": steps})
