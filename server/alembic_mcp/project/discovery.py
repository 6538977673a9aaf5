"""Where Alembic projects are: here, above up to the repository's root, or below."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import Refused
from .configuration import Source, sources_in, sources_of
from .settings_files import project_layer, user_layers

__all__ = ["LOOKED_FOR", "Found", "Place", "folders_up", "is_aside", "repository_root", "search"]

LOOKED_FOR = "an alembic.ini (or another .ini with script_location) or [tool.alembic] in a pyproject.toml"

_DEPTH = 6
_MOST_FOLDERS = 5_000
_REPOSITORY = (".git", ".hg", ".jj", ".svn")
_PACKAGED = ("pyproject.toml", "setup.py", "setup.cfg")
_SKIPPED = frozenset({"node_modules", "site-packages", "__pycache__", "venv", "virtualenv", "build", "dist", "target"})
# What is in these is rarely the project, so it counts only where nothing else is found.
_ASIDE = frozenset(
    {"test", "tests", "testing", "example", "examples", "doc", "docs", "fixtures", "templates", "samples"}
)


@dataclass
class Place:
    """What one folder holds, or several that are equally far away.

    Attributes:
        sources: the configurations there.
        broken: what is wrong with configurations that can't be read.
        chosen: the settings name this one, so it comes before others in the same folder.
    """

    sources: list[Source] = field(default_factory=list)
    broken: list[Refused] = field(default_factory=list)
    chosen: bool = False

    def __bool__(self) -> bool:
        return bool(self.sources or self.broken)


@dataclass
class Found:
    """What a search found.

    Attributes:
        top: the folder that names are relative to: the repository's root.
        places: nearest first.
        complete: False if there were more folders than are looked through.
    """

    top: Path
    places: list[Place] = field(default_factory=list)
    complete: bool = True

    @property
    def sources(self) -> list[Source]:
        """All configurations, nearest first."""
        return list(dict.fromkeys(source for place in self.places for source in place.sources))

    @property
    def broken(self) -> list[Refused]:
        """What is wrong with those that can't be read."""
        return list({error.message: error for place in self.places for error in place.broken}.values())

    def add(self, place: Place) -> None:
        """Add *place* if it holds anything."""
        if place:
            self.places.append(place)


def is_aside(name: str) -> bool:
    """Whether a folder of that name holds other people's code, or code that is not the project itself."""
    return name in _SKIPPED or name in _ASIDE or name.startswith((".", "{{"))


def repository_root(start: Path) -> Path:
    """The root of the repository that *start* is in; else the nearest folder above that is packaged; else *start*."""
    outside = {Path.home(), Path(start.anchor)}
    folders = [folder for folder in (start, *start.parents) if folder == start or folder not in outside]
    for marks in (_REPOSITORY, _PACKAGED):
        for folder in folders:
            if any((folder / mark).exists() for mark in marks):
                return folder
    return start


def folders_up(start: Path, top: Path) -> list[Path]:
    """*start*, its parents, and *top*; only *start* if it is not below *top*."""
    if not start.is_relative_to(top):
        return [start]
    return [folder for folder in (start, *start.parents) if folder.is_relative_to(top)]


def search(start: Path, *, everywhere: bool) -> Found:
    """The configurations for somebody who works in *start*, a folder, or has named *start*, a file.

    Args:
        start: absolute.
        everywhere: look below too, even if there is one here or above.

    Raises:
        Refused: *start* does not exist or is a file that says nothing about scripts; the settings name a file that
            is not there, or are wrong.
    """
    if start.is_file():
        found = Found(repository_root(start.parent), [Place(sources_of(start))])
        if not found.sources:
            raise Refused(
                f"{start} says nothing about where the scripts are: it has no script_location.",
                "Give the path of an alembic.ini, of a pyproject.toml with [tool.alembic], or of a folder.",
            )
        return found
    if not start.is_dir():
        raise Refused(f"{start} does not exist.", "Give the path of a folder or of an alembic.ini that exists.")
    found = Found(repository_root(start))
    _add_above(found, start)
    for top in dict.fromkeys((start, found.top)):
        if everywhere or not found.places:
            _add_below(found, top)
    return found


def _add_above(found: Found, start: Path) -> None:
    folders = folders_up(start, found.top)
    for layer in reversed(user_layers(folders)):
        if layer.config is not None:
            found.add(Place(_configured(found.top, layer.config, layer.file), chosen=True))
    for folder in folders:
        layer_here = project_layer(folder)
        if layer_here is not None and layer_here.config is not None:
            found.add(Place(_configured(folder, layer_here.config, layer_here.file), chosen=True))
        elif folder == start and (named := os.environ.get("ALEMBIC_CONFIG")) and (folder / named).is_file():
            found.add(Place(sources_of(folder / named)))
        else:
            found.add(Place(*sources_in(folder, [entry.name for entry in _entries(folder) if entry.is_file()])))


def _configured(folder: Path, config: str, file: Path) -> list[Source]:
    name, _, section = config.partition("#")
    path = folder / Path(name).expanduser()
    sources = sources_of(path) if path.is_file() else []
    if section:
        sources = [source for source in sources if source.section == section]
    if not sources:
        raise Refused(
            f"The settings name the configuration {config}, but "
            + (f"{path} has no script_location there." if path.is_file() else f"{path} does not exist."),
            f"Correct `config` of alembic-mcp's settings in {file}, or remove it to have the project found.",
        )
    return sources


def _add_below(found: Found, top: Path) -> None:
    here, aside = Place(), Place()
    for count, (folder, names, is_aside) in enumerate(_walk(top)):
        if count >= _MOST_FOLDERS:
            found.complete = False
            break
        sources, broken = sources_in(folder, names)
        place = aside if is_aside else here
        place.sources += sources
        place.broken += broken
    found.add(here)
    if not found.sources:
        found.add(aside)


def _walk(top: Path) -> Iterator[tuple[Path, list[str], bool]]:
    todo = deque([(top, 0, False)])
    while todo:
        folder, depth, aside = todo.popleft()
        entries = _entries(folder)
        if depth and any(entry.name == "pyvenv.cfg" for entry in entries):
            continue
        yield folder, [entry.name for entry in entries if entry.is_file()], aside
        if depth < _DEPTH:
            todo.extend(
                (folder / entry.name, depth + 1, aside or entry.name in _ASIDE)
                for entry in entries
                if entry.name not in _SKIPPED
                and not entry.name.startswith((".", "{{"))
                and entry.is_dir(follow_symlinks=False)
            )


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []
