"""Finds the database, or a scratch database that stands in for one that can't be reached."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio

from ..errors import Failed, NotDone, Unreachable
from ..report import UNREACHABLE
from ..scratch import ScratchUnavailable
from ..target import Environment
from ..worker_client import WorkerFailed
from . import copies
from .app import LOOK_SECONDS, App, Located, Look, named
from .found import by_the_worker
from .shield import raise_shield

if TYPE_CHECKING:
    from ..project import Project
    from ..revisions import Revisions
    from ..scratch import Scratch

__all__ = ["stand"]

NAME = "a scratch database"
# What env.py raises when nobody has told it where the database is: a variable, a setting or a URL is missing.
_NO_ADDRESS = (
    "builtins.KeyError",
    "builtins.AttributeError",
    "builtins.TypeError",
    "builtins.ValueError",
    "sqlalchemy.exc.ArgumentError",
    "sqlalchemy.exc.NoSuchModuleError",
)
_VARIABLE = re.compile(r"\b\w*(?:DATABASE|DB|POSTGRES|PG|SQLALCHEMY|SQLITE|DSN)\w*\b", re.IGNORECASE)
_SHORT = 300
_ROUNDS = 10  # a settings library may say one by one what it misses


@asynccontextmanager
async def stand(
    app: App,
    project: Project,
    revisions: Revisions,
    database: str = "default",
    *,
    before: Callable[[], Collection[str]] | None = None,
    new_file_counts: bool = False,
    through: Look | None = None,
) -> AsyncIterator[Located]:
    """The database; where it can't be reached, a scratch database that was upgraded from base to head.

    `Target.reachable` tells which, and what stands in has a warning that says so. Nothing is known of its rows, and
    nothing that changes a database may be planned on it.

    Args:
        app: the app.
        project: the project.
        revisions: its revisions.
        database: by its name in the settings.
        before: says which ids what stands in must not have, nor what comes after them; not asked for a real database.
        new_file_counts: a SQLite file that is not there yet is a database without tables, not one that is missing.
        through: see `App.look`.

    Raises:
        Failed: it can't be reached, and nothing can stand in for it; or as `App.look`.
    """
    try:
        located = await app.look(project, database, schema=True, through=through)
    except (WorkerFailed, Unreachable) as error:
        failure: WorkerFailed | Unreachable = error
    else:
        path = located.target.connect.path
        if new_file_counts or located.target.dialect != "sqlite" or path is None or await anyio.Path(path).exists():
            yield located
            return
        failure = Unreachable(f"The database can't be reached: there is no file {path}")
    dialect = _dialect(project, database, failure)
    if dialect is None:
        raise failure
    servers = await app.scratch()
    async with AsyncExitStack() as stack:
        try:
            scratch = await stack.enter_async_context(servers.empty(dialect))
        except ScratchUnavailable as error:
            raise _alone(failure, error) from failure
        scratch = await _filling(app, project, revisions, database, scratch=scratch, failure=failure)
        await _replay(
            app, project, revisions, database, scratch=scratch, before=before() if before else (), failure=failure
        )
        yield await _located(app, project, revisions, database, scratch=scratch, failure=failure)


def _dialect(project: Project, database: str, failure: WorkerFailed | Unreachable) -> str | None:
    """The dialect of the database that can't be reached; None if *failure* is about something else."""
    if isinstance(failure, Unreachable):
        address = raise_shield(project.settings, named(project, database), project.root).address
        return address.dialect if address is not None else "sqlite"
    details = failure.details
    without_address = failure.kind == "user_code" and (
        details.get("exception") in _NO_ADDRESS or bool(_mentioned(failure))
    )
    swallowed = failure.kind == "no_configure" and details.get("swallowed")
    if failure.kind == "connection" or without_address or swallowed:
        return str(details.get("dialect") or "postgresql")
    return None


async def _filling(
    app: App,
    project: Project,
    revisions: Revisions,
    database: str,
    *,
    scratch: Scratch,
    failure: WorkerFailed | Unreachable,
) -> Scratch:
    """*scratch* with all the variables that env.py has to be told; raises *failure* where that is of no help."""
    names = _mentioned(failure)
    if isinstance(failure, Unreachable) or failure.kind != "user_code":
        return copies.filling(scratch, names)
    for _ in range(_ROUNDS):
        filling = copies.filling(scratch, names)
        try:
            await _look(app, project, revisions, database, filling)
        except WorkerFailed as error:
            more = _mentioned(error) - names
            if not more:
                raise failure from error
            names |= more
        else:
            return filling
    raise failure


