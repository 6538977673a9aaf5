"""Keeps other processes of the same user from reading what this one was started with and holds in its memory."""

from __future__ import annotations

import ctypes
import sys

__all__ = ["hide"]

_SET_DUMPABLE = 4  # PR_SET_DUMPABLE


def hide() -> None:
    """Make this process one that only root can look into: its environment in /proc, its memory, a debugger.

    A program that it starts is not hidden. Only Linux has such a thing; elsewhere nothing happens.
    """
    if sys.platform.startswith("linux"):
        libc = ctypes.CDLL(None)
        if hasattr(libc, "prctl"):
            libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0)
