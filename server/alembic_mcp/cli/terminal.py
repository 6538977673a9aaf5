"""What a person at a terminal sees and is asked: progress, reports, and the question before a change."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

import anyio

from ..tools.text import readable, structured

if TYPE_CHECKING:
    from rich.status import Status

    from ..report import ChangeReport, Question, Report

__all__ = ["Progress", "can_ask", "confirm", "show"]

PATIENCE_SECONDS = 1.0
DATA_LOSS = "drops-data"
STYLES = {"failed": "red", "refused": "red", "needs_answer": "yellow", "needs_approval": "yellow", "done": "green"}


class Progress:
    """Says on stderr what is going on, once it has taken more than a second: a spinner, or lines where it is piped."""

    def __init__(self) -> None:
        self._message = ""
        self._shown = False
        self._status: Status | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        self._timer = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._show)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.hide()

    async def __call__(self, done: float, total: float | None, message: str) -> None:
        """Follow a workflow: *done* of *total*, and what is being done."""
        count = f" ({done:g}/{total:g})" if total else ""
        self._message = f"{message}{count}"
        if self._status is not None:
            self._status.update(self._message)
        elif self._shown:
            self._line()

    def hide(self) -> None:
        """Show nothing from now on, so that something else can be shown."""
        if self._timer is not None:
            self._timer.cancel()
        if self._status is not None:
            self._status.stop()
            self._status = None
        self._shown = False

    def _show(self) -> None:
        self._shown = True
        if not sys.stderr.isatty():
            self._line()
            return
        from rich.console import Console

        self._status = Console(stderr=True).status(self._message or "Working")
        self._status.start()

    def _line(self) -> None:
        if self._message:
            print(f"... {self._message}", file=sys.stderr, flush=True)


def show(report: Report, *, as_json: bool) -> None:
    """Print *report* on stdout."""
    if as_json:
        print(json.dumps(structured(report), indent=2))
        return
    if sys.stdout.isatty():
        _show_in_colour(report)
    else:
        print(readable(report))
    if questions := getattr(report, "questions", None):
        print("\n".join(["On the command line:", *_as_options(questions)]))


def _as_options(questions: Sequence[Question]) -> Iterator[str]:
    """How to choose each answer by options of the command ``generate``."""
    for option in (option for question in questions for option in question.options):
        words: list[str] = []
        for old in option.how.get("renames", ()):
            name = f"{old['table']}.{old['from']}" if old.get("table") else old["from"]
            words += ["--rename", f"{name}={old['to']}"]
        for argument, flag in (("fills", "--fill"), ("answers", "--answer")):
            for key, value in option.how.get(argument, {}).items():
                words += [flag, f"{key}={value}"]
        if option.how.get("keep_data"):
            words.append("--keep-data")
        if words:
            yield f"- {option.choice}: {shlex.join(words)}"


def can_ask() -> bool:
    """True if a person sits at a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


async def confirm(question: str, preview: ChangeReport) -> Literal["yes", "no", "cancelled"]:
    """Show what would happen and have the person type a word: yes or, where data is lost, the database's name."""
    loses_data = any(escalation.rule == DATA_LOSS for escalation in preview.escalations)
    word = preview.database.name if loses_data and preview.database else "yes"
    meaning = "the name of the database" if loses_data else "yes"
    # The preview is a dry run; here the person is being asked, and told neither that nor to ask for the run.
    summary = preview.summary.removeprefix("Dry run: nothing was changed. ")
    told = preview.model_copy(update={"summary": summary, "next_steps": []})
    asked = f"{readable(told)}\n\n{question}\n\nType {meaning} ({word}) to run it: "
    print(asked, end="", file=sys.stderr, flush=True)
    # Waiting for the descriptor, unlike reading in a thread, ends at once when the person presses Ctrl-C.
    await anyio.wait_readable(sys.stdin)
    line = sys.stdin.readline()
    if not line:
        return "cancelled"
    return "yes" if line.strip() == word else "no"


def _show_in_colour(report: Report) -> None:
    from rich.console import Console
    from rich.text import Text

    first, _, rest = readable(report).partition("\n")
    text = Text(rest)
    text.highlight_regex(r"(?m)^- (blocker|danger) .*$", "red")
    text.highlight_regex(r"(?m)^- warning .*$", "yellow")
    text.highlight_regex(r"(?m)^(Warning|Problem): .*$", "yellow")
    text.highlight_regex(r"(?m)^(Decision|Rehearsal|Findings|Next|Database|Heads):", "bold")
    console = Console()
    console.print(Text(first, style=f"bold {STYLES[report.status]}"), soft_wrap=True)
    if rest:
        console.print(text, soft_wrap=True)
