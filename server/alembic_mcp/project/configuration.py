"""What Alembic's configuration says, read the way Alembic reads it: an ini file's section, then ``[tool.alembic]``."""

from __future__ import annotations

import configparser
import locale
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Refused
from .settings_files import read_toml

__all__ = ["Configuration", "Source", "alembic_table", "read_ini", "sources_in", "sources_of"]

_INI_SUFFIXES = (".ini", ".cfg")
_LARGEST_INI = 1_000_000
_SEPARATORS = {"space": " ", "newline": "\n", "os": os.pathsep, ":": ":", ";": ";"}
_SPACE_OR_COMMA = re.compile(r", *|(?: +)")
_SPACE_COMMA_OR_COLON = re.compile(r", *|(?: +)|:")
_COMMENT = re.compile(r"\s+[#;].*", re.DOTALL)


@dataclass(frozen=True)
class Source:
    """A configuration that Alembic can be run with.

    Attributes:
        path: the file that makes it one: it says where the scripts are.
        config_file: the ini file to give to Alembic, None if there is only a pyproject.toml.
        toml_file: the pyproject.toml whose ``[tool.alembic]`` counts too.
        section: of the ini file (Alembic's ``--name``).
    """

    path: Path
    config_file: Path | None
    toml_file: Path | None
    section: str = "alembic"


def read_ini(path: Path) -> configparser.ConfigParser:
    """The ini file, with ``%(here)s`` known to it.

    Raises:
        Refused: it can't be read or parsed.
    """
    parser = configparser.ConfigParser({"here": path.absolute().parent.as_posix()})
    try:
        data = path.read_bytes()
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode(locale.getpreferredencoding(do_setlocale=False), errors="replace")
        parser.read_string(text, source=str(path))
    except OSError as error:
        raise Refused(f"{path} can't be read: {error.strerror}.", f"Make {path} readable.") from error
    except configparser.Error as error:
        # Its own message quotes the line, which may hold a password.
        lines = [line for line, _ in getattr(error, "errors", ())] or [getattr(error, "lineno", None)]
        where = f" at line {lines[0]}" if lines[0] else ""
        kind = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()
        raise Refused(f"{path} is not a valid ini file: {kind}{where}.", f"Correct {path}.") from error
    return parser


def alembic_table(path: Path) -> dict[str, Any]:
    """``[tool.alembic]`` of a pyproject.toml; empty if there is none.

    Raises:
        Refused: the file is not TOML.
    """
    try:
        if b"alembic" not in path.read_bytes():
            return {}
    except OSError:
        return {}
    tool = read_toml(path).get("tool")
    table = tool.get("alembic") if isinstance(tool, dict) else None
    return table if isinstance(table, dict) else {}


def sources_in(folder: Path, names: Sequence[str]) -> tuple[list[Source], list[Refused]]:
    """The configurations among the files *names* of *folder*, and what is wrong with those that can't be read."""
    sources: list[Source] = []
    broken: list[Refused] = []
    for name in sorted(names, key=lambda name: (name != "alembic.ini", name)):
        if not name.endswith(_INI_SUFFIXES) and name != "pyproject.toml":
            continue
        try:
            sources += sources_of(folder / name)
        except Refused as error:
            broken.append(error)
    if any(source.path.name == "alembic.ini" and source.section == "alembic" for source in sources):
        # Alembic asks the ini file first, so the table of pyproject.toml is no configuration of its own.
        sources = [source for source in sources if source.path.name != "pyproject.toml"]
    return sources, broken


