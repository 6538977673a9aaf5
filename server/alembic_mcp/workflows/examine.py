"""Rehearse, measure, judge, decide: what every review and every change has in common."""

from __future__ import annotations

import tokenize
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..errors import Failed
from ..operations import Direction, Revision
from ..policy import Verdict, decide
from ..report import Finding, RehearsalSummary, RevisionLine, Severity, StatementLine
from ..review.context import Outside
from ..review.engine import questions, review
from ..review.questions import Facts
from ..review.reading import read_path
from ..review.suppress import MARK, suppress
from ..scratch import ScratchUnavailable
from ..worker_client import WorkerFailed
from . import copies, halves, plan
from .app import REHEARSE_SECONDS, App, Located, Progress
from .asked import ask
from .complete import complete
from .inspect import shown
from .sources import applied_files, own_modules, script_problems, with_sources
from .statements import statement_lines

if TYPE_CHECKING:
    from ..revisions import Revisions
    from .ahead import Ahead

__all__ = ["Examined", "examine"]

PREFLIGHT_SECONDS = 10.0


@dataclass(frozen=True)
class Examined:
    """What is known about a path of revisions before it runs.

    Attributes:
        path: the revisions in the order in which they run.
        heads_after: what the database will have.
        delta: object -> [before, after]: the schema change, as the scratch database showed it.
        same_version: the scratch server had the version of the target's, so definitions can be compared.
        modules: files of the project that ran or were read: path -> SHA-256 of what was loaded.
        loaded: likewise, with revision files that are elsewhere.
        halves: revisions that a failure can leave half applied.
        warnings: comments that should lower a finding, and don't; what a failure can leave behind.
    """

    direction: Direction
    path: tuple[RevisionLine, ...]
    revisions: tuple[Revision, ...]
    findings: tuple[Finding, ...]
    verdict: Verdict
    facts: Facts
    statements: tuple[StatementLine, ...]
    rehearsal: RehearsalSummary
    heads_after: tuple[str, ...] = ()
    delta: dict[str, list[str | None]] = field(default_factory=dict)
    same_version: bool = False
    modules: dict[str, str] = field(default_factory=dict)
    loaded: dict[str, str] = field(default_factory=dict)
    halves: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()


async def examine(
    app: App,
    located: Located,
    index: Revisions,
    *,
    direction: Direction,
    target: str,
    path: list[str],
    start: str | None = None,
    ahead: Ahead | None = None,
    progress: Progress,
) -> Examined:
    """Rehearse *path* on a scratch database and judge it.

    Args:
        app: the app.
        located: the database.
        index: the revisions; it may hold one that is not in the project's folder yet.
        direction: upgrade or downgrade.
        target: a concrete target for Alembic.
        path: the ids that this is expected to run, in order.
        start: revision that the copy is downgraded to first, to review what the database already has.
        ahead: where the rehearsal may have begun.
        progress: told of each step.
    """
    await progress(0, 4, f"Rehearsing {len(path)} revision{'s' if len(path) != 1 else ''} on a scratch database")
    if ahead is not None and (begun := await ahead.rehearsed(index, target)):
        rehearsal = _Rehearsal(*begun)
    else:
        rehearsal = await _rehearse(app, located, index, direction=direction, target=target, start=start, first=path[0])
    rehearsed = rehearsal.reply
    dialect, schema = located.target.dialect, located.target.default_schema
    recorded = await complete(app, located, index, rehearsed, path=path, direction=direction)
    recorded = halves.marked(recorded, dialect)
    revisions = (
        read_path(recorded, dialect, schema, running=direction) if recorded else [_unread(index, id_) for id_ in path]
    )
    revisions = with_sources(revisions, index)
    await progress(2, 4, "Asking the database about the rows concerned")
    asked = questions(revisions, direction, dialect=dialect, schema=rehearsed.get("schema"))
    facts = await ask(app, located, index, asked, budget=PREFLIGHT_SECONDS)
    await progress(3, 4, "Judging")
    findings = review(
        revisions,
        facts,
        dialect,
        running=direction,
        heads=index.heads,
        labelled_heads=[head for head in index.heads if index.by_id[head].branch_labels],
        outside=[
            Outside(what=item["what"], revision=item.get("revision") or "", line=item.get("line") or 0)
            for item in recorded.get("outside", [])
        ],
        schema=rehearsed.get("schema"),
        lock_timeout=bool(rehearsed.get("lock_timeout")),
        one_transaction=bool(rehearsed.get("one_transaction")),
        problems=script_problems(index),
        applied_hashes=await applied_files(app, located),
        file_hashes={id_: known.sha256 for id_, known in index.by_id.items()},
        own_modules=own_modules(located.project.root),
        large_rows=located.project.settings.large_rows,
    )
    if rehearsal.failure is not None:
        findings.insert(0, _failed(rehearsal.failure, direction, path))
    findings = [finding.model_copy(update={"path": _path(located, index, finding)}) for finding in findings]
    judge = partial(
        decide,
        revisions=revisions,
        facts=facts,
        environment=located.environment,
        environment_reason=located.reason,
        settings=located.project.settings,
        action="upgrade" if direction is Direction.UPGRADE else "downgrade",
        dialect=dialect,
        target_is_base=target.endswith("base"),
        past_merge=direction is Direction.DOWNGRADE and any(len(index.by_id[id_].down_revisions) > 1 for id_ in path),
        rehearsed=bool(rehearsed),
        one_transaction=bool(rehearsed.get("one_transaction")),
        schema=rehearsed.get("schema"),
    )
    without = judge([]).escalations
    suppressed = suppress(
        findings, _sources(index, path), escalates=lambda finding: judge([finding]).escalations != without
    )
    lines = statement_lines(located, recorded, index, revisions)
    return Examined(
        direction=direction,
        path=tuple(
            RevisionLine(revision=id_, message=index.by_id[id_].message if id_ in index.by_id else "")
            # Alembic's own order where it is known: it may swap revisions that do not depend on each other.
            for id_ in ([one["revision"] for one in rehearsed.get("path", ())] or path)
        ),
        revisions=tuple(revisions),
        findings=tuple(suppressed.findings),
        verdict=judge(findings),  # what a comment lowers is asked about all the same
        facts=facts,
        statements=tuple(lines),
        rehearsal=_summary(rehearsal, direction),
        heads_after=tuple(rehearsed["heads_after"]) if rehearsed else _heads_after(index, located, direction, path),
        delta=rehearsed.get("delta", {}),
        same_version=rehearsal.same_version,
        modules=plan.own(rehearsed.get("modules") or located.target.modules, located, index, path),
        loaded=rehearsed.get("modules", {}),
        halves=halves.possible(lines, direction, dialect),
        warnings=(*suppressed.warnings, *halves.warnings(lines, direction, dialect)),
    )


