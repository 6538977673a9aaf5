"""A rule: one hazard, how to see it, and the safer way."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from ..locks import LockMode
from ..operations import Direction, Operation
from ..report import Severity
from .context import Context, Path
from .questions import Question

__all__ = ["BOTH", "Check", "Evidence", "Found", "Rule", "path_rule", "revision_rule", "rule"]

BOTH = frozenset(Direction)

Evidence = dict[str, str | int | float | bool | list[str] | None]


@dataclass(frozen=True)
class Found:
    """What a check has to say; what is None or 0 is taken from the rule, the operation and the context.

    Attributes:
        problem: what happens to whom, one sentence.
        remedy: what to do instead, with the user's own names.
        evidence: rows, query and the like; ``measured`` and ``lock_mode`` are filled in.
        subject: what it is about, where the rule tells several of one revision together.
    """

    problem: str
    remedy: str | None = None
    severity: Severity | None = None
    evidence: Evidence = field(default_factory=dict)
    table: str | None = None
    line: int = 0
    revision: str | None = None
    direction: Direction | None = None
    subject: str = ""


Verdict = str | Found | Iterable[Found] | None
Check = Callable[[Operation, Context], Verdict]
RevisionCheck = Callable[[Context], Verdict]
PathCheck = Callable[[Path], Verdict]
Asks = Callable[[Operation, Context], Iterable[Question]]


def _nothing(_op: Operation, _context: Context) -> Iterable[Question]:
    return ()


@dataclass(frozen=True)
class Rule:
    """A rule as the engine runs it; exactly one of the three checks is set.

    Attributes:
        name: the hazard, ``drop-table``.
        severity: how bad it is unless the check says otherwise.
        remedy: what to do instead unless the check says otherwise.
        lock_mode: the table lock that makes it a hazard; None if it is not about locks.
        directions: the functions that it looks at.
        asks: what the live data must be asked for this rule.
        documentation: the docstring of its module: the first paragraph says what the hazard is.
        together: how several of its infos in one revision are told as one, with ``{}`` for their subjects; empty if
            each is told by itself.
    """

    name: str
    severity: Severity
    remedy: str
    lock_mode: LockMode | None = None
    directions: frozenset[Direction] = BOTH
    asks: Asks = _nothing
    documentation: str = ""
    together: str = ""
    check: Check | None = None
    check_revision: RevisionCheck | None = None
    check_path: PathCheck | None = None


def rule(
    *,
    severity: Severity,
    remedy: str,
    lock_mode: LockMode | None = None,
    directions: frozenset[Direction] = BOTH,
    asks: Asks = _nothing,
    together: str = "",
) -> Callable[[Check], Rule]:
    """Turn a check of one operation into a rule named after it: ``drop_column`` becomes ``drop-column``."""

    def made(check: Check) -> Rule:
        return Rule(
            _name(check),
            severity,
            remedy,
            lock_mode,
            directions,
            asks,
            documentation=_documentation(check),
            together=together,
            check=check,
        )

    return made


def revision_rule(
    *, severity: Severity, remedy: str, directions: frozenset[Direction] = BOTH, asks: Asks = _nothing
) -> Callable[[RevisionCheck], Rule]:
    """Turn a check of one direction of a revision into a rule; its context stands before the first operation."""

    def made(check: RevisionCheck) -> Rule:
        return Rule(
            _name(check),
            severity,
            remedy,
            directions=directions,
            asks=asks,
            documentation=_documentation(check),
            check_revision=check,
        )

    return made


def path_rule(*, severity: Severity, remedy: str) -> Callable[[PathCheck], Rule]:
    """Turn a check of the whole path into a rule; it says itself which revision and line it means."""

    def made(check: PathCheck) -> Rule:
        return Rule(_name(check), severity, remedy, documentation=_documentation(check), check_path=check)

    return made


def each(verdict: Verdict) -> Iterator[Found]:
    """What a check returned, one by one."""
    if isinstance(verdict, str):
        yield Found(verdict)
    elif isinstance(verdict, Found):
        yield verdict
    elif verdict is not None:
        yield from verdict


def _name(check: Callable[..., object]) -> str:
    return check.__name__.replace("_", "-")


def _documentation(check: Callable[..., object]) -> str:
    module = inspect.getmodule(check)
    return inspect.cleandoc(module.__doc__ or "") if module is not None else ""
