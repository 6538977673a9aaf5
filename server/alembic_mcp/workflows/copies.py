"""Scratch databases for a workflow: a copy of the target, brought to the state that is needed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal

from ..errors import Failed
from ..target import Environment
from .app import REHEARSE_SECONDS, App, Located

if TYPE_CHECKING:
    from ..project import Project
    from ..revisions import Revisions
    from ..scratch import Scratch

__all__ = ["at_head", "bring", "copy_of"]


@asynccontextmanager
async def copy_of(app: App, located: Located, *, own_server: bool | None = None) -> AsyncIterator[Scratch]:
    """A scratch database with the target's schema and version rows; raises ScratchUnavailable.

    On the target's own server if *own_server*, by default if it is for development.
    """
    servers = await app.scratch()
    async with servers.clone(
        located.target,
        located.target.heads,
        own_server=located.environment is Environment.DEVELOPMENT if own_server is None else own_server,
    ) as scratch:
        yield scratch


@asynccontextmanager
async def at_head(app: App, located: Located, revisions: Revisions) -> AsyncIterator[Scratch]:
    """A scratch copy of the target that was upgraded to all heads."""
    async with copy_of(app, located) as scratch:
        if revisions.pending(located.target.heads):
            await bring(
                app,
                located.project,
                revisions,
                scratch,
                direction="upgrade",
                target="heads",
                database=located.target.database,
            )
        yield scratch


async def bring(
    app: App,
    project: Project,
    revisions: Revisions,
    scratch: Scratch,
    *,
    direction: Literal["upgrade", "downgrade"],
    target: str,
    database: str,
) -> None:
    """Upgrade or downgrade a scratch database; raises Failed if a revision does not do that there."""
    reply = await app.call(
        project,
        "rehearse",
        {"redirect": scratch.redirect, "direction": direction, "target": target, "prove": False},
        database=database,
        timeout=REHEARSE_SECONDS,
        revisions=revisions,
    )
    for revision, recorded in reply.result["revisions"].items():
        if recorded.get(f"{direction}d") is not True:
            error = recorded.get(f"{direction}_error") or {}
            raise Failed(
                f"The {direction} of {revision} does not work on {scratch.where}: "
                f"{error.get('message') or 'it was not reached'}",
                f"Mend {revision}, then call again.",
            )
