"""What a project says it needs, and our own environment lacks: the measure of whether ours can stand in for its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from .settings_files import read_toml

__all__ = ["lacking"]

# A name and what may follow it: not the beginning of an address or of a path.
_NAME = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:$|[\[<>=!~@(#])")


def lacking(folders: Sequence[Path]) -> list[str]:
    """The libraries that the nearest of *folders* to name any depends on, and that are not installed here.

    Read from ``[project]`` and ``[tool.poetry]`` of pyproject.toml, and from requirements.txt; what holds only on some
    platforms is left out. Empty also where nothing is named.
    """
    for folder in folders:
        needed = [*_declared(folder / "pyproject.toml"), *_required(folder / "requirements.txt")]
        if needed:
            return [name for name in dict.fromkeys(needed) if not _is_here(name)]
    return []


def _declared(path: Path) -> Iterator[str]:
    if not path.is_file():
        return
    content = read_toml(path)
    yield from _names(_at(content, "project", "dependencies"))
    poetry = _at(content, "tool", "poetry", "dependencies")
    if isinstance(poetry, dict):
        yield from _names(
            [name for name, wanted in poetry.items() if name.lower() != "python" and not _at(wanted, "optional")]
        )


def _required(path: Path) -> Iterator[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    yield from _names([line for line in lines if not line.lstrip().startswith("-")])


def _at(content: Any, *keys: str) -> Any:
    for key in keys:
        content = content.get(key) if isinstance(content, dict) else None
    return content


def _names(requirements: Any) -> Iterator[str]:
    for one in requirements if isinstance(requirements, list) else ():
        found = _NAME.match(one.strip()) if isinstance(one, str) and ";" not in one else None
        if found is not None:
            yield found[1]


def _is_here(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True
