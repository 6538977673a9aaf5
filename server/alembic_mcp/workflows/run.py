"""Run an allowed change: alone, with a lock time-out and retries, and check afterwards what the database says."""

from __future__ import annotations

import os
import platform
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio

from ..errors import NotDone
from ..exclusive import hold
from ..report import ChangeReport, Verified
from ..worker_client import WorkerFailed
from . import halves, plan
from .app import App, Progress
from .approve import Run
from .consent import record
from .found import identity_now, lasting_name

if TYPE_CHECKING:
    from ..store import Store
    from .change import Prepared

__all__ = ["followed", "run", "unasked"]

LOCK_TIMEOUT_MS = 4_000
ATTEMPTS = 5
RUN_SECONDS = 6 * 3600.0
_UNKEPT = " How it ended could not be kept in the audit trail: {}"


async def followed(app: App, prepared: Prepared, report: ChangeReport, progress: Progress) -> ChangeReport:
    """Run a plan whose approval was just used up: whoever approved it can follow, and the trail says how it ended."""
    store, id_ = await app.store(), prepared.opened.id
    lines = app.runs[id_] = Run()

    async def told(done: float, total: float | None, message: str) -> None:
        lines.lines.append((time.time(), message))
        await progress(done, total, message)

    try:
        report = await run(app, prepared, report, told)
    except NotDone as error:
        error.message += await _finish(store, id_, f"{error.status}: {error.message}", {"applied": False})
        raise
    except BaseException:
        # Cancelled, or a fault of ours: nobody can say how far it came, and the trail says just that.
        with anyio.CancelScope(shield=True), suppress(NotDone):
            await anyio.to_thread.run_sync(store.abandon, id_)
        raise
    lines.report = report
    unkept = await _finish(store, id_, f"{report.status}: {report.summary}", result(prepared, report))
    report.warnings += [unkept.strip()] if unkept else []
    if report.status == "done":
        stored = await anyio.to_thread.run_sync(store.get, id_)
        if stored is not None and stored.approver is not None:
            name = next((one.name for one in store.approvers() if one.fingerprint == stored.approver), "somebody")
            report.summary += f" Approved by {name} ({stored.approver})."
    return report


async def _finish(store: Store, id_: str, outcome: str, said: dict[str, Any]) -> str:
    """Keep how it ended; should the store fail now, the database is as the report says all the same, and this says so.

    Returns:
        A sentence about what could not be kept, with a space before it; empty if all was.
    """
    with anyio.CancelScope(shield=True):
        try:
            await anyio.to_thread.run_sync(store.finish, id_, outcome, said)
        except NotDone as error:
            return _UNKEPT.format(error.message)
    return ""


async def unasked(app: App, prepared: Prepared, report: ChangeReport, progress: Progress) -> ChangeReport:
    """Run what nobody has to be asked about; the trail says that it was begun, and how it ended."""
    statements = [
        line.sql for line in report.statements if prepared.examined and line.direction is prepared.examined.direction
    ]
    await record(app, prepared, "run", {"statements": statements, "why": "the policy asks nobody"})
    try:
        report = await run(app, prepared, report, progress)
    except NotDone as error:
        try:
            await record(app, prepared, "result", {"outcome": f"{error.status}: {error.message}", "applied": False})
        except NotDone as another:
            error.message += _UNKEPT.format(another.message)
        raise
    try:
        await record(
            app, prepared, "result", {"outcome": f"{report.status}: {report.summary}", **result(prepared, report)}
        )
    except NotDone as error:
        report.warnings.append(_UNKEPT.format(error.message).strip())
    return report


def result(prepared: Prepared, report: ChangeReport) -> dict[str, Any]:
    """What the trail keeps of a run."""
    rows = [
        {"rule": finding.rule, "table": finding.table, "rows": finding.evidence["rows"]}
        for finding in report.findings
        if isinstance(finding.evidence.get("rows"), int)
    ]
    return {
        "identity": identity_now(prepared.located.target),
        "files": _files(prepared, report),
        "applied": report.applied,
        "before": report.before,
        "after": report.after,
        "rows": rows,
        "milliseconds": round(report.milliseconds),
    }


