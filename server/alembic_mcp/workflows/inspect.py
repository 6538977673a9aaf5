"""Look, change nothing: where the database stands, the revision graph, the models against the database."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import Refused
from ..project import Project
from ..report import CheckReport, CurrentReport, Difference, HistoryReport, RevisionNode
from ..revisions import Revisions, ScriptRevision
from . import consent, copies
from .app import LOOK_SECONDS, App, Located, lines

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
    """The path as the developer knows it: relative to the project where it lies inside."""
    return str(path).removeprefix(f"{project.root}{os.sep}")


async def check(app: App, *, project: str | None = None, database: str = "default") -> CheckReport:
    """What autogenerate would do: against the database if it is at head, else against a scratch database at head."""
    found = app.project(project)
    revisions = await app.revisions(found)
    located = await app.look(found, database, schema=True)
    warnings = [*found.warnings, *located.target.warnings]
    if at_head(located, revisions):
        reply = await app.call(found, "compare", {}, database=database, timeout=LOOK_SECONDS, revisions=revisions)
    else:
        warnings.append("The database is not at head: the models were compared with a copy that was upgraded to head.")
        async with copies.at_head(app, located, revisions) as copy:
            reply = await app.call(
                found,
                "compare",
                {"redirect": copy.redirect},
                database=database,
                timeout=LOOK_SECONDS,
                revisions=revisions,
            )
    differences = [Difference.model_validate(item) for item in reply.result["differences"]]
    why = models_problem(reply.result)
    if why:
        summary = why
    elif differences:
        summary = f"Models and database differ in {len(differences)} point{'s' if len(differences) != 1 else ''}."
    else:
        summary = "Models and database agree, as far as autogenerate can see."
    return CheckReport(
        status="done",
        summary=summary,
        next_steps=["Import the modules that define the models in env.py, where target_metadata is set."]
        if why
        else ["Call generate to write the revision."]
        if differences
        else [],
        project=found.name,
        warnings=warnings,
        database=located.report(),
        differences=differences,
        why_nothing=why,
    )


def at_head(located: Located, revisions: Revisions) -> bool:
    """True if the database has every revision and none that is unknown."""
    heads = located.target.heads
    return all(head in revisions.by_id for head in heads) and not revisions.pending(heads)


def models_problem(compared: dict[str, object]) -> str | None:
    """Why autogenerate would see nothing or drop everything, or None. *compared*: a ``compare`` or ``render`` reply.

    The sign is a metadata that lacks most of the database's tables.
    """
    models, tables = compared.get("metadata_tables"), compared.get("database_tables")
    drops = compared.get("drops")
    if drops is None:
        differences = compared.get("differences") or []
        assert isinstance(differences, list)  # noqa: S101 - the worker's contract
        drops = [item["table"] for item in differences if item["kind"] == "remove_table"]
    assert isinstance(drops, list)  # noqa: S101 - the worker's contract
    if models is None:
        return "env.py sets no target_metadata, so autogenerate has no models to compare."
    if models == 0:
        return (
            "The metadata that env.py gives to Alembic has no tables: the modules that define the models are not "
            f"imported there{f', and autogenerate would drop all {len(drops)} tables' if drops else ''}."
        )
    if isinstance(tables, int) and len(drops) > 1 and len(drops) * 2 > tables:
        return (
            f"The models lack {len(drops)} of the database's {tables} tables ({', '.join(sorted(drops)[:5])}"
            f"{', ...' if len(drops) > 5 else ''}): most likely their modules are not imported in env.py."  # noqa: PLR2004
        )
    return None


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
