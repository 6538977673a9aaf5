"""Runs the embedded PostgreSQL and stops it once no process uses it, also when the last one was killed.

A program of its own (standard library only), started with ``-c`` and one argument, JSON with the keys of `keep`. Every
process that uses the server holds a shared lock on the file ``users``, which the kernel releases however the process
ends; whoever gets the exclusive lock knows that nobody is left.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

PATIENCE = 30  # seconds that the server gets to end on its own


def keep(
    *,
    users: str,
    keeper: str,
    pid_file: str,
    log: str,
    socket_folder: str,
    command: list[str],
    identity: dict[str, Any],
) -> None:
    """Start the server, unless *command* is empty and it runs already; wait until nobody uses it; stop it.

    *socket_folder* is removed then, if it is empty; ``""`` if the socket has no folder of its own.
    """
    # The end of a terminal or of a process group is not the end of the server's last user.
    for ignored in (signal.SIGHUP, signal.SIGINT):
        signal.signal(ignored, signal.SIG_IGN)
    keeping = os.open(keeper, os.O_RDONLY)
    try:
        fcntl.flock(keeping, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # another keeper is at work
    if command:
        with Path(log).open("w", encoding="utf-8") as output:
            server = subprocess.Popen(  # it must not inherit that interrupts are ignored
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, restore_signals=True, **identity
            )
        threading.Thread(target=_end_with, args=(server, socket_folder), daemon=True).start()
    using = os.open(users, os.O_RDONLY)
    fcntl.flock(using, fcntl.LOCK_EX)
    until = time.monotonic() + PATIENCE
    while pid := running(pid_file):
        os.kill(pid, signal.SIGINT if time.monotonic() < until else signal.SIGQUIT)
        time.sleep(0.02)
    # In this order: whoever gets in next starts a server and a keeper, which must not find this one in its place.
    os.close(keeping)
    os.close(using)


def running(pid_file: str) -> int | None:
    """The number of the server's main process as its pid file has it, None if it does not run."""
    try:
        pid = int(Path(pid_file).read_text(encoding="utf-8").split("\n", 1)[0])
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    return pid


def _end_with(server: subprocess.Popen[bytes], socket_folder: str) -> None:
    server.wait()
    if socket_folder:
        with suppress(OSError):
            Path(socket_folder).rmdir()
    os._exit(0)


if __name__ == "__main__":
    keep(**json.loads(sys.argv[1]))
