"""Questions about the rows of the real database: read-only, limited in time, and unknown rather than wrong."""

from __future__ import annotations

from .inquiry import answer

__all__ = ["answer"]
