"""The demo as people run it: piped, at a terminal, interrupted, and with a world that is not as it should be."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

DEMO = [sys.executable, "-m", "alembic_mcp", "demo"]
SECONDS = 120


def processes():
    """Command lines of everything that runs."""
    return [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]


def left_behind(output):
    """What is still there of the demo that printed *output*."""
    folder = re.search(r"\S*/alembic-mcp-demo-\w+", output).group()
    return [*Path(folder).parent.glob(Path(folder).name), *(line for line in processes() if folder in line)]


class Terminal:
    """The demo at a terminal of its own."""

    def __init__(self, *arguments):
        self.screen = ""
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.execvpe(DEMO[0], [*DEMO, *arguments], {**os.environ, "TERM": "xterm", "COLUMNS": "120"})

    def read_until(self, text=None):
        """Read until *text* is on the screen, or to the end."""
        until = time.monotonic() + SECONDS
        while text is None or text not in self.screen:
            assert select.select([self._terminal], [], [], until - time.monotonic())[0], self.screen
            try:
                read = os.read(self._terminal, 65536)
            except OSError:  # this is how a terminal ends on Linux
                read = b""
            if not read:
                assert text is None, self.screen
                return
            self.screen += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", read.decode(errors="replace"))

    def type(self, text):
        os.write(self._terminal, text.encode())

    def end(self):
        """The exit code, once everything was read."""
        self.read_until()
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_without_a_terminal_the_answer_is_a_decline_and_nothing_is_lost():
    done = subprocess.run(DEMO, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok: all 100,000 values are still there" in done.stdout
    assert "\x1b" not in done.stdout
    assert done.stderr == ""
    assert left_behind(done.stdout) == []


def test_at_a_terminal_the_person_is_asked_and_a_yes_runs():
    demo = Terminal()
    demo.read_until("Type yes or no: ")
    demo.type("yes\n")

    assert demo.end() == 0, demo.screen
    assert "ok: the column is gone, as agreed" in demo.screen


def test_interrupted_at_the_question_it_leaves_nothing_behind():
    demo = Terminal()
    demo.read_until("Type yes or no: ")
    demo.type("\x03")

    assert demo.end() == 130, demo.screen
    assert left_behind(demo.screen) == []


@pytest.mark.thorough
def test_terminated_during_a_call_it_leaves_nothing_behind():
    demo = Terminal()
    demo.read_until("The agent calls generate")
    os.kill(demo.pid, signal.SIGTERM)

    assert demo.end() == 130, demo.screen
    assert left_behind(demo.screen) == []


def test_a_step_that_does_not_behave_is_named():
    other = (
        "from alembic_mcp.demo import project, run; project.Project.FIRST = 'x'; raise SystemExit(run(no_input=True))"
    )
    done = subprocess.run(
        [sys.executable, "-c", other],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAILED: upgrade: expected: the database is at the first revision." in done.stdout
    assert left_behind(done.stdout) == []
