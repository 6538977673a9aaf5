"""The files that make a project an Alembic project: what they say, and that they are written whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Failed, Refused
from ..project.database_url import Address
from ..project.models import Origin

__all__ = ["Plan", "files", "place", "refuse_existing"]

_OWN_NAMES = frozenset({"config", "context", "pool", "os", "asyncio", "logging", "address", "target_metadata", "URL"})


@dataclass(frozen=True)
class Plan:
    """What is to be written.

    Attributes:
        root: the project's folder.
        scripts: the folder for env.py and the revisions, relative to *root*, with slashes.
        origins: what the models hang on, at least one.
        modules: those that define models.
        address: where the database's address comes from.
        asynchronous: env.py connects through an asynchronous driver.
        pyproject: the configuration goes into pyproject.toml rather than alembic.ini.
        import_root: folder that the modules are imported from, relative to *root*: empty or ``src``.
    """

    root: Path
    scripts: str
    origins: tuple[Origin, ...]
    modules: tuple[str, ...]
    address: Address
    asynchronous: bool
    pyproject: bool
    import_root: str = ""

    @property
    def sqlmodel(self) -> bool:
        """Whether revisions need SQLModel's types."""
        return any(origin.kind == "sqlmodel" for origin in self.origins)

    @property
    def configuration(self) -> Path:
        """The file that Alembic reads first."""
        return self.root / ("pyproject.toml" if self.pyproject else "alembic.ini")


