"""A fork of the zygote that answers one call."""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable
from contextlib import suppress
from typing import Protocol

import anyio
from anyio.lowlevel import checkpoint

from .conversation import Child

__all__ = ["Fork", "Gone", "receive"]

_CHUNK = 1 << 16
# A process that escaped from its group may go on printing for ever; nobody listens to that for long.
_MOST_AFTERWARDS = 1 << 20


class Gone(Exception):
    """The zygote died before the call began, so the call can be made again."""


class Tell(Protocol):
    """Sends the zygote a message about a call: ``i`` to interrupt it, ``k`` to kill it."""

    def __call__(self, what: bytes, number: int, *descriptors: int) -> Awaitable[None]:
        """Send it. Raises Gone."""


class Fork(Child):
    """A forked process, its channel and the pipe for what it prints.

    It counts as ended when the zygote says so, not when its sockets close: something that it started may hold them.

    Attributes:
        pid: its process id, 0 until it is known.
        begun: set when *pid* is known, or when there will be none.
        why: why it could not be forked.
    """

    def __init__(self, channel: socket.socket, reading: int, number: int, tell: Tell) -> None:
        super().__init__()
        channel.settimeout(0)
        os.set_blocking(reading, False)
        self._channel = channel
        self._reading = reading
        self._number = number
        self._tell = tell
        self._ended = anyio.Event()
        self._waiting: set[anyio.CancelScope] = set()
        self.begun = anyio.Event()
        self.pid = 0
        self.why = ""

    def end(self, status: int | None, why: str) -> None:
        """The process has ended: what it wrote can be read now, and nothing will follow."""
        self.status = status
        self.why = why
        self.begun.set()
        self._ended.set()
        for scope in self._waiting:
            scope.cancel()

    async def send(self, request: bytes) -> None:
        """Send the request."""
        rest = memoryview(request)
        while rest and not self._ended.is_set():
            try:
                rest = rest[self._channel.send(rest) :]
            except BlockingIOError:
                await self._until_ended(anyio.wait_writable(self._channel))
            except OSError:
                return

    async def receive(self) -> bytes:
        """The next bytes that it answers."""
        while True:
            await checkpoint()  # a process that never stops writing must not stop everything else, time-outs too
            try:
                return self._channel.recv(_CHUNK)
            except BlockingIOError:
                if self._ended.is_set():
                    return b""
            except OSError:
                return b""
            await self._until_ended(anyio.wait_readable(self._channel))

    async def interrupt(self) -> None:
        """Ask it to stop."""
        with suppress(Gone):
            await self._tell(b"i", self._number)

    async def kill(self) -> None:
        """Kill its process group."""
        with suppress(Gone):
            await self._tell(b"k", self._number)

    async def aclose(self) -> None:
        """Close the channel."""
        self._channel.close()

    async def read_output(self) -> None:
        """Collect what it prints, until it has ended; then it is gone."""
        afterwards = 0
        with anyio.CancelScope(shield=True):
            while afterwards < _MOST_AFTERWARDS:
                try:
                    data = os.read(self._reading, _CHUNK)
                except BlockingIOError:
                    if self._ended.is_set():
                        break
                    await self._until_ended(anyio.wait_readable(self._reading))
                    continue
                if not data:
                    break
                self.output.add(data)
                if self._ended.is_set():
                    afterwards += len(data)
                await checkpoint()
            os.close(self._reading)
            await self._ended.wait()
            self.gone.set()

    async def _until_ended(self, wait: Awaitable[None]) -> None:
        with anyio.CancelScope() as scope:
            self._waiting.add(scope)
            try:
                await wait
            finally:
                self._waiting.discard(scope)


async def receive(connection: socket.socket) -> bytes:
    """The next bytes from a socket that doesn't block; empty when there will be no more."""
    while True:
        try:
            return connection.recv(_CHUNK)
        except BlockingIOError:
            await anyio.wait_readable(connection)
        except OSError:
            return b""
