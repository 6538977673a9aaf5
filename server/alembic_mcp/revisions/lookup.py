"""From what somebody writes to the revision they mean: ids, prefixes, labels, ``head``, ``branch@head``, steps."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Sequence

from ..errors import Refused
from .graph import Graph

__all__ = ["Relative", "known", "one_head", "revision_called", "split_branch", "step_down", "step_up"]

_RELATIVE = re.compile(r"(?:(?P<branch>.+?)@)?(?P<symbol>[^@+]+?)?(?P<steps>[+-]\d+)\Z")
_SHORTEST_PREFIXED = 4
_MOST_NAMED = 5


class Relative:
    """``[branch@][symbol](+|-)N``: *steps* from *symbol*, or from where the database is if that is None."""

    def __init__(self, branch: str | None, symbol: str | None, steps: int) -> None:
        self.branch = branch
        self.symbol = symbol
        self.steps = steps

    @classmethod
    def parse(cls, text: str) -> Relative | None:
        """None if *text* is not relative."""
        match = _RELATIVE.match(text)
        return cls(match["branch"], match["symbol"], int(match["steps"])) if match else None


def split_branch(text: str) -> tuple[str | None, str]:
    """``branch@symbol`` -> both; a text without ``@`` has no branch."""
    branch, at, symbol = text.rpartition("@")
    return (branch, symbol) if at else (None, text)


def revision_called(graph: Graph, name: str, branch: str | None = None) -> str:
    """The id that *name* stands for: an id, a branch label or an unambiguous beginning of either.

    Raises:
        Refused: nothing is called so (with what is similar), several are, or it is not on *branch*.
    """
    lineage = graph.lineage(revision_called(graph, branch)) if branch else None
    exact = name if name in graph.by_id else graph.labels.get(name)
    if exact is None:
        exact = _by_prefix(graph, name, lineage)
    if lineage is not None and exact not in lineage:
        raise Refused(
            f"Revision {exact} is not on branch {branch!r}.",
            f"Say {exact} without a branch, or {branch}@head for that branch's newest revision.",
        )
    return exact


def _by_prefix(graph: Graph, name: str, lineage: Collection[str] | None) -> str:
    names = [*graph.by_id, *graph.labels]
    meant = [
        graph.labels.get(full, full)
        for full in names
        if name and len(full) >= _SHORTEST_PREFIXED and full.startswith(name)
    ]
    meant = [full for full in dict.fromkeys(meant) if lineage is None or full in lineage]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise Refused(
            f"{name!r} is the beginning of {len(meant)} revisions: {_listed(graph, meant)}.",
            "Write more of the id.",
        )
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    raise Refused(
        f"There is no revision called {name!r}.",
        f"Did you mean {_listed(graph, [graph.labels.get(full, full) for full in near])}?"
        if near
        else "history lists the revisions there are.",
    )


def known(graph: Graph, current: Iterable[str]) -> list[str]:
    """The revisions that a database is at, as ids of files.

    Raises:
        Refused: there is no file for one of them.
    """
    current = list(dict.fromkeys(current))
    unknown = [one for one in current if one not in graph.by_id]
    if unknown:
        near = difflib.get_close_matches(unknown[0], graph.by_id, n=2, cutoff=0.7)
        raise Refused(
            f"The database is at {', '.join(unknown)}, for which there is no revision file.",
            "Get the missing files: they may be on another branch of the repository, or not pulled yet.",
            *([f"Similar ids: {_listed(graph, near)}."] if near else []),
            "If the files are gone for good, stamp the database with the revision its schema is at.",
        )
    return current


def one_head(graph: Graph, branch: str | None, *, direction: str = "upgrade") -> str:
    """The id that ``head`` or ``branch@head`` stands for.

    Raises:
        Refused: there are several (it names them), or none.
    """
    heads: Sequence[str] = graph.heads
    if branch:
        lineage = graph.lineage(revision_called(graph, branch))
        heads = [head for head in heads if head in lineage]
    if not heads:
        raise Refused("There are no revisions yet.", "Write the first one with generate.")
    if len(heads) > 1:
        where = f" on branch {branch!r}" if branch else ""
        raise Refused(
            f"There are {len(heads)} heads{where}: {_listed(graph, heads)}.",
            *(f"For one of them: {direction} to {_name_of_head(graph, head)}." for head in heads[:_MOST_NAMED]),
            "For all of them: target 'heads'.",
            "To have one again: merge_heads.",
        )
    return heads[0]


def step_up(graph: Graph, start: str | None, steps: int, branch: str | None) -> str:
    """The revision *steps* above *start* (None: above nothing at all), on *branch* where they fork.

    Raises:
        Refused: there are not that many, or they fork.
    """
    lineage = graph.lineage(revision_called(graph, branch)) if branch else None
    at = start
    for step in range(steps):
        above = graph.bases if at is None else graph.children[at]
        above = tuple(one for one in above if lineage is None or one in lineage)
        if not above:
            raise Refused(
                f"There are only {step} revisions above {at or 'base'}, not {steps}."
                if step
                else f"There is no revision above {at or 'base'}.",
                "Say head for the newest one.",
            )
        if len(above) > 1:
            raise Refused(
                f"{at or 'base'} has several revisions above it: {_listed(graph, above)}.",
                *(f"Say {_name_of_head(graph, one, above)} to go that way." for one in above[:_MOST_NAMED]),
            )
        at = above[0]
    if at is None:
        raise Refused("+0 of nothing is nothing.", "Say head, or +1.")
    return at


def step_down(graph: Graph, start: str, steps: int) -> str | None:
    """The revision *steps* below *start*; None if that is base.

    Raises:
        Refused: there are not that many, or *start* is a merge.
    """
    at: str | None = start
    for step in range(steps):
        if at is None:
            raise Refused(
                f"There are only {step} revisions to go down from {start}, not {steps}.",
                "Say base to undo all of them.",
            )
        below = graph.down[at]
        if len(below) > 1:
            raise Refused(
                f"{at} merges {_listed(graph, below)}, so it is not clear which way {steps} down leads.",
                *(f"To undo it and go down to {one}: downgrade to {one}." for one in below[:_MOST_NAMED]),
            )
        at = below[0] if below else None
    return at


def _name_of_head(graph: Graph, revision: str, among: Sequence[str] = ()) -> str:
    others = {one for one in among or graph.heads if one != revision}
    for label in graph.branches_of(revision):
        if not others & graph.lineage(graph.labels[label]):
            return f"{label}@head ({revision})"
    return revision


def _listed(graph: Graph, ids: Sequence[str]) -> str:
    shown = [f"{one} ({script.message})" if (script := graph.by_id[one]).message else one for one in ids[:_MOST_NAMED]]
    return ", ".join([*shown, f"and {len(ids) - _MOST_NAMED} more"] if len(ids) > _MOST_NAMED else shown)
