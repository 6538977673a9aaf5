"""Asks the real database about its rows: over a connection of our own, or, for want of a driver, through the worker."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from ..errors import NotDone
from ..review.questions import Answer, Facts, Question
from .app import App, Located

if TYPE_CHECKING:
    from ..revisions import Revisions

__all__ = ["ask"]

_MYSQL = ("mysql", "mariadb")
_TO_START = 30.0  # seconds that the project's code may take before it is asked anything


async def ask(app: App, located: Located, index: Revisions, questions: Collection[Question], *, budget: float) -> Facts:
    """The answers, in *budget* seconds for all; what can't be answered is unknown and says why. Nothing is raised."""
    from ..preflight import answer

    if located.target.dialect not in _MYSQL or not located.target.reachable:
        return await answer(located.target, questions, budget=budget)
    from ..preflight import mysql

    facts: dict[Question, Answer] = {}
    asked: dict[Question, mysql.Query] = {}
    for question in dict.fromkeys(questions):
        made = mysql.query(question)
        if isinstance(made, str):
            facts[question] = Answer(rows=None, problem=made)
        else:
            asked[question] = made
    if not asked:
        return Facts(facts)
    queries = [{"sql": each.sql, "instead": each.instead} for each in asked.values()]
    try:
        reply = await app.call(
            located.project,
            "count",
            {"queries": queries, "seconds": budget},
            database=located.target.database,
            timeout=budget + _TO_START,
            revisions=index,
        )
    except NotDone as error:
        return Facts({**facts, **dict.fromkeys(asked, Answer(rows=None, problem=error.message))})
    if reply.result["identity"] != located.target.identity:
        other = Answer(rows=None, problem="env.py led to another database when rows were to be counted")
        return Facts({**facts, **dict.fromkeys(asked, other)})
    given = zip(asked.items(), reply.result["answers"], strict=True)
    return Facts({**facts, **{question: mysql.answered(made, found) for (question, made), found in given}})
