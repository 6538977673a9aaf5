"""Workers: one for each interpreter; a call goes in, a reply or a failure comes out, and no process stays behind."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import anyio
from anyio.abc import TaskGroup

from ..errors import redact
from .conversation import Child, OnProgress, OnWaiting, converse
from .failures import WorkerFailed, ended, secrets
from .hidden import hide
from .interpreter import About, require_exists, require_supported, unusable
from .once import Once, ask
from .zygote import Gone, Zygote

__all__ = ["Reply", "Worker", "Workers"]

_ATTEMPTS = 3


@dataclass(frozen=True)
class Reply:
    """What a call brought.

    Attributes:
        result: the call's result, as the protocol has it.
        output: what the project's code printed meanwhile: at most 64 KB, without secrets.
    """

    result: dict[str, Any]
    output: str


class Worker:
    """Calls under one interpreter. Use it as an async context manager; nothing is started before the first call.

    Args:
        interpreter: the project's Python; a virtual environment's is not resolved, or it would lose its packages.
        fork: fork a warm process for each call, rather than start a new one; None: where that is safe.
        calls: the module file that answers calls; None: the worker's own.
        tasks: where background tasks run, which then outlive this context manager; None: in a group of its own.
        withheld: names of variables that no process gets from the server's environment, see `Workers.withhold`.
    """

    def __init__(
        self,
        interpreter: Path,
        *,
        fork: bool | None = None,
        calls: Path | None = None,
        tasks: TaskGroup | None = None,
        withheld: AbstractSet[str] = frozenset(),
    ) -> None:
        self._withheld = withheld
        self._warm_without: frozenset[str] = frozenset()
        self._interpreter = Path(os.path.abspath(interpreter))  # noqa: PTH100 - resolve() would leave the environment
        self._fork = _fork_is_safe() if fork is None else fork
        self._calls = calls
        self._own_tasks = tasks is None
        self._tasks = tasks or anyio.create_task_group()
        self._starting = anyio.Lock()
        self._zygote: Zygote | None = None
        self._zygotes: set[Zygote] = set()
        self._onces: set[Once] = set()
        self._installed: tuple[int, ...] = ()
        self._closed = False

    async def __aenter__(self) -> Self:
        if self._own_tasks:
            await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
        if self._own_tasks:
            await _leave(self._tasks, kind, error, trace)

    async def call(
        self,
        call: str,
        project: dict[str, Any],
        args: dict[str, Any],
        *,
        env: Mapping[str, str] | None = None,
        x: Sequence[str] = (),
        timeout: float,
        on_progress: OnProgress | None = None,
        on_waiting: OnWaiting | None = None,
    ) -> Reply:
        """Make one call, in a process of its own that has ended when this returns or raises.

        Cancelling interrupts the process (a running statement is cancelled where the driver can) and kills it and
        everything it started a second later.

        Args:
            call: the call's name: look, rehearse, run, ...
            project: the project, as the protocol describes it.
            args: the call's arguments.
            env: environment variables on top of the server's own.
            x: ``-x`` arguments for env.py.
            timeout: seconds.
            on_progress: gets each progress message of the call.
            on_waiting: makes the request one that comes in two parts: gets what the call says after the first, and
                returns the second.

        Raises:
            WorkerFailed: see its kinds. A call that was stopped or died may have changed the database.
        """
        variables = dict(env or {})
        request: dict[str, Any] = {"call": call, "project": project, "x": list(x), "env": variables, "args": args}
        if on_waiting is not None:
            request["more"] = True
        child = await self._child()
        try:
            result = await converse(
                child, request, timeout=timeout, on_progress=on_progress, on_waiting=on_waiting, check=self._check
            )
        except WorkerFailed as failure:
            if isinstance(child, Once) and child.about is None and failure.kind == "died":
                raise unusable(self._interpreter, ended(child.status), failure.output) from failure
            raise
        finally:
            self._onces.discard(child)
        return Reply(result, redact(child.output.text(), secrets(variables)))

    async def about(self) -> About:
        """The versions under the interpreter. Raises WorkerFailed if they will not do."""
        zygote = await self._warm()
        if zygote is not None:
            return zygote.about
        require_exists(self._interpreter)
        about = await ask(self._interpreter, frozenset(self._withheld))
        require_supported(about, self._interpreter)
        return about

    async def aclose(self) -> None:
        """Kill the running calls and the zygote. The worker can't be used afterwards."""
        self._closed = True
        with anyio.CancelScope(shield=True):
            for once in self._onces:
                await once.kill()
            for zygote in list(self._zygotes):
                await self._close(zygote)

    async def _child(self) -> Child:
        """A fresh process: a fork of the zygote where there can be one."""
        for _ in range(_ATTEMPTS):
            zygote = await self._warm()
            if zygote is None:
                require_exists(self._interpreter)
                once = await Once.start(self._interpreter, self._calls, self._tasks, frozenset(self._withheld))
                self._onces.add(once)
                return once
            with suppress(Gone):
                return await zygote.fork()
        raise WorkerFailed(
            "died",
            f"The worker process under {self._interpreter} keeps dying before it can take the call. Nothing was done.",
            "Look for what ends processes here: the system's memory killer, a limit of processes.",
        )

    async def _warm(self) -> Zygote | None:
        """The zygote; None where forking isn't safe.

        It is started if there is none, if something was installed since, or if it holds what is to be withheld now.
        """
        async with self._starting:
            self._require_open()
            if not self._fork:
                return None
            if self._zygote is not None:
                current = self._installed == _changed(self._zygote.about.watch)
                if self._zygote.alive and current and self._withheld <= self._warm_without:
                    return self._zygote
                self._tasks.start_soon(self._retire, self._zygote)
                self._zygote = None
            require_exists(self._interpreter)
            without = frozenset(self._withheld)
            zygote = await Zygote.start(self._interpreter, self._calls, self._tasks, without)
            self._zygotes.add(zygote)
            try:
                self._require_open()
                require_supported(zygote.about, self._interpreter)
            except WorkerFailed:
                await self._close(zygote)
                raise
            if zygote.about.threads != 1:
                # Something that Alembic loads (a plugin) runs threads: a fork might find their locks taken for ever.
                await self._close(zygote)
                self._fork = False
                return None
            self._zygote, self._installed, self._warm_without = zygote, _changed(zygote.about.watch), without
            return zygote

    def _require_open(self) -> None:
        if self._closed:
            raise WorkerFailed(
                "died", "The server is stopping. Nothing was done.", "Start the server again, then call again."
            )

    async def _retire(self, zygote: Zygote) -> None:
        """Let the zygote finish the calls that it has, then close it."""
        await zygote.idle()
        await self._close(zygote)

    async def _close(self, zygote: Zygote) -> None:
        await zygote.aclose()
        self._zygotes.discard(zygote)

    def _check(self, about: About) -> None:
        require_supported(about, self._interpreter)


