"""Calls into the project's own Alembic: processes under its interpreter, and what becomes of each call."""

from __future__ import annotations

from .failures import WorkerFailed
from .interpreter import About
from .worker import Reply, Worker, Workers

__all__ = ["About", "Reply", "Worker", "WorkerFailed", "Workers"]