def _mentioned(failure: NotDone) -> set[str]:
    """Variables that code says it misses, if they sound like an address of a database or a part of one."""
    if not isinstance(failure, WorkerFailed) or failure.kind != "user_code":
        return set()
    return {name.upper() for name in _VARIABLE.findall(failure.message)}


async def _look(app: App, project: Project, revisions: Revisions, database: str, scratch: Scratch) -> dict[str, Any]:
    reply = await app.call(
        project,
        "look",
        {"redirect": scratch.redirect, "schema": True},
        database=database,
        timeout=LOOK_SECONDS,
        revisions=revisions,
    )
    return reply.result


async def _replay(
    app: App,
    project: Project,
    revisions: Revisions,
    database: str,
    *,
    scratch: Scratch,
    before: Collection[str],
    failure: WorkerFailed | Unreachable,
) -> None:
    """Upgrade the empty *scratch* database to where it is to stand."""
    for target in _targets(revisions, before):
        try:
            await copies.bring(app, project, revisions, scratch, direction="upgrade", target=target, database=database)
        except WorkerFailed as error:
            raise _alone(failure, error) from error
        except Failed as error:
            raise Failed(
                f"The database can't be reached ({_reason(failure)}), and none can stand in for it, because the "
                f"revisions can't be replayed on an empty one. {error.message} Nothing was done.",
                "Make the database reachable: then its schema is copied, and nothing is replayed.",
                "Or mend the history: the first revision has to create what the later ones change (a first revision "
                "that creates the tables as they were, for databases that were begun without Alembic).",
            ) from error


def _targets(revisions: Revisions, before: Collection[str]) -> list[str]:
    if not before:
        return ["heads"] if revisions.by_id else []
    gone = {*before, *revisions.descendants(before)}
    rest = [id_ for id_ in revisions.by_id if id_ not in gone]
    return [id_ for id_ in rest if all(above in gone for above in revisions.dependents.get(id_, ()))]


async def _located(
    app: App,
    project: Project,
    revisions: Revisions,
    database: str,
    *,
    scratch: Scratch,
    failure: WorkerFailed | Unreachable,
) -> Located:
    try:
        found = await _look(app, project, revisions, database, scratch)
    except WorkerFailed as error:
        raise _alone(failure, error) from error
    target = by_the_worker(database, found)
    kind = "SQLite file" if target.dialect == "sqlite" else f"embedded PostgreSQL {target.server_version}"
    at = ", ".join(target.heads) or "base"
    where = f"from base to {'head' if set(target.heads) == set(revisions.effective_heads) else at}"
    warning = (
        f"The database could not be reached ({_reason(failure)}): a scratch database ({kind}) that was upgraded "
        f"{where} stands in for it; nothing is known of its rows."
    )
    target = replace(
        target,
        name=NAME,
        host="",
        identity=f"unreachable:{project.root}",
        marker=None,
        pins=(),
        reachable=False,
        warnings=(warning, *target.warnings),
    )
    said = named(project, database).environment or Environment.UNKNOWN
    environment = Environment.strictest(Environment.UNKNOWN, said)
    place = "a scratch SQLite file" if target.dialect == "sqlite" else f"a scratch database on the {kind}"
    return Located(project, target, environment, UNREACHABLE, scratch=replace(scratch, where=place))


def _alone(failure: WorkerFailed | Unreachable, error: NotDone) -> WorkerFailed | Unreachable:
    """*failure*, which also says why no scratch database can stand in for what can't be reached."""
    if isinstance(failure, WorkerFailed) and failure.kind == "user_code":
        return failure  # it is env.py that fails, with and without a database
    failure.next_steps.append(f"Or let a scratch database stand in for it; that failed too: {error.message}")
    return failure


def _reason(failure: NotDone) -> str:
    text = " ".join(failure.message.removeprefix("The database can't be reached: ").split()).rstrip(".")
    return text if len(text) <= _SHORT else f"{text[:_SHORT]} ..."
