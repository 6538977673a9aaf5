"""What a person does about a plan: look at it, approve it with a key that only they have, decline it.

The one way in for the approval page and for the terminal; neither decides anything. No tool calls this.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio

from .. import approvals
from ..approvals import Approver, WrongPassphrase
from ..errors import Refused
from ..report import ChangeReport, Plan
from ..store import Outcome
from . import plan as plans
from .consent import pinned

if TYPE_CHECKING:
    from ..store import Plan as StoredPlan
    from .app import App

__all__ = ["Run", "WaitingPlan", "add_approver", "approve", "approvers", "decline", "plan", "revoke", "waiting"]

DATA_LOSS = "drops-data"


@dataclass(frozen=True)
class WaitingPlan:
    """All that a person is shown about a plan, and what they would sign.

    Attributes:
        stored: the plan as the store has it: state, expiry, failures, what became of it.
        report: the change as it would be; None where what the store has is no report.
        approvers: those who may approve it now: enrolled, not revoked, and pinned where somebody is pinned.
        statement: what is signed; `approvals.challenge` of it is what a passkey signs.
        database_name: has to be typed where *type_name*, because data is lost.
        tampered: what in the store is not what the digest is about; such a plan can't be approved.
    """

    stored: StoredPlan
    report: ChangeReport | None
    approvers: tuple[Approver, ...]
    statement: bytes
    database_name: str
    type_name: bool
    tampered: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The plan's id."""
        return self.stored.id


@dataclass
class Run:
    """How the run of an approved plan goes; in `App.runs` by the plan's id.

    Attributes:
        lines: (seconds since 1970, what is being done), in order.
        report: how it ended; None as long as it runs.
    """

    lines: list[tuple[float, str]] = field(default_factory=list)
    report: ChangeReport | None = None


async def plan(app: App, plan_id: str) -> WaitingPlan:
    """The plan, in whatever state it is. Raises Refused if there is none of that id."""
    store = await app.store()
    stored = await anyio.to_thread.run_sync(store.get, plan_id)
    if stored is None:
        raise Refused(f"There is no plan {plan_id!r}.", "alembic-mcp plans lists those that wait.")
    return _waiting(app, stored, await anyio.to_thread.run_sync(store.approvers))


async def waiting(app: App) -> list[WaitingPlan]:
    """The plans that wait for somebody, oldest first."""
    store = await app.store()
    people = await anyio.to_thread.run_sync(store.approvers)
    return [_waiting(app, stored, people) for stored in await anyio.to_thread.run_sync(store.waiting)]


async def approvers(app: App) -> list[Approver]:
    """All who are enrolled, revoked ones included."""
    store = await app.store()
    return await anyio.to_thread.run_sync(store.approvers)


async def approve(
    app: App,
    plan_id: str,
    fingerprint: str,
    secret: str | approvals.Evidence,
    typed_database_name: str | None = None,
) -> Outcome:
    """Approve with a passphrase (text), or with the evidence of a passkey (see `approvals.verify`).

    Everything is checked again: the state, the name where data is lost, the pins, the signature itself.
    Five wrong passphrases lock the plan. Raises Refused if there is no such plan.
    """
    found = await plan(app, plan_id)
    store = await app.store()
    stopped = _stopped(found, typed_database_name)
    if stopped is not None:
        return stopped
    person = next(
        (one for one in found.approvers if secrets.compare_digest(one.fingerprint.encode(), fingerprint.encode())), None
    )
    if person is None:
        known = {one.fingerprint for one in await approvers(app) if one.revoked is None}
        return Outcome.NOT_PINNED if fingerprint in known else Outcome.UNKNOWN_APPROVER
    if isinstance(secret, str):
        try:
            evidence = await anyio.to_thread.run_sync(approvals.sign, person, secret, found.statement)
        except WrongPassphrase:
            left = await anyio.to_thread.run_sync(store.failed_attempt, plan_id)
            return Outcome.WRONG_PASSPHRASE if left else Outcome.LOCKED
    else:
        evidence = secret
    outcome = await anyio.to_thread.run_sync(
        store.approve,
        plan_id,
        person.fingerprint,
        evidence,
        found.statement,
        pinned(app.pins, found.stored.details.pins),
    )
    if outcome is Outcome.BAD_SIGNATURE:
        await anyio.to_thread.run_sync(store.failed_attempt, plan_id)
    return outcome


