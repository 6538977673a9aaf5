"""What the revision files and the project's folder tell the rules, besides what the revisions were seen to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from ..operations import Revision
from ..review.context import ScriptProblem
from .app import App, Located

if TYPE_CHECKING:
    from ..revisions import Revisions

__all__ = ["applied_files", "own_modules", "script_problems", "with_sources"]

_NOT_OWN = frozenset({"alembic", "build", "dist", "docs", "node_modules", "site-packages", "venv", "env"})


def with_sources(revisions: Iterable[Revision], index: Revisions) -> list[Revision]:
    """The same revisions with the text of their files; without it where a file can't be read."""
    return [replace(revision, source=_source(revision, index)) for revision in revisions]


def _source(revision: Revision, index: Revisions) -> str:
    known = index.by_id.get(revision.revision)
    path = known.path if known is not None else Path(revision.path) if revision.path else None
    try:
        return path.read_text(encoding="utf-8", errors="replace") if path is not None else ""
    except OSError:
        return ""


def script_problems(index: Revisions) -> list[ScriptProblem]:
    """What is wrong with the revision files, as the rules see it."""
    return [
        ScriptProblem(
            kind=problem.kind,
            why=problem.why,
            revision=problem.revisions[0] if problem.revisions else "",
            path=str(problem.path or ""),
        )
        for problem in index.problems
    ]


def own_modules(root: Path) -> frozenset[str]:
    """Top-level modules of the project itself: in its folder, and in folders of it that are no package (``src``)."""
    return frozenset(_modules(root, deeper=True))


def _modules(folder: Path, *, deeper: bool) -> Iterator[str]:
    try:
        entries = [entry for entry in folder.iterdir() if not entry.name.startswith((".", "_"))]
    except OSError:
        return
    for entry in entries:
        if entry.suffix == ".py":
            yield entry.stem
        elif entry.name not in _NOT_OWN and not (entry / "pyvenv.cfg").exists() and entry.is_dir():
            yield entry.name
            if deeper and not (entry / "__init__.py").exists():
                yield from _modules(entry, deeper=False)


async def applied_files(app: App, located: Located) -> dict[str, str]:
    """Revision -> SHA-256 of its file when it was applied to this database, as far as the audit trail knows."""
    store = await app.store()
    if not store.exists:
        return {}
    found: dict[str, str] = {}
    for entry in await anyio.to_thread.run_sync(store.entries):
        if entry.kind == "result" and entry.said.get("identity") == located.target.identity:
            found.update(entry.said.get("files") or {})
    return {id_: sha256 for id_, sha256 in found.items() if sha256}