def _heads_after(index: Revisions, located: Located, direction: Direction, path: list[str]) -> tuple[str, ...]:
    """What the version table will have, by the files alone."""
    there = index.ancestors(head for head in located.target.heads if head in index.by_id)
    there = there | index.ancestors(path) if direction is Direction.UPGRADE else there - set(path)
    return tuple(sorted(id_ for id_ in there if not there.intersection(index.dependents.get(id_, ()))))


@dataclass(frozen=True)
class _Rehearsal:
    """What came of the attempt to rehearse.

    Attributes:
        reply: the worker's recording, empty if there is none.
        where: where it ran, or why it could not.
        same_version: that server has the version of the target's.
        failure: the revisions' own code ended it, as it would end the real run.
    """

    where: str
    reply: dict[str, Any] = field(default_factory=dict)
    same_version: bool = False
    failure: WorkerFailed | None = None


_OWN_CODE = ("user_code", "died", "timed_out")
_NOT_HERE = ("not_redirectable", "connection")


async def _rehearse(
    app: App, located: Located, index: Revisions, *, direction: Direction, target: str, start: str | None, first: str
) -> _Rehearsal:
    try:
        try:
            return await _on_a_copy(app, located, index, direction=direction, target=target, start=start)
        except copies.NoWayBack as error:
            return await _replayed(app, located, index, direction=direction, target=target, first=first, why=error)
        except WorkerFailed as error:
            if error.kind != "cluster_wide":
                raise
            # It would reach beyond the scratch database, into the server that the real one is on.
            return await _on_a_copy(
                app, located, index, direction=direction, target=target, start=start, own_server=False
            )
    except ScratchUnavailable as error:
        return _Rehearsal(error.message)
    except WorkerFailed as error:
        if error.kind in _OWN_CODE:
            return _Rehearsal(error.message, failure=error)
        if error.kind in _NOT_HERE:
            return _Rehearsal(error.message)
        raise


async def _replayed(
    app: App, located: Located, index: Revisions, *, direction: Direction, target: str, first: str, why: Failed
) -> _Rehearsal:
    """On an empty database that gets the revisions before *first*: where a downgrade does not lead to them."""
    try:
        found = await _on_a_copy(app, located, index, direction=direction, target=target, start=None, first=first)
    except (Failed, WorkerFailed) as error:
        return _Rehearsal(f"{why.message} Nor can the revisions before {first} be replayed: {error.message}")
    return replace(found, where=f"{found.where}, upgraded to what comes before {first}", same_version=False)


