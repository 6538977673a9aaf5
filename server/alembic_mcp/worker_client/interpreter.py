"""The project's interpreter: how it is started, in which environment, and whether its Alembic will do."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from .failures import WorkerFailed

__all__ = ["About", "command", "environment", "require_exists", "require_supported", "unusable"]

WORKER = Path(__file__).parent.parent / "worker"

_OLDEST = {"python": (3, 9), "sqlalchemy": (1, 4), "alembic": (1, 11)}
_NAMES = {"python": "Python", "sqlalchemy": "SQLAlchemy", "alembic": "Alembic"}


@dataclass(frozen=True)
class About:
    """What runs under an interpreter.

    Attributes:
        python: version, as are *alembic* and *sqlalchemy* (None: it can't be imported).
        problem: why one of them can't be imported.
        executable: what the interpreter itself says it is.
        pid: of the process that said so.
        threads: how many threads it has once everything is loaded; with more than one, forking is not safe.
        watch: folders and files that change when something is installed.
    """

    python: str
    alembic: str | None
    sqlalchemy: str | None
    problem: str | None
    executable: str
    pid: int
    threads: int
    watch: tuple[str, ...]

    @classmethod
    def from_worker(cls, hello: Mapping[str, Any]) -> About:
        """From the first line of a worker process."""
        return cls(
            python=hello["python"],
            alembic=hello.get("alembic"),
            sqlalchemy=hello.get("sqlalchemy"),
            problem=hello.get("problem"),
            executable=hello.get("executable", ""),
            pid=hello["pid"],
            threads=hello.get("threads", 1),
            watch=tuple(hello.get("watch", ())),
        )


def command(interpreter: Path, calls: Path | None, mode: str, *rest: str) -> list[str]:
    """The command line of a worker process."""
    return [str(interpreter), str(WORKER), mode, *rest, *(["--calls", str(calls)] if calls else [])]


def environment(interpreter: Path, withheld: Collection[str] = ()) -> dict[str, str]:
    """The server's environment, made that of *interpreter*: as if its virtual environment were the active one.

    Variables that are *withheld* are left out.
    """
    env = {name: value for name, value in os.environ.items() if name not in withheld}
    for ours in ("PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "PYTHONEXECUTABLE", "__PYVENV_LAUNCHER__"):
        env.pop(ours, None)
    if interpreter != Path(sys.executable):
        env.pop("PYTHONHOME", None)
    cache = Path(env.get("ALEMBIC_MCP_CACHE_DIR") or user_cache_path("alembic-mcp"))
    env.setdefault("PYTHONPYCACHEPREFIX", str(cache / "pycache"))
    prefix = interpreter.parent.parent
    if (prefix / "pyvenv.cfg").is_file():
        env["VIRTUAL_ENV"] = str(prefix)
        env["PATH"] = os.pathsep.join([str(interpreter.parent), *filter(None, [env.get("PATH")])])
    return env


def require_exists(interpreter: Path) -> None:
    """Raises WorkerFailed (``no_interpreter``) unless *interpreter* is a program."""
    if not interpreter.is_file():
        raise WorkerFailed("no_interpreter", f"There is no Python at {interpreter}. Nothing was done.")
    if not os.access(interpreter, os.X_OK):
        raise WorkerFailed("no_interpreter", f"{interpreter} is not executable. Nothing was done.")


def unusable(interpreter: Path, why: str, output: str = "") -> WorkerFailed:
    """The failure (``no_interpreter``) of an interpreter that does not get as far as saying what it is."""
    said = output.strip().splitlines()
    told = f" It printed: {said[-1]}" if said else ""
    return WorkerFailed(
        "no_interpreter", f"{interpreter} does not work as a Python ({why}). Nothing was done.{told}", output=output
    )


def require_supported(about: About, interpreter: Path) -> None:
    """Raises WorkerFailed (``no_alembic``, ``too_old``) unless Python, SQLAlchemy and Alembic will do."""
    details = {"interpreter": str(interpreter), "python": about.python, "problem": about.problem}
    for library in ("python", "alembic", "sqlalchemy"):
        version = getattr(about, library)
        if version is None:
            missing = about.problem is None or f"No module named '{library}'" in about.problem
            said = "is not installed" if missing else "can't be imported"
            raise WorkerFailed(
                "no_alembic",
                f"{_NAMES[library]} {said} in the project's Python, {interpreter} ({about.problem}). Nothing was done.",
                f"Install it there: {interpreter} -m pip install alembic (with uv: uv pip install -p {interpreter} "
                "alembic).",
                "Or name another Python: interpreter = ... under [tool.alembic-mcp] in pyproject.toml.",
                details=details,
            )
        oldest = _OLDEST[library]
        if _version(version) < oldest:
            wanted = ".".join(map(str, oldest))
            step = (
                f"Use Python {wanted} or newer for the project."
                if library == "python"
                else f'Upgrade it there: {interpreter} -m pip install "{library}>={wanted}".'
            )
            raise WorkerFailed(
                "too_old",
                f"{interpreter} has {_NAMES[library]} {version}; {wanted} is the oldest that works. Nothing was done.",
                step,
                details=details,
            )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:2])
