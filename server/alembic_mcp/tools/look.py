"""Tools that look and change nothing: current, history, review, check."""

from typing import Annotated

from pydantic import Field

from ..report import CheckReport, CurrentReport, HistoryReport, ReviewReport
from .context import Call, DatabaseName, ProjectName, Reporter, app_of
from .paging import paged

__all__ = ["check", "current", "history", "review"]


async def current(ctx: Call, database: DatabaseName = "default", project: ProjectName = None) -> CurrentReport:
    """Which revisions the database has, against those in the files: pending, unknown, at head.

    Use it first, and after any failure. Reads one table; never changes anything.
    """
    from ..workflows import inspect

    return await inspect.current(app_of(ctx), project=project, database=database)


async def history(
    ctx: Call,
    range: Annotated[
        str | None,
        Field(description="Only these: 'a:b', ':b', 'a:', or one revision. A revision is an id, a prefix, 'head', ..."),
    ] = None,
    limit: Annotated[int, Field(description="Revisions per page.", ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Field(description="next_cursor of the page before.")] = None,
    project: ProjectName = None,
) -> HistoryReport:
    """The revision graph, newest first: ids, messages, branches, merges, heads, and a Mermaid drawing.

    Use it to find revision ids and to understand several heads. Reads files only; needs no database.
    """
    from ..workflows import inspect

    return await inspect.history(app_of(ctx), project=project, range=range, limit=limit, cursor=cursor)


async def review(
    ctx: Call,
    revisions: Annotated[
        str,
        Field(description="'pending' (what upgrade would run), 'head', a revision, or a range 'a:b'."),
    ] = "pending",
    database: DatabaseName = "default",
    project: ProjectName = None,
    statements_from: Annotated[
        int, Field(description="First of the statements to list, a hundred at a time.", ge=0)
    ] = 0,
) -> ReviewReport:
    """Prove revisions on a scratch copy: locks, rewrites, data loss, failures, and whether the downgrade works.

    Use it after every new or edited revision and before every upgrade. The decision says whether upgrade will run
    (run), ask a person (ask) or refuse. Never changes the real database.
    """
    from ..workflows import review as workflow

    report = await workflow.review(
        app_of(ctx), revisions=revisions, project=project, database=database, progress=Reporter(ctx)
    )
    return paged(report, statements_from)


async def check(ctx: Call, database: DatabaseName = "default", project: ProjectName = None) -> CheckReport:
    """The models against the database: what autogenerate would do, and why it would see nothing.

    Use it before generate when unsure whether a revision is needed. Never writes a file or changes the database.
    """
    from ..workflows import inspect

    return await inspect.check(app_of(ctx), project=project, database=database)
