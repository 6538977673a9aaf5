"""Write the revisions that a change of the models needs: questions first, safe forms, proof, and whole files."""

from __future__ import annotations

import re
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import anyio.to_thread

from ..errors import Refused
from ..report import UNREACHABLE, Decision, Difference, GenerateReport, Question, Rewrite, Severity, TwoWays
from . import ahead, copies
from .app import App, Located, Progress, silent
from .asking import check_fills, settled
from .change import refuse_unknown
from .comparing import answered
from .inspect import one_head, problems, shown
from .models_schema import ModelsSchema
from .review import next_steps, worst
from .stand import stand
from .why_nothing import Why, agreement, explain
from .writing import Written, changed_files, one_line, prove_and_write

if TYPE_CHECKING:
    from ..revisions import Revisions
    from .ahead import Ahead
    from .examine import Examined

__all__ = ["Wish", "generate"]

Kind = Literal["auto", "empty", "data"]
Style = Literal["safe", "plain"]

_LOOKS = re.compile(r"PRAGMA (main|temp)\.|SELECT sql FROM\s+\(SELECT \* FROM sqlite_master")
"""Batch mode looking at a table before it makes it anew: nothing that the change does."""
_LISTED = 5
ROUNDS = 5  # of questions that the data answer by itself


@dataclass(frozen=True)
class Wish:
    """What is asked for.

    Attributes:
        message: a few words.
        kind: ``auto``: from the models; ``data``: a change of rows; ``empty``: to be written by hand.
        style: ``plain``: as autogenerate proposes it, without rewrites.
        renames: ``{"table", "from", "to"}`` of columns, ``{"from", "to"}`` of tables: what is no drop and add.
        fills: ``table.column`` -> SQL expression: the value for rows that are there.
        answers: id of a question -> the choice.
        keep_data: park what a drop loses in a side table, so that the downgrade can bring it back.
        table: of ``kind="data"``: the one whose rows change.
        set: of ``kind="data"``: column -> SQL expression.
        where: of ``kind="data"``: SQL condition.
        undo: of ``kind="data"``: column -> SQL expression, for the downgrade.
    """

    message: str
    kind: Kind = "auto"
    style: Style = "safe"
    renames: Sequence[Mapping[str, str]] = ()
    fills: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
    keep_data: bool = False
    table: str | None = None
    set: Mapping[str, str] = field(default_factory=dict)
    where: str | None = None
    undo: Mapping[str, str] = field(default_factory=dict)

    @property
    def expressions(self) -> dict[str, str]:
        """All SQL in it, by what it is for."""
        values = {f"{self.table}.{column}": text for column, text in self.set.items()}
        back = {f"{self.table}.{column} in the downgrade": text for column, text in self.undo.items()}
        return {**self.fills, **values, **back, **({"where": self.where} if self.where else {})}


async def generate(
    app: App,
    wish: Wish,
    *,
    project: str | None = None,
    database: str = "default",
    progress: Progress = silent,
) -> GenerateReport:
    """Write what *wish* asks for, in as many revisions as it safely takes, and rehearse them.

    Nothing is written as long as there are questions (status ``needs_answer``). Raises Refused where a revision would
    be wrong: several heads, models that are not imported, answers to nothing that was asked.
    """
    app.allow_changes()
    message = one_line(wish.message)
    _refuse_what_is_idle(wish)
    found = app.project(project)
    index = await app.revisions(found)
    one_head(index.heads)
    async with ahead.begin(app, "render", {"message": message}) as begun:
        through = begun.look if wish.kind == "auto" else None
        async with stand(app, found, index, database, through=through) as located:
            return await _generate(app, located, index, wish, message=message, begun=begun, progress=progress)


def _refuse_what_is_idle(wish: Wish) -> None:
    """Raises Refused for arguments that would be passed over."""
    rows = [name for name in ("table", "set", "where", "undo") if getattr(wish, name)]
    if wish.kind != "data" and rows:
        raise Refused(
            f"Only kind='data' takes {', '.join(rows)}. Nothing was written.",
            "Add kind='data' to change rows of a table, or leave them out.",
        )
    if wish.undo and not wish.set:
        raise Refused(
            "There is nothing that undo could take back: set is missing. Nothing was written.",
            "Give set as well: column -> SQL expression for the upgrade.",
        )


