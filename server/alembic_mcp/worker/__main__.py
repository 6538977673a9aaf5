"""Starts the worker under the project's interpreter: ``<project python> .../alembic_mcp/worker zygote|once|about``.

``zygote FD`` serves calls over the socket FD until it closes; ``once`` reads one request from stdin and answers on
stdout; ``about`` says which versions are here. ``--calls FILE`` names another module than calls.py to answer.

This file alone must be understood by any Python from 3.6 on, so that one that is too old can be named.
"""

import importlib
import importlib.util
import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAME = "alembic_mcp_worker"


def main(arguments: list) -> None:
    """Run in the mode that the arguments name."""
    # Python put this folder first on the path, where its modules would hide the project's.
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != HERE]
    mode, rest = arguments[0], arguments[1:]
    calls = None
    if "--calls" in rest:
        at = rest.index("--calls")
        calls = rest[at + 1]
        del rest[at : at + 2]
    if sys.version_info < (3, 9):  # noqa: UP036 - the interpreter is the project's, whatever it is
        hello = {"python": "{}.{}.{}".format(*sys.version_info[:3]), "pid": os.getpid()}
        line = {"ready": hello} if mode == "zygote" else {"hello": hello}
        os.write(int(rest[0]) if mode == "zygote" else 1, json.dumps(line).encode("ascii") + b"\n")
        return
    _import_self()
    start = importlib.import_module(NAME + ".process.start")
    getattr(start, mode)(calls, *rest)


def _import_self() -> None:
    """Import this folder as a package of its own name, without a place on the project's sys.path."""
    spec = importlib.util.spec_from_file_location(
        NAME, str(HERE / "__init__.py"), submodule_search_locations=[str(HERE)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{HERE} is no package")
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    main(sys.argv[1:])
