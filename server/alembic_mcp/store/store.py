"""The store: every method is one transaction, in which the audit trail grows with what it tells about."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from ..approvals import Approver, Evidence
from ..audit import Entry
from ..errors import Failed, redact
from .records import Details, Outcome, Plan, default_file

if TYPE_CHECKING:
    import sqlalchemy as sa

    from .opening import Opened

__all__ = ["Store"]

_ATTEMPTS = 5
T = TypeVar("T")


class Store:
    """What one user, or a team that shares a database for it, has planned and approved.

    Safe to use from threads and processes. Nothing is opened before the first call; all methods block for a few
    milliseconds, and all raise Failed where the store cannot be used, Refused where a newer version wrote it.
    """

    def __init__(
        self, url: str | None = None, *, clock: Callable[[], float] = time.time, busy_seconds: float = 20
    ) -> None:
        """Keep it at *url* (SQLAlchemy's), else ``ALEMBIC_MCP_STATE_URL``, else in the user's state folder."""
        self._url = url or os.environ.get("ALEMBIC_MCP_STATE_URL")
        self._clock = clock
        self._busy = busy_seconds
        self._opened: Opened | None = None
        self._opening = threading.Lock()

    @property
    def exists(self) -> bool:
        """False if there is surely nothing in it: it costs nothing to ask."""
        return self._url is not None or default_file().exists()

    # Plans

    def open_plan(
        self, digest: str, request: str, payload: dict[str, Any], lifetime: float, details: Details | None = None
    ) -> str:
        """The id of the plan with this *digest* for this *request* that was not used; else of a new one.

        It is open for *lifetime* seconds, or approved, or locked after too many wrong passphrases.
        """
        from sqlalchemy.exc import IntegrityError

        from . import plans

        with self._failures():
            for _ in range(_ATTEMPTS):
                try:
                    with self._using().writing() as connection:
                        return plans.find_or_add(
                            connection,
                            self._clock(),
                            digest=digest,
                            request=request,
                            payload=payload,
                            lifetime=lifetime,
                            details=details or Details(),
                        )
                except IntegrityError:
                    continue  # another process has just added it
        raise Failed(f"{self._place} is too busy to keep a plan.", "Call again.")

    def get(self, plan_id: str) -> Plan | None:
        """The plan, None if there is none of that id."""
        from . import plans

        return self._read(lambda c: plans.get(c, self._clock(), plan_id))

    def waiting(self) -> list[Plan]:
        """The plans that wait for somebody, oldest first."""
        return self.listed("open")

    def listed(self, *states: str) -> list[Plan]:
        """The plans in one of *states*, oldest first."""
        from . import plans

        return self._read(lambda c: plans.listed(c, self._clock(), states))

    def latest(self, identity: str, request: str) -> Plan | None:
        """The plan that was made last for a request about the database *identity*."""
        from . import plans

        return self._read(lambda c: plans.latest(c, self._clock(), identity, request))

    def unfinished(self, identity: str) -> list[Plan]:
        """Plans of a database that were approved and used up, and of which nobody knows whether they ran."""
        from . import plans

        return self._read(lambda c: plans.unfinished(c, self._clock(), identity))

    def approved_otherwise(self, request: str, digest: str) -> Plan | None:
        """The plan for the same request that was approved, but is another one now."""
        from . import plans

        return self._read(lambda c: plans.approved_otherwise(c, self._clock(), request, digest))

    def told(self, plan_id: str) -> None:
        """The agent was told that this plan was declined: the same wish asks anew from now on."""
        from . import plans

        self._write(lambda c: plans.told(c, plan_id))

    def abandon(self, plan_id: str) -> None:
        """The run of a plan was interrupted, and nobody knows how far it came."""
        from . import plans

        self._write(lambda c: plans.abandon(c, self._clock(), plan_id))

    def approve(
        self,
        plan_id: str,
        fingerprint: str,
        evidence: Evidence,
        statement: bytes,
        pins: tuple[str, ...] | None = None,
    ) -> Outcome:
        """Keep the signature of an approver with the plan, after verifying it.

        *pins* are all the fingerprints that count; None: whoever is enrolled.
        """
        from . import plans

        return self._write(
            lambda c: plans.approve(
                c, self._clock(), plan_id, who=fingerprint, evidence=evidence, statement=statement, pins=pins
            )
        )

    def failed_attempt(self, plan_id: str) -> int:
        """Count a wrong passphrase; how many more are allowed. None left: the plan is locked."""
        from . import plans

        return self._write(lambda c: plans.failed_attempt(c, self._clock(), plan_id))

    def void(self, plan_id: str, why: str) -> None:
        """End a plan because what it shows is not true (any more)."""
        from . import plans

        self._write(lambda c: plans.void(c, self._clock(), plan_id, why))

    def decline(self, plan_id: str, reason: str = "", who: str = "") -> bool:
        """Decline a plan; False if it was answered or used already."""
        from . import plans

        return self._write(lambda c: plans.decline(c, self._clock(), plan_id, reason, who))

    def consume(self, plan_id: str, digest: str, level: str = "client", pins: tuple[str, ...] | None = None) -> bool:
        """Use up a plan: True for exactly one caller; False if it is used, expired, unknown or of another *digest*.

        At *level* ``person`` it must carry a signature that verifies, by an approver that counts (see `approve`).
        """
        from . import plans

        return self._write(lambda c: plans.consume(c, self._clock(), plan_id, digest, level=level, pins=pins))

    def finish(self, plan_id: str, outcome: str, said: dict[str, Any]) -> None:
        """Keep how the run of a plan ended."""
        from . import plans

        self._write(lambda c: plans.finish(c, self._clock(), plan_id, outcome, said))

    # Approvers

    def approvers(self) -> list[Approver]:
        """All who are enrolled, revoked ones included, in the order in which they came."""
        from . import people

        return self._read(people.everybody)

    def trusted(self, pins: tuple[str, ...] | None = None) -> dict[str, Approver]:
        """Whose signature counts, by fingerprint."""
        from . import people

        return self._read(lambda c: people.trusted(c, pins))

    def add_approver(self, new: Approver, signed_by: str | None = None, evidence: Evidence | None = None) -> None:
        """Enrol somebody. The first is taken at their word; *evidence* is an existing one's signature.

        Raises:
            Refused: there are approvers, and none that counts has signed `approvals.enrolment` of the new one.
        """
        from . import people

        self._write(lambda c: people.add(c, self._clock(), new, signed_by, evidence))

    def revoke(self, fingerprint: str, by: str, evidence: Evidence | None) -> None:
        """End an approver. Raises Refused unless one that counts has signed `approvals.revocation`."""
        from . import people

        self._write(lambda c: people.revoke(c, self._clock(), fingerprint, by, evidence))

    # Audit

    def audit(self, kind: str, plan_id: str | None, payload: dict[str, Any]) -> None:
        """Append to the trail; passwords in *payload* are taken out."""
        from . import trail

        self._write(lambda c: trail.append(c, self._clock(), kind, plan_id, payload))

    def entries(self, plan_id: str | None = None, limit: int | None = None) -> list[Entry]:
        """The trail in order; its last *limit* entries, those about a plan alone if one is given."""
        from . import trail

        return self._read(lambda c: list(trail.entries(c, plan_id, limit)))

    def verify_audit(self) -> list[str]:
        """What is wrong with the trail and with what the store says it is about, one line each; none if nothing is."""
        from . import proof

        return self._read(proof.problems)

    def close(self) -> None:
        """Let go of the connections; the store can be used again."""
        with self._opening:
            if self._opened is not None:
                self._opened.engine.dispose()
                self._opened = None

    @property
    def _place(self) -> str:
        if self._url:
            return f"The store of plans ({redact(self._url)})"
        return f"The store of plans ({default_file()})"

    def _read(self, work: Callable[[sa.Connection], T]) -> T:
        with self._failures(), self._using().reading() as connection:
            return work(connection)

    def _write(self, work: Callable[[sa.Connection], T]) -> T:
        with self._failures(), self._using().writing() as connection:
            return work(connection)

    def _using(self) -> Opened:
        from .opening import Opened

        with self._opening:
            if self._opened is None:
                self._opened = Opened(self._url, self._busy)
            return self._opened

    @contextmanager
    def _failures(self) -> Iterator[None]:
        import sqlalchemy.exc

        try:
            yield
        except (sqlalchemy.exc.SQLAlchemyError, sqlite3.Error, OSError, ImportError) as error:
            why = " ".join(str(getattr(error, "orig", None) or error).split())
            raise Failed(
                f"{self._place} cannot be used: {why} Nothing was changed.",
                "Make it readable and writable for this user, with room on its disk.",
                "A broken file can be moved away: plans that wait are lost with it, and the approvers enrol anew.",
                "ALEMBIC_MCP_STATE_URL names another place.",
            ) from error
