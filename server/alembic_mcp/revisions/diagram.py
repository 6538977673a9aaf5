"""Revisions as a Mermaid graph."""

from __future__ import annotations

from collections.abc import Sequence

from .graph import Graph
from .script import ScriptRevision

__all__ = ["mermaid"]

_LONGEST = 60
_ENTITIES = {ord(sign): f"#{ord(sign)};" for sign in '#"<>&`\\|{}[]'}


def mermaid(graph: Graph, revisions: Sequence[ScriptRevision]) -> str:
    """A flowchart of *revisions*, oldest on top; what they revise beyond them is shown as an ellipse with its id.

    Whatever a message holds, it stays text: quotes, brackets, markup and line ends are replaced.
    """
    if not revisions:
        return "flowchart TD"
    nodes = {script.revision: f"r{index}" for index, script in enumerate(revisions)}
    outside: dict[str, str] = {}
    lines, edges = ["flowchart TD"], []
    for script in revisions:
        node = nodes[script.revision]
        marks = [*script.branch_labels, *(["head"] if script.revision in graph.heads else [])]
        title = _escaped(script.revision + (f" ({', '.join(marks)})" if marks else ""))
        message = _escaped(_shortened(script.message))
        lines.append(f'    {node}["{title}{"<br/>" + message if message else ""}"]')
        needed = [graph.labels.get(name, name) for name in script.depends_on]
        edges += [f"    {_node(below, nodes, outside)} --> {node}" for below in graph.down[script.revision]]
        edges += [f"    {_node(one, nodes, outside)} -.-> {node}" for one in needed if one in graph.by_id]
    lines += [f'    {node}(["{_escaped(revision)}"])' for revision, node in outside.items()]
    return "\n".join(lines + edges)


def _node(revision: str, nodes: dict[str, str], outside: dict[str, str]) -> str:
    return nodes.get(revision) or outside.setdefault(revision, f"o{len(outside)}")


def _shortened(message: str) -> str:
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in message).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _escaped(text: str) -> str:
    return text.translate(_ENTITIES)
