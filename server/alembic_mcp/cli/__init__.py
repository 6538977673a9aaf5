"""The command line: ``alembic-mcp``."""

from __future__ import annotations

import gc
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command that the arguments name; ends the process with its exit code."""
    if sys.argv[1:2] == ["serve"]:
        # A client waits for this one: it goes without the command line's libraries, and without looking for garbage
        # among what is being imported (serve turns that on again).
        gc.disable()
        from ..serve import main as serve

        sys.exit(serve(sys.argv[2:]))
    from . import approvals, init, records, review  # noqa: F401 - their commands are added
    from .commands import commands

    commands(prog_name="alembic-mcp")
