"""The warm process: Alembic and SQLAlchemy are loaded once, and every call gets a fork of it.

It runs no code of the project itself, has one thread, and lives exactly as long as the server holds the other end of
its control socket: when that closes, even because the server was killed, it kills every call and leaves.

Control socket, server to zygote: `MESSAGE`, a letter and the call's number; ``c`` (call) brings two descriptors, the
call's channel and the pipe for its output; ``i`` interrupts the call as Ctrl-C would, ``k`` kills it. Zygote to
server: JSON lines, ``{"ready": {...}}`` first, then ``{"forked": number, "pid": ...}`` and
``{"ended": number, "status": ...}`` for each
call; a status below zero is the signal that ended it, null: it could not be forked.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import select
import signal
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Optional

from .channel import Channel
from .child import answer

__all__ = ["serve"]

MESSAGE = struct.Struct("!cQ")

_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
_UNFINISHED = 70
_BORROWED_SIGNALS = (signal.SIGCHLD, signal.SIGTERM)


def serve(control: socket.socket, about: dict[str, Any], calls: Optional[Path]) -> None:
    """Fork for every call that comes over *control*, until it closes.

    Args:
        control: a connected stream socket that can carry descriptors.
        about: what ``ready`` tells of this process.
        calls: the module file whose ``handle()`` answers; None: this package's own.
    """
    _Zygote(control, calls).run(about)


class _Zygote:
    def __init__(self, control: socket.socket, calls: Optional[Path]) -> None:
        self._control = control
        self._calls = calls
        self._running: dict[int, int] = {}
        self._wake, self._waker = socket.socketpair()
        self._libc = _libc()

    def run(self, about: dict[str, Any]) -> None:
        self._wake.settimeout(0)
        self._waker.settimeout(0)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        gc.collect()
        gc.freeze()
        try:
            self._tell({"ready": about})
            while self._serve_one():
                self._reap()
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server is gone: the same as a closed control socket
        finally:
            for pid in self._running.values():
                _signal(pid, signal.SIGKILL)
            for pid in self._running.values():
                os.waitpid(pid, 0)

    def _serve_one(self) -> bool:
        """Wait for a message or for the end of a child. False: the server closed the control socket."""
        readable, _, _ = select.select([self._control, self._wake], [], [])
        if self._wake in readable:
            self._wake.recv(4096)
        if self._control in readable:
            message, descriptors, _, _ = socket.recv_fds(self._control, MESSAGE.size, 2)
            if not message:
                return False
            what, number = MESSAGE.unpack(message)
            if what == b"c":
                for descriptor in descriptors:
                    os.set_inheritable(descriptor, False)  # noqa: FBT003
                self._fork(number, *descriptors)
            elif number in self._running:
                _signal(self._running[number], signal.SIGINT if what == b"i" else signal.SIGKILL)
        return True

    def _fork(self, number: int, channel: int, output: int) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        zygote = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            pid = None
            why = str(error)
        if pid == 0:
            self._become_call(zygote, channel, output)
        os.close(channel)
        os.close(output)
        if pid is None:
            self._tell({"ended": number, "status": None, "why": why})
        else:
            self._running[number] = pid
            self._tell({"forked": number, "pid": pid})

    def _become_call(self, zygote: int, channel: int, output: int) -> None:
        """In the child: let go of everything that is the zygote's, run the call, and end the process."""
        status = _UNFINISHED
        try:
            self._running = {}  # its siblings are none of its business
            os.setsid()
            signal.set_wakeup_fd(-1)
            for borrowed in _BORROWED_SIGNALS:
                signal.signal(borrowed, signal.SIG_DFL)
            if self._libc is not None:
                self._libc.prctl(_DEATH_SIGNAL, signal.SIGKILL)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.close(output)
            for own in (self._control, self._wake, self._waker):
                own.close()
            if os.getppid() == zygote:
                signal.signal(signal.SIGINT, signal.default_int_handler)
                status = answer(Channel(channel, channel), self._calls)
        finally:
            os._exit(status)

    def _reap(self) -> None:
        for number, pid in list(self._running.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                _signal(pid, signal.SIGKILL)  # whatever it started and left behind
                del self._running[number]
                self._tell({"ended": number, "status": os.waitstatus_to_exitcode(status)})

    def _tell(self, line: dict[str, Any]) -> None:
        self._control.sendall(json.dumps(line).encode("ascii") + b"\n")


def _signal(pid: int, number: int) -> None:
    """Signal a call's whole process group."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):  # macOS says EPERM when only zombies are left in a group
        with suppress(ProcessLookupError):
            os.kill(pid, number)  # just forked, and not the leader of a group yet


def _libc() -> Any:
    """The C library where it has prctl: a call dies with its zygote. Elsewhere the server has to see to it."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "prctl") else None
