"""The revision was run on a scratch database with the schema of the real one, and failed.

It would fail on the real database in the same way, unless only the scratch server lacks an extension: then nothing is
known from there on but what was read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...operations import CreateTable, Direction, RecordedError
from ...report import Severity
from ..context import Context
from ..questions import Exists
from ..rule import Evidence, Found, revision_rule
from .irreversible_downgrade import gives_up


@revision_rule(severity=Severity.BLOCKER, remedy="Mend the revision so that it runs, then review it again.")
def fails_on_scratch(context: Context) -> Iterator[Found]:
    """Judge the errors of the rehearsal; one that is about to run is a blocker."""
    rehearsed = context.rehearsed
    if rehearsed is None:
        return
    severity = Severity.BLOCKER if context.running else Severity.DANGER
    if context.direction is Direction.UPGRADE:
        lacks = _extension(rehearsed.upgrade_error, context)
        if lacks is not None and rehearsed.upgrade_error is not None:
            yield _not_here(lacks, rehearsed.upgrade_error)
        elif rehearsed.upgrade_error is not None:
            yield _found("upgrade() fails", rehearsed.upgrade_error, severity, context)
        return
    error = rehearsed.downgrade_error
    if error is not None and (context.running or not gives_up(error.message, error.sql)):
        yield _found("downgrade() fails", error, severity, context)
    known = rehearsed.downgrade_empty or (rehearsed.restored is False and rehearsed.not_restored)
    if rehearsed.reupgrade_error is not None and not known:  # else it follows from what another rule says
        yield Found(
            f"After the downgrade the upgrade does not run again: {rehearsed.reupgrade_error.message}",
            remedy="Make downgrade() remove everything that upgrade() made, types of enums included.",
            severity=Severity.WARNING,
            evidence=_evidence(rehearsed.reupgrade_error),
        )


_LACKS = re.compile(r'extension "([^"]+)" is not available|extension control file "[^"]*/([^"/]+)\.control"')


def _extension(error: RecordedError | None, context: Context) -> str | None:
    """The extension whose absence on the scratch server is the matter, unless the real server lacks it too."""
    found = _LACKS.search(error.message) if error is not None else None
    if found is None:
        return None
    name = found[1] or found[2]
    answer = context.facts.answer(Exists("available extension", name))
    return None if answer is not None and answer.rows == 0 else name


def _not_here(name: str, error: RecordedError) -> Found:
    return Found(
        f"The scratch server does not have the extension {name}, so the rehearsal ended here: this line and what comes "
        "after it was only read, and not seen to run.",
        remedy=f"Rehearse on a server that has {name} (a development server of your own that may create databases), "
        "or read the rest with care.",
        severity=Severity.DANGER,
        line=error.line,
        evidence={**_evidence(error), "extension": name, "measured": False},
    )


def _found(what: str, error: RecordedError, severity: Severity, context: Context) -> Found:
    # What batch mode sends at the end of its block was asked for by a line within.
    asked = {op.line for op in context.later if op.line and any(one.error for one in op.statements)}
    line = asked.pop() if error.line and len(asked) == 1 else error.line
    mend = f"Mend line {line}, then review it again." if line else None
    if _is_there(error, context):
        name = context.revision.revision
        mend = (
            f"If the database was made without Alembic and has all that {name} makes, call stamp with target={name!r}: "
            f"it runs nothing, and asks a person. Otherwise: {mend or 'mend it.'}"
        )
    return Found(
        f"{what}: {error.message}",
        remedy=mend,
        severity=severity,
        line=line,
        evidence=_evidence(error),
    )


def _is_there(error: RecordedError, context: Context) -> bool:
    """True if the first revision to run makes a table that the database has had before."""
    first = context.direction is Direction.UPGRADE and context.revision is context.path.revisions[0]
    known = context.path.schema.tables
    return (
        first and "already exists" in error.message and any(op.table in known for op in context.later.of(CreateTable))
    )


def _evidence(error: RecordedError) -> Evidence:
    return {"error": error.message, "sql": error.sql}
