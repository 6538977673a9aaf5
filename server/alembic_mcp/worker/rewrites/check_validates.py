"""A CHECK is added NOT VALID, which takes a moment, and validated in a revision of its own."""

from __future__ import annotations

from typing import List

from alembic.operations import ops

from ..generate.changes import Change, Facts
from .foreign_key_validates import added_unchecked

__all__ = ["check_validates"]

RULE = "check-validates"


def check_validates(changes: List[Change], facts: Facts) -> List[Change]:
    """For PostgreSQL, where the table is live."""
    return added_unchecked(changes, facts, ops.CreateCheckConstraintOp, RULE, "check")
