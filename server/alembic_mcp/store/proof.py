"""Checks the audit trail: the chain, every signature in it, and that the store's tables say the same."""

from __future__ import annotations

import sqlalchemy as sa

from .. import approvals, audit
from ..approvals import Approver
from ..audit import Entry
from . import people, trail
from .tables import APPROVERS, PLANS

__all__ = ["problems"]


def problems(connection: sa.Connection) -> list[str]:
    """What is wrong, one line each, with the numbers of the entries; none if nothing is."""
    entries = list(trail.entries(connection))
    found = audit.problems(entries, trail.head(connection))
    found += [
        f"entry {entry.number}: the signature of {entry.said.get('name')} does not verify"
        for entry in entries
        if entry.kind == "approved" and not _is_signed(entry)
    ]
    told = {kind: {entry.plan for entry in entries if entry.kind == kind} for kind in ("approved", "consumed")}
    for row in connection.execute(sa.select(PLANS.c.id, PLANS.c.state, PLANS.c.approver).order_by(PLANS.c.created)):
        if row.approver is not None and row.id not in told["approved"]:
            found.append(f"plan {row.id} is approved in the store, but the trail has no approval of it")
        if row.state == "consumed" and row.id not in told["consumed"]:
            found.append(f"plan {row.id} was used in the store, but the trail does not say so")
    enrolled = {entry.said.get("fingerprint") for entry in entries if entry.kind == people.ENROLLED}
    found += [
        f"approver {fingerprint} is in the store, but the trail has no enrolment"
        for fingerprint in connection.execute(sa.select(APPROVERS.c.fingerprint)).scalars()
        if fingerprint not in enrolled
    ]
    return found


def _is_signed(entry: Entry) -> bool:
    said = entry.said
    try:
        who = Approver(
            fingerprint=said["approver"],
            name=said["name"],
            kind=said["proof"],
            public_key=approvals.decode(said["public_key"]),
            credential_id=approvals.decode(said["credential_id"]),
        )
        return approvals.verify(who, said["statement"].encode(), said["evidence"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return False
