"""The private line between one call and the server: JSON objects, one per line, that no print can reach."""

from __future__ import annotations

import json
import os
import threading
from typing import Any

__all__ = ["Channel"]

_CHUNK = 1 << 16


class Channel:
    """Reads one request from a file descriptor and writes answers to another (which may be the same socket).

    A line is JSON in ASCII. Every line is written with a line break before it too, so that an answer stays readable
    even if other code wrote something to the descriptor by mistake.
    """

    def __init__(self, reading: int, writing: int) -> None:
        self._reading = reading
        self._writing = writing
        self._lock = threading.Lock()

    def read(self) -> dict[str, Any] | None:
        """The request; None if the other side went away before it was complete."""
        parts: list[bytes] = []
        while True:
            part = os.read(self._reading, _CHUNK)
            if not part:
                return None
            parts.append(part)
            if part.endswith(b"\n"):
                request = json.loads(b"".join(parts))
                return request if isinstance(request, dict) else None

    def hello(self, about: dict[str, Any]) -> None:
        """Say which versions run here: the first line of a process that is started for one call."""
        self._write({"hello": about})

    def progress(self, step: dict[str, Any]) -> None:
        """Say how far the call is. May be called from any thread."""
        self._write({"progress": step})

    def ask(self, said: dict[str, Any]) -> dict[str, Any]:
        """Say what is known so far, and wait for the rest of the request.

        Raises:
            EOFError: the other side went away.
        """
        self._write({"waiting": said})
        rest = self.read()
        if rest is None:
            raise EOFError
        return rest

    def result(self, result: dict[str, Any]) -> None:
        """Answer the call; nothing may follow."""
        self._write({"result": result})

    def error(self, error: dict[str, Any]) -> None:
        """Say why there is no result; nothing may follow."""
        self._write({"error": error})

    def _write(self, line: dict[str, Any]) -> None:
        # default=str: a date or a UUID that slipped in must not turn a migration that ran into a failure.
        rest = memoryview(b"\n" + json.dumps(line, default=str).encode("ascii") + b"\n")
        with self._lock:
            while rest:
                rest = rest[os.write(self._writing, rest) :]