async def _on_a_copy(
    app: App,
    located: Located,
    index: Revisions,
    *,
    direction: Direction,
    target: str,
    start: str | None,
    own_server: bool | None = None,
    first: str | None = None,
) -> _Rehearsal:
    skip: list[str] = []
    earlier: dict[str, Any] = {}
    one_by_one = True
    made = copies.copy_of(app, located, own_server=own_server) if first is None else copies.blank(app, located)
    async with made as scratch:
        while True:
            bring = partial(copies.bring, app, located.project, index, scratch, database=located.target.database)
            for before in index.by_id[first].down_revisions if first is not None else ():
                await bring(direction="upgrade", target=before)
            if start is not None:
                await bring(direction="downgrade", target=start)
            reply = await app.call(
                located.project,
                "rehearse",
                {
                    "redirect": scratch.redirect,
                    "direction": direction.value,
                    "target": target,
                    "prove": one_by_one,
                    "converge": direction is Direction.UPGRADE,
                    "trace": True,
                    "skip_downgrade": skip,
                },
                database=located.target.database,
                timeout=REHEARSE_SECONDS,
                revisions=index,
            )
            result = reply.result
            for revision, recorded in earlier.items():
                if revision in result["revisions"]:
                    result["revisions"][revision] = _with_downgrade_of(result["revisions"][revision], recorded)
            tainted = result.get("tainted")
            if result.get("failed_alone"):
                one_by_one = False  # all in one run, as the real one will be: that is what counts
            elif tainted is None or tainted in skip:
                return _Rehearsal(scratch.where, result, scratch.same_version)
            # A downgrade broke the copy, or an upgrade failed: keep what was seen so far, and go on on a fresh one.
            seen = {id_: one for id_, one in result["revisions"].items() if one.get("downgraded") is not None}
            earlier = {**seen, **earlier}
            skip = [*earlier]
            await scratch.fresh()


def _failed(failure: WorkerFailed, direction: Direction, path: list[str]) -> Finding:
    """The finding for code that ended the rehearsal itself, rather than one of its statements."""
    return Finding(
        rule="fails-on-scratch",
        severity=Severity.BLOCKER,
        revision=failure.details.get("revision") or path[0],
        direction=direction,
        path=failure.details.get("path") or "",
        line=failure.details.get("line") or 0,
        problem=f"The rehearsal ended before it was done: {failure.message}",
        remedy=" ".join(failure.next_steps),
        evidence={"measured": True, "kind": failure.kind},
    )


_DOWNGRADE = ("downgraded", "restored", "not_restored", "downgrade_error", "downgrade_empty", "downgrade", "reupgraded")


def _with_downgrade_of(recorded: dict[str, Any], earlier: dict[str, Any]) -> dict[str, Any]:
    return {**recorded, **{key: earlier[key] for key in (*_DOWNGRADE, "reupgrade_error") if key in earlier}}


def _unread(index: Revisions, id_: str) -> Revision:
    known = index.by_id.get(id_)
    return Revision(revision=id_, path=str(known.path) if known else "", message=known.message if known else "")


def _sources(index: Revisions, path: list[str]) -> dict[str, str]:
    """Text of the revisions that speak to us in a comment."""
    found = {}
    for id_ in path:
        file = index.by_id[id_].path if id_ in index.by_id else None
        try:
            if file is not None and MARK.encode() in file.read_bytes():
                with tokenize.open(file) as opened:
                    found[id_] = opened.read()
        except (OSError, SyntaxError, UnicodeDecodeError):
            continue  # it can't be read, which is a finding of its own
    return found


def _path(located: Located, index: Revisions, finding: Finding) -> str:
    known = index.by_id.get(finding.revision)
    path = finding.path or (str(known.path) if known else "")
    return shown(located.project, Path(path)) if path else ""


def _summary(rehearsal: _Rehearsal, direction: Direction) -> RehearsalSummary:
    """What became of it, over all revisions: true only if true for each, false if false for one."""
    rehearsed = rehearsal.reply
    if not rehearsed:
        status: Literal["failed", "not_possible"] = "failed" if rehearsal.failure else "not_possible"
        return RehearsalSummary(status=status, where=rehearsal.where)
    each = list(rehearsed["revisions"].values())

    def over_all(key: str) -> bool | None:
        values = [recorded.get(key) for recorded in each]
        if any(value is False for value in values):
            return False
        return True if values and all(value is True for value in values) else None

    upgraded, downgraded = over_all("upgraded"), over_all("downgraded")
    ran = upgraded if direction is Direction.UPGRADE else downgraded
    details = [
        f"{revision}: {line}"
        for revision, recorded in rehearsed["revisions"].items()
        for line in [
            *(f"after the downgrade, {difference}" for difference in recorded.get("not_restored") or []),
            *(
                f"{what} failed: {recorded[key]['message']}"
                for what, key in (
                    ("upgrade", "upgrade_error"),
                    ("downgrade", "downgrade_error"),
                    ("second upgrade", "reupgrade_error"),
                )
                if recorded.get(key)
            ),
        ]
    ]
    details += [f"autogenerate now finds: {item['description']}" for item in rehearsed.get("new_differences") or []]
    return RehearsalSummary(
        status="passed" if ran else "failed",
        where=rehearsal.where,
        upgraded=upgraded,
        downgraded=downgraded,
        restored=over_all("restored"),
        reupgraded=over_all("reupgraded"),
        converged=rehearsed.get("converged"),
        milliseconds=rehearsed.get("milliseconds") or 0.0,
        details=details,
    )
