"""Every tool: its function, its title, and what it may touch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from mcp_types import ToolAnnotations

from .change import downgrade, stamp, upgrade
from .look import check, current, history, review
from .write import generate, init, merge_heads

__all__ = ["TOOLS", "Entry"]

READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
WRITES_FILES = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False
)
CHANGES_DATABASE = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=False
)


class Entry(NamedTuple):
    """A line of the table."""

    function: Callable[..., Awaitable[Any]]
    title: str
    annotations: ToolAnnotations

    @property
    def read_only(self) -> bool:
        """True if it is offered by a read-only server too."""
        return bool(self.annotations.read_only_hint)


TOOLS: tuple[Entry, ...] = (
    Entry(current, "Where the database stands", READS),
    Entry(history, "Revision history", READS),
    Entry(check, "Models against database", READS),
    Entry(generate, "Write a revision", WRITES_FILES),
    Entry(review, "Review revisions", READS),
    Entry(upgrade, "Upgrade the database", CHANGES_DATABASE),
    Entry(downgrade, "Downgrade the database", CHANGES_DATABASE),
    Entry(merge_heads, "Merge heads", WRITES_FILES),
    Entry(stamp, "Stamp the database", CHANGES_DATABASE),
    Entry(init, "Set up Alembic", WRITES_FILES),
)