def _files(prepared: Prepared, report: ChangeReport) -> dict[str, str]:
    """Revision -> SHA-256 of its file, for those that this run applied."""
    there = prepared.index.ancestors(id_ for id_ in report.after if id_ in prepared.index.by_id)
    path = prepared.examined.path if prepared.examined and prepared.request.action == "upgrade" else ()
    return {line.revision: prepared.index.by_id[line.revision].sha256 for line in path if line.revision in there}


async def run(app: App, prepared: Prepared, report: ChangeReport, progress: Progress) -> ChangeReport:
    """Run it and report what became of it; nothing is run if anything changed since it was prepared."""
    located, request = prepared.located, prepared.request
    examined = prepared.judged
    what = f"{request.action} to {prepared.target}"
    started = time.monotonic()
    with hold(lasting_name(located.target), what):
        again = await app.look(located.project, request.database, schema=True)
        index = await app.revisions(located.project)
        if plan.stamp(again, index, examined.modules) != prepared.stamp:
            report.status = "refused"
            report.summary = (
                "Nothing was changed: the database, a revision file or the project's code changed while this was "
                f"prepared. {report.summary}"
            )
            report.next_steps = ["Call again: it will be rehearsed and judged as it is now."]
            return report
        try:
            result = await _attempt(app, prepared, progress)
        except WorkerFailed as error:
            return await _stopped(app, prepared, report, error, started)
    report.applied = True
    report.after = list(result["after"])
    report.milliseconds = (time.monotonic() - started) * 1000
    report.verified = _verify(prepared, result)
    report.database = located.report().model_copy(update={"heads": report.after})
    if report.verified.heads is False:
        report.status = "failed"
        report.applied = set(report.after) != set(report.before)
        report.summary = (
            f"The run ended without an error, but {located.target.name} is at "
            f"{', '.join(report.after) or 'base'} and not at {', '.join(examined.heads_after) or 'base'}: "
            "env.py swallowed an error, or did not migrate."
        )
        report.output = result.get("output")
        report.next_steps = ["Look at what env.py printed, and at how it handles errors; then call again."]
        return report
    count = len(report.revisions)
    done = f"{count} revision{'s' if count != 1 else ''}"
    verb = {"upgrade": "Upgraded", "downgrade": "Downgraded", "stamp": "Stamped"}[request.action]
    report.summary = (
        f"{verb} {located.target.name} from {', '.join(report.before) or 'base'} to "
        f"{', '.join(report.after) or 'base'}"
        + (f" ({done}, {report.milliseconds:.0f} ms)." if request.action != "stamp" else ".")
    )
    report.next_steps = []
    if report.verified.schema_ is False:
        report.warnings.append(
            "The schema is not what the rehearsal ended in: " + "; ".join(report.verified.details[:5])
        )
        report.next_steps = ["Call check to compare the models with the database."]
    return report


