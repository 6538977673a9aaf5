"""Review revisions: what they would do, what is dangerous about it, what the policy says. Nothing changes."""

from __future__ import annotations

from dataclasses import replace

import anyio.to_thread

from ..errors import Refused
from ..operations import Direction
from ..report import Decision, Finding, ReviewReport, Severity
from ..revisions import Revisions
from ..revisions.since import added_since
from .app import App, Located, Progress, lines, silent
from .examine import Examined, examine
from .inspect import problems
from .stand import stand

__all__ = ["review"]

_APPLIED = "Call review with revisions=<id> to look at one that was applied."


async def review(
    app: App,
    *,
    revisions: str = "pending",
    project: str | None = None,
    database: str = "default",
    since: str | None = None,
    progress: Progress = silent,
) -> ReviewReport:
    """Rehearse, judge and preflight the *revisions*: ``pending``, an id, ``head``, or a range ``a:b``.

    With *since*, a commit, it is those whose files were added after it: only what is found in them is reported, but
    the decision is about all that has to run with them.
    """
    found = app.project(project)
    index = await app.revisions(found)
    added = None
    if since is not None:
        files = await anyio.to_thread.run_sync(added_since, found.root, since)
        added = [id_ for id_, script in index.by_id.items() if script.path.resolve() in files]
        if not added:
            return ReviewReport(
                status="done",
                summary=f"Nothing to review: no revision was added since {since}.",
                project=found.name,
                warnings=[*found.warnings, *problems(index)],
                decision=Decision.RUN,
            )
    async with stand(
        app, found, index, database, before=lambda: _unapplied(index, revisions, added), new_file_counts=True
    ) as located:
        unknown = _not_known(located, revisions, added)
        path, start = choose(index, located, revisions) if added is None else choose_added(index, located, added)
        if not path:
            unread = [str(problem) for problem in index.problems if problem.kind == "unreadable"]
            return ReviewReport(
                status="done",
                summary=f"Nothing to review: {located.target.name} has every revision"
                + (" that could be read; what the other files hold is not known." if unread else "."),
                next_steps=["Mend the files that can't be read, then review again."] if unread else [_APPLIED],
                project=found.name,
                warnings=[*found.warnings, *unknown, *located.target.warnings, *problems(index)],
                database=located.report(),
                decision=Decision.REFUSE if unread else Decision.RUN,
            )
        examined = await examine(
            app,
            located,
            index,
            direction=Direction.UPGRADE,
            target=path[-1] if len(index.heads) == 1 or revisions != "pending" else "heads",
            path=path,
            start=start,
            progress=progress,
        )
        if added is not None:
            examined = _only(examined, added)
        return ReviewReport(
            status="done",
            summary=summary(examined, located) if start is None else _applied(examined, located),
            next_steps=next_steps(examined, applied=start is not None, reachable=located.target.reachable),
            project=found.name,
            warnings=[*found.warnings, *unknown, *located.target.warnings, *problems(index), *examined.warnings],
            database=located.report(),
            decision=examined.verdict.decision,
            escalations=list(examined.verdict.escalations),
            findings=list(examined.findings),
            statements=list(examined.statements),
            rehearsal=examined.rehearsal,
            revisions=lines(index, path),
        )


def _unapplied(index: Revisions, wanted: str, added: list[str] | None) -> list[str]:
    """What a database that stands in for one that can't be reached must not have, so that it can be reviewed there."""
    if added is not None:
        return added
    if wanted == "pending":
        return list(index.heads)
    return [script.revision for script in index.range(wanted)]


def _not_known(located: Located, wanted: str, added: list[str] | None) -> list[str]:
    if located.target.reachable or wanted != "pending" or added is not None:
        return []
    return ["Which revisions are pending is not known: what is reviewed is the newest, as if all others were applied."]


def choose(index: Revisions, located: Located, wanted: str) -> tuple[list[str], str | None]:
    """The ids to review in order, and what a copy is downgraded to first if the database has them already."""
    pending, heads = _pending(index, located)
    if wanted == "pending":
        return pending, None
    chosen = [revision.revision for revision in index.range(wanted, heads)]
    if not chosen:
        raise Refused(f"The range {wanted!r} holds no revision.", "Call history to see the revisions and their order.")
    return _path(index, located, wanted, chosen, pending)


def choose_added(index: Revisions, located: Located, added: list[str]) -> tuple[list[str], str | None]:
    """The same for revisions that a branch adds; of those, the ones that the database lacks, if it lacks any."""
    pending, _ = _pending(index, located)
    chosen = [id_ for id_ in pending if id_ in added]
    if chosen:
        above = {id_ for last in chosen for id_ in (last, *index.ancestors([last]))}
        return [id_ for id_ in pending if id_ in above], None
    order = [script.revision for script in index.history[::-1] if script.revision in added]
    return _path(index, located, "since", order, pending)


