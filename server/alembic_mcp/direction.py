"""Upgrade or downgrade: apart from the operations, for a starting server needs it without them."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Direction"]


class Direction(StrEnum):
    """Which of a revision's two functions."""

    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"
