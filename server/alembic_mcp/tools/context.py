"""What a tool call has at hand: the app it works on, and the client that may be told and asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from mcp.server.mcpserver import Context
from pydantic import Field

if TYPE_CHECKING:
    from ..workflows.app import App

__all__ = ["Call", "DatabaseName", "ProjectName", "Reporter", "Served", "app_of"]

SMALLEST_STEP = 0.01

DatabaseName = Annotated[
    str,
    Field(description="'default' is what the project's env.py connects to; others have names in its settings."),
]
ProjectName = Annotated[
    str | None,
    Field(description="Name of the Alembic project; needed only where several were found (the answer names them)."),
]


@dataclass(frozen=True)
class Served:
    """What the server holds while it runs.

    Attributes:
        app: the app that all calls share.
        patience: seconds that a question may stay unanswered.
    """

    app: App
    patience: float


Call = Context[Served]


def app_of(ctx: Call) -> App:
    """The app behind a call."""
    return ctx.request_context.lifespan_context.app


class Reporter:
    """Progress of one call, told to its client; it only ever goes forward, as the protocol demands.

    The parts of a call (examine, then run) each count from zero: a step back starts a new part behind what was told.
    """

    def __init__(self, ctx: Call) -> None:
        self._ctx = ctx
        self._part = 0.0
        self._last_done = 0.0
        self._last_told = 0.0

    async def __call__(self, done: float, total: float | None, message: str) -> None:
        """Tell the client that *done* of *total* is done."""
        if done < self._last_done:
            self._part = self._last_told
        self._last_done = done
        told = max(self._part + done, self._last_told + SMALLEST_STEP)
        self._last_told = told
        await self._ctx.report_progress(told, None if total is None else max(self._part + total, told), message)
