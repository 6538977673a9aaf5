"""Runs every rule over a path of revisions, in both directions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..operations import Direction, Harmless, Operation, Revision
from ..report import Finding, Severity
from .context import Context, Outside, Path, ScriptProblem
from .folding import Judged, folded
from .names import Names
from .questions import Facts, Question, RowCount
from .rule import Evidence, Found, Rule, each
from .rules import RULES
from .schema import Schema

__all__ = ["contexts", "questions", "review"]


def review(
    revisions: Sequence[Revision],
    facts: Facts,
    dialect: str,
    *,
    running: Direction = Direction.UPGRADE,
    heads: Sequence[str] = (),
    labelled_heads: Sequence[str] = (),
    outside: Iterable[Outside] = (),
    schema: Mapping[str, str] | None = None,
    problems: Iterable[ScriptProblem] = (),
    applied_hashes: Mapping[str, str] | None = None,
    file_hashes: Mapping[str, str] | None = None,
    own_modules: Iterable[str] = (),
    large_rows: int = 100_000,
    lock_timeout: bool = False,
    one_transaction: bool = False,
    rules: Sequence[Rule] = RULES,
) -> list[Finding]:
    """Judge *revisions* (in the order in which they would run) against *facts*, worst finding first in each line.

    The direction *running* is judged as what happens to the real data now. For an upgrade the downgrade is judged too,
    as what would happen on the day when somebody needs it. Sorted by place in the path, direction, line and severity;
    nothing twice.
    """
    path = Path(
        tuple(revisions), facts, dialect, running, tuple(heads), tuple(labelled_heads), tuple(outside),
        schema=Schema(schema or {}), problems=tuple(problems), applied_hashes=applied_hashes or {},
        file_hashes=file_hashes or {}, own_modules=frozenset(own_modules), large_rows=large_rows,
        lock_timeout=lock_timeout, one_transaction=one_transaction,
    )  # fmt: skip
    order = {revision.revision: index for index, revision in enumerate(revisions)}
    return sorted(
        folded(_findings(path, rules)),
        key=lambda one: (
            order.get(one.revision, len(order)),
            one.direction is not running,
            one.line,
            one.severity.rank,
            one.rule,
        ),
    )


def questions(
    revisions: Sequence[Revision],
    running: Direction | None = None,
    *,
    dialect: str = "postgresql",
    schema: Mapping[str, str] | None = None,
    rules: Sequence[Rule] = RULES,
) -> set[Question]:
    """What the live data must be asked to judge *revisions*, under the names that tables have there.

    That is the rows of every table of the real database that an operation touches, and whatever the rules ask for.
    Without *running*, or with an upgrade, the tables of the downgrade are asked for too.
    """
    path = Path(tuple(revisions), running=running or Direction.UPGRADE, dialect=dialect, schema=Schema(schema or {}))
    asked: set[Question] = set()
    for op, context in contexts(path):
        if not isinstance(op, Harmless):
            tables = {*op.tables, *_others(op)}
            asked |= {RowCount(old) for old in map(context.names.table, tables) if old is not None}
        for rule in rules:
            if context.direction in rule.directions:
                asked.update(rule.asks(op, context))
    return asked


def _others(op: Operation) -> Iterable[str]:
    references = getattr(op, "references", None)
    writes: tuple[str, ...] = getattr(op, "writes", ())
    return (*writes, references) if references else writes


def contexts(path: Path) -> Iterator[tuple[Operation, Context]]:
    """Every operation of a path with its context: revision by revision, the running direction first.

    A context is good until the next one is asked for: its names walk on.
    """
    for revision, direction, names in _steps(path):
        operations = path.window(revision, direction)
        for index, op in enumerate(operations):
            yield (
                op,
                Context(
                    path, revision, direction, names, prior=operations.before(index), later=operations.after(index)
                ),
            )
            names.walk(op)


def _steps(path: Path) -> Iterator[tuple[Revision, Direction, Names]]:
    """What is judged of each revision, with the names right before it; whoever gets them may walk on with them.

    When a downgrade runs, the upgrades are history.
    """
    names = Names.before(path.revisions[0]) if path.revisions else Names()
    for revision in path.revisions:
        yield revision, path.running, names.copy()
        for op in revision.operations(path.running):
            names.walk(op)
        if path.running is Direction.UPGRADE:
            yield revision, Direction.DOWNGRADE, names.copy()


def _findings(path: Path, rules: Sequence[Rule]) -> Iterator[Judged]:
    for op, context in contexts(path):
        for rule in rules:
            if rule.check is not None and context.direction in rule.directions:
                yield from (_finding(rule, found, context, op) for found in each(rule.check(op, context)))
    for context in _whole(path):
        for rule in rules:
            if rule.check_revision is not None and context.direction in rule.directions:
                yield from (_finding(rule, found, context, None) for found in each(rule.check_revision(context)))
    for rule in rules:
        if rule.check_path is not None:
            yield from (_of_path(rule, found, path) for found in each(rule.check_path(path)))


def _whole(path: Path) -> Iterator[Context]:
    """What is judged of each revision, before its first operation."""
    for revision, direction, names in _steps(path):
        yield Context(path, revision, direction, names, later=path.window(revision, direction))


def _finding(rule: Rule, found: Found, context: Context, op: Operation | None) -> Judged:
    severity = found.severity or rule.severity
    if rule.lock_mode is not None and not context.running and severity is Severity.DANGER:
        severity = Severity.WARNING  # a lock on some later day, which can still be planned for
    finding = Finding(
        rule=rule.name,
        severity=severity,
        revision=context.revision.revision,
        direction=context.direction,
        path=context.revision.path,
        line=found.line or (op.line if op is not None else 0),
        table=found.table or (op.tables[0] if op is not None and op.tables else None),
        problem=found.problem,
        remedy=found.remedy or rule.remedy,
        evidence={**_evidence(rule, op, context), **found.evidence},
    )
    return Judged(finding, rule, found.subject)


def _evidence(rule: Rule, op: Operation | None, context: Context) -> Evidence:
    if op is None:
        tried = context.rehearsed
        return {"measured": tried is not None and (tried.upgraded is not None or tried.downgraded is not None)}
    # Outside a transaction locks are given back before they can be seen.
    seen = [one for one in op.statements if one.measured is not None and not (rule.lock_mode and one.autocommit)]
    evidence: Evidence = {"measured": bool(seen)}
    if rule.lock_mode is not None and context.is_postgresql:
        evidence["lock_mode"] = rule.lock_mode.value
    return evidence


def _of_path(rule: Rule, found: Found, path: Path) -> Judged:
    revision = next((one for one in path.revisions if one.revision == found.revision), None)
    finding = Finding(
        rule=rule.name,
        severity=found.severity or rule.severity,
        revision=found.revision or "",
        direction=found.direction or path.running,
        path=revision.path if revision is not None else "",
        line=found.line,
        table=found.table,
        problem=found.problem,
        remedy=found.remedy or rule.remedy,
        evidence={"measured": bool(path.outside), **found.evidence},
    )
    return Judged(finding, rule)
