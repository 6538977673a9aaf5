"""Lets autogenerate run, on the database or, where it tries out there what it compares, on a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from ..errors import Refused
from ..worker_client import WorkerFailed
from . import copies
from .app import LOOK_SECONDS, App, Located

if TYPE_CHECKING:
    from ..revisions import Revisions
    from ..worker_client import Reply
    from .ahead import Ahead

__all__ = ["answered"]


async def answered(
    app: App,
    located: Located,
    revisions: Revisions,
    call: Literal["compare", "render"],
    args: dict[str, Any],
    *,
    begun: Ahead,
) -> tuple[Reply, list[str]]:
    """What the call answers, and warnings.

    Args:
        app: the app.
        located: where it is called.
        revisions: the project's.
        call: its name.
        args: those of the call, with ``redirect`` where it is about a scratch database.
        begun: where the call may have begun, if it is about the database itself.

    Raises:
        WorkerFailed: as the call.
        Refused: the arguments ask for what can't be.
        ScratchUnavailable: a copy is needed, and there can be none.
        Failed: a copy is needed, and can't be brought to head.
    """
    reply = None if args.get("redirect") else await begun.then(args)
    if reply is not None:
        return reply, []

    async def asked(args: dict[str, Any]) -> Reply:
        return await app.call(
            located.project,
            call,
            args,
            database=located.target.database,
            timeout=LOOK_SECONDS,
            revisions=revisions,
        )

    try:
        return await asked(args), []
    except WorkerFailed as error:
        if error.kind == "refused":
            raise Refused(error.message, *error.next_steps) from error
        if error.kind != "needs_copy" or args.get("redirect"):
            raise
        why = error.message
    async with copies.at_head(app, located, revisions) as copy:
        note = f"{why} That is not done on {located.target.name}: {copy.where} was compared."
        return await asked({**args, "redirect": copy.redirect}), [note]
