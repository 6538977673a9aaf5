"""A review for other programs: SARIF for code scanning, GitHub's annotations, Markdown for a comment."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import redact
from ..report import Finding, ReviewReport, Severity, StatementLine

__all__ = ["FORMATS", "github", "markdown", "repository", "sarif"]

_HOME = "https://github.com/alembic-mcp/alembic-mcp"
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.BLOCKER: "error", Severity.DANGER: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}
_NOT_DONE = ("failed", "refused")


def repository(folder: Path) -> Path:
    """The repository that *folder* is in, or the folder itself: what paths are relative to for other programs."""
    return next((one for one in (folder, *folder.parents) if (one / ".git").exists()), folder)


def sarif(report: ReviewReport, root: Path | None) -> str:
    """SARIF 2.1.0: one run, a rule for each rule that found something, a result for each finding.

    A review that was not done is a run that did not succeed. What a comment in the file lowers is suppressed in source.
    """
    from ..review.rules import RULES

    known = {rule.name: rule for rule in RULES}
    names = list(dict.fromkeys(finding.rule for finding in report.findings))
    rules = []
    for name in names:
        rule = known.get(name)
        first, _, rest = (rule.documentation if rule else name).partition("\n\n")
        entry: dict[str, Any] = {"id": name, "shortDescription": {"text": " ".join(first.split())}}
        if rest:
            entry["fullDescription"] = {"text": " ".join(rest.split())}
        if rule is not None:
            entry["help"] = {"text": rule.remedy}
            entry["defaultConfiguration"] = {"level": _LEVELS[rule.severity]}
        rules.append(entry)
    invocation: dict[str, Any] = {"executionSuccessful": report.status not in _NOT_DONE}
    if report.status in _NOT_DONE:
        invocation["toolExecutionNotifications"] = [{"level": "error", "message": {"text": redact(report.summary)}}]
    run = {
        "tool": {
            "driver": {"name": "alembic-mcp", "version": __version__, "informationUri": _HOME, "rules": rules},
        },
        "invocations": [invocation],
        "results": [_result(finding, names.index(finding.rule), root) for finding in report.findings],
        "columnKind": "unicodeCodePoints",
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _result(finding: Finding, index: int, root: Path | None) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": redact(f"{finding.problem} {finding.remedy}".strip())},
        "partialFingerprints": {
            "alembicMcp/v1": ":".join([finding.rule, finding.revision, finding.direction.value, finding.table or ""])
        },
        "properties": {
            "severity": finding.severity.value,
            "revision": finding.revision,
            "direction": finding.direction.value,
            "measured": bool(finding.evidence.get("measured")),
        },
    }
    if finding.path:
        place: dict[str, Any] = {"artifactLocation": {"uri": _uri(finding.path, root)}}
        if finding.line:
            place["region"] = {"startLine": finding.line}
        result["locations"] = [{"physicalLocation": place}]
    if finding.evidence.get("ignored"):
        result["suppressions"] = [{"kind": "inSource", "justification": str(finding.evidence["ignored"])}]
    return result


def github(report: ReviewReport, root: Path | None) -> str:
    """GitHub's workflow commands: an annotation on the line of each finding, then the summary."""
    lines = []
    for finding in report.findings:
        place = {"file": _uri(finding.path, root) if finding.path else "", "line": str(finding.line or "")}
        values = {**place, "title": f"{finding.severity.value}: {finding.rule} ({finding.direction.value})"}
        properties = ",".join(f"{key}={_property(value)}" for key, value in values.items() if value)
        text = _data(redact(f"{finding.problem}\n{finding.remedy}"))
        lines.append(f"::{_COMMANDS[_LEVELS[finding.severity]]} {properties}::{text}")
    if report.status in _NOT_DONE:
        lines.append(f"::error title=alembic-mcp::{_data(redact(report.summary))}")
    return "\n".join([*lines, redact(" ".join(report.summary.split()))])


def markdown(report: ReviewReport, root: Path | None) -> str:
    """For a comment on a change: the decision, a table of findings, the SQL folded away."""
    return redact("\n".join(_markdown(report, root)))


def _markdown(report: ReviewReport, root: Path | None) -> Iterator[str]:
    yield "### Migration review"
    yield ""
    yield report.summary
    if report.decision is not None:
        yield ""
        yield f"**Decision: {report.decision.value}**"
        yield from (f"- asked because of `{one.rule}` ({one.level.value}): {one.why}" for one in report.escalations)
    if report.findings:
        yield ""
        yield "| severity | rule | where | problem | instead |"
        yield "|---|---|---|---|---|"
        for finding in sorted(report.findings, key=lambda one: one.severity.rank):
            place = f"{_uri(finding.path, root)}:{finding.line}" if finding.line else _uri(finding.path, root)
            cells = (finding.severity.value, f"`{finding.rule}`", f"`{place}` ({finding.direction.value})")
            yield f"| {' | '.join([*cells, _cell(finding.problem), _cell(finding.remedy)])} |"
    if report.statements:
        yield ""
        yield f"<details><summary>{len(report.statements)} statements</summary>"
        yield ""
        yield "| revision | SQL | locks |"
        yield "|---|---|---|"
        yield from (_statement(one) for one in report.statements)
        yield ""
        yield "</details>"
    for warning in report.warnings:
        yield ""
        yield f"> {warning}"


def _statement(line: StatementLine) -> str:
    locks = ", ".join(f"{lock.mode} on {lock.table}" for lock in line.locks)
    if not line.measured:
        locks = f"{locks} (by the book)" if locks else "not measured"
    return f"| {line.revision} ({line.direction.value}) | `{_cell(line.sql).replace('`', chr(39))}` | {_cell(locks)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _uri(path: str, root: Path | None) -> str:
    """A path of a report, relative to the repository where it lies inside."""
    if root is None or not path:
        return path
    file = (root / path).resolve()
    top = repository(root.resolve())
    return file.relative_to(top).as_posix() if file.is_relative_to(top) else file.as_posix()


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


FORMATS: dict[str, Callable[[ReviewReport, Path | None], str]] = {
    "sarif": sarif,
    "github": github,
    "markdown": markdown,
}
