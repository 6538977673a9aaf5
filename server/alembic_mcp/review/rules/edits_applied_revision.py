"""The file of a revision that the database already has was changed since it was applied.

The change never reaches that database; a database that is built anew gets it. From then on the two differ, and no
revision says so.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...operations import Direction
from ...report import Severity
from ..context import Path
from ..rule import Found, path_rule


@path_rule(
    severity=Severity.WARNING,
    remedy="Restore the file as it was applied, and write the change as a new revision.",
)
def edits_applied_revision(path: Path) -> Iterator[Found]:
    """Compare the files of applied revisions with what was recorded when they were applied."""
    about_to_run = {revision.revision for revision in path.revisions}
    for revision, applied in sorted(path.applied_hashes.items()):
        now = path.file_hashes.get(revision)
        if not applied or now is None or now == applied:
            continue
        undone = path.running is Direction.DOWNGRADE and revision in about_to_run
        what = "Its downgrade may not undo what was applied." if undone else "What was added to it will never run here."
        yield Found(
            f"The file of {revision} has changed since it was applied to this database. {what}",
            revision=revision,
            severity=Severity.DANGER if undone else None,
            remedy=f"Restore the file of {revision} as it was applied, and write the change as a new revision.",
            evidence={"applied": applied, "now": now, "measured": True},
        )