def sources_of(path: Path) -> list[Source]:
    """The configurations in one file: one for each section that says where its scripts are.

    Raises:
        Refused: the file can't be read or parsed.
    """
    if path.suffix == ".toml":
        if "script_location" not in alembic_table(path):
            return []
        ini = path.with_name("alembic.ini")
        return [Source(path, config_file=ini if ini.is_file() else None, toml_file=path)]
    try:
        with path.open("rb") as file:
            if b"script_location" not in file.read(_LARGEST_INI):
                return []
    except OSError as error:
        raise Refused(f"{path} can't be read: {error.strerror}.", f"Make {path} readable.") from error
    parser = read_ini(path)
    inherited = parser.defaults().get("script_location")
    sections = [
        section
        for section in parser.sections()
        if parser.has_option(section, "script_location")
        and (section == "alembic" or parser.get(section, "script_location", raw=True) != inherited)
    ]
    return [Source(path, config_file=path, toml_file=None, section=section) for section in sections]


class Configuration:
    """The options of one source, with Alembic's precedence, interpolation and splitting.

    Attributes:
        warnings: what Alembic would stumble over, one line each.
    """

    def __init__(self, source: Source, toml_file: Path | None) -> None:
        self.warnings: list[str] = []
        self._source = source
        self._section = source.section
        self._parser = read_ini(source.config_file) if source.config_file else configparser.ConfigParser()
        self._table = alembic_table(toml_file) if toml_file else {}
        self._here = {"here": toml_file.absolute().parent.as_posix()} if toml_file else {}

    def text(self, name: str) -> str | None:
        """An option's value; None if neither file has it, or if it can't be interpolated (which is a warning)."""
        if self._parser.has_option(self._section, name):
            return self._from_ini(name)
        value = self._table.get(name)
        return self._interpolated(name, value) if isinstance(value, str) else None

    def flag(self, name: str) -> bool:
        """An option that is true or not; Alembic knows only ``true``, in small letters, as true."""
        if self._parser.has_option(self._section, name):
            return self._from_ini(name) == "true"
        return self._table.get(name) is True

    def version_locations(self) -> list[str]:
        """The folders with revision files, as they are written there; empty if there is only the default one."""
        return self._paths("version_locations", ("path_separator", "version_path_separator"), _SPACE_OR_COMMA)

    def prepend_sys_path(self) -> list[str]:
        """What is put at the front of ``sys.path``, as it is written there."""
        return self._paths("prepend_sys_path", ("path_separator",), _SPACE_COMMA_OR_COLON)

    def _paths(self, name: str, separator_names: tuple[str, ...], legacy: re.Pattern[str]) -> list[str]:
        value = self._from_ini(name) if self._parser.has_option(self._section, name) else None
        if value:
            separator = self._separator(separator_names)
            parts = legacy.split(value) if separator is None else value.split(separator)
            return [part.strip() for part in parts if part.strip()]
        table = self._table.get(name, [])
        if not isinstance(table, list):
            self.warnings.append(f"{name} in [tool.alembic] must be a list of strings.")
            return []
        return [text for item in table if isinstance(item, str) and (text := self._interpolated(name, item))]

    def _separator(self, names: tuple[str, ...]) -> str | None:
        for name in names:
            if not self._parser.has_option(self._section, name):
                continue
            value = self._from_ini(name) or ""
            if value not in _SEPARATORS and (bare := _COMMENT.sub("", value)) in _SEPARATORS:
                self.warnings.append(
                    f"{name} in {self._source.path.name} has a comment after its value, which Alembic takes for part "
                    f"of it; put the comment on a line of its own."
                )
                value = bare
            if value in _SEPARATORS:
                return _SEPARATORS[value]
            self.warnings.append(f"{name} in {self._source.path.name} must be one of {', '.join(_SEPARATORS)}.")
        return None

    def _from_ini(self, name: str) -> str | None:
        try:
            return self._parser.get(self._section, name)
        except configparser.Error:
            self.warnings.append(f"{name} in {self._source.path.name} can't be interpolated; write % as %%.")
            return None

    def _interpolated(self, name: str, value: str) -> str | None:
        try:
            return value % self._here
        except (KeyError, ValueError, TypeError):
            self.warnings.append(f"{name} in [tool.alembic] can't be interpolated; write % as %%.")
            return None
