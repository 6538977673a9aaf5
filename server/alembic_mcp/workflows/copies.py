"""Scratch databases for a workflow: a copy of the target, brought to the state that is needed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from ..errors import Failed
from ..scratch import ScratchUnavailable
from ..target import Environment
from .app import REHEARSE_SECONDS, App, Located

if TYPE_CHECKING:
    from ..project import Project
    from ..revisions import Revisions
    from ..scratch import Scratch

__all__ = ["NoWayBack", "at_head", "blank", "bring", "compared", "copy_of", "filling"]


class NoWayBack(Failed):
    """A copy can't be brought to where it was before a revision: the downgrade of one after it does not work."""


@asynccontextmanager
async def copy_of(app: App, located: Located, *, own_server: bool | None = None) -> AsyncIterator[Scratch]:
    """A scratch database with the target's schema and version rows; raises ScratchUnavailable.

    On the target's own server if *own_server*, by default if it is for development; never where the project's code
    must not learn how that server is reached.
    """
    servers, target = await app.scratch(), located.target
    own = located.environment is Environment.DEVELOPMENT if own_server is None else own_server
    async with servers.clone(target, target.heads, own_server=own and target.reachable and not target.shielded) as made:
        yield (
            made
            if located.scratch is None
            else replace(made, redirect={**made.redirect, "fill": located.scratch.redirect["fill"]})
        )


@asynccontextmanager
async def blank(app: App, located: Located) -> AsyncIterator[Scratch]:
    """An empty scratch database of the target's kind; raises ScratchUnavailable, with what can take its place."""
    servers = await app.scratch()
    async with AsyncExitStack() as stack:
        try:
            made = await stack.enter_async_context(servers.empty(located.target.dialect))
        except ScratchUnavailable as error:
            raise ScratchUnavailable(
                error.message,
                "Let the address in the environment lead to an empty database of the same server while the first "
                f"revision is written; afterwards lead it back to {located.target.name}, and call stamp with "
                "target='head': the tables are there already.",
            ) from error
        yield made


def filling(scratch: Scratch, names: Collection[str]) -> Scratch:
    """The same scratch database, whose address env.py also gets where nobody has given it one, in *names* too."""
    return replace(scratch, redirect={**scratch.redirect, "fill": sorted(names) or True})


@asynccontextmanager
async def compared(app: App, located: Located, revisions: Revisions) -> AsyncIterator[tuple[dict[str, Any], str]]:
    """Where the models are compared with what is there: arguments for the call, and for people against what that is.

    The database itself if it is at head and the project's code may look at it; else a copy that was brought to head;
    where there is no database, the scratch database that stands in for it.
    """
    heads = located.target.heads
    there = all(head in revisions.by_id for head in heads) and not revisions.pending(heads)
    if located.scratch is not None and there:
        yield {"redirect": located.scratch.redirect}, f"{located.scratch.where}, upgraded from base to head"
    elif there and not located.target.shielded:
        yield {}, f"the database {located.target.name}"
    else:
        async with at_head(app, located, revisions) as copy:
            why = "only an approved run gets the database's address" if there else "the database is not at head"
            yield {"redirect": copy.redirect}, f"{copy.where}{'' if there else ', upgraded to head'}: {why}"


@asynccontextmanager
async def at_head(app: App, located: Located, revisions: Revisions) -> AsyncIterator[Scratch]:
    """A scratch copy of the target that was upgraded to all heads.

    Raises:
        ScratchUnavailable: there can be none; the next step is another way to the same.
    """
    pending = len(revisions.pending(located.target.heads))
    async with AsyncExitStack() as stack:
        try:
            scratch = await stack.enter_async_context(copy_of(app, located))
        except ScratchUnavailable as error:
            if not pending:
                raise
            raise ScratchUnavailable(
                f"{located.target.name} is {pending} revision{'s' if pending != 1 else ''} behind head, and the models "
                f"can only be compared with what the database has at head. {error.message} Nothing was done.",
                "Call upgrade first, then this again: at head, they are compared with the database itself.",
            ) from error
        if pending:
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
    """Upgrade or downgrade a scratch database; raises Failed (NoWayBack) if a revision does not do that there."""
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
            raise (NoWayBack if direction == "downgrade" else Failed)(
                f"The {direction} of {revision} does not work on {scratch.where}: "
                f"{(error.get('message') or 'it was not reached').rstrip('.')}.",
                f"Mend {revision}, then call again.",
            )
