"""Brings revisions that were written elsewhere into the project: proved first, then put there whole or not at all."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Failed, NotDone, Refused
from ..operations import Direction
from ..report import File, RehearsalSummary
from .app import App, Located, Progress
from .examine import Examined, examine
from .inspect import shown

if TYPE_CHECKING:
    from collections.abc import Collection

    from ..revisions import Revisions
    from .ahead import Ahead

__all__ = ["Written", "changed_files", "one_line", "prove_and_write"]

LONGEST_MESSAGE = 500


@dataclass(frozen=True)
class Written:
    """Files that are in the project now.

    Attributes:
        files: as the report shows them, the first revision first.
        examined: what came of the rehearsal; None if there was none.
        trouble: why there was none.
    """

    files: list[File]
    examined: Examined | None
    trouble: str | None

    @property
    def rehearsal(self) -> RehearsalSummary:
        """For the report."""
        if self.examined is None:
            return RehearsalSummary(status="not_possible", where=self.trouble or "")
        return self.examined.rehearsal


async def prove_and_write(
    app: App,
    located: Located,
    index: Revisions,
    rendered: dict[str, Any],
    *,
    ahead: Ahead | None = None,
    progress: Progress,
) -> Written:
    """Rehearse the files of *rendered*, the worker's answer to ``render`` or ``merge``; then put them into the project.

    Raises:
        Refused: a file of that name exists.
        Failed: they can't be written; nothing is left behind.
    """
    places = [(Path(item["written"]), Path(item["directory"]) / item["name"], item) for item in rendered["files"]]
    static = located.project.static and index.static
    examined, trouble = None, None
    if not static:
        _place(places)
        index = await app.revisions(located.project)
    else:
        index = index.adding([source for source, _, _ in places])
    new = [item["revision"] for _, _, item in places]
    try:
        examined = await _examine_new(app, located, index, new, ahead=ahead if static else None, progress=progress)
    except NotDone as error:
        trouble = error.message
    if static:
        _place(places)
    files = [
        File(
            path=shown(located.project, final),
            revision=item["revision"],
            down_revision=list(item["down_revisions"]),
            message=item["message"],
        )
        for _, final, item in places
    ]
    if examined is not None:
        moved = {str(source): shown(located.project, final) for source, final, _ in places}
        findings = [
            finding.model_copy(update={"path": moved.get(finding.path, finding.path)}) for finding in examined.findings
        ]
        examined = Examined(**{**vars(examined), "findings": tuple(findings)})
    return Written(files, examined, trouble)


async def _examine_new(
    app: App, located: Located, index: Revisions, new: list[str], *, ahead: Ahead | None, progress: Progress
) -> Examined:
    """Examine the path from the database to the last new revision, and keep what concerns the new ones."""
    pending = [revision.revision for revision in index.pending(list(located.target.heads), (new[-1],))]
    examined = await examine(
        app,
        located,
        index,
        direction=Direction.UPGRADE,
        target=new[-1],
        path=pending,
        ahead=ahead,
        progress=progress,
    )
    return Examined(
        **{
            **vars(examined),
            "findings": tuple(finding for finding in examined.findings if finding.revision in new),
            "statements": tuple(line for line in examined.statements if line.revision in new),
        }
    )


def _place(places: list[tuple[Path, Path, dict[str, Any]]]) -> None:
    """Put each file into its folder under its name, whole or not at all; an existing file is never replaced."""
    for _, final, _ in places:
        if final.exists():
            raise Refused(
                f"{final} exists already. Nothing was written.", "Use another message, or another file_template."
            )
    done: list[Path] = []
    try:
        for source, final, _ in places:
            final.parent.mkdir(parents=True, exist_ok=True)
            done.append(part := final.with_name(f".{final.name}.part"))
            part.write_bytes(source.read_bytes())
            part.replace(final)
            done.append(final)
    except OSError as error:
        for path in done:
            path.unlink(missing_ok=True)
        raise Failed(
            f"The revision could not be written: {error.strerror or error} ({error.filename}). "
            "Nothing was left behind.",
            "Make the versions folder writable, then call generate again.",
        ) from error


def changed_files(paths: Collection[str | Path]) -> list[Path]:
    """Those of *paths*, Python files of the project, that git has not committed in the state in which they are."""
    wanted = {os.path.realpath(path) for path in paths}
    if not wanted:
        return []
    folders = sorted({str(Path(path).parent) for path in wanted})
    try:
        top = os.path.realpath(_git(folders[0], "rev-parse", "--show-toplevel").rstrip("\n"))
        inside = [folder for folder in folders if os.path.commonpath([folder, top]) == top]
        found = _git(top, "status", "--porcelain", "-z", "--untracked-files=all", "--", *inside)
    except (OSError, subprocess.SubprocessError):
        return []  # no git, or no repository: then nobody commits
    changed = [Path(top, entry[3:]) for entry in found.split("\0")]  # "XY name"
    return [path for path in changed if str(path) in wanted]


def _git(folder: str, *arguments: str) -> str:
    ran = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, timeout=10, check=True)
    return os.fsdecode(ran.stdout)


def one_line(message: str) -> str:
    """One line that can stand in a docstring. Raises Refused if there is nothing left of it, or too much."""
    clean = " ".join(message.replace('"', "'").replace("\\", "/").split())
    clean = "".join(letter for letter in clean if letter.isprintable())
    if not clean:
        raise Refused("The message is empty. Nothing was written.", "Say in a few words what the revision does.")
    if len(clean) > LONGEST_MESSAGE:
        raise Refused(
            f"The message has {len(clean)} characters; {LONGEST_MESSAGE} are allowed. Nothing was written.",
            "Say in a few words what the revision does; details belong into the file.",
        )
    return clean