async def _attempt(app: App, prepared: Prepared, progress: Progress) -> dict[str, Any]:
    """Run it; when a lock was not to be had, wait and try what is left again, as long as that is safe."""
    located, examined = prepared.located, prepared.judged
    heads = list(located.target.heads)
    path = [line.revision for line in examined.path]
    count = len(path)

    async def follow(message: dict[str, Any]) -> None:
        state = "Running" if message.get("state") == "running" else "Done:"
        index = message.get("index", 0) + (message.get("state") == "done")
        await progress(
            index, message.get("of", count), f"{state} {message.get('revision')} {message.get('message', '')}"
        )

    for attempt in range(1, ATTEMPTS + 1):
        try:
            reply = await app.call(
                located.project,
                "run",
                {
                    "direction": prepared.request.action,
                    "target": prepared.target,
                    "expect_heads": heads,
                    "expect_path": path,
                    "expect_files": plan.expected(prepared.index, examined),
                    "only_these_files": bool(examined.loaded),
                    "lock_timeout_ms": LOCK_TIMEOUT_MS,
                    "lock_key": int(plan.digest(located.target.identity)[:15], 16),
                    "holder": f"alembic-mcp {prepared.request.action} pid {os.getpid()} on {platform.node()}"[:63],
                },
                database=prepared.request.database,
                timeout=RUN_SECONDS,
                revisions=prepared.index,
                on_progress=follow,
            )
        except WorkerFailed as error:
            now = error.details.get("heads")
            # One transaction for the whole path: what was done is undone with the rest.
            done = [] if now is not None and set(now) == set(heads) else error.details.get("done") or []
            left = [id_ for id_ in path if id_ not in done]
            if (
                error.kind != "lock_timeout"
                or attempt == ATTEMPTS
                or now is None
                or not left
                or left[0] in examined.halves
            ):
                raise
            path, heads = left, list(now)
            await progress(
                count - len(left), count, f"{left[0]} waits for a lock; attempt {attempt + 1} of {ATTEMPTS} follows"
            )
            await anyio.sleep(0.5 * 2**attempt)
        else:
            return {**reply.result, "output": reply.output}
    raise AssertionError("unreachable: the last attempt returns or raises")


def _verify(prepared: Prepared, result: dict[str, Any]) -> Verified:
    """Heads against the plan; the schema change against the rehearsal's, where their definitions can be compared."""
    examined = prepared.judged
    heads = _as_planned(prepared, set(result["after"]))
    real: dict[str, Any] = result.get("delta") or {}
    if examined.rehearsal.status != "passed":
        return Verified(heads=heads, schema=None)
    if examined.same_version:
        wrong = [key for key in {*real, *examined.delta} if real.get(key) != examined.delta.get(key)]
    else:
        wrong = sorted(set(real) ^ set(examined.delta))
    return Verified(heads=heads, schema=not wrong, details=sorted(wrong))


def _as_planned(prepared: Prepared, after: set[str]) -> bool:
    """True if the heads are the plan's; without a rehearsal, if each revision of the path is there, or gone."""
    examined, index = prepared.judged, prepared.index
    if examined.rehearsal.status != "not_possible":
        return after == set(examined.heads_after)
    applied = index.ancestors(after)
    return all((line.revision in applied) is (prepared.request.action == "upgrade") for line in examined.path)


async def _stopped(
    app: App, prepared: Prepared, report: ChangeReport, error: WorkerFailed, started: float
) -> ChangeReport:
    """The report after a failure: where it stopped, and which state the database is in (it is asked)."""
    located = prepared.located
    report.status = "refused" if error.kind in ("locked", "drift") else "failed"
    report.milliseconds = (time.monotonic() - started) * 1000
    report.output = error.output or None
    try:
        after = (await app.look(located.project, prepared.request.database)).target.heads
    except NotDone as blind:
        report.summary = (
            f"{error.message} What state {located.target.name} is in is not known: it could not be asked "
            f"({blind.message})."
        )
        report.next_steps = ["Call current as soon as the database can be reached, before anything else."]
        return report
    report.after = list(after)
    report.applied = set(report.after) != set(report.before)
    if report.applied:
        report.status = "failed"
    failed = next((line for line in report.revisions if line.revision not in (error.details.get("done") or [])), None)
    half = (
        failed is not None
        and prepared.examined is not None
        and failed.revision in prepared.examined.halves
        and error.kind not in ("locked", "drift")
    )
    stays = (error.details.get("stays") or []) if failed else []
    state = f"{located.target.name} is at {', '.join(report.after) or 'base'}"
    steps = [*error.next_steps, "Call current to see where it stands, then review what is left."]
    if stays and failed:
        what, step = halves.left_behind(stays, failed.revision)
        state, steps, report.applied = f"{state}, and {what}", [step, *steps], True
    else:
        state += ", part of the way" if report.applied else ", as before"
        if half and failed:
            state += f"; {failed.revision} commits on its own, so parts of it may be there"
    report.summary = f"{error.message} {state}."
    report.next_steps = steps
    return report
