"""Exit codes: what a report means to a script."""

from __future__ import annotations

from ..report import CheckReport, Decision, Report, ReviewReport

__all__ = ["EXIT_CODES", "exit_code"]

DONE, FAILED, USAGE, REFUSED, UNANSWERED, DIFFERENT, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130

EXIT_CODES = """\
Exit codes:

0  done; review and --dry-run: the policy says run

1  failed: it was tried and did not work

2  wrong usage of the command

3  refused; review and --dry-run: the policy says refuse

4  a person's approval or an answer is needed; review and --dry-run: the policy says ask

5  check: the models and the database differ

130  interrupted"""


def exit_code(report: Report) -> int:
    """The exit code for *report*."""
    match report:
        case Report(status="failed"):
            return FAILED
        case Report(status="refused") | ReviewReport(decision=Decision.REFUSE):
            return REFUSED
        case Report(status="needs_answer" | "needs_approval"):
            return UNANSWERED
        case ReviewReport(decision=Decision.ASK) if not getattr(report, "applied", False):
            return UNANSWERED
        case CheckReport(differences=[_, *_]):
            return DIFFERENT
    return DONE
