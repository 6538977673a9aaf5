"""Looks at the real database and works on it in one process: the project's models are loaded once."""

from __future__ import annotations

from typing import Any, Callable, Dict

from .compare import compared
from .environment import Environment
from .generate.render import for_revision, rendered
from .look import looked

__all__ = ["Ask", "look_and_go_on"]

Ask = Callable[[Dict[str, Any]], Dict[str, Any]]


def look_and_go_on(request: Dict[str, Any], ask: Ask) -> Dict[str, Any]:
    """Answer ``look`` and then ``render``, or ``compare``, each with a run of env.py of its own; both only read.

    args: those of ``look`` without ``redirect``; ``then``: ``render`` or ``compare``; ``command``: the arguments of
    ``render`` that make the command line. What ``look`` answers is told; the rest of the request brings ``args``, all
    those of the other call. With ``models_follow`` among them, their ``models`` are asked for when they are needed.

    Raises:
        CallError: as the one and the other.
    """
    args = request["args"]
    renders = args["then"] == "render"
    environment = for_revision(args["command"], request) if renders else Environment(request, "check")
    patience = environment.seen.patience
    then = ask(looked(environment, request))["args"]
    environment.seen.patience = patience
    environment.seen.read_only()  # as it is without the short patience of a look
    if then.get("models_follow"):
        return (rendered if renders else compared)(environment, then, lambda: ask({})["models"])
    return (rendered if renders else compared)(environment, then)
