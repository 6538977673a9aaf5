"""Where settings come from: ``[tool.alembic-mcp]`` of the project, which may tighten, and the user's own file.

The user's own file is ``config.toml`` in the user's configuration folder. It has the same keys, at top level for all
projects or under ``[projects."/absolute/path/of/the/root"]`` for one, and what it says wins.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import platformdirs

from ..errors import Refused
from ..settings import NamedDatabase, Settings
from ..target import Environment

__all__ = ["Layer", "load_settings", "project_layer", "read_toml", "user_file", "user_layers"]

_DEFAULT = Settings()
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PASSWORD_IN_URL = re.compile(r"://[^/\s@]*:[^\s@]*@")
_DURATION = re.compile(r"(\d{1,6}) ?(m|h|d)(?:in(?:ute)?s?|ours?|ays?)?\Z")
_LONGEST_LIFETIME = 7 * 86_400
_toml_cache: dict[Path, tuple[tuple[int, int, int], dict[str, Any]]] = {}


@dataclass(frozen=True)
class Layer:
    """The settings of one file, as they stand there; None: the file says nothing about it.

    Attributes:
        file: where they were read.
        folder: what relative paths in it are relative to.
    """

    file: Path
    folder: Path
    config: str | None = None
    interpreter: str | None = None
    protected_tables: tuple[str, ...] = ()
    audit_tables: tuple[str, ...] = ()
    large_rows: int | None = None
    x: tuple[str, ...] | None = None
    approval_lifetime: float | None = None
    merges: str | None = None
    shown_to_code: tuple[str, ...] = ()
    levels: dict[str, str] = field(default_factory=dict)
    databases: tuple[NamedDatabase, ...] = ()


def user_file() -> Path:
    """The user's own settings file, whether it exists or not."""
    return platformdirs.user_config_path("alembic-mcp", appauthor=False) / "config.toml"


