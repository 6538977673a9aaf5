"""A plan as a person wants to see it: what is lost, what is blocked, the way back, and the SQL with its locks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..locks import LockMode
from ..losses import COUNTED as COUNTED_RULES
from ..losses import LOSING, destroys
from ..operations import Direction
from ..report import ChangeReport, Database, Finding, Level, RehearsalSummary, Severity, StatementLine
from ..target import Environment

__all__ = ["Blocked", "Loss", "Part", "Presentation", "WayBack", "amount", "duration", "main_drops", "present"]

LOSING_PARTS = ("table constraint",)
LOSING_KINDS = ("table column", "materialized view", "table", "view", "type", "schema", "function")
COUNTED = ("rows", "values")

ENVIRONMENTS = {
    Environment.PRODUCTION: "Production",
    Environment.UNKNOWN: "Unknown, treated as production",
    Environment.STAGING: "Staging",
    Environment.DEVELOPMENT: "Development",
}


@dataclass(frozen=True)
class Loss:
    """Something that will be gone.

    Attributes:
        figure: how much, in short (``12,400 rows``); empty if that is not what matters.
        text: what, in a sentence.
        certain: False where it was found empty, or is only structure.
    """

    figure: str
    text: str
    certain: bool = True


@dataclass(frozen=True)
class Blocked:
    """A table that others wait for.

    Attributes:
        what: reads and writes, or writes.
        milliseconds: how long on the scratch database, from the first such lock to the commit.
        grows: it takes longer the more rows there are: the table is rewritten or read through.
    """

    table: str
    mode: str
    what: str
    milliseconds: float
    grows: str = ""

    @property
    def how_long(self) -> str:
        """For people."""
        return f"at least {duration(max(self.milliseconds, 1))}"


@dataclass(frozen=True)
class WayBack:
    """Whether it can be undone; *tone* is ``good``, ``bad`` or ``unsure``."""

    tone: str
    title: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """A revision, and what it sends."""

    revision: str
    message: str
    path: str
    statements: tuple[StatementLine, ...]


@dataclass(frozen=True)
class Presentation:
    """All that the page shows of a report.

    Attributes:
        tone: of the environment, names the colour.
        asked_by: why somebody is asked: sentences, those that need a person first.
        measured: False where nothing was rehearsed, so that neither locks nor losses were seen.
    """

    title: str
    database: Database
    environment: str
    tone: str
    where: str
    route: str
    losses: tuple[Loss, ...]
    blocked: tuple[Blocked, ...]
    blocked_note: str
    way_back: WayBack
    asked_by: tuple[str, ...]
    findings: tuple[Finding, ...]
    parts: tuple[Part, ...]
    rehearsal: RehearsalSummary | None
    measured: bool
    running: Direction
    statements: tuple[StatementLine, ...]

    @property
    def loses_data(self) -> bool:
        """True if data that exists, or may exist, is destroyed."""
        return any(loss.certain for loss in self.losses)


def present(report: ChangeReport, action: str) -> Presentation:
    """*report*, on a change called *action* (upgrade, downgrade, stamp), for the page."""
    running = Direction.DOWNGRADE if action == "downgrade" else Direction.UPGRADE
    database = report.database or Database(
        dialect="", name="an unknown database", host="", environment=Environment.UNKNOWN
    )
    statements = tuple(line for line in report.statements if line.direction is running)
    blocked = tuple(_blocked(statements))
    return Presentation(
        title=f"{action.capitalize()} {database.name}",
        database=database,
        environment=ENVIRONMENTS[database.environment],
        tone=database.environment.value,
        where=database.host or "a file on this machine",
        route=_route(report),
        losses=tuple(_losses(report, statements, running)),
        blocked=blocked,
        blocked_note=_blocked_note(database, statements, blocked),
        way_back=_way_back(report, action),
        asked_by=tuple(
            one.why for one in sorted(report.escalations, key=lambda escalation: escalation.level is not Level.PERSON)
        ),
        findings=tuple(sorted(report.findings, key=lambda finding: (finding.severity.rank, finding.direction))),
        parts=tuple(_parts(report, statements)),
        rehearsal=report.rehearsal,
        measured=bool(report.rehearsal and report.rehearsal.status == "passed"),
        running=running,
        statements=statements,
    )


def amount(number: object, noun: str) -> str:
    """``1 row``, ``12,400 rows``; empty if *number* is none."""
    if not isinstance(number, int) or isinstance(number, bool):
        return ""
    return f"{number:,} {noun.removesuffix('s')}{'' if number == 1 else 's'}"


def duration(milliseconds: float) -> str:
    """``under 1 ms``, ``12 ms``, ``3.4 s``, ``2 min``."""
    for limit, unit, size, digits in ((1_000, "ms", 1, 0), (60_000, "s", 1_000, 1), (float("inf"), "min", 60_000, 0)):
        if milliseconds < limit:
            return "under 1 ms" if milliseconds < 1 else f"{milliseconds / size:.{digits}f} {unit}"
    raise AssertionError("unreachable: the last limit is endless")


def released(statements: tuple[StatementLine, ...], start: int) -> int:
    """Index right behind the last statement that what statement *start* locked is held for.

    A transaction ends at the next statement that commits on its own; where env.py gives each revision its own
    transaction it may end earlier, never later.
    """
    if statements[start].autocommit:
        return start + 1
    for index in range(start + 1, len(statements)):
        if statements[index].autocommit:
            return index
    return len(statements)


def _route(report: ChangeReport) -> str:
    names = [line.revision for line in report.revisions]
    before = ", ".join(report.before) or "base"
    if not names:
        return f"at {before} now"
    count = f"{len(names)} revision{'s' if len(names) != 1 else ''}"
    return f"from {before}, {count}: {', '.join(names[:6])}{' and more' if len(names) > 6 else ''}"


def _losses(report: ChangeReport, statements: tuple[StatementLine, ...], running: Direction) -> Iterator[Loss]:
    texts = []
    for finding in report.findings:
        if finding.rule not in LOSING or finding.direction is not running:
            continue
        texts.append(f"{finding.table} {finding.problem}")
        figures = [amount(finding.evidence.get(key), key) for key in COUNTED]
        figure = next((text for text in figures if text), "")
        empty = finding.severity is Severity.INFO
        about = "about " if figure and finding.evidence.get("estimated") else ""
        counted = destroys(finding)
        certain = counted or (finding.rule not in (*COUNTED_RULES, "narrows-type") and not empty)
        yield Loss(about + (figure or "unknown number") if counted else "", finding.problem, certain=certain)
    named = " ".join(texts)
    for item in dict.fromkeys(item for line in statements for item in line.dropped):
        kind, name = _object(item)
        if kind in LOSING_KINDS and name.removeprefix("public.") not in named:
            yield Loss("", f"The {kind.removeprefix('table ')} {name} is dropped.", certain=kind.startswith("table"))


def main_drops(line: StatementLine) -> list[str]:
    """What a statement drops, without the parts that go with it: sequences, constraints, defaults, ..."""
    whole = [item for item in line.dropped if _object(item)[0] in LOSING_KINDS]
    return whole or line.dropped


def _object(item: str) -> tuple[str, str]:
    """Kind and name: ``table column orders.note`` -> (``table column``, ``orders.note``)."""
    kind = next((kind for kind in (*LOSING_PARTS, *LOSING_KINDS) if item.startswith(f"{kind} ")), "")
    return kind, item.removeprefix(f"{kind} ")


def _blocked(statements: tuple[StatementLine, ...]) -> Iterator[Blocked]:
    worst: dict[str, tuple[LockMode, float]] = {}
    grows: dict[str, str] = {}
    for index, line in enumerate(statements):
        held = sum(later.milliseconds for later in statements[index : released(statements, index)])
        for lock in line.locks:
            mode = LockMode(lock.mode)
            if not mode.blocks_writes:
                continue
            before = worst.get(lock.table)
            if before is None:
                worst[lock.table] = (mode, held)
            else:
                worst[lock.table] = (max(before[0], mode), max(held, before[1]))
        grows.update(dict.fromkeys(line.scans, "it is read from end to end"))
    for line in statements:
        grows.update(dict.fromkeys(line.rewrites, "every row of it is rewritten"))
    for table, (mode, held) in sorted(worst.items(), key=lambda item: (-item[1][0].strength, item[0])):
        yield Blocked(table, mode.value, mode.blocks, held, grows.get(table, ""))


def _blocked_note(database: Database, statements: tuple[StatementLine, ...], blocked: Iterable[Blocked]) -> str:
    if not statements:
        return "No statement runs."
    if database.dialect == "sqlite":
        total = sum(line.milliseconds for line in statements)
        return f"SQLite lets nobody else write while it runs ({duration(total)} on the copy)."
    if not any(line.measured for line in statements):
        return "Not measured: expect every table that is named below to be blocked while it runs."
    if not list(blocked):
        return "No table is blocked for reads or writes."
    return "Times are from the scratch database, which has the tables without their rows."


def _way_back(report: ChangeReport, action: str) -> WayBack:
    rehearsal = report.rehearsal
    details = tuple(rehearsal.details) if rehearsal else ()
    if action == "stamp":
        return WayBack("unsure", "A stamp runs nothing: stamp the earlier revision to undo it.")
    if rehearsal is None or rehearsal.status != "passed":
        return WayBack("bad", "Not proven: this could not be rehearsed.", details)
    there = "the upgrade runs again afterwards" if action == "downgrade" else "the downgrade brings the schema back"
    if action == "downgrade":
        good = rehearsal.reupgraded if rehearsal.reupgraded is not None else rehearsal.upgraded
    else:
        good = rehearsal.restored
    if good is None:
        return WayBack("unsure", "Not proven in the rehearsal.", details)
    if not good:
        return WayBack("bad", "There is no way back that works, as the rehearsal showed.", details)
    return WayBack("good", f"Proven on the scratch database: {there}. Data that is lost does not come back.", details)


def _parts(report: ChangeReport, statements: tuple[StatementLine, ...]) -> Iterator[Part]:
    names = [line.revision for line in report.revisions]
    messages = {line.revision: line.message for line in report.revisions}
    for revision in dict.fromkeys([*names, *(line.revision for line in statements)]):
        own = tuple(line for line in statements if line.revision == revision)
        path = next((line.path for line in own if line.path), "")
        yield Part(revision, messages.get(revision, ""), path, own)
