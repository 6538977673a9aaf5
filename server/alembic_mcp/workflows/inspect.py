"""Look, change nothing: where the database stands, the revision graph, the models against the database."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import Refused
from ..project import Project, repository_root
from ..report import CheckReport, CurrentReport, Difference, HistoryReport, RevisionNode
from ..revisions import Revisions, ScriptRevision
from . import ahead, consent, copies
from .app import App, Located, lines
from .comparing import answered
from .models_schema import ModelsSchema
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
        steps = ["Call review to see what the pending revisions would do."]
        if len(revisions.heads) == 1:
            steps.append("Call upgrade to apply them.")
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
    range: str | None = None,
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
        models = await ModelsSchema.of(app, located, revisions)
        if models.soon and not redirect:
            begun.go_on({})
        schema, unmade = await models.read()
        args = {**redirect, "models": schema}
        reply, notes = await answered(app, located, revisions, "compare", args, begun=begun)
    warnings = [*found.warnings, *located.target.warnings, *unmade, *notes]
    if redirect and located.target.reachable:
        warnings.append(f"The models were compared with {against}.")
    differences = [Difference.model_validate(item) for item in reply.result["differences"]]
    invisible = list(reply.result["invisible"])
    stays = list(reply.result["stays"])
    why = explain(found, reply.result)
    summary = _compared(reply.result, len(differences), len(invisible) - len(stays), len(stays))
    by_hand = len(reply.result["by_hand"])
    steps = ["Call generate to write the revision."] if differences or len(invisible) > len(stays) + by_hand else []
    if by_hand:
        steps.append("What is to be written by hand goes into a revision of its own: call generate with kind='empty'.")
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
        stays=stays,
        why_nothing=why.text if why else None,
    )


def _compared(reply: Mapping[str, Any], seen: int, unseen: int, stay: int) -> str:
    """In a sentence or two: how many differences autogenerate sees, does not see, and generate leaves alone."""
    both = seen + unseen
    points = f"{both} point{'s' if both != 1 else ''}"
    if not both:
        said = agreement(reply)
    elif not seen:
        said = f"Autogenerate sees no difference, but models and database differ in {points} that it can't see."
    else:
        said = f"Models and database differ in {points}" + (f", of which autogenerate sees {seen}." if unseen else ".")
    if stay:
        said += f" Beyond that, {stay} point{'s stay' if stay != 1 else ' stays'} unless generate is told to change it."
    return said


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
