"""One round of questions: which database is asked, in which order, and how it ends in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import anyio
import anyio.to_thread

from ..review.questions import (
    Answer,
    Duplicates,
    Exists,
    Facts,
    Matching,
    NonNullCount,
    Nulls,
    Orphans,
    Question,
    RowCount,
    Unfit,
    Violators,
)
from ..target import Target

__all__ = ["LATE", "Inquiry", "answer"]

LATE = "there was no time left to ask"
_LEAST = 0.05  # seconds: less is not worth a query
_CHEAPEST_FIRST: tuple[type[Question], ...] = (
    Exists, RowCount, Nulls, NonNullCount, Matching, Violators, Unfit, Orphans, Duplicates,
)  # fmt: skip


@dataclass
class Inquiry:
    """One round of questions: how long it may take, and how it is broken off.

    Attributes:
        until: moment on the monotonic clock.
        stop: breaks off the query that is running; None while there is none.
    """

    until: float
    answers: dict[Question, Answer] = field(default_factory=dict)
    stop: Callable[[], None] | None = None
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def left(self) -> float:
        """Seconds."""
        return self.until - time.monotonic()

    @property
    def is_over(self) -> bool:
        """True if nothing more is to be asked."""
        return self.stopped.is_set() or self.left < _LEAST

    def share(self, among: int) -> float:
        """Seconds for the next of *among* questions: fair, and what the quick ones leave goes to the others."""
        return max(_LEAST, self.left / among)

    def ask(self, questions: tuple[Question, ...], asked: Callable[[Question, float], Answer]) -> None:
        """Ask one after the other, each until its own moment, as long as there is time."""
        for position, question in enumerate(questions):
            if self.is_over:
                return
            self.answers[question] = asked(question, time.monotonic() + self.share(len(questions) - position))

    def fail(self, questions: tuple[Question, ...], problem: str) -> None:
        """What has no answer yet has none for this reason."""
        self.answers.update({each: Answer(None, problem=problem) for each in questions if each not in self.answers})


async def answer(target: Target, questions: Iterable[Question], *, budget: float) -> Facts:
    """Ask the database of *target*, in *budget* seconds for all questions together.

    What cannot be answered in time, or at all, is unknown and says why in `Answer.problem`; nothing is raised for it.
    A table or column that does not exist has no rows. Statistics stand in for a count that would take too long; where
    rows are looked for that make a revision fail, a sample can prove that there are some, never that there are none.
    Nothing stronger than ACCESS SHARE is taken, and nothing of the rows leaves the database but numbers and a few
    primary keys that are numbers, dates or UUIDs.
    """
    asked = tuple(sorted(dict.fromkeys(questions), key=lambda one: (_CHEAPEST_FIRST.index(type(one)), repr(one))))
    inquiry = Inquiry(until=time.monotonic() + budget)
    unknown = _unreachable(target)
    if asked and unknown is None:
        if target.dialect == "sqlite":
            from .sqlite import ask  # a project uses one of the two
        else:
            from .postgresql import ask
        try:
            await anyio.to_thread.run_sync(ask, target, asked, inquiry, abandon_on_cancel=True)
        except anyio.get_cancelled_exc_class():
            inquiry.stopped.set()
            if inquiry.stop is not None:
                inquiry.stop()
            raise
    missing = Answer(rows=None, problem=unknown or LATE)
    return Facts({question: inquiry.answers.get(question, missing) for question in asked})


def _unreachable(target: Target) -> str | None:
    """Why nothing can be asked, None if it can."""
    if not target.reachable:
        return "the database could not be reached, so nothing is known of its rows"
    if target.dialect == "sqlite":
        return None if target.connect.path else "the database is in the memory of another process"
    if target.dialect != "postgresql":
        return f"rows are not counted on {target.dialect}"
    if not target.connect.complete or not target.connect.libpq:
        return "the project connects in a way that only its own driver can follow"
    return None