async def decline(app: App, plan_id: str, reason: str = "", who: str = "") -> bool:
    """Decline; the agent is told the reason. False if the plan was answered or used already."""
    store = await app.store()
    return await anyio.to_thread.run_sync(store.decline, plan_id, reason, who)


async def add_approver(app: App, new: Approver, by: str | None = None, secret: Any = None) -> Approver:
    """Enrol somebody; the first is taken at their word, each further one needs an existing one's passphrase.

    Args:
        app: the app.
        new: see `approvals.enroll` and `approvals.passkey`.
        by: fingerprint of an existing approver.
        secret: that approver's passphrase, or the evidence of a passkey over `approvals.enrolment(new)`.

    Raises:
        Refused: there are approvers already, and *by* is none of them.
        WrongPassphrase: it is not theirs.
    """
    store = await app.store()
    evidence = await _signed(app, by, secret, approvals.enrolment(new))
    await anyio.to_thread.run_sync(store.add_approver, new, by, evidence)
    return next(one for one in await approvers(app) if one.fingerprint == new.fingerprint)


async def revoke(app: App, fingerprint: str, by: str, secret: str | approvals.Evidence) -> None:
    """End an approver, by the signature of one that counts (their own will do).

    Raises:
        Refused: there is no such approver, or *by* is none.
        WrongPassphrase: it is not theirs.
    """
    store = await app.store()
    evidence = await _signed(app, by, secret, approvals.revocation(fingerprint))
    await anyio.to_thread.run_sync(store.revoke, fingerprint, by, evidence)


async def _signed(app: App, by: str | None, secret: Any, what: bytes) -> approvals.Evidence | None:
    if by is None or not isinstance(secret, str):
        return secret if by is not None else None
    person = next((one for one in await approvers(app) if one.fingerprint == by and one.revoked is None), None)
    if person is None:
        raise Refused(f"{by} is no approver, or was revoked.", "alembic-mcp approver list shows those who count.")
    return await anyio.to_thread.run_sync(approvals.sign, person, secret, what)


def _stopped(found: WaitingPlan, typed: str | None) -> Outcome | None:
    if found.tampered:
        return Outcome.DRIFT
    match found.stored.state:
        case "expired":
            return Outcome.EXPIRED
        case "locked":
            return Outcome.LOCKED
        case "open":
            pass
        case _:
            return Outcome.NOT_OPEN
    if found.type_name and not secrets.compare_digest((typed or "").strip().encode(), found.database_name.encode()):
        return Outcome.WRONG_NAME
    return None


def _waiting(app: App, stored: StoredPlan, people: list[Approver]) -> WaitingPlan:
    report: ChangeReport | None
    try:
        report = ChangeReport.model_validate(stored.details.report)
        report.plan = Plan(id=stored.id, digest=stored.digest)
    except ValueError:
        report = None
    pins = pinned(app.pins, stored.details.pins)
    described = stored.payload.get("database") or {}
    escalations = stored.payload.get("escalations") or []
    return WaitingPlan(
        stored=stored,
        report=report,
        approvers=tuple(one for one in people if one.revoked is None and (pins is None or one.fingerprint in pins)),
        statement=stored.to_sign,
        database_name=str(described.get("name", "")),
        type_name=any(one.get("rule") == DATA_LOSS for one in escalations),
        tampered=tuple(plans.tampered(stored, report)),
    )