def _pending(index: Revisions, located: Located) -> tuple[list[str], list[str]]:
    """The ids of the pending revisions, and the heads that the database has."""
    heads = [head for head in located.target.heads if head in index.by_id]
    unknown = [head for head in located.target.heads if head not in index.by_id]
    if unknown:
        raise Refused(
            f"{located.target.name} has revision {', '.join(unknown)}, which no file here knows, so nothing can be "
            "rehearsed from its state.",
            "Fetch the missing revision files (another branch, a newer checkout), then review again.",
        )
    return [revision.revision for revision in index.pending(heads)], heads


def _path(
    index: Revisions, located: Located, wanted: str, chosen: list[str], pending: list[str]
) -> tuple[list[str], str | None]:
    if all(id_ in pending for id_ in chosen):
        # What comes before them has to run first, and is judged with them: it will run with them.
        last = chosen[-1]
        return [id_ for id_ in pending if id_ == last or id_ in index.ancestors([last])], None
    if any(id_ in pending for id_ in chosen):
        raise Refused(
            f"The range {wanted!r} holds revisions that {located.target.name} has and others that it has not.",
            "Review the two parts by themselves: revisions='pending', and the applied ones by id.",
        )
    before = index.by_id[chosen[0]].down_revisions
    # Below a merge stand all its branches: whichever the downgrade is to, the others stay where they are.
    return chosen, before[0] if before else "base"


def _only(examined: Examined, revisions: list[str]) -> Examined:
    """What concerns these revisions, and what concerns none in particular."""
    return replace(
        examined,
        findings=tuple(one for one in examined.findings if not one.revision or one.revision in revisions),
        statements=tuple(one for one in examined.statements if one.revision in revisions),
    )


def summary(examined: Examined, located: Located) -> str:
    """One or two sentences on what was found."""
    count = len(examined.path)
    what = f"{count} revisions" if count != 1 else examined.path[0].revision
    run = "run" if count != 1 else "runs"
    grave = [f for f in examined.findings if f.severity in (Severity.BLOCKER, Severity.DANGER)]
    verdict = {
        Decision.RUN: "may run without asking",
        Decision.ASK: f"{run} only after a yes",
        Decision.REFUSE: "will not run",
    }[examined.verdict.decision]
    proof = {
        "passed": f"rehearsed on {examined.rehearsal.where}",
        "failed": f"failed in the rehearsal on {examined.rehearsal.where}",
        "not_possible": f"not rehearsed ({examined.rehearsal.where.rstrip('.')})",
        "not_needed": "nothing to rehearse",
    }[examined.rehearsal.status]
    text = f"{what} on {located.target.name} ({located.environment}) {verdict}; {proof}."
    return f"{text} {worst(grave).problem}" if grave else text


def _applied(examined: Examined, located: Located) -> str:
    """The summary for revisions that the database has already."""
    grave = [f for f in examined.findings if f.severity in (Severity.BLOCKER, Severity.DANGER)]
    names = ", ".join(line.revision for line in examined.path)
    text = f"{located.target.name} has {names} already; this is what it did, judged by the data of today."
    return f"{text} {worst(grave).problem}" if grave else text


def worst(findings: list[Finding]) -> Finding:
    """The gravest finding, the first of several."""
    return min(findings, key=lambda finding: finding.severity.rank)


def cures(examined: Examined) -> list[str]:
    """What to do about the findings, gravest first, and about whatever else speaks against it."""
    grave = sorted(
        (f for f in examined.findings if f.severity in (Severity.BLOCKER, Severity.DANGER)),
        key=lambda finding: finding.severity.rank,
    )
    told = {f"{finding.rule}: {finding.problem}" for finding in grave if finding.remedy}
    steps = [f"{finding.rule}: {finding.remedy}" for finding in grave if finding.remedy]
    return list(dict.fromkeys([*steps, *(one for one in examined.verdict.refusals if one not in told)]))


def next_steps(examined: Examined, *, applied: bool = False, reachable: bool = True) -> list[str]:
    """What to do about the findings, gravest first, and what comes after."""
    if applied:
        grave = any(finding.severity in (Severity.BLOCKER, Severity.DANGER) for finding in examined.findings)
        return ["An applied revision is not edited: write a new one where a finding calls for it."] if grave else []
    steps = cures(examined)
    match examined.verdict.decision:
        case Decision.RUN | Decision.ASK if not reachable:
            steps.append("Make the database reachable, then review again: nothing is known of its rows.")
        case Decision.RUN:
            steps.append("Call upgrade to apply it.")
        case Decision.ASK:
            steps.append("If it is meant so, call upgrade: the person will be asked.")
        case Decision.REFUSE:
            steps.append("Change the revision, then review again.")
    return steps
