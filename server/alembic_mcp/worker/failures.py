"""Turns what env.py or a revision raised into an error that says what happened and where in the project."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence

from alembic.script.revision import RevisionError
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from .errors import CallError, as_error

__all__ = ["chain", "describe_database_error", "explain", "one_line", "sqlstate"]

_LOCK_NOT_AVAILABLE = "55P03"
# MySQL and MariaDB: a lock wait timed out, a deadlock, NOWAIT found a lock.
_LOCK_ERRORS = (1205, 1213, 3572)
_MYSQL_ERRORS = ("pymysql", "MySQLdb", "mysql", "mariadb", "aiomysql", "asyncmy")
_SHORT = 600
_SQL = 4_000


def explain(
    error: Optional[BaseException], swallowed: Sequence[BaseException], root: str, *, configured: bool, reached: bool
) -> CallError:
    """The error to answer with.

    Args:
        error: what came out of env.py; None if it ended as if all were well without having run migrations.
        swallowed: connection errors seen on the way.
        root: the project's folder.
        configured: env.py got as far as ``context.configure()``.
        reached: env.py got as far as ``context.run_migrations()``.
    """
    if isinstance(error, CallError):
        return error
    if isinstance(error, (CommandError, RevisionError)):
        return CallError("alembic", one_line(error))
    if error is not None and any(cause in swallowed for cause in chain(error)):
        return CallError("connection", f"The database can't be reached: {one_line(swallowed[-1])}", **_where(error))
    if error is None or (isinstance(error, SystemExit) and not reached):
        return _silent(error, swallowed, configured=configured)
    database = describe_database_error(error)
    _shorten(error)
    details = {**as_error(error, root), **database}
    message = details.pop("message")
    kind = details.pop("kind")
    if details.get("sqlstate") == _LOCK_NOT_AVAILABLE or _lock_of_mysql(error):
        kind, message = "lock_timeout", f"A lock was not to be had in time: {one_line(error)}"
    elif isinstance(error, ValueError) and "Duplicate table keys across multiple MetaData" in str(error):
        kind = "ambiguous_metadata"
    return CallError(kind, message, **details)


def describe_database_error(error: BaseException) -> Dict[str, Any]:
    """``sql`` and ``sqlstate`` of a database error, where it has them."""
    for cause in chain(error):
        if isinstance(cause, DBAPIError):
            return {"sql": (cause.statement or "")[:_SQL] or None, "sqlstate": sqlstate(cause)}
    state = sqlstate(error)
    return {"sqlstate": state} if state else {}


def sqlstate(error: BaseException) -> Optional[str]:
    """The five-letter SQLSTATE of a database error, None if there is none."""
    for cause in chain(error):
        for one in (cause, getattr(cause, "orig", None)):
            for name in ("sqlstate", "pgcode"):
                value = getattr(one, name, None)
                if isinstance(value, str):
                    return value
    return None


def _lock_of_mysql(error: BaseException) -> bool:
    """Whether a driver of MySQL says that a lock was not to be had."""
    return any(
        type(cause).__module__.partition(".")[0] in _MYSQL_ERRORS
        and bool(cause.args)
        and (cause.args[0] in _LOCK_ERRORS or getattr(cause, "errno", None) in _LOCK_ERRORS)
        for cause in chain(error)
    )


def chain(error: Optional[BaseException]) -> List[BaseException]:
    """*error* and what led to it, itself first."""
    found: List[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        original = getattr(error, "orig", None)
        if isinstance(original, BaseException) and original not in found:
            found.append(original)
        error = error.__cause__ or error.__context__
    return found


def one_line(error: BaseException) -> str:
    """What an exception says, on one line, without SQLAlchemy's additions."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _SHORT else text[:_SHORT] + " ..."


def _shorten(error: BaseException) -> None:
    """Keep SQLAlchemy from repeating the statement, the values in it and a link in what its exceptions say."""
    for cause in chain(error):
        if isinstance(cause, DBAPIError):
            cause.statement = cause.params = cause.code = None  # type: ignore[assignment]


def _silent(error: Optional[BaseException], swallowed: Sequence[BaseException], *, configured: bool) -> CallError:
    got = "configured Alembic but never ran migrations" if configured else "ended without configuring Alembic"
    how = "" if error is None else " (it left the process with sys.exit)"
    why = f" It seems to have swallowed this: {one_line(swallowed[-1])}" if swallowed else ""
    return CallError("no_configure", f"env.py {got}{how}.{why}", swallowed=[one_line(each) for each in swallowed])


def _where(error: BaseException) -> Dict[str, Any]:
    state = sqlstate(error)
    return {"sqlstate": state} if state else {}
