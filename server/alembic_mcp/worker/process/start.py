"""The ways a worker process starts: as a zygote for many calls, for one call, or only to say what is installed."""

from __future__ import annotations

import os
import queue
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any, Optional

from . import libraries
from .channel import Channel
from .child import answer

__all__ = ["about", "once", "zygote"]


def zygote(calls: Optional[str], descriptor: str) -> None:
    """Serve calls over the socket *descriptor* until it closes."""
    from . import zygote as process  # noqa: PLC0415 - can't be imported where there is no fork

    control = socket.socket(fileno=int(descriptor))
    control.set_inheritable(False)
    module = Path(calls) if calls else None
    found = libraries.about()
    if found["alembic"] and found["sqlalchemy"]:
        libraries.preload(module)
    process.serve(control, {**found, "threads": libraries.threads()}, module)


def once(calls: Optional[str]) -> None:
    """Answer the one request on stdin, on stdout; everything that is printed goes to stderr."""
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    channel = Channel(requests, answers)
    channel.hello(libraries.about())
    status = answer(_Supervised(requests, answers), Path(calls) if calls else None)
    os._exit(status)


def about(calls: Optional[str]) -> None:
    """Say on stdout which versions are here."""
    del calls
    channel = Channel(0, os.dup(1))
    os.dup2(2, 1)
    channel.hello(libraries.about())


class _Supervised(Channel):
    """A channel whose process dies when the server does: it holds stdin open for as long as it wants an answer.

    Once the request has come, a thread alone reads stdin: should it get the rest of a request, it hands it over.
    """

    def __init__(self, reading: int, writing: int) -> None:
        super().__init__(reading, writing)
        self._rest: Optional[queue.SimpleQueue[dict[str, Any]]] = None

    def read(self) -> Optional[dict[str, Any]]:
        if self._rest is not None:
            return self._rest.get()
        request = super().read()
        self._rest = queue.SimpleQueue()
        threading.Thread(target=self._follow, args=(self._rest,), name="alembic-mcp: server gone", daemon=True).start()
        return request

    def _follow(self, rest: queue.SimpleQueue[dict[str, Any]]) -> None:
        while (part := super().read()) is not None:
            rest.put(part)
        if sys.platform != "win32" and os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(1)
