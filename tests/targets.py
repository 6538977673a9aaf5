"""Databases as the worker would find them, and questions about their rows."""

from pathlib import Path
from typing import Any

from alembic_mcp.preflight import answer
from alembic_mcp.review.questions import Answer, Question
from alembic_mcp.target import Connect, Target

__all__ = ["answers", "sqlite_target"]


def sqlite_target(path: Path | None) -> Target:
    """A SQLite file, or a database in memory."""
    return Target(
        database="default",
        dialect="sqlite",
        driver="pysqlite",
        name=path.name if path else ":memory:",
        host="",
        server_version="3",
        identity="sqlite:1:2",
        connect=Connect(path=str(path) if path else None),
    )


async def answers(target: Target, *questions: Question, budget: float = 10) -> Any:
    """The `Answer` to the only question, or all of them in order."""
    facts = await answer(target, questions, budget=budget)
    found: list[Answer] = [facts.answers[question] for question in questions]
    return found[0] if len(found) == 1 else found