async def _generate(
    app: App, located: Located, index: Revisions, wish: Wish, *, message: str, begun: Ahead, progress: Progress
) -> GenerateReport:
    found = located.project
    refuse_unknown(located, index)
    models = await ModelsSchema.of(app, located, index)
    if wish.kind == "auto" and found.static and index.static:
        begun.rehearse(located, index, models.known)
    report = GenerateReport(
        status="done",
        summary="",
        project=found.name,
        warnings=[*found.warnings, *located.target.warnings, *problems(index)],
        database=located.report(),
    )
    await progress(0, 4, "Comparing the models with the database")
    with tempfile.TemporaryDirectory(prefix="alembic-mcp-") as folder:
        rendered = await _rendered(
            app,
            located,
            index,
            wish,
            report=report,
            args={"message": message, "out": folder},
            models=models,
            begun=begun,
        )
        _fill_in(report, rendered)
        why = explain(found, rendered) if wish.kind == "auto" else None
        if why and why.blocks and not any(question.id.startswith("rename:") for question in report.questions):
            raise Refused(f"{why.text} Nothing was written.", *why.steps)
        if report.questions:
            return _asking(report)
        if not rendered["files"]:
            return _nothing(report, why, rendered)
        written = await prove_and_write(app, located, index, rendered, ahead=begun, progress=progress)
    report.files = written.files
    report = _finish(report, written, wish.kind)
    report.files_to_commit = await anyio.to_thread.run_sync(_to_commit, located, index, written)
    if rendered.get("unfinished"):
        report.ready_to_commit = False
        report.summary = f"Wrote {report.files[0].path}. It is not whole yet: WRITE HERE marks what it needs."
        report.findings, report.statements, report.rehearsal = [], TwoWays(), None  # of a file that says it can't run
        report.next_steps = ["Write what WRITE HERE marks in the new file, then call review."]
    return report


async def _rendered(
    app: App,
    located: Located,
    index: Revisions,
    wish: Wish,
    *,
    report: GenerateReport,
    args: dict[str, Any],
    models: ModelsSchema,
    begun: Ahead,
) -> dict[str, Any]:
    """What the project's Alembic makes of the wish; questions that the data settle are answered on the way."""
    args |= {
        "kind": wish.kind,
        "style": wish.style,
        "renames": [dict(each) for each in wish.renames],
        "fills": dict(wish.fills),
        "answers": dict(wish.answers),
        "keep_data": wish.keep_data,
        "table": wish.table,
        "set": dict(wish.set),
        "where": wish.where,
        "undo": dict(wish.undo),
        "large_rows": located.project.settings.large_rows,
    }
    check_fills(wish.expressions, located.target.dialect)
    if wish.kind != "empty":
        from ..preflight import tables_with_rows  # imports psycopg

        args["rows"] = await tables_with_rows(located.target)
    async with _compared(app, located, index, needed=wish.kind != "empty") as (redirect, report.against):
        if wish.kind == "auto":
            if models.soon and not redirect:
                begun.go_on(args)
            args["models"], unmade = await models.read(begun)
            report.warnings += unmade
        for _ in range(ROUNDS):
            reply, notes = await answered(app, located, index, "render", {**args, **redirect}, begun=begun)
            asked = await settled(app, located, reply.result, args["answers"])
            if not asked.answers:
                break
            args["answers"] |= asked.answers
    report.warnings += [*notes, *reply.result.get("warnings", []), *asked.warnings]
    return {**reply.result, "questions": asked.questions}


@asynccontextmanager
async def _compared(
    app: App, located: Located, index: Revisions, *, needed: bool
) -> AsyncIterator[tuple[dict[str, Any], str]]:
    """Where the models are compared with what is there: the database at head, else a copy that was brought there."""
    if not needed and located.target.reachable:
        yield {}, f"the database {located.target.name}"
        return
    async with copies.compared(app, located, index) as compared:
        yield compared


def _fill_in(report: GenerateReport, rendered: dict[str, Any]) -> None:
    report.differences = [Difference.model_validate(item) for item in rendered.get("differences", [])]
    report.questions = [Question.model_validate(item) for item in rendered.get("questions", [])]
    report.rewrites = [Rewrite.model_validate(item) for item in rendered.get("rewrites", [])]
    report.invisible = list(rendered.get("invisible", []))
    report.loses = list(rendered.get("loses", []))
    report.changes = dict(rendered.get("changes", {}))


def _asking(report: GenerateReport) -> GenerateReport:
    many = len(report.questions)
    report.status = "needs_answer"
    report.summary = (
        f"{report.questions[0].question} Nothing was written."
        if many == 1
        else f"{many} questions come first, and only the developer can answer them. Nothing was written."
    )
    report.next_steps = [
        "Ask the developer, do not guess; then call generate again with the same arguments and those in `how`.",
    ]
    return report


def _nothing(report: GenerateReport, why: Why | None, rendered: dict[str, Any]) -> GenerateReport:
    report.summary = f"Nothing to generate. {why.text if why else agreement(rendered)}"
    report.why_nothing = why.text if why else None
    if report.differences:
        kept = "; ".join(difference.description for difference in report.differences[:_LISTED])
        more = f" and {len(report.differences) - _LISTED} more" if len(report.differences) > _LISTED else ""
        report.summary = f"Nothing to generate: as answered, the database stays as it is, without this: {kept}{more}."
    elif report.invisible:
        report.summary = "Nothing was generated, but models and database differ in what is listed."
    missing = "If a change is missing, check that the model's file was saved and is imported."
    if report.invisible and not report.differences:
        missing = "Each point listed says what to do: answers for the next call, or what to write by hand."
    report.next_steps = list(why.steps) if why and why.steps else [missing]
    return report


