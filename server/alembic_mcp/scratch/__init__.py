"""Scratch databases: a copy of the target's schema to rehearse on, gone when its context ends."""

from .place import Scratch, ScratchUnavailable
from .servers import ScratchServers

__all__ = ["Scratch", "ScratchServers", "ScratchUnavailable"]
