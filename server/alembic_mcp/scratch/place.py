"""A scratch database as its users see it, and where ours are kept."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from ..errors import Failed

__all__ = ["Scratch", "ScratchUnavailable", "cache_folder"]


class ScratchUnavailable(Failed):
    """There can be no scratch database for this target here; the message names what is missing."""


@dataclass(frozen=True, repr=False)
class Scratch:
    """A database to rehearse on, gone when its context ends.

    Attributes:
        redirect: where the worker sends every connection: ``{"dialect": "postgresql", "params": {libpq keywords}}``
            or ``{"dialect": "sqlite", "path": file}``. May hold a password.
        where: for people: ``a copy of the schema on the embedded PostgreSQL 18.4``.
        same_version: the server has the major version of the target's, so that it behaves the same.
        warnings: how it differs from the target, one line each.
        recreate: drops it and makes it anew; `fresh` is the way to call it.
    """

    redirect: dict[str, Any]
    where: str
    same_version: bool
    recreate: Callable[[], Awaitable[None]]
    warnings: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        return f"Scratch({self.where})"

    async def fresh(self) -> None:
        """Put it back into the state it was handed out in, whatever was done to it.

        Raises:
            ScratchUnavailable: the server that it is on does not answer any more.
        """
        await self.recreate()


def cache_folder(folder: Path | None = None) -> Path:
    """*folder*, else ``ALEMBIC_MCP_CACHE_DIR``, else the user's cache folder."""
    if folder is not None:
        return folder
    configured = os.environ.get("ALEMBIC_MCP_CACHE_DIR")
    return Path(configured) if configured else platformdirs.user_cache_path("alembic-mcp")
