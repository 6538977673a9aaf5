"""Types of enumerated values: which a revision makes anew, and what they hold before and after."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..operations import AlterObject, CreateObject, DropObject, Operation
from .context import Context

__all__ = ["added_value", "made_on_the_way", "values_after", "values_before"]

_ENUM = re.compile(
    r"\bCREATE\s+TYPE\s+((?:\"[^\"]+\"|[\w.])+)\s+AS\s+ENUM\s*\(((?:\s*'(?:[^']|'')*'\s*,?)*)\s*\)", re.IGNORECASE
)
_STRING = re.compile(r"'((?:[^']|'')*)'")
_TO = re.compile(r"\bRENAME\s+TO\s+(\"[^\"]+\"|\w+)", re.IGNORECASE)


def values_after(operations: Iterable[Operation]) -> dict[str, tuple[tuple[str, ...], Operation]]:
    """Types that *operations* make, under the name that they have in the end: their values, and what made them."""
    found: dict[str, tuple[tuple[str, ...], Operation]] = {}
    for op in operations:
        match op:
            case CreateObject(kind="type"):
                for statement in op.statements:
                    for name, values in _ENUM.findall(statement.sql):
                        found[bare(name)] = (strings(values), op)
            case AlterObject(kind="type", action="rename to") if to := _TO.search(op.text):
                if bare(op.name) in found:
                    found[bare(to[1])] = found.pop(bare(op.name))
            case DropObject(kind="type"):
                found.pop(bare(op.name), None)
    return found


def values_before(name: str, context: Context) -> tuple[str, ...] | None:
    """The values of a type in the real database before the path; None if it has none, or nothing is known."""
    for key, text in context.path.schema.objects.items():
        kind, _, known = key.partition(" ")
        if kind in ("type", "enum") and bare(known) == name and text.startswith("enum"):
            return strings(text)
    return None


def made_on_the_way(name: str, context: Context) -> bool:
    """True if the same path has made the type: nobody else uses it yet."""
    windows = []
    for revision in context.path.revisions:
        if revision is context.revision:
            break
        windows.append(context.path.window(revision, context.direction))
    return any(
        op.kind == "type" and bare(op.name) == bare(name)
        for window in (*windows, context.prior)
        for op in window.of(CreateObject)
    )


def added_value(op: Operation) -> str | None:
    """The value of ALTER TYPE ... ADD VALUE; None for anything else."""
    if isinstance(op, AlterObject) and op.kind == "type" and op.action == "add value":
        return next(iter(strings(op.text)), None)
    return None


def strings(text: str) -> tuple[str, ...]:
    """The literals in a piece of SQL."""
    return tuple(value.replace("''", "'") for value in _STRING.findall(text))


def bare(name: str) -> str:
    """A name without schema and quotes."""
    return name.replace('"', "").rpartition(".")[2]
