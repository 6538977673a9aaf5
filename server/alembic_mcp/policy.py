"""Decides whether a change runs, is asked about, or is refused; the catalogue of escalations, and nothing else.

Everything is decided from what it is given: findings, operations, counted rows, settings. Nothing here can be
answered by an agent: a verdict says whose yes is needed, and the caller sees to it that it is theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from .locks import LockMode
from .losses import destroys
from .operations import (
    AddConstraint,
    CreateIndex,
    Delete,
    Direction,
    DropObject,
    Harmless,
    Operation,
    RenameTable,
    Revision,
    Unrecognised,
    Update,
)
from .report import Decision, Escalation, Finding, Level, Severity
from .review.affected import affected
from .review.context import Context, Path
from .review.effects import altered_tables
from .review.engine import contexts
from .review.locking import locks_of
from .review.questions import Facts
from .review.rewriting import rewrites, scans_for_not_null
from .review.schema import Schema
from .review.spreading import reached
from .settings import NamedDatabase, Settings
from .target import Environment, Target

__all__ = ["Action", "Verdict", "decide", "environment"]

Action = Literal["upgrade", "downgrade", "stamp"]

_UNCLEAR = ("irreversible-downgrade", "downgrade-does-not-restore", "downgrade-will-fail")
_ESCALATE_AS_THEY_ARE = ("changes-primary-key", "unrecognised-statement", "acts-outside-database")
_HOLDS_TABLES = ("schema", "owned", "database", "tablespace")
_REASONS = 5
_PARTS = ("table column", "table constraint", "trigger", "policy", "rule")


@dataclass(frozen=True)
class Verdict:
    """What the policy says.

    Attributes:
        decision: run, ask or refuse.
        escalations: why somebody is asked, person first, one entry for each rule.
        refusals: why it is refused, whatever anyone says.
    """

    decision: Decision
    escalations: tuple[Escalation, ...] = ()
    refusals: tuple[str, ...] = ()

    @property
    def level(self) -> Level | None:
        """Whose yes is needed; None if nobody is asked."""
        if not self.escalations:
            return None
        return Level.PERSON if any(one.level is Level.PERSON for one in self.escalations) else Level.CLIENT


def environment(target: Target, named: NamedDatabase | None) -> tuple[Environment, str]:
    """What the database is for, and why: the strictest of the settings, its own marker, and its host.

    A host that is not this machine says nothing, and nothing is treated as production. The marker, or the user's own
    settings, can say what such a host is; a project's settings can only make it stricter.
    """
    said: list[tuple[Environment, str]] = []
    trusted = named.trusted_environment if named is not None else None
    if named is not None and named.environment is not None:
        said.append((named.environment, f"the settings say that {named.name} is {named.environment.value}"))
    marker = _marker(target.marker)
    if marker is not None:
        said.append(marker)
    if trusted is not None:
        said.append((trusted, f"your own settings say that it is {trusted.value}"))
    if target.is_local:
        said.append((Environment.DEVELOPMENT, "it is on this machine"))
    elif marker is None and trusted is None:
        said.append((Environment.UNKNOWN, f"{target.host} is another machine, and nothing says what it is for"))
    return max(said, key=lambda one: one[0].strictness)


def _marker(text: str | None) -> tuple[Environment, str] | None:
    if not text:
        return None
    try:
        found = Environment(text.strip().lower())
    except ValueError:
        return Environment.UNKNOWN, f"the database is marked {text!r}, which is no environment"
    return found, f"the database itself is marked {found.value}"


def decide(
    findings: Sequence[Finding],
    revisions: Sequence[Revision],
    facts: Facts,
    *,
    environment: Environment,
    environment_reason: str,
    settings: Settings,
    action: Action,
    dialect: str = "postgresql",
    target_is_base: bool = False,
    past_merge: bool = False,
    rehearsed: bool = True,
    one_transaction: bool = False,
    schema: Mapping[str, str] | None = None,
    refusals: Iterable[str] = (),
) -> Verdict:
    """Decide about *action*, which would run *revisions* in this order.

    *target_is_base* and *past_merge* are about a downgrade; *rehearsed* is False where nothing was run on a scratch
    database: then what is not known about a revision is asked about. With *one_transaction* they all run in one.
    *schema* is what the database has before: by it, what a cascade reaches is known. *refusals* are reasons of the
    caller's own (a read-only server, several heads with an ambiguous target). An upgrade or downgrade of no revision
    just runs.
    """
    refused = [*refusals, *(f"{one.rule}: {one.problem}" for one in findings if one.severity is Severity.BLOCKER)]
    if not revisions and action != "stamp":
        return Verdict(Decision.REFUSE if refused else Decision.RUN, refusals=tuple(refused))
    running = Direction.DOWNGRADE if action == "downgrade" else Direction.UPGRADE
    change = _Change(
        findings, revisions, facts, settings, running, dialect, rehearsed=rehearsed, one_transaction=one_transaction,
        schema=schema or {},
    )  # fmt: skip
    found = list(change.escalations()) if action != "stamp" else []
    found += _history(findings, action, target_is_base=target_is_base, past_merge=past_merge)
    if environment.guarded:
        why = f"The database counts as {environment.value}: {environment_reason}."
        found.append(Escalation(rule="production-database", why=why, level=Level.PERSON))
    escalations = tuple(_levelled(_merged(found), settings))
    if refused:
        return Verdict(Decision.REFUSE, escalations, tuple(refused))
    return Verdict(Decision.ASK if escalations else Decision.RUN, escalations)


def _history(
    findings: Sequence[Finding], action: Action, *, target_is_base: bool, past_merge: bool
) -> Iterator[Escalation]:
    if action == "stamp":
        why = "stamp changes which revisions the database says it has, without running any of them."
        yield Escalation(rule="rewrites-history", why=why, level=Level.PERSON)
    if action == "downgrade" and target_is_base:
        yield Escalation(rule="rewrites-history", why="It goes all the way down to base.", level=Level.PERSON)
    if action == "downgrade" and past_merge:
        yield Escalation(rule="rewrites-history", why="It goes down past a merge of branches.", level=Level.CLIENT)
    for one in findings:
        if one.rule == "edits-applied-revision":
            yield Escalation(rule="rewrites-history", why=one.problem, level=Level.CLIENT)


def _levelled(escalations: Iterable[Escalation], settings: Settings) -> list[Escalation]:
    """With the levels that the settings give; person first."""
    found = [
        one.model_copy(update={"level": Level(settings.levels[one.rule])}) if one.rule in settings.levels else one
        for one in escalations
    ]
    return sorted(found, key=lambda one: one.level is not Level.PERSON)


@dataclass(frozen=True)
class _Change:
    findings: Sequence[Finding]
    revisions: Sequence[Revision]
    facts: Facts
    settings: Settings
    running: Direction
    dialect: str
    rehearsed: bool = True
    one_transaction: bool = False
    schema: Mapping[str, str] = field(default_factory=dict)

    def escalations(self) -> Iterator[Escalation]:
        yield from self._drops_data()
        yield from self._rows_changed()
        yield from self._touched()
        yield from self._from_findings()
        yield from self._blocks_writers()
        yield from self._unknown()

    def _operations(self) -> Iterator[tuple[Operation, Revision, int | None]]:
        """The operations that are about to run, with the rows of their table."""
        for op, context in self._contexts():
            yield op, context.revision, context.rows(op.tables[0]) if op.tables else None

    def _contexts(self) -> Iterator[tuple[Operation, Context]]:
        path = Path(tuple(self.revisions), self.facts, self.dialect, self.running, schema=Schema(self.schema))
        return ((op, context) for op, context in contexts(path) if context.running)

    def _drops_data(self) -> Iterator[Escalation]:
        for one in self.findings:
            if one.direction is not self.running or not destroys(one):
                continue
            rows = one.evidence.get("rows", one.evidence.get("values"))
            large = isinstance(rows, int) and rows > self.settings.large_rows
            yield Escalation(rule="drops-data", why=one.problem, level=Level.PERSON if large else Level.CLIENT)
        for op, revision, _ in self._operations():
            if isinstance(op, DropObject) and (op.cascade or op.kind in _HOLDS_TABLES) and not _watched(op):
                why = f"{revision.revision} drops {op.kind} {op.name}, and what goes with it was not measured."
                yield Escalation(rule="drops-data", why=why, level=Level.CLIENT)

    def _rows_changed(self) -> Iterator[Escalation]:
        """large-data-migration: by count or by estimate; a condition that can't be counted may meet every row."""
        sure: list[tuple[str, int]] = []
        unsure: list[tuple[str, int]] = []
        for op, context in self._contexts():
            if isinstance(op, (Update, Delete)) and not context.is_new(op.table):
                met, rows = affected(op, context), context.rows(op.table)
                if met.number is not None:
                    sure.append((op.table, met.number))
                elif rows:
                    unsure.append((op.table, rows))
        for how, found, level in (("It changes", sure, Level.PERSON), ("It may change", sure + unsure, Level.CLIENT)):
            total = sum(count for _, count in found)
            if total > self.settings.large_rows:
                tables = ", ".join(dict.fromkeys(f"{table} ({count:,} rows)" for table, count in found if count))
                yield Escalation(rule="large-data-migration", why=f"{how} {total:,} rows: {tables}.", level=level)
                return

    def _touched(self) -> Iterator[Escalation]:
        for rule, patterns in (
            ("protected-table", self.settings.protected_tables),
            ("audit-trail", self.settings.audit_tables),
        ):
            for op, context in self._contexts():
                revision = context.revision
                for table in sorted(touched(op) | reached(op, context)):
                    pattern = next((one for one in patterns if _matches(table, one)), None)
                    if pattern is not None:
                        why = f"{revision.revision} touches {table}, which matches {pattern}."
                        yield Escalation(rule=rule, why=why, level=Level.PERSON)

    def _from_findings(self) -> Iterator[Escalation]:
        for one in self.findings:
            if one.rule in _UNCLEAR or (one.rule == "fails-on-scratch" and one.direction is Direction.DOWNGRADE):
                yield Escalation(rule="unclear-rollback", why=f"{one.revision}: {one.problem}", level=Level.CLIENT)
            elif (
                one.rule == "fails-on-scratch"
                and one.severity is not Severity.BLOCKER
                and one.evidence.get("extension")
            ):
                yield Escalation(rule="unrecognised-statement", why=one.problem, level=Level.CLIENT)
            elif one.rule in _ESCALATE_AS_THEY_ARE and one.direction is self.running:
                yield Escalation(rule=one.rule, why=one.problem, level=Level.CLIENT)

    def _blocks_writers(self) -> Iterator[Escalation]:
        """blocks-writers: a lock counts from the statement that takes it to the end of its transaction."""
        held: dict[tuple[str, int], set[tuple[LockMode, str]]] = {}
        for op, context in self._contexts():
            revision, rows = context.revision, context.rows(op.tables[0]) if op.tables else None
            if isinstance(op, CreateIndex) and not op.concurrently and self.dialect == "postgresql":
                yield from self._blocks(revision, LockMode.SHARE, op.table, rows)
            elif self.dialect == "postgresql" and not any(one.measured for one in op.statements):
                yield from self._by_the_book(op, context)
            for statement in op.statements:
                measured = statement.measured
                if measured is None:
                    continue
                whole = self.one_transaction and not statement.autocommit
                if statement.autocommit:
                    held.pop(("", 0), None)  # an autocommit block ends the transaction that it is in
                locks = held.setdefault(("", 0) if whole else (revision.revision, statement.transaction), set())
                locks |= {(lock.mode, lock.table) for lock in measured.locks}
                read = {*measured.scanned, *measured.rewritten}
                for mode, table in sorted(locks) if read else ():
                    if mode in (LockMode.SHARE, LockMode.ACCESS_EXCLUSIVE) and table in read:
                        count = rows if op.tables[:1] == (table,) else self.facts.rows(table)
                        yield from self._blocks(revision, mode, table, count)

    def _by_the_book(self, op: Operation, context: Context) -> Iterator[Escalation]:
        """The same for what was not measured: what it locks, and what it reads or writes from end to end."""
        read = {one.table for one in rewrites(op, context) if one.certain}
        if scans_for_not_null(op, context) or (
            isinstance(op, AddConstraint) and not op.not_valid and op.using_index is None
        ):
            read.update(op.tables)
        for lock in locks_of(op) if read else ():
            if lock.mode in (LockMode.SHARE, LockMode.ACCESS_EXCLUSIVE) and lock.table in read:
                yield from self._blocks(context.revision, lock.mode, lock.table, context.rows(lock.table))

    def _blocks(self, revision: Revision, mode: LockMode, table: str, rows: int | None) -> Iterator[Escalation]:
        if rows is not None and rows > self.settings.large_rows:
            why = (
                f"{revision.revision} holds {mode.value} on {table} ({rows:,} rows) while it is read or written from "
                f"end to end: that blocks {mode.blocks}."
            )
            yield Escalation(rule="blocks-writers", why=why, level=Level.CLIENT)

    def _unknown(self) -> Iterator[Escalation]:
        """What nobody has seen run is not safe because nothing was found in it."""
        for revision in self.revisions:
            tried = revision.rehearsed
            ran = (
                self.rehearsed
                and tried is not None
                and (tried.upgraded if self.running is Direction.UPGRADE else tried.downgraded) is not None
            )
            if not ran and not revision.operations(self.running):
                why = f"Nothing is known about what {revision.revision} does: it was not rehearsed."
                yield Escalation(rule="unrecognised-statement", why=why, level=Level.CLIENT)
            elif not ran and self.running is Direction.DOWNGRADE:
                why = f"The downgrade of {revision.revision} was not rehearsed: it is known only by what its file says."
                yield Escalation(rule="unclear-rollback", why=why, level=Level.CLIENT)
            if self.running is Direction.UPGRADE and (tried is None or tried.downgraded is None):
                if tried is not None and (tried.downgrade_missing or tried.downgrade_error is not None):
                    continue  # said by a finding
                why = f"The downgrade of {revision.revision} was not rehearsed, so the way back is not proven."
                yield Escalation(rule="unclear-rollback", why=why, level=Level.CLIENT)


