"""Decides where a call that only looks is led: to a scratch database, or to the real one without a chance to write."""

from __future__ import annotations

from typing import Any, Dict

from .environment import Environment
from .guards import Guards
from .recorder import Recorder
from .redirect import Redirect

__all__ = ["settle"]


def settle(environment: Environment, args: Dict[str, Any]) -> None:
    """Lead connections to the scratch database where the call says so; otherwise let nothing be written.

    Args:
        environment: the project's.
        args: ``redirect``, and ``read_only`` where nothing is to be written into the scratch database either.
    """
    if args.get("redirect"):
        redirect = Redirect(args["redirect"], environment.refused, environment.root)
        Guards(Recorder(), redirect, environment.root)
    if args.get("read_only") or not args.get("redirect"):
        environment.seen.read_only()
