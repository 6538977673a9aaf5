"""Which revisions an upgrade or a downgrade runs, and in which order: Alembic's, with refusals in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..errors import Refused
from .graph import Graph
from .lookup import Relative, known, one_head, revision_called, split_branch, step_down, step_up
from .script import ScriptRevision

__all__ = ["downgrade_path", "downgrade_target", "ids_of", "upgrade_path", "upgrade_target"]


def ids_of(graph: Graph, target: str) -> tuple[str, ...]:
    """The ids that a target of an upgrade stands for: several for ``heads`` and ``branch@heads``, none for ``base``.

    Raises:
        Refused: it names no revision, or several where one is meant.
    """
    branch, symbol = split_branch(target)
    if symbol == "heads":
        if branch is None:
            return graph.effective_heads
        lineage = graph.lineage(revision_called(graph, branch))
        return tuple(head for head in graph.heads if head in lineage)
    if symbol == "head":
        return (one_head(graph, branch),)
    if symbol == "base":
        return ()
    relative = Relative.parse(target)
    if relative is not None and relative.symbol is not None:
        return (_from_symbol(graph, relative),)
    return (revision_called(graph, symbol, branch),)


def _from_symbol(graph: Graph, relative: Relative) -> str:
    """The revision that ``id+N``, ``id-N`` or ``branch@id+N`` stands for."""
    symbol = relative.symbol or ""
    if relative.steps > 0:
        start = None if symbol == "base" else _single(graph, symbol, None)
        return step_up(graph, start, relative.steps, relative.branch)
    below = step_down(graph, _single(graph, symbol, relative.branch), -relative.steps)
    if below is None:
        raise Refused(f"{-relative.steps} down from {symbol} is base.", "Say base.")
    return below


def _single(graph: Graph, symbol: str, branch: str | None) -> str:
    return one_head(graph, branch) if symbol == "head" else revision_called(graph, symbol, branch)


def upgrade_target(graph: Graph, target: str, current: Iterable[str]) -> str:
    """*target* as a revision id, ``heads`` or ``branch@heads``.

    Raises:
        Refused: it names nothing or several; it is below where the database is; the database is at a revision that
            has no file; the files on the way are broken.
    """
    target = target.strip()
    applied_at = known(graph, current)
    _check_apart(graph, applied_at, "The database is at")
    branch, symbol = split_branch(target)
    relative = Relative.parse(target)
    if symbol == "base" and relative is None:
        raise Refused("An upgrade does not lead to base.", "To undo everything: downgrade to base.")
    if relative is not None and relative.symbol is None:
        if relative.steps < 0:
            raise Refused(f"{target} leads down.", f"To go down: downgrade to {target}.")
        concrete = step_up(graph, _start_of_steps(graph, applied_at, relative), relative.steps, relative.branch)
    elif symbol == "heads":
        ids = ids_of(graph, target)
        if not ids:
            raise Refused("There are no revisions yet.", "Write the first one with generate.")
        _check_apart(graph, ids, f"{target} stands for")
        concrete = target if branch is None or len(ids) > 1 else ids[0]
    else:
        concrete = ids_of(graph, target)[0]
    applied = graph.ancestors(applied_at)
    if concrete in applied and concrete not in applied_at and any(one in applied for one in graph.children[concrete]):
        raise Refused(
            f"{concrete} is below {', '.join(applied_at)}, where the database is; going there is a downgrade.",
            f"If that is what you want: downgrade to {concrete}.",
        )
    _check_whole(graph, upgrade_path(graph, applied_at, ids_of(graph, concrete)))
    return concrete


def _start_of_steps(graph: Graph, current: Sequence[str], relative: Relative) -> str | None:
    starts: Sequence[str] = current
    if relative.branch:
        lineage = graph.lineage(revision_called(graph, relative.branch))
        starts = [one for one in current if one in lineage]
        if not starts:
            active = graph.ancestors(current) & lineage
            starts = sorted(active - {below for one in active for below in graph.requires[one]})
    if len(starts) > 1:
        raise Refused(
            f"The database is at {', '.join(starts)}, so it is not clear from which of them +{relative.steps} counts.",
            *(f"For one of them: {one}+{relative.steps}." for one in starts),
        )
    return starts[0] if starts else None


def upgrade_path(graph: Graph, current: Iterable[str], targets: Iterable[str]) -> list[ScriptRevision]:
    """What an upgrade to *targets* runs for a database at *current* (ids), in Alembic's order."""
    targets = list(targets)
    needed = graph.ancestors(targets) - graph.ancestors(one for one in current if one in graph.by_id)
    return graph.newest_first(needed, targets)[::-1]


def downgrade_target(graph: Graph, target: str, current: Iterable[str]) -> str:
    """*target* as ``base``, a revision id, ``branch@base`` or ``branch@id``, where branch may be a revision id.

    The branch is kept where several branches start at the target and only one of them is meant.

    Raises:
        Refused: it names nothing or several; it is above where the database is, or on another branch; the database is
            at a revision that has no file; the files on the way are broken.
    """
    target = target.strip()
    applied_at = known(graph, current)
    if not applied_at:
        raise Refused("Nothing is applied to this database, so there is nothing to undo.", "upgrade applies revisions.")
    concrete = _concrete_downgrade(graph, target, applied_at)
    path = downgrade_path(graph, applied_at, concrete)
    symbol = split_branch(concrete)[1]
    if not path and symbol not in ("base", *applied_at):
        _refuse_downgrade(graph, symbol, applied_at)
    _check_whole(graph, path)
    return concrete


