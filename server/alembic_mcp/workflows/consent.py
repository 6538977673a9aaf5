"""Whose yes a change has: finds the approval of this very plan, uses it up once, or says what is missing."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

import anyio

from ..errors import NotDone
from ..report import ChangeReport, Level
from ..store import Details, Plan
from . import plan as plans
from . import shown
from .found import lasting_name

if TYPE_CHECKING:
    from ..store import Store
    from .app import App, Located
    from .change import Answer, Prepared

__all__ = ["ended", "level", "lost", "needs_person", "open_plan", "pinned", "question_is_open", "record", "settle"]

logger = logging.getLogger(__name__)


def pinned(server: tuple[str, ...], database: tuple[str, ...]) -> tuple[str, ...] | None:
    """All fingerprints that count, where the server's command line or the database pins some; None: no pins."""
    if server and database:
        return tuple(one for one in database if one in server)
    return server or database or None


def level(prepared: Prepared) -> Level | None:
    """Whose yes is needed; None if nobody is asked."""
    return prepared.examined.verdict.level if prepared.examined is not None else None


def needs_person(prepared: Prepared) -> bool:
    """True if an answer through the client is not enough."""
    return level(prepared) is Level.PERSON


async def open_plan(app: App, prepared: Prepared, described: dict[str, object], report: ChangeReport) -> str:
    """The id of the plan for this very change that is open, approved, locked, or declined and not told yet."""
    store = await app.store()
    request, located = prepared.request, prepared.located
    digest, text = plans.digest(described), request_text(prepared)
    needed = level(prepared)
    details = Details(
        action=request.action,
        target=request.target,
        database=request.database,
        project=request.project,
        summary=report.summary,
        report=report.model_dump(mode="json", by_alias=True),
        level=needed.value if needed else "",
        identity=located.target.identity,
        pins=located.target.pins,
    )

    def find_or_open() -> str:
        latest = store.latest(located.target.identity, text)
        if latest is not None and latest.state == "declined" and latest.digest == digest and not latest.outcome:
            return latest.id
        lifetime = located.project.settings.approval_lifetime
        id_ = store.open_plan(digest, text, described, lifetime, details)
        stored = store.get(id_)
        if stored is None or stored.state not in ("open", "approved"):
            return id_
        wrong = shown.differences(stored.details.report, report)
        if not wrong:
            return id_
        store.void(id_, "; ".join(wrong))
        return store.open_plan(digest, text, described, lifetime, details)

    return await anyio.to_thread.run_sync(find_or_open)


def request_text(prepared: Prepared) -> str:
    """What was asked for, where: the same text finds the same plan again."""
    request = prepared.request
    return f"{request.action} {request.target} on {request.database} of {prepared.located.project.root}"


async def question_is_open(app: App, prepared: Prepared) -> bool:
    """False if there is nothing to ask any more: it was approved, declined or locked."""
    store, id_ = await app.store(), prepared.opened.id

    def ask() -> bool:
        stored = store.get(id_)
        if stored is None or stored.state != "open":
            return False
        if not any(entry.kind == "asked" for entry in store.entries(id_)):
            store.audit("asked", id_, {"level": stored.details.level, "digest": stored.digest})
        return True

    return await anyio.to_thread.run_sync(ask)


async def settle(app: App, prepared: Prepared, report: ChangeReport, answer: Answer) -> ChangeReport | None:
    """Use up the yes to this very plan, once; the report that ends the call if there is none.

    A stored approval counts where its signature verifies now. An answer through the client is enough only where
    the policy says so.
    """
    store, id_, digest = await app.store(), prepared.opened.id, prepared.opened.digest
    pins = pinned(app.pins, prepared.located.target.pins)
    stored = await anyio.to_thread.run_sync(store.get, id_)
    if stored is None:
        return ended(report, "needs_approval", "Nothing was changed: its plan is gone from the store", "Call again.")
    if stored.state == "approved" and await anyio.to_thread.run_sync(store.consume, id_, digest, "person", pins):
        return None
    stopped = await anyio.to_thread.run_sync(_answered, store, stored, report)
    asked = level(prepared) is not None
    if stopped is None and needs_person(prepared):
        stopped = await _needs_person(app, prepared, stored, report)
    elif stopped is None and asked and answer.kind != "yes":
        stopped = _unconfirmed(report, prepared, answer)
    elif stopped is None and asked and answer.plan_id != id_:
        stopped = ended(
            report,
            "needs_approval",
            "Nothing was changed: the yes was for another state of things, something changed since it was asked for",
            "Call again: the person will be asked about the plan as it is now.",
        )
    elif stopped is None and not await anyio.to_thread.run_sync(store.consume, id_, digest, "client"):
        stopped = ended(
            report,
            "needs_approval",
            "Nothing was changed: the approval was used already, or has expired",
            "Call again: the person will be asked anew.",
        )
    said = {"answer": answer.kind, "through": "client", "about": answer.plan_id, "digest": digest}
    if answer.kind != "not_asked":
        await anyio.to_thread.run_sync(store.audit, "answer", id_, said)
    if stopped is not None:
        await anyio.to_thread.run_sync(store.audit, "refusal", id_, {"digest": digest, "why": stopped.summary})
    return stopped


