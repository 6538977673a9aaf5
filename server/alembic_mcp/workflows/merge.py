"""Join several heads: by a merge revision, once every order of the branches has proved to give the same schema."""

from __future__ import annotations

import tempfile
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

from ..errors import Refused
from ..operations import Direction
from ..report import Conflict, ConflictSide, MergeReport
from ..review.conflicts import Clash, Touch, clashes, touches
from ..review.reading import read_path
from ..scratch import ScratchUnavailable
from ..worker_client import WorkerFailed
from .app import LOOK_SECONDS, App, Located, Progress, silent
from .change import refuse_unknown
from .complete import complete
from .inspect import problems, shown
from .orders import Branches, Outcome, Tried, branches_of, try_orders
from .rebase import rebase
from .stand import stand
from .writing import one_line, prove_and_write

if TYPE_CHECKING:
    from ..operations import Revision
    from ..revisions import Revisions

__all__ = ["merge_heads"]

Style = Literal["merge", "rebase"]


async def merge_heads(
    app: App,
    *,
    heads: tuple[str, ...] = (),
    message: str | None = None,
    style: Style = "merge",
    project: str | None = None,
    database: str = "default",
    progress: Progress = silent,
) -> MergeReport:
    """Join several heads (all of them unless *heads* names some), or put one branch behind the other.

    Args:
        app: the app.
        heads: ids, prefixes or ``branch@head``. For a rebase: the one that stays, then the one that moves.
        message: of the merge revision.
        style: ``merge`` writes a merge revision, ``rebase`` re-points the first revision of a branch that no database
            has yet.
        project: the project's name, None where there is one only.
        database: whose state the rehearsals start from.
        progress: told of each step.

    Returns:
        The report; ``refused`` with ``conflicts`` if the branches don't go together. Then nothing was written.

    Raises:
        Refused: there is nothing to merge, the project forbids merges, or the branch can't be moved.
        NeedsAnswer: either branch can move.
    """
    app.allow_changes()
    found = app.project(project)
    index = await app.revisions(found)
    chosen = _chosen(index, heads)
    if style == "merge" and found.settings.merges == "forbid":
        raise Refused(
            f"This project's settings forbid merge revisions (merges = 'forbid'). The heads are {', '.join(chosen)}. "
            "Nothing was written.",
            "Call merge_heads with style='rebase': it puts a branch that no database has yet behind the other one.",
            "Or set down_revision of the first revision of one branch to the other head, then call review.",
        )
    text = one_line(message or f"merge {' and '.join(chosen)}")
    branches = branches_of(index, chosen)

    def unapplied() -> frozenset[str]:
        return frozenset().union(*branches.own.values())

    async with stand(app, found, index, database, before=unapplied) as located:
        refuse_unknown(located, index)
        if style == "rebase":
            return await rebase(app, located, index, chosen, named=bool(heads), progress=progress)
        return await _merge(app, located, index, branches, text=text, progress=progress)


async def _merge(
    app: App, located: Located, index: Revisions, branches: Branches, *, text: str, progress: Progress
) -> MergeReport:
    found = located.project
    report = MergeReport(
        status="refused",
        summary="",
        project=found.name,
        warnings=[*found.warnings, *located.target.warnings, *problems(index)],
        heads_before=list(index.heads),
        heads_after=list(index.heads),
    )
    tried = await _tried(app, located, index, branches, progress=progress, warnings=report.warnings)
    report.orders = [outcome.reported() for outcome in tried.outcomes]
    report.warnings += tried.notes
    if _fits(located, index, branches, tried, report):
        await _write(app, located, index, chosen=branches.heads, text=text, report=report, progress=progress)
    return report


def _chosen(index: Revisions, heads: tuple[str, ...]) -> tuple[str, ...]:
    chosen = tuple(dict.fromkeys(index.get(head).revision for head in heads)) or index.heads
    strangers = [head for head in chosen if head not in index.heads]
    if strangers:
        raise Refused(
            f"{', '.join(strangers)} is not a head. Nothing was written.",
            f"The heads are: {', '.join(index.heads) or 'none'}.",
        )
    if len(chosen) < 2:  # it takes two to merge
        raise Refused(
            f"There is nothing to merge: the only head is {chosen[0]}." if chosen else "There are no revisions yet.",
            "Call history to see the graph.",
        )
    return chosen


