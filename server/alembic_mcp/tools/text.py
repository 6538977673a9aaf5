"""A report as text for people and models: what matters of it, in a few lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from ..errors import redact
from ..report import (
    UNREACHABLE,
    ChangeReport,
    CheckReport,
    CurrentReport,
    Finding,
    GenerateReport,
    HistoryReport,
    InitReport,
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
_LOGGED = re.compile(r"INFO\s+\[alembic\.")


def structured(report: Report) -> dict[str, Any]:
    """*report* as the JSON object that tools and ``--json`` give, without secrets."""
    whole: dict[str, Any] = _clean(report.model_dump(mode="json", by_alias=True))
    return whole


def readable(report: Report) -> str:
    """*report* in a few lines, without secrets: summary, decision, the worst findings, what to do next."""
    lines = [report.summary]
    lines += _details(report)
    lines += [f"Warning: {warning}" for warning in report.warnings]
    printed = _printed(report.output or "")
    if printed:
        lines += ["What the project's code printed:", printed[-OUTPUT_CHARACTERS:]]
    if report.next_steps:
        lines += ["Next:", *(f"- {step}" for step in report.next_steps)]
    return redact("\n".join(lines))


def _printed(output: str) -> str:
    """*output* without what Alembic logs of every run: it says nothing about what went wrong."""
    return "\n".join(line for line in output.splitlines() if not _LOGGED.match(line)).strip()


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
            yield from _generated(report)
        case InitReport():
            yield from _begun(report)
        case MergeReport():
            yield from _merged(report)
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
        yield from _verified(report)
    if report.decision:
        yield f"Decision: {report.decision}"
    why = "It would have to be asked" if report.decision == "refuse" else "Asked"
    yield from (f"{why} because of {item.rule} (level {item.level}): {item.why}" for item in report.escalations)
    yield from _rehearsal(report.rehearsal)
    yield from _findings(report.findings)


def _verified(report: ChangeReport) -> Iterator[str]:
    if report.verified is None:
        return
    words = {True: "as rehearsed", False: "NOT as rehearsed", None: "not known"}
    yield f"Verified: heads {words[report.verified.heads]}, schema {words[report.verified.schema_]}"
    yield from (f"  {detail}" for detail in report.verified.details[:WORST])


def _generated(report: GenerateReport) -> Iterator[str]:
    """Questions; else files, changes per table, SQL, proof, where the database is, and the way to production."""
    for question in report.questions:
        yield f"Question {question.id}: {question.question}"
        yield from (f"- {option.choice}: {option.effect} ({_arguments(option.how)})" for option in question.options)
    if report.questions:
        return
    if report.against and report.files:
        yield f"Compared with: {report.against}"
    yield from (f"Revision: {file.revision} ({file.path}): {file.message}" for file in report.files)
    for table, changes in report.changes.items():
        yield from (f"Change{f' of {table}' if table else ''}: {change}" for change in changes)
    yield from _listed("written in safe form", (f"{item.rule}: {item.why}" for item in report.rewrites))
    yield from _listed("left, autogenerate can't see it", report.invisible)
    yield from _listed("a downgrade can't bring back", report.loses)
    if report.statements.upgrade:
        yield "SQL of the upgrade:"
        yield from _listed(
            "", (" ".join(line.strip() for line in sql.splitlines()) for sql in report.statements.upgrade)
        )
    yield from _rehearsal(report.rehearsal)
    yield from _findings(report.findings)
    if report.files and report.database and report.database.environment_reason != UNREACHABLE:
        yield f"The database is at {', '.join(report.database.heads) or 'base'}; it was not changed."
    yield from _listed("to commit", report.files_to_commit)
    if report.instructions:
        yield "To production:"
        yield from (f"{number}. {step}" for number, step in enumerate(report.instructions, 1))


def _arguments(how: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in how.items()) or "nothing to add"


def _begun(report: InitReport) -> Iterator[str]:
    if report.template:
        yield f"Template: {report.template}{', asynchronous' if report.asynchronous else ''}, {report.configuration}"
        yield f"Models: {', '.join(report.models)}, from {', '.join(report.modules) or 'no module yet'}"
        yield f"Address of the database: {report.url}"
    if report.revision:
        yield f"Revision: {report.revision.revision} ({report.revision.path})"
    yield from _listed("difference", (item.description for item in report.differences))
    yield from _rehearsal(report.rehearsal)


def _merged(report: MergeReport) -> Iterator[str]:
    for conflict in report.conflicts:
        yield f"Conflict about {conflict.object}: {conflict.problem}"
        yield from (f"- {side.path}:{side.line} ({side.revision}) {side.does}" for side in conflict.sides)
    if report.file:
        yield f"Revision: {report.file.revision}"
    yield from report.diff.splitlines()
    for order in report.orders:
        yield f"Order {', then '.join(order.heads)}: {order.status}{f': {order.error}' if order.error else ''}"
    yield from _rehearsal(report.rehearsal)


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
    yield from (f"- {what}: {item}" if what else f"  {item}" for item in every[:LISTED])
    if len(every) > LISTED:
        yield f"- and {len(every) - LISTED} more"
