"""The project's revisions as Alembic sees them, each file imported only when something in it is needed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from types import ModuleType
from typing import Any, Dict, Iterable, Iterator, List, Optional

from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import RevisionError, RevisionMap
from alembic.util import CommandError, load_python_file, to_tuple

from .errors import as_error

__all__ = ["has_function", "index", "load", "script_file"]


def load(config: Config, entries: Optional[Iterable[Dict[str, Any]]]) -> ScriptDirectory:
    """The project's ScriptDirectory.

    Args:
        config: the project's configuration.
        entries: the revisions as the server read them, without running them: ``revision``, ``down_revisions``,
            ``depends_on``, ``branch_labels``, ``message`` and ``path`` of each. The revision map is built from them, so
            that a file which can't be imported does no harm until it is to run. None: Alembic reads the files itself.

    Raises:
        alembic.util.CommandError: there is no script folder.
    """
    script = ScriptDirectory.from_config(config)
    if entries is not None:
        known = list(entries)

        def load_revisions() -> Iterator[Script]:
            return (_LazyScript(entry) for entry in known)

        script._load_revisions = load_revisions
        script.revision_map = RevisionMap(load_revisions)
    return script


def script_file(script: Script) -> str:
    """Absolute path of a revision's file."""
    return str(Path(script.path).absolute())


def has_function(script: Script, name: str) -> bool:
    """Whether the revision's file defines *name* (``upgrade``, ``downgrade``). Imports the file."""
    return callable(getattr(script.module, name, None))


def index(script: ScriptDirectory) -> Dict[str, Any]:
    """All revisions by Alembic's own reading, those that can't be imported as problems.

    Returns:
        ``revisions``: [{revision, down_revisions, depends_on, branch_labels, message, path, date, sha256}];
        ``problems``: [{kind, path, why}]; ``version_locations``: folders.
    """
    folders = [str(Path(path).absolute()) for path in script._version_locations]
    revisions: List[Dict[str, Any]] = []
    problems: List[Dict[str, Any]] = []
    seen: Dict[str, str] = {}
    for path in _files(script):
        try:
            found = Script._from_path(script, path)
        except BaseException as error:  # a revision's module may raise anything, SystemExit too
            if isinstance(error, KeyboardInterrupt):
                raise
            problems.append({"kind": "unreadable", "path": path, "why": _why(error)})
            continue
        if found is None:
            continue
        if found.revision in seen:
            why = f"revision {found.revision} is also defined by {seen[found.revision]}"
            problems.append({"kind": "duplicate-revision", "path": path, "why": why})
            continue
        seen[found.revision] = path
        revisions.append(_entry(found, path))
    for entry in revisions:
        missing = sorted(set(entry["down_revisions"]).difference(seen))
        problems += [
            {"kind": "missing-ancestor", "path": entry["path"], "why": f"revision {name} does not exist"}
            for name in missing
        ]
    return {"revisions": revisions, "problems": problems, "version_locations": folders}


class _LazyModule(ModuleType):
    """Stands for a revision's module: knows what the server read, and imports the file for anything else."""

    def __init__(self, entry: Dict[str, Any]) -> None:
        super().__init__("revision", entry.get("message") or "")
        self.__file__ = entry["path"]
        self.revision = entry["revision"]
        self.down_revision = to_tuple(entry.get("down_revisions") or None)
        self.depends_on = to_tuple(entry.get("depends_on") or None)
        self.branch_labels = to_tuple(entry.get("branch_labels") or None)

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("__", "_alembic_")):  # what Python and Alembic themselves ask for
            raise AttributeError(name)
        folder, file = os.path.split(self.__dict__["__file__"])
        if "_alembic_mcp_real" not in self.__dict__:
            self.__dict__["_alembic_mcp_real"] = load_python_file(folder, file)
        return getattr(self.__dict__["_alembic_mcp_real"], name)


class _LazyScript(Script):
    def __init__(self, entry: Dict[str, Any]) -> None:
        super().__init__(_LazyModule(entry), entry["revision"], entry["path"])


def _files(script: ScriptDirectory) -> Iterator[str]:
    seen = set()
    for folder in script._version_locations:
        if Path(folder).exists():
            for found in Script._list_py_dir(script, folder):
                path = os.path.realpath(found)
                if path not in seen:
                    seen.add(path)
                    yield path


def _entry(script: Script, path: str) -> Dict[str, Any]:
    created = [line for line in script.longdoc.splitlines() if line.startswith("Create Date:")]
    return {
        "revision": script.revision,
        "down_revisions": list(to_tuple(script.down_revision, default=())),
        "depends_on": list(to_tuple(script.dependencies, default=())),
        "branch_labels": sorted(script.branch_labels),
        "message": script.doc,
        "path": path,
        "date": created[0].partition(":")[2].strip() if created else None,
        "sha256": hashlib.sha256(Path(path).read_bytes()).hexdigest(),
    }


def _why(error: BaseException) -> str:
    if isinstance(error, (CommandError, RevisionError)):
        return str(error)
    found = as_error(error)
    return f"{found['message']} (line {found['line']})" if found.get("line") else str(found["message"])
