"""Tools that change the database: upgrade, downgrade, stamp."""
# ruff: noqa: ARG001 - the tools' arguments are read by the resolvers, by name

from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

from mcp.server.mcpserver import Elicit, ElicitationResult, Resolve
from pydantic import Field

from ..report import ChangeReport
from . import approval
from .approval import Asked, Confirmation, Reply
from .context import Call, DatabaseName, ProjectName

__all__ = ["downgrade", "stamp", "upgrade"]

DryRun = Annotated[bool, Field(description="Show what would happen; ask nobody, change nothing.")]


async def _prepare(
    ctx: Call,
    action: Literal["upgrade", "downgrade", "stamp"],
    target: str,
    database: str,
    project: str | None,
    *,
    dry_run: bool = False,
) -> Asked:
    from ..workflows.change import Request

    request = Request(action=action, target=target, database=database, project=project, dry_run=dry_run)
    return await approval.prepare(ctx, request)


def _asked(action: Literal["upgrade", "downgrade"]) -> Callable[..., Awaitable[Asked]]:
    async def asked(target: str, dry_run: bool, database: str, project: str | None, ctx: Call) -> Asked:
        return await _prepare(ctx, action, target, database, project, dry_run=dry_run)

    return asked


async def _asked_to_stamp(target: str, database: str, project: str | None, ctx: Call) -> Asked:
    return await _prepare(ctx, "stamp", target, database, project)


_asked_to_upgrade = _asked("upgrade")
_asked_to_downgrade = _asked("downgrade")


async def _upgrade_reply(
    asked: Annotated[Asked, Resolve(_asked_to_upgrade)], ctx: Call
) -> Elicit[Confirmation] | Reply:
    return await approval.ask(ctx, asked)


async def _downgrade_reply(
    asked: Annotated[Asked, Resolve(_asked_to_downgrade)], ctx: Call
) -> Elicit[Confirmation] | Reply:
    return await approval.ask(ctx, asked)


async def _stamp_reply(asked: Annotated[Asked, Resolve(_asked_to_stamp)], ctx: Call) -> Elicit[Confirmation] | Reply:
    return await approval.ask(ctx, asked)


async def upgrade(
    ctx: Call,
    *,
    asked: Annotated[Asked, Resolve(_asked_to_upgrade)],
    reply: Annotated[ElicitationResult[Confirmation], Resolve(_upgrade_reply)],
    target: Annotated[
        str, Field(description="'head', a revision id, 'branch@head', or '+N' for the next N revisions.")
    ] = "head",
    dry_run: DryRun = False,
    database: DatabaseName = "default",
    project: ProjectName = None,
) -> ChangeReport:
    """Upgrade the database: rehearse, judge, ask a person where the policy says so, run, verify.

    Use it after review. The person is asked by the server itself: there is no argument that approves anything.
    Never runs what the rehearsal or the data prove to fail.
    """
    return await approval.carry_out(ctx, asked, reply)


async def downgrade(
    ctx: Call,
    *,
    asked: Annotated[Asked, Resolve(_asked_to_downgrade)],
    reply: Annotated[ElicitationResult[Confirmation], Resolve(_downgrade_reply)],
    target: Annotated[
        str, Field(description="'-1', a revision id, 'base', or 'branch@-1'.", coerce_numbers_to_str=True)
    ],
    dry_run: DryRun = False,
    database: DatabaseName = "default",
    project: ProjectName = None,
) -> ChangeReport:
    """Downgrade the database to an earlier revision, after counting the rows that would be lost.

    Use it to undo an upgrade. Where data would be lost the person is asked by the server itself. Never runs
    unrehearsed unless a person agrees.
    """
    return await approval.carry_out(ctx, asked, reply)


async def stamp(
    ctx: Call,
    *,
    asked: Annotated[Asked, Resolve(_asked_to_stamp)],
    reply: Annotated[ElicitationResult[Confirmation], Resolve(_stamp_reply)],
    target: Annotated[str, Field(description="A revision id, 'head' or 'base'.")],
    database: DatabaseName = "default",
    project: ProjectName = None,
) -> ChangeReport:
    """Write a revision into the version table without running anything.

    Use it only for a database whose schema already is that revision's, e.g. made by create_all. Always asks a
    person. Never touches the schema.
    """
    return await approval.carry_out(ctx, asked, reply)
