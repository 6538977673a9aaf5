"""Approvers in the store: who is enrolled, and whose signature counts.

Whoever can write the tables can add a row, so a row says nothing by itself. It counts if its fingerprint is pinned
where the writer can't reach, or if it is the first that was enrolled, or signed in by one that counts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from .. import approvals
from ..approvals import Approver
from ..errors import Refused
from . import trail
from .tables import APPROVERS

__all__ = ["ENROLLED", "REVOKED", "add", "everybody", "revoke", "trusted"]

ENROLLED, REVOKED = "approver enrolled", "approver revoked"


def everybody(connection: sa.Connection) -> list[Approver]:
    """All rows, in the order in which they came; one that the trail says was revoked is, whatever its row says."""
    revoked = {entry.said.get("fingerprint"): entry.at for entry in trail.of_kind(connection, REVOKED)}
    rows = connection.execute(APPROVERS.select().order_by(APPROVERS.c.created, APPROVERS.c.fingerprint))
    found = map(_approver, rows)
    return [replace(one, revoked=one.revoked or revoked.get(one.fingerprint)) for one in found]


def trusted(connection: sa.Connection, pins: tuple[str, ...] | None) -> dict[str, Approver]:
    """Whose signature counts, by fingerprint. With *pins*, those alone; an empty tuple of pins is nobody."""
    people = {one.fingerprint: one for one in everybody(connection)}
    if pins is not None:
        return {key: one for key, one in people.items() if key in pins and one.revoked is None and _is_whole(one)}
    first = next((entry.said.get("fingerprint") for entry in trail.of_kind(connection, ENROLLED)), None)
    roots = [one for one in people.values() if one.added_by is None]
    counted: dict[str, Approver] = {}
    if len(roots) == 1 and roots[0].fingerprint == first and _is_whole(roots[0]):
        counted[roots[0].fingerprint] = roots[0]
    while True:
        more = {
            key: one
            for key, one in people.items()
            if key not in counted and one.added_by in counted and _is_signed_in(one, counted[one.added_by])
        }
        if not more:
            break
        counted |= more
    return {key: one for key, one in counted.items() if one.revoked is None}


def add(connection: sa.Connection, now: float, new: Approver, by: str | None, evidence: dict[str, str] | None) -> None:
    """Enrol *new*. Raises Refused unless it is the first, or an approver that counts has signed it in."""
    people = everybody(connection)
    if any(one.fingerprint == new.fingerprint for one in people):
        raise Refused(f"{new.fingerprint} is enrolled already.", "alembic-mcp approver list shows everybody.")
    row = replace(new, added_by=None, evidence=None, created=now, revoked=None)
    if people:
        signer = trusted(connection, None).get(by or "")
        if signer is None or evidence is None or not approvals.verify(signer, approvals.enrolment(new), evidence):
            raise Refused(
                "There are approvers already: a further one has to be signed in by one of them. Nobody was enrolled.",
                "Have an approver enter their passphrase: alembic-mcp approver enroll asks for it.",
            )
        row = replace(row, added_by=signer.fingerprint, evidence=evidence)
    values: dict[str, Any] = {
        column.name: getattr(row, column.name) for column in APPROVERS.columns if column.name != "scrypt"
    }
    connection.execute(APPROVERS.insert().values(**values, scrypt=list(row.scrypt)))
    said = {
        "fingerprint": row.fingerprint,
        "name": row.name,
        "kind": row.kind,
        "public_key": approvals.encode(row.public_key),
        "credential_id": approvals.encode(row.credential_id or b""),
        "added_by": row.added_by,
        "evidence": row.evidence,
    }
    trail.append(connection, now, ENROLLED, None, said)


def revoke(connection: sa.Connection, now: float, gone: str, by: str, evidence: dict[str, str] | None) -> None:
    """End an approver. Raises Refused unless an approver that counts has signed that."""
    target = next((one for one in everybody(connection) if one.fingerprint == gone), None)
    if target is None:
        raise Refused(f"{gone} is not enrolled.", "alembic-mcp approver list shows everybody.")
    signer = trusted(connection, None).get(by)
    if signer is None or evidence is None or not approvals.verify(signer, approvals.revocation(gone), evidence):
        raise Refused("The signature is not one of an approver that counts. Nobody was revoked.", "Try again.")
    connection.execute(APPROVERS.update().where(APPROVERS.c.fingerprint == gone).values(revoked=now))
    trail.append(connection, now, REVOKED, None, {"fingerprint": gone, "by": by, "evidence": evidence})


def _is_signed_in(one: Approver, by: Approver) -> bool:
    return _is_whole(one) and one.evidence is not None and approvals.verify(by, approvals.enrolment(one), one.evidence)


def _is_whole(one: Approver) -> bool:
    return approvals.fingerprint(one.kind, one.public_key) == one.fingerprint


def _approver(row: Any) -> Approver:
    n, r, p = row.scrypt
    return Approver(
        fingerprint=row.fingerprint,
        name=row.name,
        kind=row.kind,
        public_key=row.public_key,
        salt=row.salt,
        scrypt=(n, r, p),
        credential_id=row.credential_id,
        added_by=row.added_by,
        evidence=row.evidence,
        created=row.created,
        revoked=row.revoked,
    )
