"""How a call of the worker fails: every kind, what is said about it, and what to do next."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ..errors import Failed, redact

__all__ = ["WorkerFailed", "ended", "secrets"]

_SECRET_NAMES = ("PASSWORD", "PASSWD", "SECRET", "TOKEN", "API_KEY", "APIKEY")
_SHORTEST_SECRET = 4
_VARIABLE = re.compile(r"KeyError: '([A-Z][A-Z0-9_]{2,})'|\b(\w{3,})\s+Field required")

_LOOK = "Call current to see where the database stands before you try again."
NEXT_STEPS: dict[str, tuple[str, ...]] = {
    "user_code": ("Fix the project's code there, then call again.",),
    "connection": ("Check that the database is running and that env.py gets the URL, user and password it needs.",),
    "no_configure": ("Make env.py call context.configure() for a connection, and let its errors out.",),
    "not_redirectable": ("Make env.py connect through SQLAlchemy, so that a rehearsal can use a scratch database.",),
    "cluster_wide": ("Move what changes the whole server out of the revision.",),
    "locked": ("Wait until the other change is done, then call again.",),
    "drift": ("Call review again: what was found before no longer holds.",),
    "lock_timeout": ("End the session that holds the lock, or wait for it, then call again.",),
    "alembic": ("Correct what Alembic complains about, then call again.",),
    "ambiguous_metadata": ("Say in env.py which metadata is meant: give context.configure() one target_metadata.",),
    "internal": ("Report this as a bug of alembic-mcp, with the details.", _LOOK),
    "died": ("Look at the output for what ended the process.", _LOOK),
    "timed_out": ("See from the details where it was waiting: a lock, a web service, a long statement.", _LOOK),
    "garbage": ("Keep the project's code from writing to file descriptors that it did not open.", _LOOK),
    "no_interpreter": (
        'Name the project\'s Python: interpreter = ".venv/bin/python" under [tool.alembic-mcp] in pyproject.toml.',
        "Or create the project's environment again.",
    ),
}


class WorkerFailed(Failed):
    """A call of the worker brought no result.

    Attributes:
        kind: an error kind of the worker (``user_code``, ``connection``, ``no_configure``, ``not_redirectable``,
            ``locked``, ``drift``, ``lock_timeout``, ``alembic``, ``ambiguous_metadata``, ``needs_copy``, ``refused``,
            ``internal``) or one of the process: ``died``, ``timed_out``, ``garbage``, ``no_interpreter``,
            ``no_alembic``, ``too_old``.
        output: what the call printed, bounded, without secrets.
        details: what else is known, as JSON values without secrets: ``path``, ``line``, ``traceback``, ``sql``, ...
    """

    def __init__(
        self,
        kind: str,
        message: str,
        *next_steps: str,
        output: str = "",
        details: Mapping[str, Any] | None = None,
        known_secrets: tuple[str, ...] = (),
    ) -> None:
        steps = next_steps or (_unset(message) if kind == "user_code" else ()) or NEXT_STEPS.get(kind, (_LOOK,))
        super().__init__(redact(message, known_secrets), *steps)
        self.kind = kind
        self.output = redact(output, known_secrets)
        self.details: dict[str, Any] = _without_secrets(dict(details or {}), known_secrets)


def _unset(message: str) -> tuple[str, ...]:
    """What to do where the project's code misses a variable; empty if it fails over something else."""
    found = _VARIABLE.search(message)
    name = (found[1] or found[2].upper()) if found else None
    if name is None or name in os.environ:
        return ()
    where = "give it to the server (`env` in the client's configuration), or put it where the project reads it."
    return (
        f"If {name} is an environment variable, it is not set where this server runs: {where}",
        "Otherwise fix the project's code there, then call again.",
    )


def ended(status: int | None) -> str:
    """How a process ended, in words. *status*: below zero: by that signal; None: not known."""
    if status is None:
        return "how it ended is not known"
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"


def secrets(env: Mapping[str, str]) -> tuple[str, ...]:
    """The values in *env* that must not be repeated: passwords in URLs, and variables that are called a secret."""
    found = set()
    for name, value in env.items():
        if any(word in name.upper() for word in _SECRET_NAMES):
            found.add(value)
        if "://" in value:
            try:
                parts = urlsplit(value)
            except ValueError:
                continue
            # postgres:postgres@.../postgres is no secret, and hiding the word would hide most of any message.
            if parts.password and parts.password not in {parts.username, parts.path.strip("/")}:
                found.add(parts.password)
    return tuple(sorted((value for value in found if len(value) >= _SHORTEST_SECRET), key=len, reverse=True))


def _without_secrets(value: Any, known: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        return redact(value, known)
    if isinstance(value, dict):
        return {key: _without_secrets(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_secrets(item, known) for item in value]
    return value
