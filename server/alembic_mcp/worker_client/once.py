"""A process of its own for each call, where a warm one can't be forked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream, Process, TaskGroup

from .conversation import Child
from .failures import ended
from .interpreter import About, command, environment, unusable

__all__ = ["Once", "ask"]

_ASK_SECONDS = 60.0
# Pipes that something else still holds open are left alone after this.
_PIPES_SECONDS = 0.3

_BROKEN = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)


class Once(Child):
    """An interpreter that was started for one call. Make one with `start`."""

    def __init__(self, process: Process) -> None:
        super().__init__()
        self._process = process
        self._waiting: anyio.CancelScope | None = None
        self._over = False

    @classmethod
    async def start(
        cls, interpreter: Path, calls: Path | None, tasks: TaskGroup, withheld: Collection[str] = ()
    ) -> Once:
        """Start the process, without the *withheld* variables.

        Raises:
            WorkerFailed: ``no_interpreter``, if that is not possible.
        """
        try:
            process = await anyio.open_process(
                command(interpreter, calls, "once"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment(interpreter, withheld),
                start_new_session=sys.platform != "win32",
            )
        except OSError as error:
            raise unusable(interpreter, str(error)) from error
        once = cls(process)
        tasks.start_soon(once._follow)
        return once

    async def send(self, request: bytes) -> None:
        """Send the request; stdin stays open, for the process ends itself when it closes."""
        assert self._process.stdin is not None  # noqa: S101 - it was started with a pipe
        stdin: ByteSendStream = self._process.stdin
        with suppress(*_BROKEN):
            await stdin.send(request)

    async def receive(self) -> bytes:
        """The next bytes that it answers."""
        assert self._process.stdout is not None  # noqa: S101 - it was started with a pipe
        if not self._over:
            with anyio.CancelScope() as scope, suppress(*_BROKEN):
                self._waiting = scope
                try:
                    return await self._process.stdout.receive()
                finally:
                    self._waiting = None
        return b""

    async def interrupt(self) -> None:
        """Ask it to stop; on Windows there is no such way."""
        if sys.platform != "win32":
            self._signal(signal.SIGINT)

    async def kill(self) -> None:
        """Kill its process group (on Windows the process alone)."""
        if sys.platform == "win32":
            with suppress(ProcessLookupError):
                self._process.kill()
        else:
            self._signal(signal.SIGKILL)

    async def aclose(self) -> None:
        """Close its pipes."""
        await self._process.aclose()

    async def _follow(self) -> None:
        """Collect what it prints, until it has ended; then it is gone."""
        assert self._process.stderr is not None  # noqa: S101 - it was started with a pipe
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as reading:
                reading.start_soon(self._read_output, self._process.stderr)
                self.status = await self._process.wait()
                await self.kill()
                reading.cancel_scope.deadline = anyio.current_time() + _PIPES_SECONDS
            self._over = True
            if self._waiting is not None:
                self._waiting.cancel()
            self.gone.set()

    async def _read_output(self, stderr: ByteReceiveStream) -> None:
        with suppress(*_BROKEN):
            while True:
                self.output.add(await stderr.receive())

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


async def ask(interpreter: Path, withheld: Collection[str] = ()) -> About:
    """What is installed under *interpreter*. Raises WorkerFailed (``no_interpreter``) if it doesn't say."""
    try:
        with anyio.fail_after(_ASK_SECONDS):
            done = await anyio.run_process(
                command(interpreter, None, "about"), check=False, env=environment(interpreter, withheld)
            )
    except OSError as error:
        raise unusable(interpreter, str(error) or f"no answer in {_ASK_SECONDS:g} s") from error
    try:
        return About.from_worker(json.loads(done.stdout)["hello"])
    except (ValueError, KeyError) as error:
        printed = done.stderr.decode("utf-8", errors="replace")
        raise unusable(interpreter, ended(done.returncode), printed) from error
