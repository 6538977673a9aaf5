"""Where the lines of the page's two drawings go: the locks over time, and the graph of revisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..locks import LockMode
from ..report import RevisionNode, StatementLine
from .presentation import duration, released

__all__ = ["Bar", "Edge", "Graph", "Node", "Row", "Timeline", "graph", "strength", "timeline"]

WIDTH = 620.0
NARROWEST = 18.0
ROW = 34
LANE = 18
AROUND = 3
MOST_NODES = 60


@dataclass(frozen=True)
class Bar:
    """A lock in the timeline, from the statement that took it to the commit; *x* and *width* in the drawing's units."""

    x: float
    width: float
    mode: str
    strength: str
    title: str


@dataclass(frozen=True)
class Row:
    """A table and its locks."""

    table: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Timeline:
    """Locks over time; *ticks* are where each statement begins: x, its number, its milliseconds."""

    rows: tuple[Row, ...]
    ticks: tuple[tuple[float, int, str], ...]


def timeline(statements: Sequence[StatementLine]) -> Timeline | None:
    """The locks that *statements* take one after the other; None if none was seen."""
    lines = tuple(statements)
    if not any(line.locks for line in lines):
        return None
    total = sum(line.milliseconds for line in lines) or 1.0
    free = max(WIDTH - NARROWEST * len(lines), 0.0)
    unit = min(NARROWEST, WIDTH / len(lines))
    edges = [0.0]
    for line in lines:
        edges.append(edges[-1] + unit + free * line.milliseconds / total)
    scale = WIDTH / edges[-1]
    edges = [edge * scale for edge in edges]
    rows: dict[str, dict[str, Bar]] = {}
    for index, line in enumerate(lines):
        end = released(lines, index)
        held = sum(later.milliseconds for later in lines[index:end])
        for lock in line.locks:
            mode = LockMode(lock.mode)
            title = f"{mode} on {lock.table}, statement {index + 1} to {end}, {duration(held)}: blocks {mode.blocks}"
            bar = Bar(edges[index], edges[end] - edges[index], mode.value, strength(mode), title)
            known = rows.setdefault(lock.table, {})
            if line.autocommit:
                known[f"{mode} {index}"] = bar
            else:
                known.setdefault(f"{mode} {end}", bar)
    ticks = tuple((edges[index], index + 1, duration(line.milliseconds)) for index, line in enumerate(lines))
    order = {"all": 2, "writes": 1, "little": 0}
    return Timeline(
        tuple(
            Row(table, tuple(sorted(bars.values(), key=lambda bar: order[bar.strength])))
            for table, bars in sorted(rows.items(), key=lambda item: -max(order[b.strength] for b in item[1].values()))
        ),
        ticks,
    )


def strength(mode: LockMode) -> str:
    """Who waits for *mode*: ``all``, ``writes`` or ``little``."""
    if mode.blocks_reads:
        return "all"
    return "writes" if mode.blocks_writes else "little"


@dataclass(frozen=True)
class Node:
    """A revision in the drawing; *mark* is ``now``, ``path``, ``after`` or empty."""

    revision: str
    message: str
    x: float
    y: float
    mark: str
    note: str


@dataclass(frozen=True)
class Edge:
    """A line from a revision down to the one before it, as the ``d`` of an SVG path."""

    d: str
    on_path: bool


@dataclass(frozen=True)
class Graph:
    """The part of the graph around the path, newest first; *hidden* counts the revisions left out."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    width: float
    height: float
    hidden: int


def graph(
    revisions: Sequence[RevisionNode], path: Sequence[str], before: Sequence[str], after: Sequence[str]
) -> Graph | None:
    """The revisions around *path*; *before* and *after* are the database's heads. None if there is nothing to draw.

    Args:
        revisions: newest first, each before those it comes after.
        path: ids that will run.
        before: heads the database has now.
        after: heads it will have.
    """
    shown = _around(revisions, {*path, *before, *after})
    if not shown:
        return None
    lanes: list[str | None] = []
    places: dict[str, tuple[float, float]] = {}
    for row, node in enumerate(shown):
        lane = lanes.index(node.revision) if node.revision in lanes else _free(lanes)
        for index, waiting in enumerate(lanes):
            if waiting == node.revision:
                lanes[index] = None
        places[node.revision] = (12.0 + lane * LANE, ROW / 2 + row * ROW)
        for index, parent in enumerate(parent for parent in node.down_revisions if parent not in lanes):
            lanes[lane if index == 0 else _free(lanes)] = parent
    edges = []
    for node in shown:
        for parent in node.down_revisions:
            if parent in places:
                (x1, y1), (x2, y2) = places[node.revision], places[parent]
                middle = (y2 - ROW) if y2 - y1 > ROW else y1
                bend = f"C{x1:g} {middle + ROW / 2:g} {x2:g} {y2 - ROW / 2:g} {x2:g} {y2:g}"
                d = f"M{x1:g} {y1:g} L{x1:g} {middle:g} {bend}"
                edges.append(Edge(d, _on_path(node.revision, parent, path, before, after)))
    nodes = tuple(
        Node(node.revision, node.message, *places[node.revision], *_mark(node.revision, path, before, after))
        for node in shown
    )
    widest = max(x for x, _ in places.values())
    return Graph(nodes, tuple(edges), widest + LANE, ROW * len(shown), len(revisions) - len(shown))


def _around(revisions: Sequence[RevisionNode], wanted: set[str]) -> list[RevisionNode]:
    places = [index for index, node in enumerate(revisions) if node.revision in wanted]
    if not places:
        return []
    first, last = max(places[0] - AROUND, 0), places[-1] + AROUND + 1
    return list(revisions[first:last])[:MOST_NODES]


def _free(lanes: list[str | None]) -> int:
    if None in lanes:
        return lanes.index(None)
    lanes.append(None)
    return len(lanes) - 1


def _on_path(child: str, parent: str, path: Sequence[str], before: Sequence[str], after: Sequence[str]) -> bool:
    ends = {*path, *before, *after}
    return child in path and parent in ends


def _mark(revision: str, path: Sequence[str], before: Sequence[str], after: Sequence[str]) -> tuple[str, str]:
    notes = []
    if revision in before:
        notes.append("the database is here")
    if revision in path:
        notes.append("runs")
    if revision in after:
        notes.append("the database will be here")
    mark = "path" if revision in path else "now" if revision in before else "after" if revision in after else ""
    return mark, ", ".join(notes)
