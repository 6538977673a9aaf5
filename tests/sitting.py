"""Commands of ours in a terminal of their own, and somebody who sits at it."""

import os
import select
import subprocess
import sys
import time
from contextlib import contextmanager

__all__ = ["COMMAND", "SECONDS", "Sitting", "at_terminal", "run"]

COMMAND = [sys.executable, "-m", "alembic_mcp"]
SECONDS = 90
TAKE = """
import fcntl, os, signal, sys, termios
signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored where the tests run in the background of a shell
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # its own session's terminal: /dev/tty
os.execv(sys.argv[1], sys.argv[1:])
"""


def run(*arguments, cwd, **more):
    """Run a command that has no terminal; *more* as for subprocess.run."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        start_new_session=True,
        **more,
    )


class Sitting:
    """Somebody at a terminal in which a command runs."""

    def __init__(self, controller, process):
        self.controller, self.process, self.shown, self.read = controller, process, "", 0

    def until(self, words):
        """Wait until the terminal shows *words* behind what was waited for before."""
        end = time.monotonic() + SECONDS
        while words not in self.shown[self.read :]:
            ready, _, _ = select.select([self.controller], [], [], end - time.monotonic())
            assert ready, f"{words!r} did not come: {self.shown}"
            try:
                self.shown += os.read(self.controller, 65536).decode(errors="replace")
            except OSError:
                raise AssertionError(f"it ended before {words!r}: {self.shown}") from None
        self.read = self.shown.index(words, self.read) + len(words)
        return self

    def type(self, line):
        os.write(self.controller, f"{line}\n".encode())
        return self

    def interrupt(self):
        """Ctrl-C."""
        os.write(self.controller, b"\x03")
        return self

    def end(self):
        """Exit code, and all that was shown."""
        end = time.monotonic() + SECONDS
        while True:
            ready, _, _ = select.select([self.controller], [], [], max(0, end - time.monotonic()))
            assert ready, f"it does not end: {self.shown}"
            try:
                read = os.read(self.controller, 65536)
            except OSError:
                break
            if not read:
                break
            self.shown += read.decode(errors="replace")
        return self.process.wait(timeout=SECONDS), self.shown


@contextmanager
def at_terminal(*arguments, cwd, stdout=None):
    """Run a command in a terminal of its own; its output goes there too, unless *stdout* says where."""
    controller, terminal = os.openpty()

    process = subprocess.Popen(
        [sys.executable, "-c", TAKE, *COMMAND, *arguments],
        cwd=cwd,
        stdin=terminal,
        stdout=terminal if stdout is None else stdout,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    try:
        yield Sitting(controller, process)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=SECONDS)
        os.close(controller)
