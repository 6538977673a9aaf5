"""Comments in a revision that lower a finding: ``# alembic-mcp: ignore[rule-name] reason``."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..report import Finding, Severity
from .rules import RULES

__all__ = ["MARK", "Comment", "Suppressed", "comments", "suppress"]

MARK = "alembic-mcp:"
_COMMENT = re.compile(r"#\s*alembic-mcp:\s*ignore\s*\[(?P<rules>[^\]]*)\]\s*:?\s*(?P<reason>.*?)\s*$")
_ANY = re.compile(r"#\s*alembic-mcp:")
_EMPTY = (tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT, tokenize.ENCODING, tokenize.ENDMARKER)


@dataclass(frozen=True)
class Comment:
    """A comment and what it speaks of.

    Attributes:
        rules: the names in the brackets; empty if it can't be understood.
        reason: why it is so meant; empty if it does not say.
        line: where it stands.
        first, last: the lines of the statement that it speaks of.
    """

    rules: tuple[str, ...]
    reason: str
    line: int
    first: int
    last: int


@dataclass(frozen=True)
class Suppressed:
    """Findings of which some were lowered, and what is to be said of the comments that did not count."""

    findings: list[Finding]
    warnings: tuple[str, ...] = ()


def suppress(
    findings: Sequence[Finding], sources: Mapping[str, str], *, escalates: Callable[[Finding], bool]
) -> Suppressed:
    """Lower to info what a comment on its statement, or right above it, says is meant so, with a reason.

    A blocker, and whatever somebody is asked about, stays as it is: the repository can't answer for a person.

    Args:
        findings: what the rules found.
        sources: revision id -> text of its file, as Python reads it.
        escalates: whether a finding is a reason to ask.
    """
    read = {revision: list(comments(text)) for revision, text in sources.items() if MARK in text}
    names = {rule.name for rule in RULES}
    warnings: dict[str, None] = {}
    for revision, found in read.items():
        warnings.update(dict.fromkeys(warning for one in found for warning in _wrong(one, revision, names)))
    lowered = []
    for finding in findings:
        comment = next(
            (
                one
                for one in read.get(finding.revision, ())
                if finding.rule in one.rules and one.reason and one.first <= finding.line <= one.last
            ),
            None,
        )
        if comment is None:
            lowered.append(finding)
        elif finding.severity is Severity.BLOCKER or escalates(finding):
            why = "it is a blocker" if finding.severity is Severity.BLOCKER else "a person is asked about it"
            warnings[f"{finding.revision}, line {comment.line}: {finding.rule} can't be ignored: {why}."] = None
            lowered.append(finding)
        else:
            lowered.append(_lowered(finding, comment.reason))
    return Suppressed(lowered, tuple(warnings))


def comments(text: str) -> Iterator[Comment]:
    """The comments of a file that are meant for us, with the statement that each one speaks of.

    Text that is no Python has none.
    """
    waiting: list[tuple[int, str]] = []
    first = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT and _ANY.match(token.string):
                waiting.append((token.start[0], token.string))
            elif token.type == tokenize.NEWLINE:
                last = token.start[0]
                yield from (_comment(words, line, first, last) for line, words in waiting)
                waiting, first = [], 0
            elif token.type == tokenize.NL and not first and not token.line.strip():
                waiting = []  # an empty line: the comment speaks of nothing below it
            elif token.type not in _EMPTY and not first:
                first = token.start[0]
    except (tokenize.TokenError, SyntaxError):
        return


def _comment(words: str, line: int, first: int, last: int) -> Comment:
    match = _COMMENT.match(words)
    if match is None:
        return Comment((), "", line, first, last)
    rules = tuple(name.strip() for name in match["rules"].split(",") if name.strip())
    return Comment(rules, match["reason"], line, first, last)


def _wrong(comment: Comment, revision: str, names: set[str]) -> Iterator[str]:
    place = f"{revision}, line {comment.line}"
    if not comment.rules:
        yield f"{place}: this comment is not understood; write '# alembic-mcp: ignore[rule-name] reason'."
    elif not comment.reason:
        yield f"{place}: the comment that ignores {', '.join(comment.rules)} gives no reason, so it does not count."
    unknown = [name for name in comment.rules if name not in names]
    if unknown:
        yield f"{place}: there is no rule {', '.join(unknown)} to be ignored."


def _lowered(finding: Finding, reason: str) -> Finding:
    return finding.model_copy(
        update={
            "severity": Severity.INFO,
            "problem": f"{finding.problem} Ignored here: {reason}",
            "evidence": {**finding.evidence, "ignored": reason, "severity": finding.severity.value},
        }
    )
