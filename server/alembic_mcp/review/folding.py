"""One hazard is one finding: what several rules say of one line, and what one rule says forty times, is told once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..report import Finding, Severity
from .rule import Rule

__all__ = ["Judged", "folded"]

_GIVES_WAY: Mapping[str, frozenset[str]] = {
    "drop-table": frozenset({"drops-partition-child"}),
    "drop-object": frozenset({"disables-protection"}),
    "heavy-maintenance": frozenset({"drops-partition-child"}),
    "unrecognised-statement": frozenset({"fails-on-scratch"}),
}
"""Rule -> those that say the same of a line more precisely."""
_COMPANIONS: Mapping[str, frozenset[str]] = {
    "unique-with-duplicates": frozenset({"unique-builds-index", "index-without-concurrently"}),
    "set-not-null-with-nulls": frozenset({"set-not-null-scans", "unique-builds-index"}),
    "foreign-key-with-orphans": frozenset({"foreign-key-validates"}),
    "check-with-violators": frozenset({"check-validates"}),
}
"""Rule about rows -> those that warn of the same line in any case: where nobody saw a row, they are enough."""
_FAILS = "fails-on-scratch"
_SHOWN = 3
_MANY = 20
"""More findings than this of one rule about one table of one revision are told as one."""


@dataclass(frozen=True)
class Judged:
    """A finding, the rule that it comes from, and what it is about where several may be told together."""

    finding: Finding
    rule: Rule
    subject: str = ""


def folded(judged: Iterable[Judged]) -> list[Finding]:
    """The findings, nothing twice.

    Of several rules about one line the most precise one stays; an error of the rehearsal that a rule explains goes
    into that rule's evidence. Infos of one rule about one revision become one, where the rule says how to tell them.
    """
    found: dict[tuple[object, ...], Judged] = {}
    for one in judged:
        finding = one.finding
        key = (finding.rule, finding.revision, finding.direction, finding.line, finding.table, finding.problem)
        found.setdefault(key, one)
    return _repeated(_told_together(_explained(list(found.values()))))


def _explained(judged: Sequence[Judged]) -> list[Judged]:
    by_line: dict[tuple[object, ...], list[Finding]] = {}
    for one in judged:
        by_line.setdefault(_place(one.finding), []).append(one.finding)
    kept = []
    for one in judged:
        others = by_line[_place(one.finding)] if one.finding.line else []
        if one.finding.rule == _FAILS:
            why = next((other for other in others if _explains(other, one.finding)), None)
            if why is not None:
                why.evidence.setdefault("error", one.finding.evidence.get("error"))
                continue
        stronger = _GIVES_WAY.get(one.finding.rule, frozenset())
        if not any(other.rule in stronger and _same_table(one.finding, other) for other in others):
            kept.append(_softened(one, others))
    return kept


def _softened(one: Judged, others: Sequence[Finding]) -> Judged:
    """*one*, as an info if it only says what might be the matter with rows, where another rule warns of the line."""
    finding, companions = one.finding, _COMPANIONS.get(one.finding.rule, frozenset())
    if finding.evidence.get("looked_at") is not False or finding.severity is not Severity.WARNING:
        return one
    if not any(other.rule in companions and other.table == finding.table for other in others):
        return one
    return replace(one, finding=finding.model_copy(update={"severity": Severity.INFO}))


def _place(finding: Finding) -> tuple[object, ...]:
    return finding.revision, finding.direction, finding.line


def _explains(other: Finding, failure: Finding) -> bool:
    """True if a rule says of the line that failed that it fails: nothing else is so grave in that direction."""
    if other.rule in (_FAILS, "unrecognised-statement"):
        return False
    return other.severity is Severity.BLOCKER or (
        failure.severity is Severity.DANGER and other.rule == "downgrade-will-fail"
    )


def _same_table(one: Finding, other: Finding) -> bool:
    return one.table is None or other.table is None or one.table == other.table


def _told_together(judged: Sequence[Judged]) -> list[Finding]:
    groups: dict[tuple[object, ...], list[Judged]] = {}
    for number, one in enumerate(judged):
        together = one.rule.together and one.subject and one.finding.severity is Severity.INFO
        finding = one.finding
        key = (finding.rule, finding.revision, finding.direction) if together else (number,)
        groups.setdefault(key, []).append(one)
    return [_together(group) if len(group) > 1 else group[0].finding for group in groups.values()]


def _together(group: Sequence[Judged]) -> Finding:
    group = sorted(group, key=lambda one: one.finding.line)
    first, subjects = group[0], list(dict.fromkeys(one.subject for one in group))
    shown = ", ".join(subjects[:_SHOWN])
    if len(subjects) > _SHOWN:
        shown = f"{shown} and {len(subjects) - _SHOWN} more"
    elif len(subjects) > 1:
        shown = f"{', '.join(subjects[:-1])} and {subjects[-1]}"
    return first.finding.model_copy(
        update={
            "problem": first.rule.together.format(shown),
            "remedy": first.rule.remedy,
            "evidence": {
                **first.finding.evidence,
                "all": subjects,
                "lines": [str(line) for line in dict.fromkeys(one.finding.line for one in group)],
            },
        }
    )


def _repeated(findings: Sequence[Finding]) -> list[Finding]:
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for finding in findings:
        key = (finding.rule, finding.revision, finding.direction, finding.table, finding.severity)
        groups.setdefault(key, []).append(finding)
    if all(len(group) <= _MANY for group in groups.values()):
        return list(findings)
    kept = []
    for group in groups.values():
        if len(group) <= _MANY:
            kept += group
            continue
        group.sort(key=lambda finding: finding.line)
        first, last = group[0], group[-1]
        more = f"{first.problem} And {len(group) - 1:,} more of the kind, up to line {last.line}."
        evidence = {**first.evidence, "times": len(group)}
        kept.append(first.model_copy(update={"problem": more, "evidence": evidence}))
    return kept
