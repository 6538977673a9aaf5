"""The revision acts outside the database: it opens a connection, starts a program or writes a file.

That is not undone by a rollback or a downgrade, and it was blocked during the rehearsal.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...report import Severity
from ..context import Path
from ..rule import Found, path_rule


@path_rule(
    severity=Severity.DANGER,
    remedy="Move it out of the revision: do it before or after, in a script of its own.",
)
def acts_outside_database(path: Path) -> Iterator[Found]:
    """Judge what the rehearsal blocked."""
    for act in path.outside:
        yield Found(
            f"The revision acts outside the database: {act.what}.",
            revision=act.revision,
            line=act.line,
            evidence={"act": act.what},
        )
