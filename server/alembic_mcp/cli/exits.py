"""Exit codes: what a report means to a script."""

from __future__ import annotations

from ..report import CheckReport, Decision, Report, ReviewReport, Severity

__all__ = ["EXIT_CODES", "exit_code", "exit_code_of_findings"]

DONE, FAILED, USAGE, REFUSED, UNANSWERED, DIFFERENT, FOUND, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 130

EXIT_CODES = """\
Exit codes:

0  done; review and --dry-run: the policy says run

1  failed: it was tried and did not work

2  wrong usage of the command

3  refused; review and --dry-run: the policy says refuse

4  a person's approval or an answer is needed; review and --dry-run: the policy says ask

5  check: the models and the database differ, be it in what autogenerate can't see

6  review --fail-on: something that bad was found (and 0 if not, whatever the policy says)

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
        case CheckReport() if report.differences or len(report.invisible) > len(report.stays):
            return DIFFERENT
    return DONE


def exit_code_of_findings(report: ReviewReport, fail_on: Severity | None) -> int:
    """The same for a review that, once it is done, is judged by its findings alone; by the policy without *fail_on*."""
    if fail_on is None or report.status != "done":
        return exit_code(report)
    return FOUND if any(one.severity.rank <= fail_on.rank for one in report.findings) else DONE
