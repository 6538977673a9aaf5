"""Plans, approvers and the audit trail: a small database of the server's own."""

from __future__ import annotations

from .records import Details, Outcome, Plan
from .store import Store

__all__ = ["Details", "Outcome", "Plan", "Store"]