async def _write(
    app: App,
    located: Located,
    index: Revisions,
    *,
    chosen: tuple[str, ...],
    text: str,
    report: MergeReport,
    progress: Progress,
) -> None:
    """Write the merge revision, rehearse it, and say so in *report*."""
    with tempfile.TemporaryDirectory(prefix="alembic-mcp-") as folder:
        reply = await app.call(
            located.project,
            "merge",
            {"revisions": list(chosen), "message": text, "out": folder},
            database=located.target.database,
            timeout=LOOK_SECONDS,
            revisions=index,
        )
        written = await prove_and_write(app, located, index, reply.result, progress=progress)
    passed = written.examined is not None and written.examined.rehearsal.status == "passed"
    report.status = "done"
    report.warnings += reply.result.get("warnings", [])
    report.file = written.files[0]
    report.heads_after = list((await app.revisions(located.project)).heads)
    report.rehearsal = written.rehearsal
    report.summary = f"Wrote {report.file.path}, which joins {' and '.join(chosen)}. {_proof(report)}"
    if written.rehearsal.status == "not_possible":
        report.summary += f" The merge itself was not rehearsed ({written.rehearsal.where.rstrip('.')})."
    elif not passed:
        report.summary += f" It did not pass the rehearsal{f': {written.trouble}' if written.trouble else '.'}"
    report.next_steps = (
        ["Commit the file.", "Call upgrade to apply it."]
        if passed
        else ["Call review before it is committed: nobody has seen the branches run together."]
        if written.rehearsal.status == "not_possible"
        else ["Look at the rehearsal's details, and call review before it is committed."]
    )


def _proof(report: MergeReport) -> str:
    orders = len(report.orders)
    if not orders:
        return "No order of the branches could be rehearsed."
    if orders == 1:
        return f"The one order that is still possible was rehearsed: {', then '.join(report.orders[0].heads)}."
    return f"{'Both' if orders == 2 else orders} orders of the branches give the same schema."


async def _tried(
    app: App, located: Located, index: Revisions, branches: Branches, *, progress: Progress, warnings: list[str]
) -> Tried:
    """The orders, rehearsed; where that is impossible, only what the files say, with a warning."""
    try:
        try:
            return await try_orders(app, located, index, branches, progress)
        except WorkerFailed as error:
            if error.kind != "cluster_wide":
                raise
            return await try_orders(app, located, index, branches, progress, own_server=False)
    except ScratchUnavailable as error:
        warnings.append(f"The branches were compared by what their files say, not rehearsed: {error.message}")
    target = located.target
    own = [one.revision for one in index.history[::-1] if any(one.revision in own for own in branches.own.values())]
    read = await complete(app, located, index, {}, path=own, direction=Direction.UPGRADE)
    return Tried(
        (), {one.revision: one for one in read_path(read, target.dialect, target.default_schema)} if read else {}
    )


def _fits(located: Located, index: Revisions, branches: Branches, tried: Tried, report: MergeReport) -> bool:
    """Whether the branches go together; if not, *report* says why."""
    broken = next((one for one in tried.outcomes if one.failed == one.order[0]), None)
    if broken is not None:
        place = _place(located, index, broken.revision, broken.line)
        report.summary = (
            f"The branch of {broken.failed} fails on its own, on {broken.where}: {broken.revision} ({place}): "
            f"{broken.message} Nothing was written."
        )
        report.next_steps = [f"Mend {place}, then call merge_heads again."]
        return False
    report.conflicts = _conflicts(located, index, branches, tried)
    if not report.conflicts:
        return True
    first = report.conflicts[0]
    sides = "; ".join(f"{_at(side)} {side.does}" for side in first.sides)
    more = len(report.conflicts) - 1
    report.summary = (
        f"{' and '.join(branches.heads)} don't go together: {first.problem} ({sides})"
        f"{f', and {more} more' if more else ''}. Nothing was written."
    )
    report.next_steps = [
        "Change the lines of one side so that the branches no longer get in each other's way; then call it again."
    ]
    if len(branches.heads) == 2:  # a rebase takes two
        through = [one.order for one in tried.outcomes if not one.failed] or [branches.heads]
        report.next_steps += [
            f"Or settle the order for good: merge_heads with style='rebase' and heads={list(order)!r} puts {order[1]} "
            f"behind {order[0]}, if no database has it yet."
            for order in through
            if len(order) == 2
        ]
    return False


