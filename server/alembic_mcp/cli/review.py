"""The command ``review``: for a person at a terminal, for CI, and for the programs that CI feeds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..project import repository_root
from ..report import ReviewReport, Severity
from .commands import commands, run_command
from .exits import exit_code_of_findings
from .findings import show_review
from .formats import FORMATS
from .options import DatabaseOptions, folded
from .terminal import Progress, show

if TYPE_CHECKING:
    from ..workflows.app import App

__all__ = ["review"]


@commands.command()
@folded
def review(
    revisions: Annotated[str, typer.Argument(help="'pending', 'head', a revision, or a range 'a:b'.")] = "pending",
    *,
    since: Annotated[
        str | None, typer.Option("--since", metavar="REF", help="The revisions added since a commit, such as main.")
    ] = None,
    format: Annotated[
        Literal["text", "json", "sarif", "github", "markdown"], typer.Option("--format", help="How to print it.")
    ] = "text",
    fail_on: Annotated[
        Severity | None, typer.Option("--fail-on", help="Exit with 6 if something this bad or worse is found, else 0.")
    ] = None,
    place: DatabaseOptions,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Rehearse and judge revisions; nothing changes."""
    from ..workflows import review as workflow

    if since is not None and revisions != "pending":
        raise typer.BadParameter("name the revisions, or --since a commit, not both")
    root: Path | None = None

    async def work(app: App, name: str | None, progress: Progress) -> ReviewReport:
        nonlocal root
        root = repository_root(app.project(name).root)
        return await workflow.review(
            app, revisions=revisions, project=name, database=place.database, since=since, progress=progress
        )

    def shown(report: ReviewReport) -> None:
        if json or format == "json":
            show(report, as_json=True)
        elif format in FORMATS:
            typer.echo(FORMATS[format](report, root))
        else:
            show_review(report, root)

    run_command(ReviewReport, work, place, shown=shown, code=lambda report: exit_code_of_findings(report, fail_on))
