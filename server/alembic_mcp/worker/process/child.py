"""One call in a process of its own: take the request, set the process up as ``alembic`` would be, answer, flush."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import os
import signal
import sys
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from types import ModuleType
from typing import Any, Optional, cast

from ..errors import CallError, as_error
from .channel import Channel

__all__ = ["answer", "load"]

DONE, FAILED = 0, 1


def answer(channel: Channel, calls: Optional[Path]) -> int:
    """Run the one call that *channel* brings. Returns the exit status for the process, which must end right after.

    Whatever the call raises, SystemExit and KeyboardInterrupt too, becomes the ``error`` line of the channel.

    Args:
        channel: brings the request; gets progress and the result or the error.
        calls: the module file whose ``handle(request, progress)`` answers; None: this package's own. A request with
            ``more`` comes in two parts: ``handle`` gets a third argument, which brings the second.
    """
    request = channel.read()
    if request is None:
        return FAILED
    # Collecting garbage touches, and so copies, every page that is shared with the zygote: do it rarely.
    gc.set_threshold(200_000, 50, 50)
    for stream in (sys.stdout, sys.stderr):
        cast("TextIOWrapper", stream).reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    root = request.get("project", {}).get("root")
    try:
        result = _run(request, root, channel, calls)
    except BaseException as error:  # noqa: BLE001 - the border to user code: whatever it raises is the answer
        with suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        _flush()
        channel.error(as_error(error, root))
        return FAILED
    _flush()
    channel.result(result)
    return DONE


def load(calls: Optional[Path]) -> ModuleType:
    """The module that answers calls."""
    if calls is None:
        return importlib.import_module("..calls", __package__)
    name = "alembic_mcp_worker_calls"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, calls)
        if spec is None or spec.loader is None:
            raise ImportError(f"{calls} is no Python module")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]  # else the next call would find half of it
            raise
    return sys.modules[name]


def _run(request: dict[str, Any], root: Optional[str], channel: Channel, calls: Optional[Path]) -> dict[str, Any]:
    os.environ.update(request.get("env") or {})
    sys.argv = ["alembic"]
    if root:
        try:
            os.chdir(root)
        except OSError as error:
            raise CallError("internal", f"The project's folder can't be entered: {error}.") from error
    if request.get("more"):
        return load(calls).handle(request, channel.progress, channel.ask)
    return load(calls).handle(request, channel.progress)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # user code may have replaced or closed it; the answer matters more
            stream.flush()
