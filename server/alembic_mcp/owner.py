"""Which process holds something that outlives a crash: a scratch database, a temporary folder, a lock."""

from __future__ import annotations

import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["Owner"]


@dataclass(frozen=True)
class Owner:
    """A process, told apart from a later one with the same number.

    Attributes:
        host: host name and process namespace: two containers on one host have processes of their own.
        pid: process number there.
        started: when the process started, in the kernel's own unit; ``""`` where the system does not say.
    """

    host: str
    pid: int
    started: str

    @classmethod
    def me(cls) -> Owner:
        """This process."""
        pid = os.getpid()
        return cls(host=_host(), pid=pid, started=_started(pid))

    @classmethod
    def read(cls, value: Any) -> Owner | None:
        """Read what `as_dict` wrote; None if *value* is something else."""
        match value:
            case {"host": str(host), "pid": int(pid), "started": str(started)}:
                return cls(host, pid, started)
        return None

    def as_dict(self) -> dict[str, str | int]:
        """As JSON can hold it."""
        return asdict(self)

    @property
    def is_dead(self) -> bool:
        """True if the process is known to have ended; False if it runs or nobody here can tell."""
        if self.host != _host() or self.pid <= 0:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        return _started(self.pid) != self.started

    @property
    def name(self) -> str:
        """For people: ``process 4711 on build-7``."""
        return f"process {self.pid} on {self.host.partition('/')[0]}"


def _host() -> str:
    try:
        namespace = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - it points at no file
    except OSError:
        namespace = ""
    return f"{socket.gethostname()}/{namespace}"


def _started(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # The program's name, in parentheses, may hold anything; field 22 is counted from behind it.
    return stat.rpartition(")")[2].split()[19]
