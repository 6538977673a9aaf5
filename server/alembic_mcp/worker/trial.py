"""Notices that autogenerate tries out on the database what it compares, which is not done on the real one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

from .connections import Watch
from .errors import CallError

__all__ = ["without_trials"]


@contextmanager
def without_trials(seen: Watch) -> Iterator[None]:
    """Around autogenerate, on a connection that may only read.

    Libraries that compare views and functions (alembic_utils) make them in a savepoint, ask the database how it spells
    them, and roll back. Where nothing may be written that was left out, and what they found is of no use.

    Raises:
        CallError: ``needs_copy``: the same call on a scratch database answers.
    """
    before = len(seen.warnings)
    failure = None
    try:
        yield
    except Exception as error:
        if len(seen.warnings) == before:
            raise
        failure = error
    if len(seen.warnings) > before:
        raise CallError(
            "needs_copy",
            "What env.py adds to autogenerate makes objects in the database to compare them, and rolls that back.",
        ) from failure
