"""Which Python runs the project: configured, its own environment, the active one, and only then ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import Refused
from .dependencies import lacking

__all__ = ["find_interpreter", "python_of"]

_POETRY_SECONDS = 15.0
_SHOWN = 5


def find_interpreter(folders: Sequence[Path], configured: str | None = None) -> tuple[Path, str | None]:
    """The project's Python, and a warning if it is ours and lacks what the project needs.

    Args:
        folders: the project's root first, its repository's root last.
        configured: an interpreter or an environment's folder; absolute.

    Raises:
        Refused: *configured* is not there.
    """
    if configured is not None:
        path = Path(configured)
        python = python_of(path) if path.is_dir() else path
        if python is None or not python.is_file():
            raise Refused(
                f"The configured interpreter {configured} does not exist, or is no Python environment.",
                "Create the environment, or correct `interpreter` in [tool.alembic-mcp] or in your own settings file.",
            )
        return python, None
    for python in _candidates(folders):
        return python, None
    missing = lacking(folders)
    if not missing:
        return Path(sys.executable), None
    names = ", ".join(missing[:_SHOWN]) + (f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else "")
    return Path(sys.executable), (
        "No environment of the project was found (.venv, venv, VIRTUAL_ENV, poetry, pdm), so "
        f"{sys.executable} is used, which lacks {names}; "
        "create the environment, or set `interpreter` in [tool.alembic-mcp]."
    )


def python_of(environment: Path) -> Path | None:
    """The interpreter in an environment's folder, None if there is none. Its link is kept: it is what makes it one."""
    for relative in ("bin/python", "bin/python3", "Scripts/python.exe", "python.exe"):
        python = environment / relative
        if python.is_file():
            return python.absolute()
    return None


def _candidates(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from _in_folder(folder)
    # An environment that holds the configuration itself: `--project .../site-packages/package/alembic.ini`.
    for folder in folders[0].parents:
        if (folder / "pyvenv.cfg").is_file() and (python := python_of(folder)):
            yield python
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        environment = os.environ.get(variable)
        if environment and (python := python_of(Path(environment))) and not _is_ours(Path(environment)):
            yield python
    for folder in folders:
        if (folder / "poetry.lock").is_file() and (python := _of_poetry(folder)):
            yield python


def _in_folder(folder: Path) -> Iterator[Path]:
    names = [".venv", "venv"]
    if configured := os.environ.get("UV_PROJECT_ENVIRONMENT"):
        names.insert(0, configured)
    if (folder / "env" / "pyvenv.cfg").is_file():
        names.append("env")
    if (folder / "pyvenv.cfg").is_file():
        names.append(".")
    for name in names:
        if python := python_of(folder / name):
            yield python
    try:
        chosen = (folder / ".pdm-python").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return
    if chosen and Path(chosen).is_file():
        yield Path(chosen)


def _is_ours(environment: Path) -> bool:
    return environment.resolve() == Path(sys.prefix).resolve()


def _of_poetry(folder: Path) -> Path | None:
    poetry = shutil.which("poetry")
    if poetry is None:
        return None
    try:
        answer = subprocess.run(
            [poetry, "env", "info", "--path", "--no-interaction"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_POETRY_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    path = answer.stdout.strip()
    return python_of(Path(path)) if answer.returncode == 0 and path else None
