"""Which files a branch adds, as git tells."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ..errors import Refused

__all__ = ["added_since"]

_SECONDS = 30.0
# A hook is started by git with these set; they would lead us to its index, not to the folder that is asked about.
_GIT_VARIABLES = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_PREFIX")


def added_since(folder: Path, ref: str) -> frozenset[Path]:
    """The files that are not in the last common commit with *ref*, committed or not; absolute, links resolved.

    A file that was only moved counts as added where it is now.

    Raises:
        Refused: git is not there, *folder* is in no repository, or it does not know *ref*.
    """
    top = Path(_git(folder, "rev-parse", "--show-toplevel").rstrip("\n"))
    if ref.startswith("-"):
        raise Refused(f"{ref!r} is no name of a commit.", "Name a branch, a tag or a commit, such as origin/main.")
    base = _git(top, "merge-base", ref, "HEAD").strip()
    added = _git(top, "diff", "--name-only", "--no-renames", "--diff-filter=A", "-z", base, "--")
    new = _git(top, "ls-files", "--others", "--exclude-standard", "-z")
    return frozenset((top / name).resolve() for name in (added + new).split("\0") if name)


def _git(folder: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in _GIT_VARIABLES}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            errors="surrogateescape",
            env=environment,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Refused(f"git can't be asked what was added: {error}.", "Install git, or name the revisions.") from error
    if done.returncode != 0:
        said = " ".join(done.stderr.split()) or f"it ended with {done.returncode}"
        raise Refused(
            f"git does not tell what was added: {said}.",
            "Name a commit that this checkout has (in CI: fetch the whole history), or name the revisions.",
        )
    return done.stdout
