"""How the demo looks: panels at a terminal, plain text where it is piped."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

if TYPE_CHECKING:
    from rich.status import Status

__all__ = ["Stage"]

INDENT = "    "
COLOURS = {"-": "red", "+": "green"}
MARKS = {"- blocker": "red", "- danger": "red", "- warning": "yellow", "Asked because": "magenta", "Decision": "bold"}


class Stage:
    """Where the story is told."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._status: Status | None = None

    @property
    def is_terminal(self) -> bool:
        """True if it can be coloured, and somebody reads along."""
        return self._console.is_terminal

    def opening(self, root: Path, version: str, persons: str, *, asks: bool) -> None:
        """Say what is going to be seen."""
        self._say("alembic-mcp demo", "bold")
        self._say(f"A project with the model Person, on a PostgreSQL {version} of its own: {root}")
        self._say(f"It will hold {persons} persons. What follows is a real server over stdio and a real MCP client;")
        self._say(
            "the agent's part is scripted, and the question is yours to answer."
            if asks
            else "the agent's part is scripted. There is nobody to ask, so the answer to any question is a decline."
        )

    def scene(self, title: str) -> None:
        """Begin a part of the story."""
        self._say("")
        if self.is_terminal:
            self._console.rule(Text(title, style="bold"), align="left")
        else:
            self._say(f"== {title}")

    def tells(self, text: str) -> None:
        """A sentence between the calls."""
        self._say(text)

    def edits(self, name: str, before: str, after: str) -> None:
        """Show a change of a file."""
        changed = difflib.unified_diff(before.splitlines(), after.splitlines(), n=1, lineterm="")
        lines = [Text(line, style=COLOURS.get(line[:1], "")) for line in changed if line[:2] not in ("--", "++", "@@")]
        self._say("")
        self._block(f"The agent edits {name}", lines, "yellow")

    def shows(self, name: str, text: str) -> None:
        """Show a file."""
        self._block(name, _lines(text), "yellow")

    def calls(self, tool: str, arguments: Mapping[str, object]) -> None:
        """Show what the agent calls."""
        given = ", ".join(f"{name}={json.dumps(value)}" for name, value in arguments.items())
        self._say("")
        self._say(f"The agent calls {tool}({given})", "bold cyan")

    def answers(self, text: str, *, error: bool) -> None:
        """Show what comes back."""
        self._block("The server answers", _lines(text), "red" if error else "cyan")

    def checks(self, text: str) -> None:
        """Say what was found to be as it should be."""
        self._say(f"ok: {text}", "green")

    def failed(self, text: str, *details: str) -> None:
        """Say what went wrong."""
        self._say("")
        self._say(f"FAILED: {text}", "bold red")
        for line in "\n".join(details).splitlines():
            self._say(INDENT + line)

    def kept(self, folder: Path, start: str) -> None:
        """Say where everything is."""
        self._say("")
        self._say(f"Kept: {folder}")
        self._say(f"Its PostgreSQL is stopped. To start it: {start}")

    def stopped(self) -> None:
        """Say that somebody stopped it."""
        self._say("")
        self._say("Stopped.", "bold")

    def closing(self, seconds: float) -> None:
        """Say that it ended well."""
        self._say("")
        self._say(f"Every step behaved, in {seconds:.0f} seconds.", "bold green")

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Show that something is being waited for."""
        if not self.is_terminal:
            yield
            return
        with self._console.status("...") as status:
            self._status = status
            try:
                yield
            finally:
                self._status = None

    async def progress(self, progress: float, total: float | None, message: str | None) -> None:  # noqa: ARG002 - MCP's
        """Follow a call while it is waited for."""
        if self._status is not None and message:
            self._status.update(message)

    async def asks(self, question: str, *, person: bool) -> str:
        """Put *question* to the person at the keyboard, if there is one; returns the line that was typed."""
        if self._status is not None:
            self._status.stop()
        self._block("The server asks, through the client", _lines(question), "magenta")
        if not person:
            self._say("The client has nobody to ask and declines.", "magenta")
            return ""
        self._console.print(Text("Run it? Type yes or no: ", style="bold magenta"), end="")
        # Waiting for the descriptor, unlike reading in a thread, ends at once on Ctrl-C.
        await anyio.wait_readable(sys.stdin)
        return sys.stdin.readline().strip()

    def _block(self, title: str, lines: list[Text], colour: str) -> None:
        if self.is_terminal:
            panel = Panel(Text("\n").join(lines), title=title, title_align="left", border_style=colour)
            self._console.print(panel, soft_wrap=False)
            return
        self._say(f"{title}:")
        for line in lines:
            self._say(f"{INDENT}{line.plain}".rstrip())

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(Text(text, style=style))


def _lines(text: str) -> list[Text]:
    return [Text(line, style=_colour(line)) for line in text.strip().splitlines()]


def _colour(line: str) -> str:
    return next((colour for start, colour in MARKS.items() if line.startswith(start)), "")