def _finish(report: GenerateReport, written: Written, kind: Kind) -> GenerateReport:
    examined = written.examined
    names = _named(report)
    report.rehearsal = written.rehearsal
    if examined is None:
        report.summary = f"Wrote {names}. It could not be rehearsed: {written.trouble}"
        report.next_steps = ["Mend what the rehearsal stumbled over, then call review."]
        return report
    report.warnings += examined.warnings
    report.findings = list(examined.findings)
    report.statements = TwoWays(
        upgrade=[
            line.sql for line in examined.statements if line.direction == "upgrade" and not _LOOKS.match(line.sql)
        ],
        downgrade=[
            line.sql for line in examined.statements if line.direction == "downgrade" and not _LOOKS.match(line.sql)
        ],
    )
    grave = [finding for finding in examined.findings if finding.severity in (Severity.BLOCKER, Severity.DANGER)]
    passed = examined.rehearsal.status == "passed"
    report.ready_to_commit = (
        kind != "empty"
        and passed
        and not any(finding.severity is Severity.BLOCKER for finding in grave)
        and examined.rehearsal.converged is not False
        and examined.rehearsal.downgraded is not False
        and examined.rehearsal.restored is not False
    )
    report.summary = f"Wrote {names}. " + _verdict(examined, grave, kind=kind, passed=passed, count=len(report.files))
    steps = [] if kind != "empty" else ["Write upgrade() and downgrade() in the new file, then call review."]
    if report.ready_to_commit:
        steps.append("Commit files_to_commit together.")
    reachable = report.database is not None and report.database.environment_reason != UNREACHABLE
    report.next_steps = [*steps, *next_steps(examined, reachable=reachable)] if kind != "empty" else steps
    if examined.verdict.decision is Decision.REFUSE:
        report.next_steps = [step for step in report.next_steps if not step.startswith("Call upgrade")]
    elif report.ready_to_commit:
        report.instructions = _instructions(report)
    return report


def _to_commit(located: Located, index: Revisions, written: Written) -> list[str]:
    """The new files, and what they can't do without that git does not have: earlier revisions, models, env.py."""
    before = index.ancestors(written.files[0].down_revision)
    modules = written.examined.modules if written.examined else {}
    changed = changed_files([*(index.by_id[id_].path for id_ in before if id_ in index.by_id), *modules])
    return list(
        dict.fromkeys([*(file.path for file in written.files), *(shown(located.project, path) for path in changed)])
    )


def _named(report: GenerateReport) -> str:
    if len(report.files) == 1:
        return report.files[0].path
    return f"{len(report.files)} revisions that follow each other: " + ", ".join(file.revision for file in report.files)


def _verdict(examined: Examined, grave: list[Any], *, kind: Kind, passed: bool, count: int) -> str:
    if kind == "empty":
        return "It is empty: write its upgrade() and downgrade()."
    if examined.rehearsal.status == "not_possible":
        found = f" The review found: {worst(grave).problem}" if grave else ""
        return f"It was not rehearsed ({examined.rehearsal.where.rstrip('.')}): read it before it is committed.{found}"
    if not passed:
        return f"The rehearsal on {examined.rehearsal.where} failed: mend what it names before it is committed."
    if grave:
        return f"The rehearsal passed, and the review found: {worst(grave).problem}"
    where, restored = examined.rehearsal.where, examined.rehearsal.restored
    if count > 1:
        back = "and their downgrades restore the schema" if restored else "their downgrades do not"
        return f"They were rehearsed on {where}: they apply, {back}."
    back = "and its downgrade restores the schema" if restored else "its downgrade does not"
    return f"It was rehearsed on {where}: it applies, {back}."


def _instructions(report: GenerateReport) -> list[str]:
    """How it gets to production, in order."""
    steps = [
        "Review against production: call review with its database's name from the settings.",
        "Have a backup, or know that there is one: a downgrade brings back the schema, not always the data.",
    ]
    last, asked = report.files[-1], "there; a person is asked before it runs."
    if len(report.files) > 1 and last.message.endswith(": contract"):
        return [
            *steps,
            f"Call upgrade with target={report.files[-2].revision!r} {asked}",
            (
                f"Deploy the code that goes with the models, and end all that is older: {last.revision} demands what "
                "older code does not write, or drops what it still uses."
            ),
            f"Call upgrade with target={last.revision!r} {asked}",
        ]
    return [*steps, f"Call upgrade with target={last.revision!r} {asked}", *_deployment(report)]


def _deployment(report: GenerateReport) -> list[str]:
    """When the code that goes with the change is deployed, where that can be told."""
    kinds = {difference.kind for difference in report.differences}
    if any(difference.description.startswith("rename ") for difference in report.differences):
        names = "Code with the old name fails from then on, and code with the new name before"
        return [f"{names}: replace it at once, or release in steps (add, write both, copy, read the new one, drop)."]
    if kinds & {"drop_column", "drop_table"}:
        return ["Do so only when no running code uses any more what is dropped."]
    if kinds and all(kind in ("add_column", "create_table") for kind in kinds):
        return ["Deploy the code that uses it afterwards, not before."]
    return []