def _conflicts(located: Located, index: Revisions, branches: Branches, tried: Tried) -> list[Conflict]:
    done = {id_: tried.recorded[id_] for one in index.history[::-1] if (id_ := one.revision) in tried.recorded}

    def reported(head: str, touch: Touch) -> ConflictSide:
        known = index.by_id[touch.revision]
        path = shown(located.project, known.path)
        return ConflictSide(head=head, revision=touch.revision, path=path, line=touch.line, does=touch.words)

    found: list[Conflict] = []
    for one, other in combinations(branches.heads, 2):
        found += [
            _conflict(clash, reported(one, clash.sides[0]), reported(other, clash.sides[1]))
            for clash in clashes(
                [done[id_] for id_ in done if id_ in branches.apart(one, other)],
                [done[id_] for id_ in done if id_ in branches.apart(other, one)],
            )
        ]
    sides = _Sides(branches, done, reported)
    known = {(side.revision, side.line) for conflict in found for side in conflict.sides}
    for outcome in tried.outcomes:
        if outcome.failed and (outcome.revision, outcome.line) not in known:
            found.append(_failure(outcome, sides))
    objects = {conflict.object for conflict in found}
    through = [outcome for outcome in tried.outcomes if not outcome.failed]
    for outcome in through[1:]:
        for conflict in _differences(through[0], outcome, sides):
            if conflict.object not in objects:
                objects.add(conflict.object)
                found.append(conflict)
    return found


def _conflict(clash: Clash, *sides: ConflictSide) -> Conflict:
    return Conflict(object=clash.key, problem=clash.problem, sides=list(sides))


class _Sides:
    """Finds the lines of each branch that have to do with something."""

    def __init__(self, branches: Branches, done: dict[str, Revision], reported: Any) -> None:
        self._branches, self._done, self._reported = branches, done, reported

    def of(self, head: str, *, without: str | None = None) -> list[tuple[Touch, Any]]:
        """What a branch touches."""
        ids = self._branches.apart(head, without) if without else self._branches.own[head]
        return [
            (touch, self._reported(head, touch))
            for id_, revision in self._done.items()
            if id_ in ids
            for touch in touches(revision)
        ]

    def about(self, head: str, tables: set[str], *, without: str | None = None) -> ConflictSide | None:
        """The last line of a branch that touches one of *tables*, else its last line at all."""
        own = self.of(head, without=without)
        near = [side for touch, side in own if _table(touch.key) in tables]
        side: ConflictSide | None = near[-1] if near else own[-1][1] if own else None
        return side


def _failure(outcome: Outcome, sides: _Sides) -> Conflict:
    """One order does not run to its end."""
    assert outcome.failed is not None  # noqa: S101 - the caller asked
    before = outcome.order[: outcome.order.index(outcome.failed)]
    own = [pair for pair in sides.of(outcome.failed) if pair[0].revision == outcome.revision]
    here = [pair for pair in own if pair[0].line == outcome.line] or own
    tables = {_table(touch.key) for touch, _ in here}
    found = [*([here[0][1]] if here else []), *(sides.about(head, tables, without=outcome.failed) for head in before)]
    return Conflict(
        object="order",
        problem=f"{outcome.failed} does not run after {' and '.join(before)}: {outcome.revision}: {outcome.message}",
        sides=[side for side in found if side is not None],
    )


def _differences(one: Outcome, other: Outcome, sides: _Sides) -> list[Conflict]:
    """What the order decides."""
    found = []
    for key in sorted({*one.schema, *other.schema}):
        here, there = one.schema.get(key), other.schema.get(key)
        if here != there:
            near = [sides.about(head, {_table(key)}) for head in one.order]
            found.append(
                Conflict(
                    object=key,
                    problem=f"The order decides about {key}: {_what(here)} after {', then '.join(one.order)}, "
                    f"{_what(there)} after {', then '.join(other.order)}.",
                    sides=[side for side in near if side is not None],
                )
            )
    if sorted(one.heads) != sorted(other.heads):
        problem = f"The orders end at different heads: {', '.join(one.heads)} and {', '.join(other.heads)}."
        found.append(Conflict(object="heads", problem=problem))
    return found


def _what(definition: str | None) -> str:
    if definition is None:
        return "it is not there"
    return repr(" ".join(definition.split())) if definition else "it is there"


def _table(key: str) -> str:
    """The table that an object's key is about: ``column users.email`` and ``index ix on users`` are about ``users``."""
    kind, _, name = key.partition(" ")
    if " on " in name:
        return name.rpartition(" on ")[2]
    return name.rpartition(".")[0] if kind in ("column", "values") else name.removeprefix("of ")


def _place(located: Located, index: Revisions, revision: str, line: int) -> str:
    known = index.by_id.get(revision)
    path = shown(located.project, known.path) if known else revision
    return f"{path}:{line}" if line else path


def _at(side: ConflictSide) -> str:
    return f"{side.path}:{side.line}" if side.line else side.path