def _answered(store: Store, stored: Plan, report: ChangeReport) -> ChangeReport | None:
    """The report on a plan that nobody has to be asked about any more; None if somebody has."""
    match stored.state:
        case "declined":
            store.told(stored.id)
            why = f" The reason given: {stored.reason}" if stored.reason else ""
            return ended(
                report,
                "needs_approval",
                f"Not confirmed, and nothing was changed.{why}",
                "Tell the developer, and mend what was named. Calling again asks anew.",
            )
        case "locked":
            return ended(
                report,
                "needs_approval",
                "Nothing was changed: the plan is locked after too many wrong passphrases",
                "Tell the developer that somebody tried passphrases. It can be asked for anew when the plan expires.",
            )
        case "consumed" | "expired":
            what = "was used already" if stored.state == "consumed" else "has expired"
            return ended(
                report,
                "needs_approval",
                f"Nothing was changed: the plan {what}{_how_it_ended(stored)}",
                "Have a plan made anew: alembic-mcp plan.",
            )
    return None


def _how_it_ended(stored: Plan) -> str:
    if stored.state != "consumed":
        return ""
    return f", and ended: {stored.outcome}" if stored.outcome else ", and is not known to have run"


async def _needs_person(app: App, prepared: Prepared, stored: Plan, report: ChangeReport) -> ChangeReport:
    """How a person can approve it, and why what they approved before does not count any more."""
    store = await app.store()
    person = [one for one in prepared.judged.verdict.escalations if one.level is Level.PERSON]
    why = " ".join(escalation.why for escalation in person if escalation.why not in report.summary)
    text, digest = stored.request, stored.digest
    earlier = await anyio.to_thread.run_sync(store.approved_otherwise, text, digest)
    void = ""
    if earlier is not None:
        reasons = plans.differences(earlier.payload, stored.payload) or [earlier.reason]
        void = f" The approval that was given does not count any more: {'; '.join(reasons)}."
    elif stored.state == "approved":
        void = " The store has an approval, but its signature is not one of an approver that counts."
    report.warnings += await lost(app, prepared.located)
    address = await app.approval_address(stored.id)
    command = f"alembic-mcp approve {stored.id}"
    where = f"{address} or {command}" if address else command
    logger.warning("Plan %s waits for a person's approval: %s", stored.id, where)
    steps = [f"Ask the developer to open {address}"] if address else []
    steps += [
        f"Ask the developer to run in a terminal of their own: {command}",
        "Call again with the same arguments when they have: the approval is found then.",
    ]
    return ended(
        report,
        "needs_approval",
        f"Nothing was changed: this needs a person's own approval, which a client can't give.{void} {why}",
        *steps,
    )


def _unconfirmed(report: ChangeReport, prepared: Prepared, answer: Answer) -> ChangeReport:
    how = {
        "no": "Not confirmed, and nothing was changed",
        "cancelled": "The question was closed without an answer, and nothing was changed",
        "unavailable": "This needs a yes, and this client can't ask for one: nothing was changed",
        "not_asked": "This needs a yes that nobody has given: nothing was changed",
        "yes": "This needs a yes that nobody has given: nothing was changed",
    }[answer.kind]
    steps = ["Tell the developer what would happen; call again if it is wanted."]
    if answer.kind == "unavailable" and prepared.plan is not None:
        steps = [
            f"Ask the developer to run in a terminal: alembic-mcp approve {prepared.plan.id}; then call again.",
            f"Or to run it there themselves: alembic-mcp {prepared.request.action} {prepared.request.target}",
            "Or use a client that can ask (MCP elicitation).",
        ]
    return ended(report, "needs_approval", how, *steps)


async def lost(app: App, located: Located) -> list[str]:
    """Warnings about changes of this database that were approved and used up, and are not known to have run."""
    store = await app.store()
    try:
        # A plan that made the SQLite file was made for its place.
        names = {located.target.identity, lasting_name(located.target)} if store.exists else set()
        found = [one for name in sorted(names) for one in await anyio.to_thread.run_sync(store.unfinished, name)]
    except NotDone as error:
        return [error.message]
    return [
        f"Plan {one.id} ({one.details.action} to {one.details.target}) was approved, and is not known to have run: "
        "its process ended without a word. The heads say how far it came; its approval is used up."
        for one in found
    ]


def ended(
    report: ChangeReport, status: Literal["done", "refused", "needs_approval"], how: str, *steps: str
) -> ChangeReport:
    """The report of a call that ends here."""
    report.status = status
    report.summary = f"{how.rstrip('. ')}. {report.summary}"
    report.next_steps = list(steps) or report.next_steps
    return report


async def record(app: App, prepared: Prepared, kind: str, said: dict[str, object]) -> None:
    """An audit entry about a change that nobody was asked about."""
    store = await app.store()
    target, request = prepared.located.target, prepared.request
    facts = {"action": request.action, "target": request.target, "identity": target.identity, "name": target.name}
    digest = prepared.plan.digest if prepared.plan else ""
    await anyio.to_thread.run_sync(store.audit, kind, None, {**facts, "digest": digest, **said})
