"""Where ``package:folder`` is: looked for in the project's tree, and only then asked of the project's interpreter."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

__all__ = ["is_resource", "locate"]

_SECONDS = 20.0
_found: dict[tuple[str, Path, Path], Path] = {}

# Finds the top-level package only: finding an inner one would import the outer ones.
_ASK = """
import importlib.util, sys
sys.path[:0] = sys.argv[2:]
spec = importlib.util.find_spec(sys.argv[1])
print(*((spec and spec.submodule_search_locations) or ())[:1])
"""


def is_resource(location: str) -> bool:
    """True if Alembic takes *location* for ``package:folder`` and not for a path."""
    return ":" in location and not Path(location).is_absolute()


def locate(location: str, root: Path, sys_path: Sequence[Path], interpreter: Path) -> Path | None:
    """The folder that ``package:folder`` stands for, None if its package can't be found.

    Args:
        location: ``package:folder`` or ``package.inner:folder``.
        root: where commands run.
        sys_path: the project's prepend_sys_path.
        interpreter: whose site-packages count.
    """
    package, *folders = location.split(":")
    names = package.split(".")
    around = [folder.parent for folder in (root, *root.parents) if folder.name == names[0]]
    for place in (*sys_path, root, root / "src", *around):
        if place.joinpath(*names).is_dir():
            return place.joinpath(*names, *folders)
    found = _found.get((names[0], root, interpreter))
    if found is None or not found.is_dir():
        found = _ask(names[0], root, sys_path, interpreter)
    if found is None:
        return None
    _found[names[0], root, interpreter] = found
    return found.joinpath(*names[1:], *folders)


def _ask(name: str, root: Path, sys_path: Sequence[Path], interpreter: Path) -> Path | None:
    try:
        answer = subprocess.run(
            [interpreter, "-c", _ASK, name, *map(str, sys_path)],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    # The last line: what sits in site-packages may print when Python starts.
    lines = answer.stdout.strip().splitlines()
    return Path(lines[-1]) if answer.returncode == 0 and lines else None
