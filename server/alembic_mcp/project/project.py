"""One Alembic project: its files, its interpreter and its settings."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import Refused
from ..settings import Settings
from .configuration import Configuration, Source, alembic_table
from .discovery import LOOKED_FOR, Found, folders_up, repository_root, search
from .environment_file import moves_versions
from .interpreter import find_interpreter
from .packages import is_resource, locate
from .settings_files import load_settings

__all__ = ["Project", "discover", "find"]


@dataclass(frozen=True)
class Project:
    """An Alembic project.

    Attributes:
        name: unique among those found with it: the configuration file relative to the repository's root, with
            ``#section`` if that isn't ``alembic``.
        root: the folder commands run in; relative paths of the configuration are relative to it.
        config_file: the ini file, None if there is only a pyproject.toml.
        toml_file: the pyproject.toml that Alembic reads too, None if it has no ``[tool.alembic]``.
        section: of the ini file.
        script_location: the folder with env.py, None if it can't be told without running the project.
        version_locations: the folders with revision files, in Alembic's order; they need not exist.
        static: False if only the project's own code can tell where its revisions are.
        interpreter: the Python that runs the project.
        warnings: one line each.
        recursive: revision files may be in subfolders.
    """

    name: str
    root: Path
    config_file: Path | None
    toml_file: Path | None
    section: str
    script_location: Path | None
    version_locations: tuple[Path, ...]
    static: bool
    interpreter: Path
    warnings: tuple[str, ...] = ()
    settings: Settings = field(default_factory=Settings)
    recursive: bool = False

    def as_worker(self) -> dict[str, Any]:
        """What the worker is told about the project; ``index`` is for the caller to fill in."""
        return {
            "root": str(self.root),
            "config_file": str(self.config_file) if self.config_file else None,
            "toml_file": str(self.toml_file) if self.toml_file else None,
            "section": self.section,
            "index": None,
        }


def discover(start: Path, *, interpreter: Path | None = None) -> list[Project]:
    """All projects for somebody who works in *start*, nearest first; *start* may also be a configuration file.

    *interpreter* is as in `find`.

    Raises:
        Refused: *start* does not exist; settings are wrong or name an interpreter that is not there.
    """
    found = search(start.absolute(), everywhere=True)
    return [_project(source, name, found.top, interpreter) for name, source in _named(found).items()]


def find(start: Path, name: str | None = None, *, interpreter: Path | None = None) -> Project:
    """The project called *name*, or the only one that is nearest to *start*.

    *name* may be shortened to the folder, the file or the section as long as it stays unique. *interpreter* takes the
    place of the one that would be found.

    Raises:
        Refused: nothing found (the message says what was looked for); several, or none called *name* (it names
            those there are); a configuration or the settings can't be read.
    """
    start = start.absolute()
    found = search(start, everywhere=name is not None)
    named = _named(found)
    if name is not None:
        chosen = _called(name, named, found)
    elif found.places:
        nearest = found.places[0]
        preferred = [source for place in found.places if place.chosen for source in place.sources]
        sources = [source for source in nearest.sources if source in preferred]
        if nearest.broken and not sources:
            raise nearest.broken[0]
        sources = sources or nearest.sources
        chosen = [key for key, source in named.items() if source in sources]
    else:
        chosen = []
    if not chosen:
        raise _nothing(start, name, found, list(named))
    if len(chosen) > 1:
        raise Refused(
            f"There are several projects here: {', '.join(chosen)}.",
            *(f"Say which one you mean: project={key!r}." for key in chosen[:5]),
            "Or name one for good: config in [tool.alembic-mcp] of pyproject.toml.",
        )
    return _project(named[chosen[0]], chosen[0], found.top, interpreter)


def _nothing(start: Path, name: str | None, found: Found, names: Sequence[str]) -> Refused:
    if name is not None and names:
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names[:5]
        return Refused(
            f"There is no project called {name!r}.", f"Say one of: {', '.join(near)}.", "Or leave `project` out."
        )
    if found.broken:
        return found.broken[0]
    limit = "" if found.complete else " (only the first 5,000 folders were looked through)"
    return Refused(
        f"No Alembic project was found: looked for {LOOKED_FOR} in {start}, above it up to {found.top}, "
        f"and in the folders below{limit}.",
        "Say where it is: --project PATH (a folder or the configuration file), of alembic-mcp serve or of the command.",
        'Or put config = "path/to/alembic.ini" under [tool.alembic-mcp] in pyproject.toml.',
        "If the project does not use Alembic yet: call init.",
    )


def _named(found: Found) -> dict[str, Source]:
    named: dict[str, Source] = {}
    for source in found.sources:
        path = source.path
        relative = path.relative_to(found.top) if path.is_relative_to(found.top) else path
        suffix = "" if source.section == "alembic" else f"#{source.section}"
        named.setdefault(relative.as_posix() + suffix, source)
    return named


def _called(name: str, named: dict[str, Source], found: Found) -> list[str]:
    if name in named:
        return [name]
    path = found.top / name.partition("#")[0]
    return [
        key
        for key, source in named.items()
        if name in (source.section, source.path.parent.name, source.path.name)
        or key.endswith(f"/{name}")
        or (path in (source.path, source.path.parent) and name.partition("#")[2] in ("", source.section))
    ]


def _project(source: Source, name: str, top: Path, given: Path | None) -> Project:
    folder = source.path.parent
    folders = folders_up(folder, top if folder.is_relative_to(top) else repository_root(folder))
    settings = load_settings(folders)
    root, toml_file, configuration = _configuration(source, folders)
    interpreter, warning = find_interpreter(folders, str(given.absolute()) if given else settings.interpreter)
    warnings = [*settings.loosening_ignored, *([warning] if warning else [])]

    sys_path = [root / place for place in configuration.prepend_sys_path()]

    def resolve(location: str) -> Path | None:
        return locate(location, root, sys_path, interpreter) if is_resource(location) else root / location

    location = configuration.text("script_location")
    scripts = resolve(location) if location else None
    listed = configuration.version_locations()
    versions = [resolve(one) for one in listed] if listed else [scripts and scripts / "versions"]
    if scripts is None:
        warnings.append(f"script_location = {location} can't be found without running the project.")
    elif not (scripts / "env.py").is_file():
        warnings.append(f"There is no env.py in {scripts}, which is what script_location = {location} stands for.")
    static = (
        scripts is not None
        and None not in versions
        and not configuration.flag("sourceless")
        and not moves_versions(scripts / "env.py")
    )
    return Project(
        name=name,
        root=root,
        config_file=source.config_file,
        toml_file=toml_file,
        section=source.section,
        script_location=scripts,
        version_locations=tuple(version for version in versions if version is not None),
        static=static,
        interpreter=interpreter,
        warnings=tuple(dict.fromkeys(warnings + configuration.warnings)),
        settings=settings,
        recursive=configuration.flag("recursive_version_locations"),
    )


def _configuration(source: Source, folders: Sequence[Path]) -> tuple[Path, Path | None, Configuration]:
    """The folder that makes the script_location exist, the pyproject.toml that counts there, and the options."""
    choices: list[tuple[Path, Path | None, Configuration]] = []
    for root in folders:
        toml_file = root / "pyproject.toml" if alembic_table(root / "pyproject.toml") else None
        configuration = Configuration(source, toml_file)
        location = configuration.text("script_location")
        choices.append((root, toml_file, configuration))
        if location is None or is_resource(location) or (root / location / "env.py").is_file():
            return choices[-1]
        if Path(location).is_absolute() or source.toml_file is not None:
            break
    return choices[0]
