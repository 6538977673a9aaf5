"""Checks the audit trail: the chain, every signature in it, and that the store's tables say the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa

from .. import approvals, audit
from ..approvals import Approver
from ..audit import Entry
from . import people, trail
from .tables import APPROVERS, PLANS

__all__ = ["problems"]

MARK = "mark"
_Counted = dict[str, Approver | None]


def problems(connection: sa.Connection) -> list[str]:
    """What is wrong, one line each, with the numbers of the entries; none if nothing is."""
    entries = list(trail.entries(connection))
    found = audit.problems(entries, trail.head(connection))
    found += [f"entry {entry.number}: {why}" for entry, why in _unproven(entries)]
    planned = {entry.plan: entry for entry in entries if entry.kind == "plan"}
    found += [
        f"entry {entry.number}: what was approved is not what entry {planned[entry.plan].number} showed"
        for entry in entries
        if entry.kind == "approved" and entry.plan in planned and _shown(entry) != planned[entry.plan].said.get("shown")
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


def _unproven(entries: Iterable[Entry]) -> Iterator[tuple[Entry, str]]:
    """Entries that should carry the signature of an approver who counted by then, and don't."""
    judges = {people.ENROLLED: _enrolment, people.REVOKED: _revocation, "approved": _approval, MARK: _mark}
    counted: _Counted = {}  # None: not any more
    for entry in entries:
        if entry.kind in judges:
            why = judges[entry.kind](counted, entry.said)
            if why is not None:
                yield entry, why


def _enrolment(counted: _Counted, said: dict[str, Any]) -> str | None:
    new = _approver(said, "fingerprint", "kind")
    if new is None:
        return "the key of the approver is not the one of the fingerprint"
    by = said.get("added_by")
    if (counted or by is not None) and not _is_signed(counted, by, approvals.enrolment(new), said):
        return f"no approver that counted has signed {new.name} in"
    counted[new.fingerprint] = new
    return None


def _revocation(counted: _Counted, said: dict[str, Any]) -> str | None:
    gone = str(said.get("fingerprint"))
    signed = _is_signed(counted, said.get("by"), approvals.revocation(gone), said)
    counted[gone] = None
    return None if signed else f"no approver that counted has signed the end of {gone}"


def _approval(counted: _Counted, said: dict[str, Any]) -> str | None:
    who = _approver(said, "approver", "proof")
    if who is None or not _verifies(who, said, {"digest": said.get("digest")}):
        return f"the signature of {said.get('name')} does not verify"
    return None if counted.get(who.fingerprint) else f"{who.name} was no approver by then"


def _mark(counted: _Counted, said: dict[str, Any]) -> str | None:
    if not said.get("signed") and not (said.get("loosens") and counted):
        return None
    who = counted.get(str(said.get("by")))
    about = {
        "database": said.get("identity"),
        "environment": said.get("environment"),
        "approvers": sorted(said.get("approvers") or []),
    }
    return None if who and _verifies(who, said, about) else "no approver that counted has signed the marks"


def _approver(said: dict[str, Any], fingerprint: str, kind: str) -> Approver | None:
    """Who an entry says that somebody is; None if their key is not that of their fingerprint."""
    try:
        who = Approver(
            fingerprint=said[fingerprint],
            name=said["name"],
            kind=said[kind],
            public_key=approvals.decode(said["public_key"]),
            credential_id=approvals.decode(said["credential_id"]),
        )
        return who if approvals.fingerprint(who.kind, who.public_key) == who.fingerprint else None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _is_signed(counted: _Counted, by: object, statement: bytes, said: dict[str, Any]) -> bool:
    who = counted.get(str(by))
    return who is not None and approvals.verify(who, statement, said.get("evidence") or {})


def _verifies(who: Approver, said: dict[str, Any], about: dict[str, Any]) -> bool:
    """Whether *who* signed the statement of an entry, and it is *about* what the entry says."""
    try:
        statement = json.loads(said["statement"])
        tells = all(statement.get(name) == value for name, value in about.items())
        return tells and approvals.verify(who, said["statement"].encode(), said["evidence"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return False


def _shown(entry: Entry) -> Any:
    try:
        return json.loads(entry.said["statement"]).get("shown")
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
