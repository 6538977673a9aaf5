"""The one translator: whatever went wrong becomes the report that was expected, without secrets."""

from __future__ import annotations

import logging
from typing import TypeVar

from pydantic import ValidationError

from ..errors import NotDone, redact
from ..report import Report

__all__ = ["failure", "wrong_arguments"]

logger = logging.getLogger(__name__)

R = TypeVar("R", bound=Report)


def failure(error: BaseException, report_type: type[R]) -> R:
    """The report of something that was not done.

    A `NotDone` says itself what happened. Anything else is a fault of ours: it is logged with its traceback (the
    log handlers redact), and the report says only its kind and text.
    """
    if isinstance(error, NotDone):
        output = getattr(error, "output", None)
        return report_type.model_validate(
            {
                "status": error.status,
                "summary": error.message,
                "next_steps": error.next_steps,
                "output": redact(output) if output else None,
            }
        )
    logger.error("Unexpected failure", exc_info=error)
    return report_type(
        status="failed",
        summary=redact(
            f"alembic-mcp itself failed: {type(error).__name__}: {error}. "
            "Whether the database was changed is not known."
        ),
        next_steps=[
            "Call current: it shows where the database stands.",
            "Report this with the log that the server wrote to stderr.",
        ],
    )


def wrong_arguments(error: ValidationError, tool: str, report_type: type[R]) -> R:
    """The refusal of arguments that the tool doesn't have, or of values that it doesn't take."""
    problems = "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'])}: {_problem(problem['type'], problem['msg'])}"
        for problem in error.errors(include_url=False, include_input=False, include_context=False)
    )
    return report_type(
        status="refused",
        summary=redact(f"{tool} can't be called like this ({problems}). Nothing was done."),
        next_steps=[
            f"Call {tool} again with the arguments that its schema lists: all that it requires, and no others."
        ],
    )


def _problem(kind: str, message: str) -> str:
    return "there is no such argument" if kind == "extra_forbidden" else message[:1].lower() + message[1:]
