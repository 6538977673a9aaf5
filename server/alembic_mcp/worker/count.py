"""Counts rows of a MySQL or MariaDB database over env.py's own connection, which can't write then."""

from __future__ import annotations

import time
from typing import Any, Dict, List, Optional

from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import SQLAlchemyError

from .environment import Environment
from .failures import chain, one_line
from .look import described
from .settle import settle

__all__ = ["count"]

_LATE = (1969, 3024, 1205)
_MISSING = (1054, 1146)
_LEAST = 0.05  # seconds: less is not worth a query


def count(request: Dict[str, Any]) -> Dict[str, Any]:
    """Answer the call ``count``.

    Args:
        request: ``args`` are ``queries``, [{``sql``, ``instead``}], each of which gives one number, and ``seconds``
            that they may take together. ``instead`` (or null) is an estimate, asked for where there is no time.

    Returns:
        ``identity``: of the database that was asked; ``answers``, in the order of the queries: {``rows``: a number or
        null, ``estimated``, ``late``: there was no time, ``missing``: there is no such table or column, ``problem``:
        what else went wrong, or null}.
    """
    args = request["args"]
    environment = Environment(request, "current", check_heads=False)
    settle(environment, args)
    answers: List[Dict[str, Any]] = []
    asked: List[str] = []

    def work(_heads: Any, context: MigrationContext) -> None:
        asked.append(described(context, environment.seen)["identity"])
        until = time.monotonic() + float(args["seconds"])
        for position, query in enumerate(args["queries"]):
            left = (until - time.monotonic()) / (len(args["queries"]) - position)
            found = _asked(context.connection, query["sql"], left) if left > _LEAST else _answer(late=True)
            if found["late"] and query.get("instead"):
                found = {**_asked(context.connection, query["instead"], 1.0), "estimated": True}
            answers.append(found)

    environment.run(work, dont_mutate=True)
    return {"answers": answers, "identity": asked[0]}


def _asked(connection: Any, sql: str, seconds: float) -> Dict[str, Any]:
    plainly = {"no_parameters": True}  # a percent sign is one
    try:
        connection.exec_driver_sql(f"SET SESSION lock_wait_timeout = {max(1, round(seconds))}")
        if getattr(connection.dialect, "is_mariadb", False):
            connection.exec_driver_sql(f"SET SESSION max_statement_time = {seconds:.3f}")
        else:
            connection.exec_driver_sql(f"SET SESSION max_execution_time = {max(1, round(seconds * 1000))}")
        value = connection.exec_driver_sql(sql, execution_options=plainly).scalar()
    except SQLAlchemyError as error:
        number = _number(error)
        late, missing = number in _LATE, number in _MISSING
        return _answer(late=late, missing=missing, problem=None if late or missing else one_line(error))
    return _answer(rows=None if value is None else int(value))


def _number(error: BaseException) -> Optional[int]:
    """The server's own number of an error."""
    found = (cause.args[0] for cause in chain(error) if cause.args and isinstance(cause.args[0], int))
    return next(found, None)


def _answer(
    rows: Optional[int] = None, *, late: bool = False, missing: bool = False, problem: Optional[str] = None
) -> Dict[str, Any]:
    return {"rows": rows, "estimated": False, "late": late, "missing": missing, "problem": problem}
