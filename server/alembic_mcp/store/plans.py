"""Plans in the store: opened once for the same thing, approved by a signature, used up by one statement."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa

from .. import approvals
from ..owner import Owner
from . import people, trail
from .records import Details, Outcome, Plan
from .tables import PLANS

__all__ = [
    "ATTEMPTS",
    "abandon",
    "approve",
    "approved_otherwise",
    "consume",
    "decline",
    "failed_attempt",
    "find_or_add",
    "finish",
    "get",
    "latest",
    "listed",
    "told",
    "unfinished",
    "void",
]

VOID = "what it shows is not what would be shown now"
ATTEMPTS = 5
"""Wrong passphrases that lock a plan."""
LONGEST = 7 * 86_400.0
SKEW = 60.0
"""Seconds by which the clocks of two servers on one store may differ; a clock that goes back further ends a plan."""


_NOT_OPEN = {"expired": Outcome.EXPIRED, "locked": Outcome.LOCKED}


def find_or_add(
    connection: sa.Connection,
    now: float,
    *,
    digest: str,
    request: str,
    payload: dict[str, Any],
    lifetime: float,
    details: Details,
) -> str:
    """The id of the plan that waits, is approved or is locked for this; of a new one if there is none.

    Raises:
        sqlalchemy.exc.IntegrityError: another process has just added one.
    """
    key = hashlib.sha256(f"{digest}\0{request}".encode()).hexdigest()
    waits = PLANS.c.state.in_(("open", "approved"))
    stale = waits & ((PLANS.c.expires <= now) | (PLANS.c.seen > now + SKEW))
    connection.execute(PLANS.update().where(PLANS.c.key == key, stale).values(state="expired"))
    locked = (PLANS.c.state == "locked") & (PLANS.c.digest == digest) & (PLANS.c.expires > now)
    found = connection.execute(PLANS.select().where(((PLANS.c.key == key) & waits) | locked)).first()
    if found is not None:
        return str(found.id)
    older = PLANS.c.identity == details.identity, PLANS.c.request == request, PLANS.c.state == "open"
    if details.identity:
        replaced = PLANS.update().where(*older).values(state="expired", reason="replaced by a newer plan")
        connection.execute(replaced)
    new = secrets.token_hex(12)  # a dash at its beginning would make it an option on a command line
    connection.execute(
        PLANS.insert().values(
            id=new,
            key=key,
            digest=digest,
            request=request,
            payload=payload,
            details=asdict(details),
            identity=details.identity,
            state="open",
            created=now,
            expires=now + lifetime,
            seen=now,
            failures=0,
            reason="",
            outcome="",
        )
    )
    said = {name: getattr(details, name) for name in ("action", "target", "database", "project", "summary", "level")}
    facts = {
        "digest": digest,
        "shown": details.sha256,
        "identity": details.identity,
        "pins": details.pins,
        "expires": now + lifetime,
    }
    statements = payload.get("statements", [])
    trail.append(connection, now, "plan", new, {**said, **facts, "statements": statements})
    return new


def approve(
    connection: sa.Connection,
    now: float,
    plan_id: str,
    *,
    who: str,
    evidence: dict[str, str],
    statement: bytes,
    pins: tuple[str, ...] | None,
) -> Outcome:
    """Keep a signature with its plan, if it is one that counts."""
    plan = get(connection, now, plan_id)
    if plan is None or plan.state != "open":
        return _NOT_OPEN.get(plan.state if plan else "", Outcome.NOT_OPEN)
    if statement != plan.to_sign or plan.expires - now > LONGEST:
        return Outcome.DRIFT
    approver = people.trusted(connection, pins).get(who)
    if approver is None or not approvals.verify(approver, statement, evidence):
        known = pins is not None and who in people.trusted(connection, None)
        unknown = Outcome.NOT_PINNED if known else Outcome.UNKNOWN_APPROVER
        return Outcome.BAD_SIGNATURE if approver else unknown
    valid = (PLANS.c.state == "open") & (PLANS.c.expires > now)
    values = {"approver": who, "evidence": evidence, "statement": statement.decode(), "approved": now, "seen": now}
    done = connection.execute(PLANS.update().where(PLANS.c.id == plan_id, valid).values(state="approved", **values))
    if done.rowcount != 1:
        return Outcome.NOT_OPEN
    said = {
        "approver": who,
        "name": approver.name,
        "proof": approver.kind,
        "digest": plan.digest,
        "public_key": approvals.encode(approver.public_key),
        "credential_id": approvals.encode(approver.credential_id or b""),
        "statement": statement.decode(),
        "evidence": evidence,
    }
    trail.append(connection, now, "approved", plan_id, said)
    return Outcome.APPROVED


def consume(
    connection: sa.Connection,
    now: float,
    plan_id: str,
    digest: str,
    *,
    level: str,
    pins: tuple[str, ...] | None,
) -> bool:
    """Use up a plan by one statement: the database decides who is first.

    At level ``person`` only an approval whose signature verifies now, by an approver that counts now, is used up;
    what a row says about itself is nothing.
    """
    row = connection.execute(PLANS.select().where(PLANS.c.id == plan_id)).first()
    if row is None:
        return False
    usable: sa.ColumnElement[bool] = PLANS.c.state.in_(("open", "approved"))
    if level == "person":
        plan = _plan(row, now)
        approver = people.trusted(connection, pins).get(plan.approver or "")
        signed = replace(plan, digest=digest).to_sign
        if approver is None or plan.evidence is None or not approvals.verify(approver, signed, plan.evidence):
            return False
        usable = (PLANS.c.state == "approved") & (PLANS.c.approver == approver.fingerprint)
    # A clock that went back makes neither an approval nor a plan younger than it is.
    timely = (PLANS.c.expires > now) & (PLANS.c.seen <= now + SKEW)
    statement = PLANS.update().where(PLANS.c.id == plan_id, PLANS.c.digest == digest, usable, timely)
    values = {"state": "consumed", "consumed": now, "seen": now, "runner": Owner.me().as_dict()}
    if connection.execute(statement.values(**values)).rowcount != 1:
        return False
    by = row.approver if level == "person" else None
    said = {"digest": digest, "level": level, "approver": by, "what": "approved, about to run"}
    trail.append(connection, now, "consumed", plan_id, said)
    return True


def failed_attempt(connection: sa.Connection, now: float, plan_id: str) -> int:
    """Count a wrong passphrase; how many more are allowed. None left: the plan is locked."""
    one_more = PLANS.c.failures + 1
    state = sa.case((one_more >= ATTEMPTS, "locked"), else_=PLANS.c.state)
    statement = PLANS.update().where(PLANS.c.id == plan_id, PLANS.c.state == "open")
    connection.execute(statement.values(failures=one_more, state=state, seen=now))
    row = connection.execute(PLANS.select().where(PLANS.c.id == plan_id)).first()
    if row is None or row.state == "expired":
        return 0
    left = max(0, ATTEMPTS - int(row.failures))
    trail.append(connection, now, "wrong passphrase", plan_id, {"attempts_left": left})
    return left


def void(connection: sa.Connection, now: float, plan_id: str, why: str) -> None:
    """End a plan that waits, or whose approval was not used yet: *why* is what it shows wrongly."""
    why = f"{VOID}: {why}"
    usable = PLANS.c.state.in_(("open", "approved"))
    ended = PLANS.update().where(PLANS.c.id == plan_id, usable).values(state="expired", reason=why, seen=now)
    if connection.execute(ended).rowcount == 1:
        trail.append(connection, now, "void", plan_id, {"why": why})


def decline(connection: sa.Connection, now: float, plan_id: str, reason: str, who: str) -> bool:
    """Decline a plan that waits, or whose approval was not used yet."""
    usable = PLANS.c.state.in_(("open", "approved"))
    text = f"{who}: {reason}" if who and reason else reason or who
    statement = PLANS.update().where(PLANS.c.id == plan_id, usable).values(state="declined", reason=text, seen=now)
    if connection.execute(statement).rowcount != 1:
        return False
    trail.append(connection, now, "declined", plan_id, {"reason": reason, "who": who})
    return True


def finish(connection: sa.Connection, now: float, plan_id: str, outcome: str, said: dict[str, Any]) -> None:
    """Keep how the run of a plan ended."""
    statement = PLANS.update().where(PLANS.c.id == plan_id, PLANS.c.finished.is_(None))
    connection.execute(statement.values(finished=now, outcome=outcome))
    trail.append(connection, now, "result", plan_id, {"outcome": outcome, **said})


def get(connection: sa.Connection, now: float, plan_id: str) -> Plan | None:
    """The plan as a record."""
    row = connection.execute(PLANS.select().where(PLANS.c.id == plan_id)).first()
    return None if row is None else _plan(row, now)


def listed(connection: sa.Connection, now: float, states: tuple[str, ...]) -> list[Plan]:
    """The plans in one of *states* now, oldest first."""
    rows = connection.execute(PLANS.select().where(PLANS.c.state.in_(states)).order_by(PLANS.c.created))
    return [plan for plan in (_plan(row, now) for row in rows) if plan.state in states]


def latest(connection: sa.Connection, now: float, identity: str, request: str) -> Plan | None:
    """The plan that was made last for a request about a database."""
    mine = PLANS.c.identity == identity, PLANS.c.request == request
    row = connection.execute(PLANS.select().where(*mine).order_by(PLANS.c.created.desc()).limit(1)).first()
    return None if row is None else _plan(row, now)


def approved_otherwise(connection: sa.Connection, now: float, request: str, digest: str) -> Plan | None:
    """The plan for the same request that was approved and does not count any more: by its digest, or as void."""
    void = (PLANS.c.state == "expired") & PLANS.c.reason.startswith(VOID)
    otherwise = ((PLANS.c.digest != digest) & (PLANS.c.state == "approved")) | void
    mine = PLANS.c.request == request, PLANS.c.approved.is_not(None), PLANS.c.expires > now, otherwise
    row = connection.execute(PLANS.select().where(*mine).order_by(PLANS.c.approved.desc()).limit(1)).first()
    return None if row is None else _plan(row, now)


def told(connection: sa.Connection, plan_id: str) -> None:
    """The agent knows that this plan was declined."""
    mine = PLANS.c.id == plan_id, PLANS.c.state == "declined"
    connection.execute(PLANS.update().where(*mine).values(outcome="told"))


def abandon(connection: sa.Connection, now: float, plan_id: str) -> None:
    """Nobody knows how far its run came, and its process will not say any more."""
    connection.execute(PLANS.update().where(PLANS.c.id == plan_id).values(runner=None))
    trail.append(connection, now, "interrupted", plan_id, {"what": "approved, not known to have run"})


def unfinished(connection: sa.Connection, now: float, identity: str) -> list[Plan]:
    """Plans that were approved and used up, and whose process is gone without a word about how the run ended.

    One that was followed by a run whose end is known is of no interest any more.
    """
    mine = PLANS.c.identity == identity
    known = connection.execute(sa.select(sa.func.max(PLANS.c.consumed)).where(mine, PLANS.c.finished.is_not(None)))
    since = known.scalar() or 0.0
    lost = mine, PLANS.c.state == "consumed", PLANS.c.finished.is_(None), PLANS.c.consumed > since
    rows = connection.execute(PLANS.select().where(*lost).order_by(PLANS.c.consumed)).all()
    return [_plan(row, now) for row in rows if _is_gone(row.runner)]


def _is_gone(runner: Any) -> bool:
    """True if the process that ran it has ended; of one on another machine nothing is known."""
    owner = Owner.read(runner)
    return owner is None or owner.is_dead or owner.host != Owner.me().host


def _plan(row: Any, now: float) -> Plan:
    waits = row.state in ("open", "approved")
    state = "expired" if waits and (row.expires <= now or row.seen > now + SKEW) else row.state
    details = Details(**{**row.details, "pins": tuple(row.details.get("pins") or ()), "identity": row.identity})
    return Plan(
        id=row.id,
        digest=row.digest,
        request=row.request,
        payload=row.payload,
        state=state,
        created=row.created,
        expires=row.expires,
        consumed=row.consumed,
        details=details,
        failures=row.failures,
        approver=row.approver,
        evidence=row.evidence,
        statement=row.statement,
        approved=row.approved,
        reason=row.reason,
        finished=row.finished,
        outcome=row.outcome,
    )
