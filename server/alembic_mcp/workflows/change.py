"""Upgrade, downgrade, stamp: look, rehearse, judge, ask, look again, run, verify."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Literal

from ..errors import Refused
from ..operations import Direction
from ..policy import decide
from ..report import ChangeReport, Decision, Level, Plan, RehearsalSummary
from ..review.questions import Facts
from ..revisions import Revisions
from . import plan, review
from .app import App, Located, Progress, lines, silent
from .examine import Examined, examine
from .inspect import problems
from .run import run

__all__ = ["Answer", "Question", "Request", "change", "question"]

Action = Literal["upgrade", "downgrade", "stamp"]

PREPARED_SECONDS = 900.0


@dataclass(frozen=True)
class Request:
    """What the caller wants done."""

    action: Action
    target: str
    database: str = "default"
    project: str | None = None
    dry_run: bool = False


@dataclass(frozen=True)
class Question:
    """What a person is asked: the same text for the same plan, however often it is asked for."""

    plan_id: str
    digest: str
    text: str


@dataclass(frozen=True)
class Answer:
    """What came back; *plan_id* is the plan that the question was about."""

    kind: Literal["not_asked", "unavailable", "yes", "no", "cancelled"]
    plan_id: str | None = None


@dataclass(frozen=True)
class Prepared:
    """A change that was rehearsed and judged and has not been run.

    Attributes:
        stamp: digest of everything it rests on, see `plan.stamp`.
        target: the concrete target for Alembic.
        nothing: the database is there already.
        plan: id and digest; the id is None where nobody has to be asked.
        expires: on the monotonic clock, in seconds.
    """

    request: Request
    located: Located
    index: Revisions
    target: str
    examined: Examined | None
    stamp: str
    nothing: bool = False
    plan: Plan | None = None
    expires: float = 0.0

    @property
    def decision(self) -> Decision:
        """What the policy says."""
        return self.examined.verdict.decision if self.examined else Decision.RUN


async def question(app: App, request: Request, progress: Progress = silent) -> Question | None:
    """What a person must be asked before this runs through the client; None if nobody is to be asked.

    Changes nothing, and asks the same as long as nothing has changed.
    """
    if request.dry_run:
        return None
    prepared = await prepare(app, request, progress)
    if prepared.nothing or prepared.decision is not Decision.ASK or prepared.plan is None or needs_person(prepared):
        return None
    return Question(plan_id=prepared.plan.id, digest=prepared.plan.digest, text=ask(prepared))


async def change(app: App, request: Request, answer: Answer, progress: Progress = silent) -> ChangeReport:
    """Run the change, if the policy allows it and, where it asks, *answer* is a yes to this very plan."""
    prepared = await prepare(app, request, progress)
    report = describe(prepared)
    if prepared.nothing:
        return report
    if prepared.decision is Decision.REFUSE:
        assert prepared.examined is not None  # noqa: S101 - only what was examined is refused
        return _ended(report, "refused", "Refused, and nothing was changed", *prepared.examined.verdict.refusals)
    if request.dry_run:
        return _ended(report, "done", "Dry run: nothing was changed")
    if prepared.decision is Decision.ASK:
        stopped = await _consume(app, prepared, report, answer)
        if stopped is not None:
            return stopped
    app.prepared.pop(_key(request), None)
    return await run(app, prepared, report, progress)


async def _consume(app: App, prepared: Prepared, report: ChangeReport, answer: Answer) -> ChangeReport | None:
    """Use up the yes to this very plan, once; the report that ends the call if there is none."""
    assert prepared.plan is not None  # noqa: S101 - prepare() opens a plan for each question
    if needs_person(prepared):
        return _needs_person(report, prepared)
    if answer.kind != "yes":
        return _unconfirmed(report, prepared, answer)
    if answer.plan_id != prepared.plan.id:
        return _ended(
            report,
            "needs_approval",
            "Nothing was changed: the yes was for another state of things, something changed since it was asked for",
            "Call again: the person will be asked about the plan as it is now.",
        )
    store = await app.store()
    if not store.consume(prepared.plan.id, prepared.plan.digest):
        return _ended(
            report,
            "needs_approval",
            "Nothing was changed: the approval was used already, or has expired",
            "Call again: the person will be asked anew.",
        )
    return None


async def prepare(app: App, request: Request, progress: Progress = silent) -> Prepared:
    """Look at the database and the files, rehearse and judge; reused while nothing it rests on has changed."""
    app.allow_changes()
    project = app.project(request.project)
    index = await app.revisions(project)
    located = await app.look(project, request.database, schema=request.action != "upgrade")
    if request.action == "upgrade" and _at_target(index, located, request.target):
        return Prepared(request, located, index, request.target, None, "", nothing=True)
    if located.target.fingerprint is None:
        located = await app.look(project, request.database, schema=True)
    earlier = app.prepared.get(_key(request))
    if earlier is not None and earlier.expires > time.monotonic():
        modules = earlier.examined.modules if earlier.examined else {}
        if plan.stamp(located, index, modules) == earlier.stamp:
            return await _with_plan(app, earlier)
    prepared = await _prepare(app, request, located, index, progress)
    app.prepared[_key(request)] = prepared
    return await _with_plan(app, prepared)


async def _prepare(app: App, request: Request, located: Located, index: Revisions, progress: Progress) -> Prepared:
    refuse_unknown(located, index)
    heads = list(located.target.heads)
    if request.action == "stamp":
        return _prepare_stamp(request, located, index)
    direction = Direction(request.action)
    if direction is Direction.UPGRADE:
        target = index.upgrade_target(request.target, heads)
        path = [revision.revision for revision in index.pending(heads, index.ids_of(target))]
    else:
        target = index.downgrade_target(request.target, heads)
        path = [revision.revision for revision in index.downgrade_path(heads, target)]
    if not path:
        return Prepared(request, located, index, target, None, "", nothing=True)
    examined = await examine(app, located, index, direction=direction, target=target, path=path, progress=progress)
    return Prepared(
        request,
        located,
        index,
        target,
        examined,
        plan.stamp(located, index, examined.modules),
        expires=time.monotonic() + PREPARED_SECONDS,
    )


def _prepare_stamp(request: Request, located: Located, index: Revisions) -> Prepared:
    """A stamp runs no revision: there is nothing to rehearse, and a person is always asked."""
    after: tuple[str, ...] = ()
    if request.target == "base":
        target = "base"
    elif request.target in ("head", "heads"):
        target, after = "heads", index.heads
    else:
        target = index.get(request.target).revision
        after = (target,)
    if set(after) == set(located.target.heads):
        return Prepared(request, located, index, target, None, "", nothing=True)
    verdict = decide(
        [],
        [],
        Facts(),
        environment=located.environment,
        environment_reason=located.reason,
        settings=located.project.settings,
        action="stamp",
        target_is_base=target == "base",
        past_merge=False,
        rehearsed=False,
    )
    examined = Examined(
        direction=Direction.UPGRADE,
        path=(),
        revisions=(),
        findings=(),
        verdict=verdict,
        facts=Facts(),
        statements=(),
        rehearsal=RehearsalSummary(status="not_needed", where="a stamp runs no revision"),
        heads_after=tuple(after),
    )
    return Prepared(
        request,
        located,
        index,
        target,
        examined,
        plan.stamp(located, index, {}),
        expires=time.monotonic() + PREPARED_SECONDS,
    )


async def _with_plan(app: App, prepared: Prepared) -> Prepared:
    """Give it the plan that is open for it; a plan that was consumed or has expired is replaced by a new one."""
    if prepared.examined is None:
        return prepared
    described = plan.describe(
        prepared.request.action, prepared.target, prepared.located, prepared.index, prepared.examined
    )
    digest = plan.digest(described)
    if prepared.decision is not Decision.ASK:
        return replace(prepared, plan=Plan(id=digest[:12], digest=digest))
    store = await app.store()
    id_ = store.open_plan(digest, _key(prepared.request), described, PREPARED_SECONDS)
    return replace(prepared, plan=Plan(id=id_, digest=digest))


def _at_target(index: Revisions, located: Located, target: str) -> bool:
    """True if an upgrade to *target* has nothing to do; cheap, for it is what deployments ask most often."""
    heads = set(located.target.heads)
    if target in ("head", "heads"):
        return bool(heads) and heads == set(index.heads) and (target == "heads" or len(index.heads) == 1)
    return target in heads


def _key(request: Request) -> str:
    return f"{request.action} {request.target} on {request.database} of {request.project or 'the project'}"


def needs_person(prepared: Prepared) -> bool:
    """True if an answer through the client is not enough."""
    return prepared.examined is not None and any(
        escalation.level is Level.PERSON for escalation in prepared.examined.verdict.escalations
    )


def describe(prepared: Prepared) -> ChangeReport:
    """The report on a change before anything was run."""
    located, index, request = prepared.located, prepared.index, prepared.request
    report = ChangeReport(
        status="done",
        summary="",
        project=located.project.name,
        warnings=[*located.project.warnings, *located.target.warnings, *problems(index)],
        database=located.report(),
        before=list(located.target.heads),
        after=list(located.target.heads),
        plan=prepared.plan,
        decision=prepared.decision,
    )
    if prepared.examined is None:
        report.summary = (
            f"Nothing to do: {located.target.name} is at {', '.join(located.target.heads) or 'base'} already."
        )
        report.rehearsal = RehearsalSummary(status="not_needed", where="nothing to run")
        return report
    examined = prepared.examined
    report.escalations = list(examined.verdict.escalations)
    report.findings = list(examined.findings)
    report.statements = list(examined.statements)
    report.rehearsal = examined.rehearsal
    report.revisions = lines(index, [line.revision for line in examined.path])
    if request.action == "stamp":
        report.summary = f"Stamp {located.target.name} as {', '.join(examined.heads_after) or 'base'}."
    else:
        report.summary = review.summary(examined, located)
    return report


def ask(prepared: Prepared) -> str:
    """The question, as a person reads it in the client: what is done to which database, and what is lost."""
    assert prepared.examined is not None  # noqa: S101 - asked only about what was examined
    assert prepared.plan is not None  # noqa: S101 - likewise
    target, examined = prepared.located.target, prepared.examined
    where = f"{target.name} on {target.host or 'this machine'} ({prepared.located.environment})"
    after = ", ".join(examined.heads_after) or "base"
    parts = [
        f"{prepared.request.action.capitalize()} {where} from {', '.join(target.heads) or 'base'} to {after}?",
        *(f"- {escalation.why}" for escalation in examined.verdict.escalations),
    ]
    if examined.rehearsal.status == "passed":
        back = {True: "proven to restore the schema", False: "does NOT restore the schema", None: "not proven"}
        parts.append(f"Rehearsed on {examined.rehearsal.where}; the way back: {back[examined.rehearsal.restored]}.")
    parts.append(f"Plan {prepared.plan.id}, digest {prepared.plan.digest[:16]}.")
    return "\n".join(parts)


def _ended(
    report: ChangeReport, status: Literal["done", "refused", "needs_approval"], how: str, *steps: str
) -> ChangeReport:
    report.status = status
    report.summary = f"{how}. {report.summary}"
    report.next_steps = list(steps) or report.next_steps
    return report


def _needs_person(report: ChangeReport, prepared: Prepared) -> ChangeReport:
    assert prepared.examined is not None  # noqa: S101 - only what was examined escalates
    person = [e for e in prepared.examined.verdict.escalations if e.level is Level.PERSON]
    why = " ".join(escalation.why for escalation in person)
    guarded = prepared.located.environment.guarded
    return _ended(
        report,
        "refused" if guarded else "needs_approval",
        f"Nothing was changed: this needs a person's own approval, which a client can't give. {why}",
        "Tell the developer what would happen and why it needs a person.",
    )


def _unconfirmed(report: ChangeReport, prepared: Prepared, answer: Answer) -> ChangeReport:
    how = {
        "no": "Not confirmed, and nothing was changed",
        "cancelled": "The question was closed without an answer, and nothing was changed",
        "unavailable": "This needs a yes, and this client can't ask for one: nothing was changed",
        "not_asked": "This needs a yes that nobody has given: nothing was changed",
    }[answer.kind]
    assert prepared.examined is not None  # noqa: S101 - only what was examined asks
    steps = {
        "unavailable": [
            f"Ask the developer to run in a terminal: alembic-mcp {prepared.request.action} {prepared.request.target}",
            "Or use a client that can ask (MCP elicitation).",
        ],
    }.get(answer.kind, ["Tell the developer what would happen; call again if it is wanted."])
    return _ended(report, "needs_approval", how, *steps)


def refuse_unknown(located: Located, index: Revisions) -> None:
    """Raises Refused if the database has a revision that no file knows."""
    unknown = [head for head in located.target.heads if head not in index.by_id]
    if unknown:
        raise Refused(
            f"{located.target.name} has revision {', '.join(unknown)}, which no file here knows. Nothing was changed.",
            "Fetch the missing revision files (another branch, a newer checkout), then call again.",
        )
