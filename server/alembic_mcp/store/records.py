"""What the store gives out: plans, and what became of an approval."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import platformdirs

from .. import approvals
from ..audit import canonical

__all__ = ["Details", "Outcome", "Plan", "default_file"]


def default_file() -> Path:
    """Where everything is kept unless ``ALEMBIC_MCP_STATE_URL`` names another place."""
    return platformdirs.user_state_path("alembic-mcp") / "state.sqlite"


class Outcome(StrEnum):
    """What became of an attempt to approve."""

    APPROVED = "approved"
    NOT_OPEN = "not open"
    EXPIRED = "expired"
    DRIFT = "drift"
    LOCKED = "locked"
    NOT_PINNED = "not pinned"
    UNKNOWN_APPROVER = "unknown approver"
    BAD_SIGNATURE = "bad signature"
    WRONG_PASSPHRASE = "wrong passphrase"  # noqa: S105 - the outcome, not one
    WRONG_NAME = "wrong name"

    @property
    def message(self) -> str:
        """For people, in a sentence."""
        return _MESSAGES[self]


_MESSAGES = {
    Outcome.APPROVED: "Approved: it can run once, as long as nothing changes.",
    Outcome.NOT_OPEN: "This plan waits for nobody: it was answered or used already.",
    Outcome.EXPIRED: "This plan has expired; have it made anew.",
    Outcome.DRIFT: "The plan in the store is not the one that was made: somebody changed it. Nothing was approved.",
    Outcome.LOCKED: "This plan is locked after too many wrong passphrases; have it made anew when it has expired.",
    Outcome.NOT_PINNED: "This approver is not one of those that the database or the server is pinned to.",
    Outcome.UNKNOWN_APPROVER: "This approver is not enrolled, or was revoked.",
    Outcome.BAD_SIGNATURE: "The signature is not one of this plan by this approver. Nothing was approved.",
    Outcome.WRONG_PASSPHRASE: "The passphrase is not the approver's. Nothing was approved.",
    Outcome.WRONG_NAME: "The name that was typed is not the database's. Nothing was approved.",
}


@dataclass(frozen=True)
class Details:
    """What is kept with a plan for the people who are asked.

    Attributes:
        action: upgrade, downgrade or stamp; *target* as it was asked for, *database* and *project* likewise.
        summary: one or two sentences.
        report: the whole report as it was shown, as JSON.
        level: ``client`` or ``person``; empty where nobody has to be asked.
        identity: of the database, see `Target`; *pins* are the approvers that it is pinned to.
    """

    action: str = ""
    target: str = ""
    database: str = "default"
    project: str | None = None
    summary: str = ""
    report: dict[str, Any] = field(default_factory=dict)
    level: str = "client"
    identity: str = ""
    pins: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """Of all that is shown."""
        return hashlib.sha256(canonical(asdict(self)).encode()).hexdigest()


@dataclass(frozen=True)
class Plan:
    """A plan as it is kept.

    Attributes:
        payload: all that the digest is about (`workflows.plan.describe`).
        state: ``open``, ``approved``, ``declined``, ``consumed``, ``locked`` or ``expired``.
        created: seconds since 1970; ``expires``, ``approved``, ``consumed`` and ``finished`` likewise.
        failures: wrong passphrases so far.
        approver: fingerprint of who approved it; *evidence* is the signature over *statement*.
        reason: why it was declined, or by whom.
        outcome: how the run ended, ``""`` if that is not known.
    """

    id: str
    digest: str
    request: str
    payload: dict[str, Any]
    state: str
    created: float
    expires: float
    consumed: float | None = None
    details: Details = field(default_factory=Details)
    failures: int = 0
    approver: str | None = None
    evidence: dict[str, str] | None = None
    statement: str | None = None
    approved: float | None = None
    reason: str = ""
    finished: float | None = None
    outcome: str = ""

    @property
    def to_sign(self) -> bytes:
        """What an approver signs."""
        return approvals.statement(self.id, self.digest, self.details.sha256, self.details.identity, self.expires)
