"""What the page says about a plan at this moment, and the templates that it is said with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from ..errors import NotDone
from ..locks import LockMode
from ..report import ChangeReport, RevisionNode
from ..workflows import inspect
from .drawing import Graph, graph, timeline
from .highlight import sql
from .presentation import Presentation, duration, main_drops, present

if TYPE_CHECKING:
    from ..approvals import Approver
    from ..workflows.app import App
    from ..workflows.approve import Run, WaitingPlan

__all__ = ["Situation", "plan_context", "render", "situation"]

WHOLE_HISTORY = 500


@dataclass(frozen=True)
class Situation:
    """Where a plan stands, for people.

    Attributes:
        state: as the store has it.
        tone: good, bad or unsure.
        lines: what the run has told so far.
        follows: more will happen, so it is worth asking again.
    """

    state: str
    title: str
    text: str
    tone: str
    lines: tuple[str, ...] = ()
    follows: bool = False

    def as_json(self) -> dict[str, Any]:
        """For the page's script."""
        return {
            "state": self.state,
            "title": self.title,
            "text": self.text,
            "tone": self.tone,
            "lines": list(self.lines),
            "follows": self.follows,
        }


def situation(app: App, plan: WaitingPlan, approvers: Sequence[Approver] = ()) -> Situation:
    """Where *plan* stands; *approvers* give the names."""
    stored = plan.stored
    run = app.runs.get(plan.id)
    if plan.tampered:
        what = "; ".join(plan.tampered)
        text = f"What is stored is not what the plan was made of: {what}. Nobody can approve it."
        return Situation("tampered", "Do not trust this plan", text, "bad")
    if run is not None and stored.state in ("approved", "consumed"):
        return _running(run)
    name = next((one.name for one in approvers if one.fingerprint == stored.approver), stored.approver or "somebody")
    found = {
        "open": Situation("open", "It waits for an answer", "", "unsure"),
        "approved": Situation(
            "approved",
            "Approved",
            f"Approved by {name}. It runs, once, when the agent that asked goes on or calls again.",
            "good",
            follows=True,
        ),
        "consumed": _consumed(stored.outcome, name),
        "declined": Situation("declined", "Declined", stored.reason or "No reason was given.", "bad"),
        "locked": Situation(
            "locked", "Locked", "Wrong passphrases were given too often. Have the agent call again later.", "bad"
        ),
    }
    expired = Situation("expired", "Expired", "Nobody answered in time. Have the agent call again.", "bad")
    return found.get(stored.state, expired)


def _running(run: Run) -> Situation:
    lines = tuple(text for _, text in run.lines)
    if run.report is None:
        return Situation(
            "running", "It runs", "The agent went on, and the change is made.", "unsure", lines, follows=True
        )
    done = run.report.status == "done"
    text = " ".join([run.report.summary, *run.report.next_steps])
    return Situation("finished", "Done" if done else "Not done", text, "good" if done else "bad", lines)


def _consumed(outcome: str, name: str) -> Situation:
    """It was taken by another server, or by this one before it was started anew."""
    if outcome:
        tone = "good" if outcome == "done" else "bad"
        return Situation("finished", "It was run", f"Approved by {name}. It ended: {outcome}.", tone)
    text = f"Approved by {name} and started, perhaps by another server. How it ended is not known here yet."
    return Situation("started", "It was started", text, "unsure", follows=True)


async def plan_context(app: App, plan: WaitingPlan, approvers: list[Approver]) -> dict[str, Any]:
    """All that the template of a plan needs, but for the form token."""
    report = plan.report or ChangeReport(status="failed", summary="")
    shown: Presentation = present(report, plan.stored.details.action or "change")
    now = situation(app, plan, approvers)
    enrolled = any(one.revoked is None for one in approvers)
    return {
        "plan": plan.stored,
        "shown": shown,
        "timeline": timeline(shown.statements),
        "graph": await _graph(app, plan, report),
        "approvers": plan.approvers,
        "needs_name": plan.type_name,
        "database_name": plan.database_name,
        "altered": plan.tampered,
        "notice": now.text if plan.tampered else None,
        "no_approver": (
            "None of the approvers that this database or this server is pinned to is enrolled here."
            if enrolled
            else "Nobody can approve yet: no approver is enrolled."
        ),
        "outcome": now,
        "follows": now.follows,
        "error": None,
        "chosen": None,
    }


async def _graph(app: App, plan: WaitingPlan, report: ChangeReport) -> Graph | None:
    """The history around the plan; only its own path where the project is not (or no longer) to be had."""
    path = [line.revision for line in report.revisions]
    before = report.before
    after = [str(head) for head in plan.stored.payload.get("heads_after") or []]
    try:
        nodes = (await inspect.history(app, project=plan.stored.details.project, limit=WHOLE_HISTORY)).revisions
    except NotDone:
        nodes = []
    if not {*path, *before} & {node.revision for node in nodes}:
        newest_first = report.revisions[::-1] if plan.stored.details.action != "downgrade" else report.revisions
        ids = [line.revision for line in newest_first]
        nodes = [
            RevisionNode(revision=line.revision, message=line.message, down_revisions=ids[index + 1 : index + 2])
            for index, line in enumerate(newest_first)
        ]
    return graph(nodes, path, before, after)


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("alembic_mcp.approval_page"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        sql=sql,
        duration=duration,
        main_drops=main_drops,
        iso=lambda seconds: datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds"),
        clock=lambda seconds: f"{datetime.fromtimestamp(seconds).astimezone():%H:%M on %d %B}",
        shorten=lambda text, length: text if len(text) <= length else text[: length - 1] + "…",
        strength=lambda mode: (
            "all" if LockMode(mode).blocks_reads else "writes" if LockMode(mode).blocks_writes else ""
        ),
    )
    return environment


def render(template: str, **context: Any) -> str:
    """*template* with *context*, everything in it escaped."""
    return _templates().get_template(template).render(**context)
