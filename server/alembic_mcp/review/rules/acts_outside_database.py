"""The revision acts outside the database: it opens a connection, starts a program, or changes the whole server.

That is not undone by a rollback or a downgrade. What left the database was blocked during the rehearsal; roles,
tablespaces and settings of the server are shared by all its databases.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...operations import AlterObject, CreateObject, DropObject, Operation, Revision, Unrecognised
from ...report import Severity
from ..context import Path
from ..rule import Found, path_rule

_FILES = re.compile(
    r"\bCOPY\b[^;]*?\b(?:(?:TO|FROM)\s+PROGRAM\b|TO\s+'|FROM\s+')|\b(?:lo_import|lo_export|pg_read_\w*file|dblink\w*)\s*\(",
    re.IGNORECASE,
)
_OF_THE_SERVER = ("system", "role", "user", "group", "database", "tablespace", "subscription")


@path_rule(
    severity=Severity.DANGER,
    remedy="Move it out of the revision: do it before or after, in a script of its own.",
)
def acts_outside_database(path: Path) -> Iterator[Found]:
    """Judge what the rehearsal blocked, and commands that reach beyond the database."""
    for act in path.outside:
        yield Found(
            f"The revision acts outside the database: {act.what}.",
            revision=act.revision,
            line=act.line,
            evidence={"act": act.what},
        )
    for revision in path.revisions:
        for op in revision.operations(path.running):
            what = _of_the_server(op)
            if what is not None:
                yield _found(what, op, revision)
            elif isinstance(op, Unrecognised) and (files := _FILES.search(op.sql)):
                yield _leaves(" ".join(files[0].split()).strip("'("), op, revision)


def _of_the_server(op: Operation) -> str | None:
    match op:
        case AlterObject(kind="system"):
            return f"ALTER SYSTEM {op.text}"
        case CreateObject() | DropObject() | AlterObject() if op.kind in _OF_THE_SERVER:
            verb = {CreateObject: "CREATE", DropObject: "DROP"}.get(type(op), "ALTER")
            return f"{verb} {op.kind.upper()} {op.name}"
    return None


def _leaves(what: str, op: Operation, revision: Revision) -> Found:
    return Found(
        f"{what} reads or writes outside the database: files and programs of its server, or another one.",
        revision=revision.revision,
        line=op.line,
        evidence={"act": what, "measured": any(one.measured is not None for one in op.statements)},
    )


def _found(what: str, op: Operation, revision: Revision) -> Found:
    return Found(
        f"{what} changes the server, or what it shares with other databases, and not only this database.",
        remedy="Leave it to whoever runs the server, before the revision; no downgrade and no restore of this database "
        "undoes it.",
        severity=Severity.WARNING,
        revision=revision.revision,
        line=op.line,
        evidence={"act": what, "measured": any(one.measured is not None for one in op.statements)},
    )