def _concrete_downgrade(graph: Graph, target: str, current: Sequence[str]) -> str:
    branch, symbol = split_branch(target)
    relative = Relative.parse(target)
    if relative is None:
        if symbol != "base":
            symbol = (
                one_head(graph, branch, direction="downgrade") if symbol == "head" else revision_called(graph, symbol)
            )
        if branch is not None:
            revision_called(graph, branch)
        return _with_branch(graph, branch, symbol)
    if relative.symbol is not None:
        branch = relative.branch
        if relative.steps < 0:
            below = step_down(graph, _single(graph, relative.symbol, branch), -relative.steps)
            return _with_branch(graph, branch, below or "base")
        return _with_branch(graph, branch, _from_symbol(graph, relative))
    if relative.steps >= 0:
        raise Refused(f"{target} leads up.", f"To go up: upgrade to {target}.")
    start = _start_of_downgrade(graph, current, relative)
    below = step_down(graph, start, -relative.steps) or "base"
    branch = relative.branch if relative.branch and _roots(graph, relative.branch, below) else start
    return _with_branch(graph, branch, below)


def _start_of_downgrade(graph: Graph, current: Sequence[str], relative: Relative) -> str:
    steps = relative.steps
    if not relative.branch:
        if len(current) > 1:
            raise Refused(
                f"The database is at {', '.join(current)}, so it is not clear from which of them {steps} counts.",
                *(f"For one of them: {_branch_name(graph, one, current)}@{steps}." for one in current),
            )
        return current[0]
    lineage = graph.lineage(revision_called(graph, relative.branch))
    starts = [one for one in current if one in lineage]
    if not starts:
        active = graph.ancestors(current)
        starts = [one for one in graph.by_id if one in active & lineage and not active & set(graph.children[one])]
    if len(starts) != 1:
        raise Refused(
            f"Nothing of branch {relative.branch!r} is applied."
            if not starts
            else f"The database is at {', '.join(starts)} on branch {relative.branch!r}.",
            *(f"For one of them: {one}@{steps}." for one in starts),
            "current shows where the database is.",
        )
    return starts[0]


def _branch_name(graph: Graph, revision: str, among: Sequence[str]) -> str:
    others = {one for one in among if one != revision}
    return next(
        (one for one in graph.branches_of(revision) if not others & graph.lineage(graph.labels[one])),
        revision,
    )


def _with_branch(graph: Graph, branch: str | None, symbol: str) -> str:
    return f"{branch}@{symbol}" if branch and len(_starts(graph, symbol)) > 1 else symbol


def _starts(graph: Graph, symbol: str) -> Sequence[str]:
    """What is right above *symbol*."""
    return graph.bases if symbol == "base" else graph.children[symbol]


def _roots(graph: Graph, branch: str | None, symbol: str) -> Sequence[str]:
    """What is right above *symbol*, on *branch* where there is a choice."""
    starts = _starts(graph, symbol)
    if branch is None or len(starts) < 2:  # a choice is one between two
        return starts
    below = graph.ancestors([revision_called(graph, branch)], dependencies=False)
    return [one for one in starts if one in below]


def downgrade_path(graph: Graph, current: Sequence[str], target: str) -> list[ScriptRevision]:
    """What a downgrade to *target* (as `downgrade_target` returns it) runs for a database at *current*, in order.

    Raises:
        Refused: *target*'s branch does not lead to it.
    """
    branch, symbol = split_branch(target)
    roots = _roots(graph, branch, symbol)
    if branch and not roots and _starts(graph, symbol):
        raise Refused(
            f"Branch {branch!r} does not lead down to {symbol}.", f"Say {symbol} alone, or name another branch."
        )
    here = [one for one in current if one in graph.by_id]
    return graph.newest_first(graph.descendants(roots) & graph.ancestors(here), here)


def _refuse_downgrade(graph: Graph, target: str, current: Sequence[str]) -> None:
    where = ", ".join(current)
    if graph.ancestors([target]) & set(current):
        raise Refused(
            f"{target} is above {where}, where the database is; going there is an upgrade.",
            f"If that is what you want: upgrade to {target}.",
        )
    raise Refused(
        f"{target} is not below {where}, where the database is, so there is nothing to undo down to it.",
        "history shows how the revisions hang together.",
    )


def _check_apart(graph: Graph, ids: Sequence[str], what: str) -> None:
    """Alembic upgrades neither from nor to several revisions of which one includes another."""
    for one in ids if len(ids) > 1 else ():
        if contained := (graph.ancestors([one]) & set(ids)) - {one}:
            raise Refused(
                f"{what} {', '.join(ids)}, but {one} includes {', '.join(sorted(contained))}.",
                "If the version table holds a revision too many, stamp it right; else name the revision you want.",
            )


def _check_whole(graph: Graph, path: Sequence[ScriptRevision]) -> None:
    ids = {script.revision for script in path}
    broken = [problem for problem in graph.problems if ids.intersection(problem.revisions)]
    if broken:
        raise Refused(
            f"The revision files on the way are broken: {'; '.join(map(str, broken[:3]))}.",
            "Correct these files first.",
        )