def files(plan: Plan) -> dict[Path, str]:
    """Path -> contents, without the configuration in an existing pyproject.toml: that is appended to."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # only here, and slow to import

    # What is written is Python and INI, where HTML's escapes have no business.
    environment = Environment(  # noqa: S701
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )

    def render(name: str, **values: Any) -> str:
        return environment.get_template(f"{name}.jinja").render(**values)

    common = {
        "scripts": plan.scripts,
        "address": f"the environment variable {plan.address.variable}"
        if plan.address.variable
        else f"the application ({plan.address.reference})",
        "import_root": f"/{plan.import_root}" if plan.import_root else "",
    }
    folder = plan.root / plan.scripts
    return {
        plan.configuration: render(plan.configuration.name, **common),
        folder / "env.py": render("env.py", **_env(plan)),
        folder / "script.py.mako": render("script.py.mako", sqlmodel=plan.sqlmodel),
    }


def _env(plan: Plan) -> dict[str, Any]:
    variable, single = plan.address.variable, len(plan.origins) == 1
    standard = [
        *(["import asyncio"] if plan.asynchronous else []),
        *(["import logging"] if plan.pyproject else []),
        *(["import os"] if variable else []),
        *([] if plan.pyproject else ["from logging.config import fileConfig"]),
    ]
    url_names = "make_url" if variable else "URL, make_url"
    create = "pool" if plan.asynchronous else "create_engine, pool"
    libraries = [
        "from alembic import context",
        f"from sqlalchemy import {create}",
        "from sqlalchemy.dialects import postgresql",
        f"from sqlalchemy.engine import {url_names}",
        *(["from sqlalchemy.ext.asyncio import create_async_engine"] if plan.asynchronous else []),
    ]
    imports: list[str] = []
    if single:
        metadata = _imported(plan.origins[0].module, plan.origins[0].metadata, imports)
    else:
        imports += [f"import {module}" for module in dict.fromkeys(origin.module for origin in plan.origins)]
        metadata = f"[{', '.join(f'{origin.module}.{origin.metadata}' for origin in plan.origins)}]"
    address = "" if variable else _imported(plan.address.module, plan.address.expression, imports)
    taken = {line.split()[1] for line in imports}
    modules = [f"import {module}  # noqa: F401" for module in plan.modules if module not in taken]
    return {
        "standard": standard,
        "libraries": [*libraries, *[line for line in imports if line.startswith("from sqlmodel")]],
        "application": sorted([*modules, *(line for line in imports if not line.startswith("from sqlmodel"))])
        or ["# import app.models  # noqa: F401"],
        "ini": not plan.pyproject,
        "metadata": metadata,
        "single": single,
        "variable": variable,
        "address": address,
        "asynchronous": plan.asynchronous,
    }


def _imported(module: str, expression: str, imports: list[str]) -> str:
    """The expression as env.py can write it once the import is there, which is added to *imports*."""
    name = expression.partition(".")[0].removesuffix("()")
    alias = f"application_{name}" if name in _OWN_NAMES else name
    line = f"from {module} import {name}" + (f" as {alias}" if alias != name else "")
    if line not in imports:
        imports.append(line)
    return alias + expression.removeprefix(name)


def refuse_existing(plan: Plan) -> None:
    """Raises Refused if anything that would be written is there already."""
    folder = plan.root / plan.scripts
    there = [path for path in (folder,) if path.exists() and (not path.is_dir() or any(path.iterdir()))]
    if not plan.pyproject and plan.configuration.exists():
        there.append(plan.configuration)
    if plan.pyproject and b"tool.alembic]" in _contents(plan.configuration):
        there.append(plan.configuration)
    if there:
        names = ", ".join(str(path.relative_to(plan.root)) for path in there)
        raise Refused(
            f"{names} {'are' if len(there) > 1 else 'is'} there already, and nothing is overwritten. "
            "Nothing was written.",
            "Use what is there, if it is Alembic's: call current.",
            "Or name another folder for the scripts: scripts='migrations'.",
        )


def place(plan: Plan, contents: Mapping[Path, str]) -> list[Path]:
    """Write everything, or nothing; the paths, configuration first.

    Raises:
        Refused: something is there already, or pyproject.toml would not be TOML any more.
        Failed: it can't be written; nothing is left behind.
    """
    refuse_existing(plan)
    made: list[Path] = []
    try:
        _write(plan, contents, made)
    except Refused:
        _remove(made[::-1])
        raise
    except OSError as error:
        _remove(made[::-1])
        raise Failed(
            f"The files could not be written: {error.strerror or error} ({error.filename}). Nothing was left behind.",
            "Make the project's folder writable, then call init again.",
        ) from error
    return [plan.configuration, *(path for path in contents if path != plan.configuration)]


def _write(plan: Plan, contents: Mapping[Path, str], made: list[Path]) -> None:
    """Write everything; what was made so far is in *made*, so that it can be removed again."""
    folder, configuration = plan.root / plan.scripts, plan.configuration
    before = _contents(configuration)
    new = _appended(configuration, before, contents[configuration])
    missing = [parent for parent in folder.parents if not parent.exists()]
    folder.parent.mkdir(parents=True, exist_ok=True)
    made += missing[::-1]
    staged = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    made.append(staged)
    staged.chmod(0o755)
    (staged / "versions").mkdir()
    for path, text in contents.items():
        if path != configuration:
            (staged / path.name).write_text(text, encoding="utf-8")
    part = configuration.with_name(f".{configuration.name}.part")
    made.append(part)
    part.write_bytes(new)
    if configuration.exists():
        part.chmod(configuration.stat().st_mode & 0o777)
    staged.rename(folder)  # replaces an empty folder, and nothing else
    made.append(folder)
    if _contents(configuration) != before:
        raise Refused(f"{configuration.name} was changed meanwhile. Nothing was written.", "Call init again.")
    part.replace(configuration)


def _appended(path: Path, before: bytes, section: str) -> bytes:
    if not before:
        return section.encode()
    gap = b"" if before.endswith(b"\n\n") else b"\n" if before.endswith(b"\n") else b"\n\n"
    new = before + gap + section.encode()
    try:
        old_table, new_table = tomllib.loads(before.decode()), tomllib.loads(new.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(
            f"{path.name} is not valid TOML, or would not be any more: {error}. Nothing was written.",
            f"Correct {path.name}, or keep the configuration in alembic.ini: config='ini'.",
        ) from error
    if {**old_table, "tool": None} != {**new_table, "tool": None}:
        raise Refused(f"{path.name} can't be added to. Nothing was written.", "Use config='ini'.")
    return new


def _contents(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
