"""Keeps a rehearsal inside its scratch database: what a revision does to the world outside is stopped and noted.

Stopped while a revision's own function runs: network connections, name look-ups, new processes, changes of files
outside the folder for temporary ones. env.py may do as it always does (it has run for real before, to find the
database), except that it can't open another database. Threads that ran before the revision started are left alone.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import threading
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from .recorder import Recorder
from .redirect import Redirect, caller, permitted

__all__ = ["Guards"]

_PROCESSES = {
    "subprocess.Popen": "starts a process",
    "os.system": "runs a shell command",
    "os.exec": "replaces the process",
    "os.posix_spawn": "starts a process",
    "os.spawn": "starts a process",
    "os.fork": "forks",
    "os.forkpty": "forks",
    "pty.spawn": "starts a process",
}
_FILES = {
    "os.remove": "removes",
    "os.rename": "moves",
    "os.mkdir": "makes the folder",
    "os.rmdir": "removes the folder",
    "os.truncate": "truncates",
    "os.link": "links",
    "os.symlink": "links",
    "os.chmod": "changes",
    "os.chown": "changes",
}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_SHORT = 200


class Guards:
    """Installed for the rest of the process.

    Attributes:
        outside: what was stopped: [{what, line, path, revision}].
    """

    def __init__(self, recorder: Recorder, redirect: Redirect, root: str) -> None:
        self.outside: List[Dict[str, Any]] = []
        self._recorder = recorder
        self._redirect = redirect
        self._root = root
        self._allowed = _addresses(redirect.params) if redirect.dialect == "postgresql" else set()
        self._harmless = tuple(
            os.path.join(os.path.realpath(folder), "")  # noqa: PTH118 - with a separator at its end
            for folder in (tempfile.gettempdir(), sys.pycache_prefix, os.devnull)
            if folder
        )
        self._inside = threading.local()
        self._events: Dict[str, Callable[[Tuple[Any, ...]], Optional[str]]] = {
            "socket.connect": self._socket,
            "socket.sendto": self._socket,
            "socket.getaddrinfo": self._look_up,
            "open": self._open,
        }
        for name, what in _PROCESSES.items():
            self._events[name] = lambda args, what=what: _command(what, args)  # type: ignore[misc]
        for name, what in _FILES.items():
            self._events[name] = lambda args, what=what: self._file(what, args)  # type: ignore[misc]
        # An audit hook can't be removed: the process that answers a rehearsal answers nothing else.
        sys.addaudithook(self._audit)

    def _audit(self, name: str, args: Tuple[Any, ...]) -> None:
        if name == "sqlite3.connect":
            self._sqlite(args)
            return
        judge = self._events.get(name)
        step = self._recorder.step
        if judge is None or step is None or threading.get_ident() in step.threads:
            return
        if getattr(self._inside, "busy", False):
            return
        self._inside.busy = True
        try:
            what = judge(args)
            if what is None:
                return
            path, line = caller(self._root)
            own = step.line()
            found = {"what": what, "line": own or line or 0, "path": step.path if own else path or step.path}
            found["revision"] = step.revision
            if found not in self.outside:
                self.outside.append(found)
        finally:
            self._inside.busy = False
        raise PermissionError(f"The revision {what}: this is stopped during a rehearsal.")

    def _sqlite(self, args: Tuple[Any, ...]) -> None:
        # A file of the application's own (a cache) is its business, except where the database itself is SQLite or a
        # revision opens it.
        concerns = self._redirect.dialect == "sqlite" or self._recorder.step is not None
        if concerns and args and not self._redirect.allows_sqlite(args[0]):
            raise self._redirect.refuse(f"The project's code opens the SQLite file {args[0]} itself")

    def _socket(self, args: Tuple[Any, ...]) -> Optional[str]:
        address = args[1] if len(args) > 1 else None
        if address in self._allowed or (isinstance(address, tuple) and tuple(address[:2]) in self._allowed):
            return None
        if permitted() or not address:
            return None
        where = f"{address[0]}:{address[1]}" if isinstance(address, tuple) else str(address)
        return f"connects to {where}"

    def _look_up(self, args: Tuple[Any, ...]) -> Optional[str]:
        host, port = args[0], args[1]
        if permitted() or not host or host == self._redirect.params.get("host"):
            return None
        if _is_address(host):
            return None  # nothing is asked of anybody; connecting to it is another event
        return f"looks up {host if isinstance(host, str) else os.fsdecode(host)}{f':{port}' if port else ''}"

    def _open(self, args: Tuple[Any, ...]) -> Optional[str]:
        mode, flags = args[1], args[2] or 0
        writes = any(letter in mode for letter in "wax+") if isinstance(mode, str) else bool(flags & _WRITES)
        return self._file("writes", args) if writes else None

    def _file(self, what: str, args: Tuple[Any, ...]) -> Optional[str]:
        name = args[0] if args else None
        if not isinstance(name, (str, bytes, os.PathLike)):
            return None  # an open file
        path = os.path.realpath(os.fsdecode(name))
        if (path + os.sep).startswith(self._harmless) or "__pycache__" in path:
            return None
        return f"{what} {path}"


def _addresses(params: Dict[str, str]) -> Set[Any]:
    """The addresses of the scratch database."""
    host, port = params.get("host", ""), int(params.get("port") or 5432)
    if host.startswith("/"):
        return {f"{host}/.s.PGSQL.{port}"}
    found: Set[Any] = {(host, port)}
    try:
        found.update(tuple(each[4][:2]) for each in socket.getaddrinfo(host or "localhost", port))
    except OSError:
        return found
    return found


def _is_address(host: Any) -> bool:
    text = host if isinstance(host, str) else os.fsdecode(host)
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text)
        except OSError:
            continue
        return True
    return False


def _command(what: str, args: Tuple[Any, ...]) -> str:
    """*what* with the program and its arguments, shortened."""
    command = args[1] if len(args) > 1 and isinstance(args[1], (list, tuple)) else args[0] if args else ""
    words = command if isinstance(command, (list, tuple)) else [command]
    text = " ".join(os.fsdecode(word) if isinstance(word, (bytes, os.PathLike)) else str(word) for word in words)
    text = text if len(text) <= _SHORT else text[:_SHORT] + " ..."
    return f"{what}: {text}" if text else what