def touched(op: Operation) -> set[str]:
    """The tables of an operation, those that it only reached by its effects included.

    The table that a foreign key refers to is locked but not touched, and a read touches nothing.
    """
    if isinstance(op, Harmless):
        return set()
    found = set(op.tables)
    if isinstance(op, Unrecognised):
        found.update(op.writes)
    if isinstance(op, RenameTable):
        found.add(op.to)
    for statement in op.statements:
        measured = statement.measured
        if measured is None:
            continue
        found.update(item.name for item in measured.dropped if item.kind == "table")
        found.update(item.name.rpartition(".")[0] for item in measured.dropped if item.kind in _PARTS)
        found.update(altered_tables(measured))
        found.update(measured.rewritten)
    return {table for table in found if table}


def _matches(table: str, pattern: str) -> bool:
    """True if a pattern meets a table, with or without its schema, in any case."""
    table, pattern = table.lower(), pattern.lower()
    return fnmatchcase(table, pattern) or fnmatchcase(table.rpartition(".")[2], pattern)


def _watched(op: Operation) -> bool:
    """True if all that went with it was seen, and is an operation of its own."""
    return bool(op.statements) and all(
        statement.measured is not None and statement.measured.complete for statement in op.statements
    )


def _merged(found: Sequence[Escalation]) -> Iterator[Escalation]:
    """One escalation for each rule, with all its reasons and its highest level; person first."""
    rules = dict.fromkeys(one.rule for one in found)
    merged = []
    for rule in rules:
        of_rule = [one for one in found if one.rule == rule]
        level = Level.PERSON if any(one.level is Level.PERSON for one in of_rule) else Level.CLIENT
        reasons = list(dict.fromkeys(one.why for one in of_rule))
        why = " ".join(reasons[:_REASONS])
        if len(reasons) > _REASONS:
            why += f" And {len(reasons) - _REASONS} more of the kind, among the findings."
        merged.append(Escalation(rule=rule, why=why, level=level))
    yield from sorted(merged, key=lambda one: one.level is not Level.PERSON)
