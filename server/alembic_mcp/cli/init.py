"""The command ``init``: sets up Alembic in a project that has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..report import InitReport
from .commands import commands, run_command
from .options import JsonOption, ProjectOptions, folded
from .terminal import Progress

if TYPE_CHECKING:
    from ..workflows.app import App

__all__ = ["init"]


@commands.command()
@folded
def init(
    *,
    template: Annotated[
        Literal["sync", "async", "sqlmodel", "pyproject"] | None,
        typer.Option("--template", help="Chosen from the project's files if left out."),
    ] = None,
    config: Annotated[
        Literal["ini", "pyproject"] | None,
        typer.Option("--config", help="Where the configuration goes: alembic.ini or pyproject.toml."),
    ] = None,
    models: Annotated[str | None, typer.Option("--models", help="The declarative base: app.models:Base.")] = None,
    url: Annotated[
        str | None,
        typer.Option("--url", help="NAME of the variable that holds the address, or app.config:settings.url."),
    ] = None,
    folder: Annotated[str, typer.Option("--folder", help="Folder of the application, below this one.")] = ".",
    scripts: Annotated[str, typer.Option("--scripts", help="Folder for env.py and the revisions.")] = "migrations",
    place: ProjectOptions,
    json: JsonOption = False,
) -> None:
    """Set up Alembic in a project that has none."""
    from ..workflows import init as workflow

    async def work(app: App, _: str | None, progress: Progress) -> InitReport:
        return await workflow.init(
            app,
            template=template,
            config=config,
            models=models,
            url=url,
            folder=folder,
            scripts=scripts,
            progress=progress,
        )

    run_command(InitReport, work, place, as_json=json)