def read_toml(path: Path) -> dict[str, Any]:
    """The contents of a TOML file.

    Raises:
        Refused: it can't be read or is not TOML.
    """
    try:
        status = path.stat()
        key = (status.st_mtime_ns, status.st_size, status.st_ino)
        cached = _toml_cache.get(path)
        if cached is None or cached[0] != key:
            cached = _toml_cache[path] = (key, tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(f"{path} is not valid TOML: {error}.", f"Correct {path}.") from error
    except OSError as error:
        raise Refused(f"{path} can't be read: {error.strerror}.", f"Make {path} readable.") from error
    return cached[1]


def project_layer(folder: Path) -> Layer | None:
    """What ``[tool.alembic-mcp]`` of *folder*'s pyproject.toml says; None if there is no such table.

    Raises:
        Refused: the file is not TOML, or the table has unknown keys or wrong values.
    """
    path = folder / "pyproject.toml"
    if not path.is_file():
        return None
    tool = read_toml(path).get("tool")
    table = tool.get("alembic-mcp") if isinstance(tool, dict) else None
    return None if table is None else _layer(table, path, folder, "[tool.alembic-mcp]", trusted=False)


def user_layers(folders: Sequence[Path]) -> list[Layer]:
    """What the user's own file says about the project in one of *folders*: for all projects, then for this one.

    Raises:
        Refused: the file is not TOML, or has unknown keys or wrong values.
    """
    path = user_file()
    if not path.is_file():
        return []
    tables = dict(read_toml(path))
    projects = _table(tables.pop("projects", {}), path, "projects")
    layers = [_layer(tables, path, folders[0], "the top level", trusted=True)]
    for name, table in projects.items():
        root = Path(name)
        if root in folders or root.resolve() in [folder.resolve() for folder in folders]:
            layers.append(_layer(table, path, root, f'[projects."{name}"]', trusted=True))
    return layers


def load_settings(folders: Sequence[Path]) -> Settings:
    """The effective settings of the project whose files are in *folders* (its root first, its repository's last).

    Raises:
        Refused: one of the files is not TOML, or has unknown keys or wrong values.
    """
    settings = _DEFAULT
    for layer in filter(None, map(project_layer, reversed(folders))):
        settings = _traced(settings, _tightened(settings, layer), layer)
    for layer in user_layers(folders):
        settings = _traced(settings, _overruled(settings, layer), layer)
    return settings


def _traced(old: Settings, new: Settings, layer: Layer) -> Settings:
    """With the file of *layer* as the source of what it changed."""
    changed = {
        one.name: str(layer.file)
        for one in fields(Settings)
        if one.name not in ("sources", "loosening_ignored") and getattr(old, one.name) != getattr(new, one.name)
    }
    return replace(new, sources={**old.sources, **changed})


def _tightened(settings: Settings, layer: Layer) -> Settings:
    ignored = settings.loosening_ignored
    large_rows = settings.large_rows
    if layer.large_rows is not None and layer.large_rows > _DEFAULT.large_rows:
        why = f"a project can only lower it below {_DEFAULT.large_rows}; raise it in {user_file()}."
        ignored = (*ignored, f"large_rows = {layer.large_rows} in {layer.file}: {why}")
    elif layer.large_rows is not None:
        large_rows = min(large_rows, layer.large_rows)
    lifetime = settings.approval_lifetime
    if layer.approval_lifetime is not None and layer.approval_lifetime > _DEFAULT.approval_lifetime:
        why = f"a project can only shorten it; lengthen it in {user_file()}."
        ignored = (*ignored, f"approval_lifetime in {layer.file}: {why}")
    elif layer.approval_lifetime is not None:
        lifetime = min(lifetime, layer.approval_lifetime)
    if layer.shown_to_code:
        why = f"only {user_file()} can show code what a database's variables hold."
        ignored = (*ignored, f"shown_to_code in {layer.file}: {why}")
    lowered = [rule for rule, level in layer.levels.items() if level != "person"]
    if lowered:
        why = f"a project can only raise levels to person; lower them in {user_file()}."
        ignored = (*ignored, f"levels of {', '.join(lowered)} in {layer.file}: {why}")
    levels = {**settings.levels, **{rule: level for rule, level in layer.levels.items() if level == "person"}}
    return replace(
        _merged(settings, layer),
        large_rows=large_rows,
        approval_lifetime=lifetime,
        merges="forbid" if "forbid" in (settings.merges, layer.merges) else settings.merges,
        levels=levels,
        loosening_ignored=ignored,
    )


def _overruled(settings: Settings, layer: Layer) -> Settings:
    merged = replace(_merged(settings, layer), levels={**settings.levels, **layer.levels})
    if layer.large_rows is not None:
        merged = replace(merged, large_rows=layer.large_rows)
    if layer.approval_lifetime is not None:
        merged = replace(merged, approval_lifetime=layer.approval_lifetime)
    if layer.merges is not None:
        merged = replace(merged, merges=layer.merges)
    if layer.shown_to_code:
        merged = replace(merged, shown_to_code=tuple(dict.fromkeys(settings.shown_to_code + layer.shown_to_code)))
    return merged


def _merged(settings: Settings, layer: Layer) -> Settings:
    databases = dict(settings.databases)
    for new in layer.databases:
        old = databases.get(new.name, NamedDatabase(new.name))
        databases[new.name] = NamedDatabase(
            new.name,
            environment=_strictest(old.environment, new.environment),
            env={**old.env, **new.env},
            x=new.x or old.x,
            trusted_environment=new.trusted_environment or old.trusted_environment,
        )
    return replace(
        settings,
        config=_absolute(layer.config, layer.folder) or settings.config,
        interpreter=_absolute(layer.interpreter, layer.folder) or settings.interpreter,
        protected_tables=tuple(dict.fromkeys(settings.protected_tables + layer.protected_tables)),
        audit_tables=tuple(dict.fromkeys(settings.audit_tables + layer.audit_tables)),
        x=settings.x if layer.x is None else layer.x,
        databases=databases,
    )


def _strictest(*environments: Environment | None) -> Environment | None:
    known = [environment for environment in environments if environment is not None]
    return Environment.strictest(*known) if known else None


def _absolute(path: str | None, folder: Path) -> str | None:
    return None if path is None else str(folder / Path(path).expanduser())


def _layer(table: Any, file: Path, folder: Path, where: str, *, trusted: bool) -> Layer:
    values = _checked(_table(table, file, where), _KEYS, file, where)
    databases = values.pop("databases", {})
    return Layer(
        file=file,
        folder=folder,
        databases=tuple(
            _database(name, database, file, f"databases.{name} in {where}", trusted=trusted)
            for name, database in databases.items()
        ),
        **values,
    )


def _database(name: str, table: Any, file: Path, where: str, *, trusted: bool) -> NamedDatabase:
    values = _checked(_table(table, file, where), _DATABASE_KEYS, file, where)
    environment = values.pop("environment", None)
    return NamedDatabase(name, **{"trusted_environment" if trusted else "environment": environment}, **values)


def _table(value: Any, file: Path, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Refused(f"{where} in {file} is {_kind(value)}, not a table.", f"Correct {file}.")
    return value


def _checked(
    table: Mapping[str, Any], keys: Mapping[str, Callable[[Any], Any]], file: Path, where: str
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in keys:
            near = difflib.get_close_matches(key, keys, n=1)
            known = f"Known keys: {', '.join(keys)}."
            raise Refused(
                f"Unknown key {key!r} in {where} of {file}.",
                f"Did you mean {near[0]!r}? {known}" if near else known,
            )
        try:
            values[key] = keys[key](value)
        except ValueError as error:
            raise Refused(f"{key} in {where} of {file} {error}.", f"Correct {file}.") from error
    return values


def _kind(value: Any) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", str: "a string", list: "a list"}
    return names.get(type(value), "a table" if isinstance(value, dict) else "a date")


def _string(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"must be a string that is not empty, not {_kind(value)}")
    return value


def _strings(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        example = "; write it in brackets" if isinstance(value, str) else ""
        raise ValueError(f"must be a list of strings{example}")
    return tuple(value)


def _names(value: Any) -> tuple[str, ...]:
    names = _strings(value)
    if not all(_VARIABLE.match(name) for name in names):
        # It is not repeated: it may be the secret itself.
        raise ValueError("must be NAMES of environment variables, those that hold the values")
    return names


def _x_arguments(value: Any) -> tuple[str, ...]:
    arguments = _strings(value)
    if any(_PASSWORD_IN_URL.search(argument) for argument in arguments):
        raise ValueError("holds a URL with a password; pass secrets by `env`, which takes names of variables")
    return arguments


def _rows(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("must be a whole number of rows, at least 1")
    return value


def _lifetime(value: Any) -> float:
    match = _DURATION.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('must be a time such as "15 minutes", "8 hours" or "7 days"')
    seconds = int(match[1]) * {"m": 60, "h": 3600, "d": 86_400}[match[2]]
    if not 60 <= seconds <= _LONGEST_LIFETIME:  # a minute
        raise ValueError("must be between 1 minute and 7 days")
    return float(seconds)


def _levels(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(level in ("client", "person") for level in value.values()):
        raise ValueError('must give escalations the level "client" or "person": { drops-data = "person" }')
    return dict(value)


def _merges(value: Any) -> str:
    if value not in ("allow", "forbid"):
        raise ValueError('must be "allow" or "forbid"')
    return str(value)


def _environment(value: Any) -> Environment:
    names = [str(environment) for environment in Environment]
    if value not in names:
        near = difflib.get_close_matches(str(value), names, n=1, cutoff=0.4)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"must be one of {', '.join(names)}{meant}")
    return Environment(value)


def _variables(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError(f'must be a table, such as {{ DATABASE_URL = "STAGING_DATABASE_URL" }}, not {_kind(value)}')  # noqa: TRY004
    for variable, source in value.items():
        if not _VARIABLE.match(variable):
            raise ValueError(f"has {variable!r}, which is no name of an environment variable")
        if not isinstance(source, str) or not _VARIABLE.match(source):
            # The value is not repeated: it may be the secret itself.
            seems = "a URL" if isinstance(source, str) and "://" in source else "something else"
            raise ValueError(
                f"must give {variable} the NAME of the environment variable that holds the value, "
                f"but gives it {seems}; set a variable outside the repository and put its name here"
            )
    return dict(value)


def _databases(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(table, dict) for table in value.values()):
        raise ValueError("must be tables, one per database: [tool.alembic-mcp.databases.staging]")
    return value


_KEYS: dict[str, Callable[[Any], Any]] = {
    "config": _string,
    "interpreter": _string,
    "protected_tables": _strings,
    "audit_tables": _strings,
    "large_rows": _rows,
    "x": _x_arguments,
    "approval_lifetime": _lifetime,
    "merges": _merges,
    "shown_to_code": _names,
    "levels": _levels,
    "databases": _databases,
}
_DATABASE_KEYS: dict[str, Callable[[Any], Any]] = {"environment": _environment, "env": _variables, "x": _x_arguments}
