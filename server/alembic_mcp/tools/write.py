"""Tools that write revision files and leave the database alone: generate, merge_heads."""

from typing import Annotated, Literal

from pydantic import Field

from ..report import GenerateReport, MergeReport
from .context import Call, DatabaseName, ProjectName, Reporter, app_of

__all__ = ["generate", "merge_heads"]


async def generate(
    ctx: Call,
    message: Annotated[str, Field(description="What the revision does, in a few words: 'add middle name to person'.")],
    kind: Annotated[
        Literal["auto", "empty"],
        Field(description="auto: from the models, as autogenerate sees them; empty: to be written by hand."),
    ] = "auto",
    database: DatabaseName = "default",
    project: ProjectName = None,
) -> GenerateReport:
    """Write the revision for a change of the models, and prove it on a scratch database.

    Use it after the models were edited; then review. Never changes a database, never leaves a half-written file.
    """
    from ..workflows import generate as workflow

    return await workflow.generate(
        app_of(ctx),
        message=message,
        kind=kind,
        project=project,
        database=database,
        progress=Reporter(ctx),
    )


async def merge_heads(
    ctx: Call,
    heads: Annotated[list[str] | None, Field(description="The heads to join; all of them if left out.")] = None,
    message: Annotated[str | None, Field(description="Message of the merge revision.")] = None,
    database: DatabaseName = "default",
    project: ProjectName = None,
) -> MergeReport:
    """Join several heads by a merge revision, and rehearse it on a scratch database.

    Use it when current or history shows more than one head. Writes one file; never changes a database.
    """
    from ..workflows import generate as workflow

    return await workflow.merge_heads(
        app_of(ctx),
        heads=tuple(heads or ()),
        message=message,
        project=project,
        database=database,
        progress=Reporter(ctx),
    )
