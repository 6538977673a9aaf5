"""A review as a person reads it: each finding with its line of code, and what it means."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..errors import redact
from ..report import Finding, ReviewReport, Severity
from ..tools.text import readable

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["show_review"]

_STYLES = {Severity.BLOCKER: "bold red", Severity.DANGER: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
_Kind = Literal["place", "code", "caret", "problem", "remedy", "note", "rest"]
_Line = tuple[_Kind, str, Severity | None]


def show_review(report: ReviewReport, root: Path | None) -> None:
    """Print *report* on stdout, in colour at a terminal. *root* is what its paths are relative to."""
    lines = list(_lines(report, root))
    if not sys.stdout.isatty():
        print("\n".join(text for _, text, _ in lines))
        return
    from rich.console import Console

    console = Console()
    for line in lines:
        console.print(_coloured(line), soft_wrap=True)


def _lines(report: ReviewReport, root: Path | None) -> Iterator[_Line]:
    files: dict[str, list[str]] = {}
    for finding in report.findings:
        yield from _finding(finding, root, files)
        yield "rest", "", None
    counts = Counter(finding.severity for finding in report.findings)
    # What is known about the findings stands above; the rest is what every report says.
    rest = readable(report.model_copy(update={"findings": []})).splitlines()
    yield from (("rest", text, None) for text in rest[:1])
    if report.findings:
        told = ", ".join(f"{counts[one]} {one.value}" for one in Severity if counts[one])
        yield "rest", f"Findings: {told}", None
    yield from (("rest", text, None) for text in rest[1:])


def _finding(finding: Finding, root: Path | None, files: dict[str, list[str]]) -> Iterator[_Line]:
    severity = finding.severity
    where = f"{finding.path}:{finding.line}" if finding.path and finding.line else finding.path or finding.revision
    yield "place", f"{where}: {severity.value}: {finding.rule} (in {finding.direction.value})", severity
    code = _code(finding, root, files)
    if code:
        number = str(finding.line)
        yield "code", redact(f"  {number} | {code}"), severity
        start = len(code) - len(code.lstrip())
        width = max(1, len(code.split("  #")[0].strip()))
        yield "caret", f"  {' ' * len(number)} | {' ' * start}{'^' * width}", severity
    yield "problem", redact(f"  {finding.problem}"), severity
    if finding.remedy and not finding.evidence.get("ignored"):
        yield "remedy", redact(f"  Instead: {finding.remedy}"), severity
    lock = finding.evidence.get("lock_mode")
    how = "measured" if finding.evidence.get("measured") else "read, not measured"
    yield "note", f"  ({', '.join([how, *([f'lock: {lock}'] if lock else [])])})", severity


def _code(finding: Finding, root: Path | None, files: dict[str, list[str]]) -> str:
    """The line of the file, without its end; empty if there is none."""
    if root is None or not finding.path or not finding.line:
        return ""
    if finding.path not in files:
        try:
            text = (root / finding.path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            text = ""
        files[finding.path] = text.expandtabs(4).splitlines()
    lines = files[finding.path]
    return lines[finding.line - 1].rstrip() if finding.line <= len(lines) else ""


def _coloured(line: _Line) -> Text:
    from rich.text import Text

    kind, text, severity = line
    style = _STYLES[severity] if severity is not None else ""
    styles = {"place": style, "caret": style, "remedy": "green", "note": "dim"}
    found = Text(text, style=styles.get(kind, ""))
    if kind == "rest":
        found.highlight_regex(r"^(Warning|Problem): .*$", "yellow")
        found.highlight_regex(r"^(Decision|Rehearsal|Findings|Next|Database|Heads):", "bold")
    return found
