"""A statement that needs a strong lock waits for everybody who uses the table, and everybody else waits behind it.

With a lock_timeout it gives up instead, and can be tried again. This server sets one, and tries again, when it runs a
revision; a pipeline that runs alembic by itself has to do so.
"""

from __future__ import annotations

import re

from ...operations import AlterObject, Operation
from ...report import Severity
from ..context import Context
from ..locking import locks_of, steps
from ..remedies import execute
from ..rule import Found, revision_rule

_OFF = re.compile(r"lock_timeout'?\s*(?:=|,|\bto\b)\s*(?:'?0+\s*(?:'|,|\)|;|$|[a-z])|default\b)")
_CODE = execute("SET LOCAL lock_timeout = '2s'")


@revision_rule(
    severity=Severity.INFO,
    remedy="Set lock_timeout at the beginning of the revision, or in env.py for all of them.",
)
def no_lock_timeout(context: Context) -> Found | None:
    """Name the first statement of what is about to run that blocks a table that others use, on PostgreSQL."""
    if not context.is_postgresql or not context.running or context.path.lock_timeout:
        return None
    if "no-lock-timeout" in context.path.memo:
        return None  # said of an earlier revision, and env.py cures all of them
    for step in steps(context):
        if _sets_timeout(step.op):
            return None
        for lock in locks_of(step.op):
            if lock.mode.blocks_writes and step.context.in_use(lock.table):
                context.path.memo["no-lock-timeout"] = True
                return Found(
                    f"It waits for the {lock.mode.value} lock on {lock.table} as long as it takes, and "
                    f"{lock.mode.blocks} by others wait behind it: nothing here sets lock_timeout. (This server does "
                    "when it runs the revision.)",
                    remedy=f"{_CODE} first, or the like in env.py for all revisions.",
                    evidence={"lock_mode": lock.mode.value},
                    table=lock.table,
                    line=step.op.line,
                )
    return None


def _sets_timeout(op: Operation) -> bool:
    if not isinstance(op, AlterObject) or op.kind != "setting":
        return False
    text = f"{op.name} {op.text}".lower()
    return "lock_timeout" in text and not _OFF.search(text)
