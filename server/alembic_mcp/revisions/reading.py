"""The versions folders of a project, read once and again only where a file has changed."""

from __future__ import annotations

import os
import re
import stat
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..project import Project
from .index import Revisions
from .script import Problem, ScriptRevision, parse

__all__ = ["read"]

# Alembic's own pattern (script/base.py).
_REVISION_FILE = re.compile(r"(?!\.\#|__init__)(.*\.py)$")
# A file can change twice within one tick of the clock that stamps it; until it is older than this, it is read again.
_SETTLING_NS = 100_000_000
_MOST_PROJECTS = 32

_Key = tuple[int, int, int, int]
_Location = tuple[tuple[Path, ...], bool, bool]


@dataclass
class _Cached:
    files: dict[str, _Key] = field(default_factory=dict)
    missing: tuple[Path, ...] = ()
    contents: dict[str, tuple[ScriptRevision | Problem, int]] = field(default_factory=dict)
    revisions: Revisions | None = None
    read_at: int = 0


_projects: dict[_Location, _Cached] = {}


def read(project: Project) -> Revisions:
    """The project's revisions, from its files alone; no code of the project is run.

    A file that can't be read is a problem of the answer, whose ``static`` is then False; the others are there.
    """
    where = (project.version_locations, project.recursive, project.static)
    cached = _projects.get(where) or _Cached()
    files, missing = _listed(project)
    now = time.time_ns()
    if cached.revisions is not None and files == cached.files and missing == cached.missing and _settled(cached):
        return cached.revisions
    contents = {}
    with warnings.catch_warnings():
        # The parser warns of invalid escapes in other people's files.
        warnings.simplefilter("ignore")
        for path, key in files.items():
            known = cached.contents.get(path)
            if known is None or cached.files.get(path) != key or max(key[0], key[3]) > known[1] - _SETTLING_NS:
                known = (_read_file(path), now)
            contents[path] = known
    scripts = [content for content, _ in contents.values() if isinstance(content, ScriptRevision)]
    problems = [content for content, _ in contents.values() if isinstance(content, Problem)]
    static = project.static and not problems
    problems += [
        Problem("missing-folder", "this versions folder does not exist; the first revision makes it", folder)
        for folder in missing
    ]
    revisions = Revisions(scripts, problems, static=static)
    if where not in _projects and len(_projects) >= _MOST_PROJECTS:
        _projects.pop(next(iter(_projects)))
    _projects[where] = _Cached(files, missing, contents, revisions, now)
    return revisions


def _settled(cached: _Cached) -> bool:
    latest = cached.read_at - _SETTLING_NS
    return all(key[0] <= latest and key[3] <= latest for key in cached.files.values())


def _read_file(path: str) -> ScriptRevision | Problem:
    file = Path(path)
    try:
        data = file.read_bytes()
    except OSError as error:
        return Problem("unreadable", f"it can't be read: {error.strerror}", file)
    return parse(file, data)


def _listed(project: Project) -> tuple[dict[str, _Key], tuple[Path, ...]]:
    """The files that Alembic would load, in its order, links resolved; and the folders that are not there."""
    files: dict[str, _Key] = {}
    missing: list[Path] = []
    for folder in project.version_locations:
        if not folder.exists():
            missing.append(folder)
            continue
        for path, key in _in_folder(os.path.realpath(folder), recursive=project.recursive):
            files.setdefault(path, key)
    return files, tuple(missing)


def _in_folder(folder: str, *, recursive: bool) -> Iterator[tuple[str, _Key]]:
    try:
        with os.scandir(folder) as scanned:
            entries = sorted(scanned, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if not _REVISION_FILE.match(entry.name):
            continue
        path = os.path.realpath(entry.path) if entry.is_symlink() else entry.path
        try:
            status = entry.stat()
        except OSError:
            yield path, (0, 0, 0, 0)
            continue
        if not stat.S_ISDIR(status.st_mode):
            yield path, (status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns)
    if recursive:
        for entry in entries:
            if not entry.name.endswith("__pycache__") and entry.is_dir(follow_symlinks=False):
                yield from _in_folder(entry.path, recursive=True)
