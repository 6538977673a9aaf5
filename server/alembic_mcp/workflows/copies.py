"""Scratch databases for a workflow: a copy of the target, brought to the state that is needed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from ..target import Environment
from .app import REHEARSE_SECONDS, App, Located

if TYPE_CHECKING:
    from ..project import Project
    from ..revisions import Revisions
    from ..scratch import Scratch

__all__ = ["at_head", "bring", "copy_of"]


@asynccontextmanager
async def copy_of(app: App, located: Located) -> AsyncIterator[Scratch]:
    """A scratch database with the target's schema and version rows; raises ScratchUnavailable."""
    servers = await app.scratch()
    async with servers.clone(
        located.target,
        located.target.heads,
        own_server=located.environment is Environment.DEVELOPMENT,
    ) as scratch:
        yield scratch


@asynccontextmanager
async def at_head(app: App, located: Located, revisions: Revisions) -> AsyncIterator[Scratch]:
    """A scratch copy of the target that was upgraded to all heads."""
    async with copy_of(app, located) as scratch:
        if set(located.target.heads) != set(revisions.heads):
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
    direction: str,
    target: str,
    database: str,
) -> dict[str, Any]:
    """Upgrade or downgrade a scratch database without looking at how; raises WorkerFailed."""
    reply = await app.call(
        project,
        "run",
        {"redirect": scratch.redirect, "direction": direction, "target": target},
        database=database,
        timeout=REHEARSE_SECONDS,
        revisions=revisions,
    )
    return reply.result