class Workers:
    """The workers of a server, one for each interpreter. Use it as an async context manager."""

    def __init__(self, *, fork: bool | None = None, calls: Path | None = None) -> None:
        self._fork = fork
        self._calls = calls
        self._tasks = anyio.create_task_group()
        self._workers: dict[Path, Worker] = {}
        self._withheld: set[str] = set()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
        await _leave(self._tasks, kind, error, trace)

    async def get(self, interpreter: Path) -> Worker:
        """The worker under *interpreter*; nothing is started before its first call."""
        if interpreter not in self._workers:
            self._workers[interpreter] = Worker(
                interpreter, fork=self._fork, calls=self._calls, tasks=self._tasks, withheld=self._withheld
            )
        return self._workers[interpreter]

    def withhold(self, names: Iterable[str]) -> None:
        """From now on no new process has these variables in its environment, unless a call hands them over itself.

        What was withheld once stays so: settings that an agent can edit must not bring it back. Nor can a process
        read it where the server keeps it, as far as the system allows that.
        """
        known = len(self._withheld)
        self._withheld.update(names)
        if len(self._withheld) > known:
            hide()

    async def aclose(self) -> None:
        """Kill every call and every zygote."""
        for worker in self._workers.values():
            await worker.aclose()


async def _leave(
    tasks: TaskGroup, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
) -> None:
    """Leave the task group, without its wrapping what went wrong in the body into an ExceptionGroup."""
    if isinstance(error, anyio.get_cancelled_exc_class()):
        await tasks.__aexit__(kind, error, trace)
    else:
        await tasks.__aexit__(None, None, None)


def _fork_is_safe() -> bool:
    """Whether a process that has loaded libraries may fork here: on Linux; elsewhere only if the user says so."""
    chosen = os.environ.get("ALEMBIC_MCP_WORKER_FORK")
    if chosen in {"0", "1"}:
        return chosen == "1" and hasattr(os, "fork")
    return sys.platform.startswith("linux")


def _changed(paths: Sequence[str]) -> tuple[int, ...]:
    """When each of *paths* was last changed, in nanoseconds; 0 if it is not there."""
    times = []
    for path in paths:
        try:
            times.append(Path(path).stat().st_mtime_ns)
        except OSError:
            times.append(0)
    return tuple(times)
