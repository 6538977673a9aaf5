"""The warm process under an interpreter, seen from the server: it is started once and forked for every call."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import struct
import subprocess
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import Process, TaskGroup

from .failures import WorkerFailed, ended
from .fork import Fork, Gone, receive
from .interpreter import About, command, environment, unusable
from .output import Output

__all__ = ["Gone", "Zygote"]

START_SECONDS = 60.0
EXIT_SECONDS = 3.0
# Forking takes milliseconds; a zygote that doesn't is stopped or stuck, and is replaced.
FORK_SECONDS = 20.0

_MESSAGE = struct.Struct("!cQ")


class Zygote:
    """A zygote process and its control socket. Make one with `start`; its tasks run in the given task group.

    Attributes:
        alive: it can still be forked.
    """

    def __init__(self, process: Process, control: socket.socket, tasks: TaskGroup) -> None:
        self._process = process
        self._control = control
        self._tasks = tasks
        self._numbers = itertools.count(1)
        self._forks: dict[int, Fork] = {}
        self._sending = anyio.Lock()
        self._ready = anyio.Event()
        self._closed = anyio.Event()
        self._idle = anyio.Event()
        self._printed = Output()
        self._about: About | None = None
        self.alive = True

    @classmethod
    async def start(
        cls, interpreter: Path, calls: Path | None, tasks: TaskGroup, withheld: Collection[str] = ()
    ) -> Zygote:
        """Start one, without the *withheld* variables, and wait until it is warm.

        Raises:
            WorkerFailed: ``no_interpreter``, when it can't be started or ends before it is warm.
        """
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        try:
            process = await anyio.open_process(
                command(interpreter, calls, "zygote", str(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment(interpreter, withheld),
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        except BaseException as error:
            ours.close()
            if isinstance(error, OSError):
                raise unusable(interpreter, str(error)) from error
            raise
        finally:
            theirs.close()
        zygote = cls(process, ours, tasks)
        tasks.start_soon(zygote._follow)
        tasks.start_soon(zygote._read_prints)
        try:
            with anyio.move_on_after(START_SECONDS) as limit:
                await zygote._ready.wait()
        except BaseException:
            await zygote.aclose()
            raise
        if zygote._about is None:
            await zygote.aclose()
            why = f"no answer in {START_SECONDS:g} s" if limit.cancelled_caught else ended(process.returncode)
            raise unusable(interpreter, why, zygote._printed.text())
        return zygote

    @property
    def about(self) -> About:
        """What it says of itself."""
        assert self._about is not None  # noqa: S101 - start() returns none that has not said it
        return self._about

    @property
    def pid(self) -> int:
        """The zygote's process id, which is its process group's too."""
        return self._process.pid

    async def fork(self) -> Fork:
        """A new process for one call. Raises Gone if the zygote has died, WorkerFailed if it can't fork."""
        number = next(self._numbers)
        channel, its_channel = socket.socketpair()
        reading, its_output = os.pipe()
        fork = Fork(channel, reading, number, self._tell)
        self._forks[number] = fork
        try:
            await self._tell(b"c", number, its_channel.fileno(), its_output)
        except BaseException:
            self._end(number, None)
            os.close(reading)
            await fork.aclose()
            raise
        finally:
            its_channel.close()
            os.close(its_output)
        self._tasks.start_soon(fork.read_output)
        try:
            with anyio.move_on_after(FORK_SECONDS) as limit:
                await fork.begun.wait()
            if limit.cancelled_caught:
                self._process.kill()
                await fork.begun.wait()
        except BaseException:
            await fork.aclose()  # it has not got its request, and ends when it sees that it never will
            raise
        if not fork.pid:
            await fork.aclose()
            if not fork.why:
                raise Gone
            raise WorkerFailed(
                "died",
                f"No process could be started for the call: {fork.why}. Nothing was done.",
                "Free memory or raise the limit of processes, then call again.",
            )
        return fork

    async def idle(self) -> None:
        """Wait until no call is running."""
        while self._forks:
            self._idle = anyio.Event()
            await self._idle.wait()

    async def aclose(self) -> None:
        """Kill what is running, and the zygote."""
        self.alive = False
        with anyio.CancelScope(shield=True):
            with suppress(OSError):
                self._control.shutdown(socket.SHUT_WR)
            with anyio.move_on_after(EXIT_SECONDS):
                await self._process.wait()
            if self._process.returncode is None:
                self._process.kill()
            await self._closed.wait()
            await self._process.aclose()

    async def _tell(self, what: bytes, number: int, *descriptors: int) -> None:
        message = _MESSAGE.pack(what, number)
        async with self._sending:
            while True:
                try:
                    socket.send_fds(self._control, [message], list(descriptors))
                except BlockingIOError:
                    await anyio.wait_writable(self._control)
                except OSError as error:
                    raise Gone from error
                else:
                    return

    async def _follow(self) -> None:
        """Read the control socket until the zygote closes it, which it does only by ending."""
        with anyio.CancelScope(shield=True):
            rest = b""
            while data := await receive(self._control):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._take(json.loads(line))
            self.alive = False
            for number, fork in list(self._forks.items()):
                if fork.pid:
                    with suppress(ProcessLookupError):
                        os.killpg(fork.pid, signal.SIGKILL)
                self._end(number, None)
            await self._process.wait()
            self._control.close()
            self._ready.set()
            self._closed.set()

    def _take(self, message: dict[str, Any]) -> None:
        if "ready" in message:
            self._about = About.from_worker(message["ready"])
            self._ready.set()
        elif "forked" in message:
            fork = self._forks[message["forked"]]
            fork.pid = message["pid"]
            fork.begun.set()
        elif "ended" in message:
            self._end(message["ended"], message["status"], message.get("why", ""))

    def _end(self, number: int, status: int | None, why: str = "") -> None:
        self._forks.pop(number).end(status, why)
        if not self._forks:
            self._idle.set()

    async def _read_prints(self) -> None:
        """What the zygote itself prints (Alembic's plugins may) is told if it doesn't start, and else dropped."""
        assert self._process.stdout is not None  # noqa: S101 - it was started with a pipe
        with anyio.CancelScope(shield=True), suppress(anyio.EndOfStream, anyio.ClosedResourceError):
            while True:
                self._printed.add(await self._process.stdout.receive())
