"""What the warm process loads before the first call, and what it tells the server about it."""

from __future__ import annotations

import importlib
import os
import platform
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, Optional

from .child import load

__all__ = ["about", "preload", "threads"]

_ALWAYS = (
    "alembic.autogenerate",
    "alembic.command",
    "alembic.config",
    "alembic.operations.batch",
    "alembic.runtime.environment",
    "alembic.script",
    "logging.config",
    "mako.lexer",
    "mako.template",
    "sqlalchemy.engine.reflection",
    "sqlalchemy.ext.asyncio",
    "sqlalchemy.orm",
)
# A dialect is worth its memory only where its driver is installed.
_DIALECTS = (
    ("sqlite3", "sqlalchemy.dialects.sqlite.pysqlite"),
    ("psycopg", "sqlalchemy.dialects.postgresql.psycopg"),
    ("psycopg2", "sqlalchemy.dialects.postgresql.psycopg2"),
    ("asyncpg", "sqlalchemy.dialects.postgresql.asyncpg"),
)
# And these only for a project that has none for PostgreSQL.
_OTHERWISE = (
    ("pymysql", "sqlalchemy.dialects.mysql.pymysql"),
    ("MySQLdb", "sqlalchemy.dialects.mysql.mysqldb"),
)


def about() -> dict[str, Any]:
    """Import Alembic and SQLAlchemy, and say what is here.

    Returns:
        ``python``, ``alembic`` and ``sqlalchemy``: versions (null: not installed); ``problem``: why one of them can't
        be imported, or null; ``executable``; ``pid``; ``watch``: folders and files whose change means that something
        was installed.
    """
    versions: dict[str, Optional[str]] = {}
    problems = []
    watch = {Path(sys.prefix, "pyvenv.cfg")}
    for name in ("sqlalchemy", "alembic"):
        library, problem = _imported(name)
        versions[name] = getattr(library, "__version__", None)
        if library is None:
            problems.append(problem)
        elif library.__file__:
            watch.add(Path(library.__file__).parent.parent)
    watch.update(Path(entry) for entry in sys.path if entry.endswith(("site-packages", "dist-packages")))
    return {
        "python": platform.python_version(),
        **versions,
        "problem": "; ".join(problems) or None,
        "executable": sys.executable,
        "pid": os.getpid(),
        "watch": sorted(str(path) for path in watch),
    }


def preload(calls: Optional[Path]) -> None:
    """Load what nearly every call needs. What can't be loaded is left to the call that needs it, which reports it."""
    for name in _ALWAYS:
        _imported(name)
    there = [dialect for driver, dialect in _DIALECTS if _imported(driver)[0] is not None]
    if not any("postgresql" in dialect for dialect in there):
        there += [dialect for driver, dialect in _OTHERWISE if _imported(driver)[0] is not None]
    for dialect in there:
        _imported(dialect)
    with suppress(Exception):  # as above: the child loads it again, and says what is wrong with it
        load(calls)


def threads() -> int:
    """Threads of this process, also those that Python doesn't know of (a plugin of Alembic may have started some).

    With more than one, a fork is not safe.
    """
    try:
        return len(list(Path("/proc/self/task").iterdir()))
    except OSError:
        return threading.active_count()


def _imported(name: str) -> tuple[Optional[ModuleType], str]:
    """The module, or None and why it can't be imported: not installed, or broken in its own way."""
    try:
        return importlib.import_module(name), ""
    except Exception as error:  # noqa: BLE001 - a broken installation raises anything; whoever needs it is told
        return None, f"{type(error).__name__}: {error}"
