"""Answers one call of the server: the Alembic side of the worker."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Callable, Dict, Optional

from alembic.script.revision import RevisionError
from alembic.util import CommandError

from .compare import compare
from .count import count
from .environment import Environment
from .errors import CallError
from .generate.models import models
from .generate.render import merge, render
from .in_two_parts import Ask, look_and_go_on
from .look import look
from .rehearse import rehearse
from .run import run
from .scripts import index
from .settle import settle
from .static import static

__all__ = ["handle"]

Progress = Callable[[Dict[str, Any]], None]


def handle(request: Dict[str, Any], progress: Progress, ask: Optional[Ask] = None) -> Dict[str, Any]:
    """Answer *request*: ``{"call", "project", "x", "args"}``. The process must not answer another one afterwards.

    Args:
        request: see the functions of this package that carry the names of the calls.
        progress: gets what has been reached so far; only long calls tell.
        ask: of a request that comes in two parts: takes what is known so far and brings the rest.

    Raises:
        CallError: the call failed in a way that is understood.
        Exception: anything else that user code raised on the way.
    """
    call = request["call"]
    request.setdefault("args", {})
    if call not in _CALLS:
        raise CallError("internal", f"The worker knows no call {call!r}.")
    try:
        return _CALLS[call](request, progress) if ask is None else _IN_TWO_PARTS[call](request, progress, ask)
    except (CommandError, RevisionError) as error:
        raise CallError("alembic", " ".join(str(error).split())) from error


def _index(request: Dict[str, Any]) -> Dict[str, Any]:
    """Answer the call ``index``: Alembic's own reading of the revisions.

    env.py runs only where it is seen to set version_locations; should it fail, what it has set by then counts.
    """
    environment = Environment(request, "history")
    if environment.sets_version_locations():
        settle(environment, request["args"])
        with suppress(CallError):
            environment.run(lambda _heads, _context: None, dont_mutate=True)
    return index(environment.script)


_CALLS: Dict[str, Callable[[Dict[str, Any], Progress], Dict[str, Any]]] = {
    "look": lambda request, _: look(request),
    "models": lambda request, _: models(request),
    "rehearse": rehearse,
    "run": run,
    "compare": lambda request, _: compare(request),
    "count": lambda request, _: count(request),
    "render": lambda request, _: render(request),
    "merge": lambda request, _: merge(request),
    "index": lambda request, _: _index(request),
    "static": lambda request, _: static(request),
}
_IN_TWO_PARTS: Dict[str, Callable[[Dict[str, Any], Progress, Ask], Dict[str, Any]]] = {
    "look": lambda request, _, ask: look_and_go_on(request, ask),
    "rehearse": rehearse,
}
