"""Calls of the worker that begin before all is known that they need: meanwhile they load the project's models."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import anyio
from anyio.abc import TaskGroup

from ..errors import NotDone
from ..worker_client import Reply
from . import copies
from .app import LOOK_SECONDS, REHEARSE_SECONDS, App, Located

if TYPE_CHECKING:
    from ..project import Project
    from ..revisions import Revisions
    from ..scratch import Scratch

__all__ = ["Ahead", "begin"]

_Call = Callable[["_Begun"], Awaitable[Reply]]


@asynccontextmanager
async def begin(
    app: App, then: Literal["render", "compare"], command: dict[str, Any] | None = None
) -> AsyncIterator[Ahead]:
    """Room for calls that begin ahead; those that were not gone on with are stopped when it is left.

    Args:
        app: the app.
        then: the call that follows on the look.
        command: those arguments of ``render`` that make the command line.
    """
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        try:
            yield Ahead(app, tasks, {"then": then, "command": command or {}})
        except Exception as error:  # noqa: BLE001 - it is raised again, and not as part of a group
            failure = error
        tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure


class Ahead:
    """The call ``look`` and the one that follows, in one process; and the call ``rehearse``.

    Whatever they fail at is left to the usual calls, which say what is wrong; but for the look, which is one.
    """

    def __init__(self, app: App, tasks: TaskGroup, command: dict[str, Any]) -> None:
        self._app = app
        self._tasks = tasks
        self._command = command
        self._look: _Begun | None = None
        self._rehearse: _Begun | None = None
        self._models_follow = False

    async def look(
        self, project: Project, database: str, revisions: Revisions | None, args: dict[str, Any]
    ) -> dict[str, Any]:
        """What the call ``look`` answers.

        Args:
            project: the project; the code may look at its database by itself.
            database: by its name in the settings.
            revisions: the project's, if they are known.
            args: those of ``look``.

        Raises:
            WorkerFailed: as the call.
        """

        async def call(begun: _Begun) -> Reply:
            return await self._app.call(
                project,
                "look",
                {**args, **self._command},
                database=database,
                timeout=LOOK_SECONDS,
                revisions=revisions,
                on_waiting=begun.wait,
            )

        self._look = self._begin(call)
        return await self._look.said() or {}

    def go_on(self, args: dict[str, Any]) -> None:
        """Let the call that follows begin, though its ``models`` are not known yet; nothing if there is none."""
        if self._look:
            self._models_follow = True
            self._look.tell({"args": {**args, "models_follow": True}})

    async def then(self, args: dict[str, Any]) -> Reply | None:
        """What the call that follows answers; None: it has not begun, was used already, or has failed."""
        begun, self._look = self._look, None
        if begun is None:
            return None
        begun.tell({"models": args["models"]} if self._models_follow else {"args": args})
        return await begun.result()

    def rehearse(self, located: Located, revisions: Revisions, models: dict[str, Any] | None) -> None:
        """Begin to rehearse an upgrade on a copy of the database; *models* is what `models` looks for changes of."""

        async def call(begun: _Begun) -> Reply:
            async with copies.copy_of(self._app, located) as begun.scratch:
                return await self._app.call(
                    located.project,
                    "rehearse",
                    {
                        "redirect": begun.scratch.redirect,
                        "direction": "upgrade",
                        "target": "heads",
                        "prove": True,
                        "converge": True,
                        "trace": True,
                        "models": models,
                    },
                    database=located.target.database,
                    timeout=REHEARSE_SECONDS,
                    revisions=revisions,
                    on_waiting=begun.wait,
                )

        self._rehearse = self._begin(call)

    async def models(self) -> dict[str, Any] | None:
        """What of the models has changed, as the call ``models`` answers it; None if that is not known."""
        try:
            said = await self._rehearse.said() if self._rehearse else None
        except NotDone:  # whatever it is, it is met again, and told, by who needs the rehearsal
            return None
        return said["models"] or None if said else None

    async def rehearsed(self, revisions: Revisions, target: str) -> tuple[str, dict[str, Any], bool] | None:
        """Of the upgrade to *target*: where it ran, what the call answers, whether that is the version of the target's.

        None as in `then`, and if it has to be gone on with on a fresh copy.
        """
        begun, self._rehearse = self._rehearse, None
        if begun is None:
            return None
        begun.tell({"target": target, "index": revisions.as_worker()})
        reply = await begun.result()
        if begun.scratch is None or reply is None:
            return None
        unfinished = reply.result["tainted"] is not None or reply.result["failed_alone"]
        return None if unfinished else (begun.scratch.where, reply.result, begun.scratch.same_version)

    def _begin(self, call: _Call) -> _Begun:
        begun = _Begun()
        self._tasks.start_soon(begun.run, call)
        return begun


@dataclass
class _Begun:
    """A call that waits, maybe more than once, for the rest of its request."""

    scratch: Scratch | None = None

    def __post_init__(self) -> None:
        self._says: list[dict[str, Any]] = []
        self._hears: list[dict[str, Any]] = []
        self._news, self._ended = anyio.Event(), anyio.Event()
        self._reply: Reply | None = None
        self._failure: NotDone | None = None

    async def run(self, call: _Call) -> None:
        try:
            self._reply = await call(self)
        except NotDone as error:
            self._failure = error
        finally:
            self._ended.set()
            self._tell_news()

    async def wait(self, said: dict[str, Any]) -> dict[str, Any]:
        """The rest of the request."""
        self._says.append(said)
        self._tell_news()
        while not self._hears:
            await self._news.wait()
        return self._hears.pop(0)

    async def said(self) -> dict[str, Any] | None:
        """What it says when it waits next; None if it ends before. Raises what the call raises."""
        while not self._says and not self._ended.is_set():
            await self._news.wait()
        if self._failure is not None:
            raise self._failure
        return self._says.pop(0) if self._says else None

    def tell(self, rest: dict[str, Any]) -> None:
        """Give it what it waits for, or will wait for next."""
        self._hears.append(rest)
        self._tell_news()

    async def result(self) -> Reply | None:
        """What it answers; None if it fails."""
        await self._ended.wait()
        return self._reply

    def _tell_news(self) -> None:
        self._news.set()
        self._news = anyio.Event()
