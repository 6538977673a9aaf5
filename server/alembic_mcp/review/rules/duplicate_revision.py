"""Two files declare the same revision: Alembic takes one of them and passes over the other.

Which one is left to the order in which it reads the folder.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...report import Severity
from ..context import Path
from ..rule import Found, path_rule


@path_rule(severity=Severity.DANGER, remedy="Give one of the two files another revision id, and see what revises it.")
def duplicate_revision(path: Path) -> Iterator[Found]:
    """Judge what was found wrong with the revision files."""
    for problem in path.problems:
        if problem.kind == "duplicate-revision":
            yield Found(
                f"Two files declare the same revision: {problem.why}.",
                revision=problem.revision,
                remedy=f"Give one of the two files another id than {problem.revision}, and see which one the revisions "
                "after it revise.",
                evidence={"file": problem.path, "measured": False},
            )
