"""A revision revises, or depends on, one that no file declares: Alembic can't tell what comes before it.

The file was deleted, was never committed, or its id was mistyped.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...report import Severity
from ..context import Path
from ..rule import Found, path_rule


@path_rule(severity=Severity.DANGER, remedy="Restore the missing file, or correct down_revision.")
def missing_ancestor(path: Path) -> Iterator[Found]:
    """Judge what was found wrong with the revision files."""
    for problem in path.problems:
        if problem.kind == "missing-ancestor":
            yield Found(
                f"The history is broken: {problem.why}.",
                revision=problem.revision,
                remedy=f"Restore the missing file, or correct down_revision in the file of {problem.revision}.",
                evidence={"file": problem.path, "measured": False},
            )
