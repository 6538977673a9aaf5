"""Questions about the rows of the real database: read-only, limited in time, and unknown rather than wrong."""

from __future__ import annotations

from .inquiry import answer
from .sizes import tables_with_rows

__all__ = ["answer", "tables_with_rows"]
