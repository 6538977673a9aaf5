"""A report as text for people and models: what matters of it, in a few lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from ..errors import redact
from ..report import (
    ChangeReport,
    CheckReport,
    CurrentReport,
    Finding,
    GenerateReport,
    HistoryReport,
    MergeReport,
    RehearsalSummary,
    Report,
    ReviewReport,
    Severity,
)

__all__ = ["readable", "structured"]

WORST = 5
LISTED = 20
OUTPUT_CHARACTERS = 2_000


def structured(report: Report) -> dict[str, Any]:
    """*report* as the JSON object that tools and ``--json`` give, without secrets."""
    whole: dict[str, Any] = _clean(report.model_dump(mode="json", by_alias=True))
    return whole


def readable(report: Report) -> str:
    """*report* in a few lines, without secrets: summary, decision, the worst findings, what to do next."""
    lines = [report.summary]
    lines += _details(report)
    lines += [f"Warning: {warning}" for warning in report.warnings]
    if report.output:
        lines += ["What the project's code printed:", report.output.strip()[-OUTPUT_CHARACTERS:]]
    if report.next_steps:
        lines += ["Next:", *(f"- {step}" for step in report.next_steps)]
    return redact("\n".join(lines))


def _clean(value: Any) -> Any:
    """Redact every text in a JSON value."""
    match value:
        case str():
            return redact(value)
        case dict():
            return {key: _clean(item) for key, item in value.items()}
        case list():
            return [_clean(item) for item in value]
    return value


def _details(report: Report) -> Iterator[str]:
    match report:
        case ReviewReport():
            yield from _review(report)
        case GenerateReport():
            yield from (f"Revision: {file.revision}" for file in report.files)
            yield from _rehearsal(report.rehearsal)
            yield from _findings(report.findings)
        case MergeReport():
            if report.file:
                yield f"Revision: {report.file.revision}"
            yield from _rehearsal(report.rehearsal)
        case CurrentReport():
            yield from _listed("pending", (f"{line.revision} {line.message}".rstrip() for line in report.pending))
        case CheckReport():
            yield from _listed("difference", (item.description for item in report.differences))
            yield from _listed("not visible to autogenerate", report.invisible)
        case HistoryReport():
            yield from _history(report)


def _review(report: ReviewReport) -> Iterator[str]:
    if report.database:
        yield f"Database: {report.database.name} ({report.database.dialect}, {report.database.environment})"
    if isinstance(report, ChangeReport) and (report.before or report.after):
        yield f"Heads: {', '.join(report.before) or 'base'} -> {', '.join(report.after) or 'base'}"
    if report.decision:
        yield f"Decision: {report.decision}"
    yield from (f"Asked because of {item.rule} (level {item.level}): {item.why}" for item in report.escalations)
    yield from _rehearsal(report.rehearsal)
    yield from _findings(report.findings)


def _rehearsal(rehearsal: RehearsalSummary | None) -> Iterator[str]:
    if rehearsal is None or rehearsal.status == "not_needed":
        return
    where = f" ({rehearsal.where})" if rehearsal.where else ""
    yield f"Rehearsal: {rehearsal.status.replace('_', ' ')}{where}"
    yield from (f"  {detail}" for detail in rehearsal.details[:WORST])


def _findings(findings: list[Finding]) -> Iterator[str]:
    if not findings:
        return
    counts = Counter(finding.severity for finding in findings)
    yield "Findings: " + ", ".join(f"{counts[severity]} {severity}" for severity in Severity if counts[severity])
    worst = sorted(findings, key=lambda finding: finding.severity.rank)
    for finding in worst[:WORST]:
        place = f"{finding.path}:{finding.line}" if finding.path and finding.line else finding.path or finding.revision
        yield f"- {finding.severity} {finding.rule} at {place} ({finding.direction}): {finding.problem}"
        yield f"  Remedy: {finding.remedy}"
    if len(worst) > WORST:
        yield f"- and {len(worst) - WORST} more"


def _history(report: HistoryReport) -> Iterator[str]:
    for node in report.revisions[:LISTED]:
        marks = [
            *(["head"] if node.is_head else []),
            *(["merge"] if node.is_merge else []),
            *(["branch point"] if node.is_branch_point else []),
            *node.branch_labels,
        ]
        mark = f" ({', '.join(marks)})" if marks else ""
        yield f"- {node.revision}{mark} after {', '.join(node.down_revisions) or 'base'}: {node.message}"
    if len(report.revisions) > LISTED:
        yield f"- and {len(report.revisions) - LISTED} more on this page"
    yield from (f"Problem: {problem}" for problem in report.problems)


def _listed(what: str, items: Iterable[str]) -> Iterator[str]:
    every = list(items)
    yield from (f"- {what}: {item}" for item in every[:LISTED])
    if len(every) > LISTED:
        yield f"- and {len(every) - LISTED} more"
