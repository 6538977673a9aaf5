"""Upgrade, downgrade, stamp: look, rehearse, judge, ask, look again, run, verify."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, Literal

import anyio

from ..errors import Refused
from ..operations import Direction
from ..policy import decide
from ..report import ChangeReport, Decision, Plan, RehearsalSummary
from ..review.questions import Facts
from ..revisions import Revisions
from . import consent, plan, review, shown
from .app import App, Located, Progress, lines, silent
from .consent import ended
from .examine import Examined, examine
from .inspect import problems
from .run import followed, unasked

__all__ = ["Answer", "Question", "Request", "change", "make_plan", "planned", "question"]

Action = Literal["upgrade", "downgrade", "stamp"]

PREPARED_SECONDS = 900.0


@dataclass(frozen=True)
class Request:
    """What the caller wants done.

    Attributes:
        plan: id of a plan that was made before: this very plan is run, or nothing.
    """

    action: Action
    target: str
    database: str = "default"
    project: str | None = None
    dry_run: bool = False
    plan: str | None = None


@dataclass(frozen=True)
class Question:
    """What a person is asked: the same text for the same plan, however often it is asked for.

    Attributes:
        kind: ``form``: the client can ask; ``page``: only a signature counts, which is given elsewhere.
        url: of the approval page for this plan; None where none is served.
    """

    plan_id: str
    digest: str
    text: str
    kind: Literal["form", "page"] = "form"
    url: str | None = None


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

    @property
    def judged(self) -> Examined:
        """What was examined. Raises RuntimeError where there is nothing to do: that is neither run nor asked about."""
        if self.examined is None:
            raise RuntimeError(f"{self.request.action} {self.request.target} was not examined")
        return self.examined

    @property
    def opened(self) -> Plan:
        """Its plan. Raises RuntimeError if there is none: without one nobody is asked, and nothing is approved."""
        if self.plan is None:
            raise RuntimeError(f"there is no plan of {self.request.action} {self.request.target}")
        return self.plan


async def question(app: App, request: Request, progress: Progress = silent) -> Question | None:
    """What a person must be asked before this runs; None if nobody is to be asked, or has answered already.

    Changes nothing but the store of plans, and asks the same as long as nothing has changed.
    """
    if request.dry_run:
        return None
    prepared = await prepare(app, request, progress)
    if prepared.nothing or prepared.decision is not Decision.ASK or prepared.plan is None:
        return None
    if not await consent.question_is_open(app, prepared):
        return None
    plan_id, digest, text = prepared.plan.id, prepared.plan.digest, ask(prepared)
    if not consent.needs_person(prepared):
        return Question(plan_id, digest, text)
    return Question(plan_id, digest, text, kind="page", url=await app.approval_address(plan_id))


async def change(app: App, request: Request, answer: Answer, progress: Progress = silent) -> ChangeReport:
    """Run the change, if the policy allows it and, where it asks, there is a yes to this very plan.

    That is *answer*, where the policy is content with what a client says, or an approval in the store.
    """
    prepared = await prepare(app, request, progress)
    report = describe(prepared)
    if prepared.nothing:
        return report
    if prepared.decision is Decision.REFUSE:
        refusals = prepared.judged.verdict.refusals
        if not request.dry_run:
            await consent.record(app, prepared, "refusal", {"why": list(refusals)})
        return ended(report, "refused", "Refused, and nothing was changed", *review.cures(prepared.judged))
    if request.dry_run:
        asked = " A person is asked then." if prepared.decision is Decision.ASK else ""
        step = f"Call {request.action} without dry_run to have it done.{asked}"
        return ended(report, "done", "Dry run: nothing was changed", step)
    if prepared.decision is Decision.ASK or request.plan is not None:
        stopped = await consent.settle(app, prepared, report, answer)
        if stopped is not None:
            return stopped
        app.prepared.pop(_key(request), None)
        return await followed(app, prepared, report, progress)
    app.prepared.pop(_key(request), None)
    return await unasked(app, prepared, report, progress)


async def make_plan(app: App, request: Request, progress: Progress = silent) -> ChangeReport:
    """Make the plan of a change and keep it for its approval; its id and digest are in the report. Runs nothing."""
    prepared = await prepare(app, request, progress, keep=True)
    report = describe(prepared)
    if prepared.nothing or prepared.plan is None:
        return report
    if prepared.decision is Decision.REFUSE:
        return ended(report, "refused", "Refused: no plan was made", *review.cures(prepared.judged))
    made = f"Plan {prepared.plan.id} (digest {prepared.plan.digest})"
    use = f"Then, where it is deployed: alembic-mcp {request.action} --plan {prepared.plan.id}"
    if prepared.decision is Decision.RUN:
        return ended(report, "done", f"{made} was made, and needs no approval", use)
    steps = f"A person approves it: alembic-mcp approve {prepared.plan.id}", use
    return ended(report, "done", f"{made} was made, and waits for its approval", *steps)


async def planned(app: App, plan_id: str, action: Action, *, project: str | None = None) -> Request:
    """The request that a plan was made for. Raises Refused if there is none, or it is for something else."""
    store = await app.store()
    stored = await anyio.to_thread.run_sync(store.get, plan_id)
    if stored is None:
        raise Refused(f"There is no plan {plan_id!r}. Nothing was changed.", "alembic-mcp plans lists those there are.")
    made = stored.details
    if made.action != action:
        raise Refused(
            f"Plan {plan_id} is for {made.action} to {made.target}. Nothing was changed.",
            f"alembic-mcp {made.action} --plan {plan_id}",
        )
    return Request(action, made.target, database=made.database, project=project or made.project, plan=plan_id)


async def prepare(app: App, request: Request, progress: Progress = silent, *, keep: bool = False) -> Prepared:
    """Look at the database and the files, rehearse and judge; reused while nothing it rests on has changed.

    *keep* its plan in the store, even where nobody has to be asked.
    """
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
            return await _with_plan(app, earlier, keep=keep)
    prepared = await _prepare(app, request, located, index, progress)
    app.prepared[_key(request)] = prepared
    return await _with_plan(app, prepared, keep=keep)


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
    plan.settled(index, examined)
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
        modules=plan.own(located.target.modules, located, index, []),
    )
    return Prepared(
        request,
        located,
        index,
        target,
        examined,
        plan.stamp(located, index, examined.modules),
        expires=time.monotonic() + PREPARED_SECONDS,
    )


async def _with_plan(app: App, prepared: Prepared, *, keep: bool) -> Prepared:
    """Give it the plan that is open for it; a plan that was consumed or has expired is replaced by a new one."""
    if prepared.examined is None:
        return prepared
    described = plan.describe(
        prepared.request.action, prepared.target, prepared.located, prepared.index, prepared.examined
    )
    digest = plan.digest(described)
    if prepared.request.plan is not None:
        await _same_plan(app, prepared.request.plan, described, describe(prepared))
        return replace(prepared, plan=Plan(id=prepared.request.plan, digest=digest))
    if prepared.decision is Decision.REFUSE or (prepared.decision is Decision.RUN and not keep):
        return replace(prepared, plan=Plan(id=digest[:12], digest=digest))
    id_ = await consent.open_plan(app, prepared, described, describe(prepared))
    return replace(prepared, plan=Plan(id=id_, digest=digest))


async def _same_plan(app: App, plan_id: str, described: dict[str, Any], report: ChangeReport) -> None:
    """Raises Refused if the plan is not what would be done now, part by part, or shows something else."""
    store = await app.store()
    stored = await anyio.to_thread.run_sync(store.get, plan_id)
    if stored is None:
        raise Refused(f"There is no plan {plan_id!r}. Nothing was changed.", "alembic-mcp plans lists those there are.")
    if stored.digest == plan.digest(described):
        reasons = shown.differences(stored.details.report, report)
        if not reasons:
            return
    else:
        reasons = plan.differences(stored.payload, described) or ["the plan in the store was tampered with"]
    why = f"Plan {plan_id} is not what would be done now: {'; '.join(reasons)}. Nothing was changed."
    await anyio.to_thread.run_sync(store.audit, "refusal", plan_id, {"digest": stored.digest, "why": why})
    raise Refused(why, "Make a plan of how things are now (alembic-mcp plan), and have it approved.")


def _at_target(index: Revisions, located: Located, target: str) -> bool:
    """True if an upgrade to *target* has nothing to do; cheap, for it is what deployments ask most often."""
    heads = set(located.target.heads)
    if target in ("head", "heads"):
        return bool(heads) and heads == set(index.heads) and (target == "heads" or len(index.heads) == 1)
    return target in heads


def _key(request: Request) -> str:
    exactly = f" by plan {request.plan}" if request.plan else ""
    return f"{request.action} {request.target} on {request.database} of {request.project or 'the project'}{exactly}"


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
    report.warnings += examined.warnings
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
    target, examined, opened = prepared.located.target, prepared.judged, prepared.opened
    where = f"{target.name} on {target.host or 'this machine'} ({prepared.located.environment})"
    after = ", ".join(examined.heads_after) or "base"
    parts = [
        f"{prepared.request.action.capitalize()} {where} from {', '.join(target.heads) or 'base'} to {after}?",
        *(f"- {escalation.why}" for escalation in examined.verdict.escalations),
    ]
    if examined.rehearsal.status == "passed":
        back = {True: "proven to restore the schema", False: "does NOT restore the schema", None: "not proven"}
        parts.append(f"Rehearsed on {examined.rehearsal.where}; the way back: {back[examined.rehearsal.restored]}.")
    elif examined.rehearsal.status == "not_possible":
        parts.append(f"NOT rehearsed: {examined.rehearsal.where.rstrip('.')}. It is known only by what the files say.")
    if examined.halves:
        parts.append(f"If it fails on the way, {', '.join(sorted(examined.halves))} can stay half applied.")
    parts.append(f"Plan {opened.id}, digest {opened.digest[:16]}.")
    return "\n".join(parts)


def refuse_unknown(located: Located, index: Revisions) -> None:
    """Raises Refused if the database has a revision that no file knows."""
    unknown = [head for head in located.target.heads if head not in index.by_id]
    if unknown:
        raise Refused(
            f"{located.target.name} has revision {', '.join(unknown)}, which no file here knows. Nothing was changed.",
            "Fetch the missing revision files (another branch, a newer checkout), then call again.",
        )
