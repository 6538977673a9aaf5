"""One call, from its request to its end: whatever the process does, the call ends, and the process too."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import anyio

from .failures import WorkerFailed, ended, secrets
from .interpreter import About
from .output import Output

__all__ = ["Child", "OnProgress", "OnWaiting", "converse"]

OnProgress = Callable[[dict[str, Any]], Awaitable[None]]
OnWaiting = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]

# Python gets this long to end itself after an interrupt: psycopg uses it to cancel the statement on the server.
INTERRUPT_SECONDS = 1.0
# A process that has answered only has to exit; one that was killed only has to be reaped.
EXIT_SECONDS = 3.0
MOST_GARBAGE = 1 << 20


class Child(ABC):
    """A process that answers one call.

    Attributes:
        output: what it printed so far.
        gone: set once the process has ended and *output* is complete.
        status: exit status; below zero: the signal; None: not known.
        about: what it said of itself; a fork doesn't, for its zygote did.
    """

    def __init__(self) -> None:
        self.output = Output()
        self.gone = anyio.Event()
        self.status: int | None = None
        self.about: About | None = None

    @abstractmethod
    async def send(self, request: bytes) -> None:
        """Send the request. A process that has ended is no error: what it says is read afterwards."""

    @abstractmethod
    async def receive(self) -> bytes:
        """The next bytes that it answers; empty when there will be no more."""

    @abstractmethod
    async def interrupt(self) -> None:
        """Ask it to stop, as Ctrl-C does."""

    @abstractmethod
    async def kill(self) -> None:
        """Kill it and everything that it started."""

    @abstractmethod
    async def aclose(self) -> None:
        """Let go of pipes and sockets."""


class _Lines:
    """Takes the answers apart. What is no answer is garbage, also before its line ends: it may never end."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._skipping = False
        self.garbage = bytearray()

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        *complete, rest = data.split(b"\n")
        for line in complete:
            self._take(line)
            message = _parsed(b"".join(self._parts))
            if message is not None:
                yield message
            else:
                self.end()
            self._parts.clear()
            self._skipping = False
        self._take(rest)

    def end(self) -> None:
        """There will be no more: what has come of the last line is garbage."""
        self.garbage += b"".join(self._parts)

    def _take(self, part: bytes) -> None:
        if part and not self._parts and not part.startswith(b"{"):
            self._skipping = True
        if self._skipping:
            self.garbage += part
        elif part:
            self._parts.append(part)


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(line)
    except ValueError:
        return None
    if isinstance(message, dict) and len(message) == 1 and isinstance(next(iter(message.values())), dict):
        return message
    return None


async def converse(
    child: Child,
    request: dict[str, Any],
    *,
    timeout: float,
    on_progress: OnProgress | None = None,
    on_waiting: OnWaiting | None = None,
    check: Callable[[About], None] | None = None,
) -> dict[str, Any]:
    """Send *request* to *child*, and return the result. When this returns or raises, the process has ended.

    A result that comes while the process is being interrupted for taking too long still counts: it tells what happened.

    Args:
        child: a fresh process; it is closed afterwards.
        request: the protocol's request.
        timeout: seconds until it is interrupted.
        on_progress: gets every progress message, in order.
        on_waiting: gets what a call says that waits for the rest of its request, and returns that; *timeout* then
            begins anew.
        check: gets what a process that was started for this call says of itself, and raises if it won't do.

    Raises:
        WorkerFailed: of the kind that the worker answered, or ``timed_out``, ``died``, ``garbage``.
    """
    lines = _Lines()
    answer: dict[str, Any] | None = None
    try:
        with anyio.move_on_after(timeout) as limit:

            async def go_on(said: dict[str, Any]) -> None:
                assert on_waiting is not None  # noqa: S101 - no other call waits
                limit.deadline = math.inf
                rest = await on_waiting(said)
                limit.deadline = anyio.current_time() + timeout
                await child.send(json.dumps(rest).encode("ascii") + b"\n")

            await child.send(json.dumps(request).encode("ascii") + b"\n")
            heard = {"waiting": go_on, **({"progress": on_progress} if on_progress else {})}
            answer = await _listen(child, lines, heard, check)
        late = limit.cancelled_caught and answer is None
        if late:
            await child.interrupt()
            with anyio.move_on_after(INTERRUPT_SECONDS):
                answer = await _listen(child, lines)
        elif answer is not None:
            with anyio.move_on_after(EXIT_SECONDS):
                await child.gone.wait()
    finally:
        with anyio.CancelScope(shield=True):
            await _end(child)
            await child.aclose()
    if answer is not None and "result" in answer:
        result: dict[str, Any] = answer["result"]
        return result
    raise _failure(child, request, lines, dict(answer["error"]) if answer else {}, timeout if late else None)


async def _listen(
    child: Child,
    lines: _Lines,
    heard: Mapping[str, OnProgress] = MappingProxyType({}),
    check: Callable[[About], None] | None = None,
) -> dict[str, Any] | None:
    """The result or error line; None if the process ends without one, or talks nonsense and no end."""
    while data := await child.receive():
        for message in lines.feed(data):
            [kind] = message
            if kind in ("result", "error"):
                return message
            if kind in heard:
                await heard[kind](message[kind])
            elif kind == "hello":
                child.about = About.from_worker(message["hello"])
                if check is not None:
                    check(child.about)
        if len(lines.garbage) > MOST_GARBAGE:
            return None
    lines.end()
    await child.gone.wait()  # it closed its channel, but may still be at work
    return None


async def _end(child: Child) -> None:
    """Make sure that the process is gone; one that is still at work gets a moment to cancel what it is doing."""
    if not child.gone.is_set():
        await child.interrupt()
        with anyio.move_on_after(INTERRUPT_SECONDS):
            await child.gone.wait()
    if not child.gone.is_set():
        await child.kill()
        with anyio.move_on_after(EXIT_SECONDS):
            await child.gone.wait()


def _failure(
    child: Child, request: dict[str, Any], lines: _Lines, error: dict[str, Any], timed_out: float | None
) -> WorkerFailed:
    call, status = request["call"], ended(child.status)
    output, known = child.output.text(), secrets(request.get("env") or {})
    steps: list[str] = []
    if timed_out is not None:
        kind, message = "timed_out", f"The call {call!r} took longer than {timed_out:g} s and was stopped."
    elif error:
        kind, message = str(error.pop("kind", "internal")), str(error.pop("message", "It failed without a message."))
        steps = list(error.pop("next_steps", ()))
        path, line = error.get("path"), error.get("line")
        if path and str(path) not in message:
            message += f" ({path}, line {line})" if line else f" ({path})"
    elif lines.garbage.strip():
        sample = bytes(lines.garbage[:200]).decode("utf-8", errors="replace")
        kind, message = "garbage", f"The call {call!r} sent something else than an answer: {sample!r} ({status})."
    else:
        last = output.strip().splitlines()[-1:]
        told = f"The last thing it printed: {last[0]}" if last else "It printed nothing."
        kind, message = "died", f"The process of the call {call!r} ended without an answer ({status}). {told}"
    details = error or {"status": child.status}
    return WorkerFailed(kind, message, *steps, output=output, details=details, known_secrets=known)
