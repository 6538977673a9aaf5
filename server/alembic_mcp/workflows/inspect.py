"""Look, change nothing: where the database stands, the revision graph, the models against the database."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from ..errors import Refused
from ..project import Project, repository_root
from ..report import CheckReport, CurrentReport, Difference, HistoryReport, RevisionNode
from ..revisions import Revisions, ScriptRevision
from . import ahead, consent, copies
from .app import LOOK_SECONDS, App, Located, lines
from .models_schema import models_schema
from .stand import stand
from .why_nothing import agreement, explain

__all__ = ["check", "current", "history"]

LARGEST_PAGE = 1000


async def current(app: App, *, project: str | None = None, database: str = "default") -> CurrentReport:
    """Heads in the database against heads in the scripts: pending, unknown, at head."""
    found = app.project(project)
    revisions = await app.revisions(found)
    located = await app.look(found, database)
    heads = list(located.target.heads)
    unknown = [head for head in heads if head not in revisions.by_id]
    pending = revisions.pending(heads) if not unknown else []
    there = not unknown and not pending
    name = located.target.name
    steps = []
    if unknown:
        summary = f"{name} has revision {', '.join(unknown)}, which no file here knows."
        steps = [
            "Fetch the missing revision files (another branch, a newer checkout): the database was upgraded with them.",
            "Do not stamp over it before you know what that revision changed.",
        ]
    elif there:
        summary = f"{name} is at head ({', '.join(heads) or 'no revisions yet'})."
    else:
        at = ", ".join(heads) or "base (no revision applied)"
        summary = f"{name} is at {at}; {len(pending)} revision{'s are' if len(pending) != 1 else ' is'} pending."
        steps = ["Call review to see what the pending revisions would do.", "Call upgrade to apply them."]
    if len(revisions.heads) > 1:
        steps.append(f"There are {len(revisions.heads)} heads; call merge_heads, or name one as the target.")
    return CurrentReport(
        status="done",
        summary=summary,
        next_steps=steps,
        project=found.name,
        warnings=[*found.warnings, *located.target.warnings, *problems(revisions), *await consent.lost(app, located)],
        database=located.report(),
        heads=heads,
        script_heads=list(revisions.heads),
        at_head=there,
        pending=lines(revisions, [revision.revision for revision in pending]),
        unknown=unknown,
    )


async def history(
    app: App,
    *,
    project: str | None = None,
    range: str | None = None,  # noqa: A002 - the tool's argument is called so
    limit: int = 50,
    cursor: str | None = None,
) -> HistoryReport:
    """The revision graph, newest first, *limit* revisions a page; no database is needed."""
    found = app.project(project)
    revisions = await app.revisions(found)
    if limit < 1:
        raise Refused("limit must be at least 1.", "Leave it out for 50 revisions a page.")
    selected = revisions.range(range or "")[::-1]
    shown, following = revisions.page(selected, min(limit, LARGEST_PAGE), cursor)
    total = len(selected)
    several = len(revisions.heads) > 1
    summary = f"{total} revision{'s' if total != 1 else ''}"
    summary += f", {len(revisions.heads)} heads: {', '.join(revisions.heads)}." if several else "."
    if revisions.heads and not several:
        summary = f"{total} revision{'s' if total != 1 else ''}, head {revisions.heads[0]}."
    steps = ["Call merge_heads to join the heads."] if several else []
    if following:
        steps.append(f"Call history with cursor={following!r} for the next page.")
    return HistoryReport(
        status="done",
        summary=summary,
        next_steps=steps,
        project=found.name,
        warnings=list(found.warnings),
        revisions=[_node(revisions, script, found) for script in shown],
        heads=list(revisions.heads),
        bases=list(revisions.bases),
        graph=revisions.graph(shown),
        total=total,
        next_cursor=following,
        problems=problems(revisions),
    )


def _node(revisions: Revisions, script: ScriptRevision, project: Project) -> RevisionNode:
    return RevisionNode(
        revision=script.revision,
        down_revisions=list(script.down_revisions),
        message=script.message,
        branch_labels=list(script.branch_labels),
        depends_on=list(script.depends_on),
        is_head=script.revision in revisions.heads,
        is_merge=len(script.down_revisions) > 1,
        is_branch_point=script.revision in revisions.branch_points,
        path=shown(project, script.path),
        date=script.date,
    )


def shown(project: Project, path: Path) -> str:
    """The path as the developer knows it: relative to the repository where it lies inside."""
    return str(path).removeprefix(_inside(project.root))


@lru_cache(maxsize=64)
def _inside(root: Path) -> str:
    return f"{repository_root(root)}{os.sep}"


async def check(app: App, *, project: str | None = None, database: str = "default") -> CheckReport:
    """What autogenerate would do: against the database if it is at head, else against a scratch database at head.

    Where the database can't be reached, a scratch database that was upgraded from base stands in for it.
    """
    found = app.project(project)
    revisions = await app.revisions(found)
    async with (
        ahead.begin(app, "compare") as begun,
        stand(app, found, revisions, database, through=begun.look) as located,
        copies.compared(app, located, revisions) as (redirect, against),
    ):
        models, unmade = await models_schema(app, located, revisions)
        args = {**redirect, "models": models}
        reply = (None if redirect else await begun.then(args)) or await app.call(
            found, "compare", args, database=database, timeout=LOOK_SECONDS, revisions=revisions
        )
    warnings = [*found.warnings, *located.target.warnings, *unmade]
    if redirect and located.target.reachable:
        warnings.append(f"The models were compared with {against}.")
    differences = [Difference.model_validate(item) for item in reply.result["differences"]]
    invisible = list(reply.result["invisible"])
    why = explain(found, reply.result)
    if invisible and not differences:
        many = f"{len(invisible)} point{'s' if len(invisible) != 1 else ''}"
        summary = f"Autogenerate sees no difference, but models and database differ in {many} that it can't see."
    elif differences:
        summary = f"Models and database differ in {len(differences)} point{'s' if len(differences) != 1 else ''}."
    else:
        summary = agreement(reply.result)
    steps = ["Call generate to write the revision."] if differences or invisible else []
    if why and (why.blocks or not (differences or invisible)):
        summary = why.text
    if not located.target.reachable:
        summary += " This is about a scratch database at head: the database itself could not be reached."
    return CheckReport(
        status="done",
        summary=summary,
        next_steps=[*(why.steps if why else ()), *([] if why and why.blocks else steps)],
        project=found.name,
        warnings=warnings,
        database=located.report(),
        differences=differences,
        invisible=invisible,
        why_nothing=why.text if why else None,
    )


def at_head(located: Located, revisions: Revisions) -> bool:
    """True if the database has every revision and none that is unknown."""
    heads = located.target.heads
    return all(head in revisions.by_id for head in heads) and not revisions.pending(heads)


def problems(revisions: Revisions) -> list[str]:
    """What is wrong with the revision files, one line each."""
    return [str(problem) for problem in revisions.problems]


def one_head(heads: tuple[str, ...]) -> None:
    """Raises Refused if there are several."""
    if len(heads) > 1:
        raise Refused(
            f"There are {len(heads)} heads ({', '.join(heads)}), so the next revision has no single parent. "
            "Nothing was written.",
            "Call merge_heads first.",
        )
