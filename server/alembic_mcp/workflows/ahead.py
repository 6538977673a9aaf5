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
        return await self._look.said()

    async def then(self, args: dict[str, Any]) -> Reply | None:
        """What the call that follows answers; None: it has not begun, was used already, or has failed."""
        begun, self._look = self._look, None
        return await begun.result({"args": args}) if begun else None

    def rehearse(self, located: Located, revisions: Revisions) -> None:
        """Begin to rehearse an upgrade on a copy of the database."""

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
                    },
                    database=located.target.database,
                    timeout=REHEARSE_SECONDS,
                    revisions=revisions,
                    on_waiting=begun.wait,
                )

        self._rehearse = self._begin(call)

    async def rehearsed(self, revisions: Revisions, target: str) -> tuple[str, dict[str, Any], bool] | None:
        """Of the upgrade to *target*: where it ran, what the call answers, whether that is the version of the target's.

        None as in `then`, and if it has to be gone on with on a fresh copy.
        """
        begun, self._rehearse = self._rehearse, None
        reply = await begun.result({"target": target, "index": revisions.as_worker()}) if begun else None
        if begun is None or begun.scratch is None or reply is None:
            return None
        unfinished = reply.result["tainted"] is not None or reply.result["failed_alone"]
        return None if unfinished else (begun.scratch.where, reply.result, begun.scratch.same_version)

    def _begin(self, call: _Call) -> _Begun:
        begun = _Begun()
        self._tasks.start_soon(begun.run, call)
        return begun


@dataclass
class _Begun:
    """A call that waits for the rest of its request."""

    scratch: Scratch | None = None

    def __post_init__(self) -> None:
        self._heard, self._go_on, self._ended = anyio.Event(), anyio.Event(), anyio.Event()
        self._said: dict[str, Any] = {}
        self._rest: dict[str, Any] = {}
        self._reply: Reply | None = None
        self._failure: NotDone | None = None

    async def run(self, call: _Call) -> None:
        try:
            self._reply = await call(self)
        except NotDone as error:
            self._failure = error
        finally:
            self._heard.set()
            self._ended.set()

    async def wait(self, said: dict[str, Any]) -> dict[str, Any]:
        """The rest of the request."""
        self._said = said
        self._heard.set()
        await self._go_on.wait()
        return self._rest

    async def said(self) -> dict[str, Any]:
        """What it says after the first part. Raises what the call raises if it does not come that far."""
        await self._heard.wait()
        if self._failure is not None:
            raise self._failure
        return self._said

    async def result(self, rest: dict[str, Any]) -> Reply | None:
        """What it answers; None if it fails."""
        self._rest = rest
        self._go_on.set()
        await self._ended.wait()
        return self._reply
