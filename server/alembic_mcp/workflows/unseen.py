"""Finds what a rehearsal on an empty copy went past: loops and branches that depend on rows, which were not there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..review.source import functions

__all__ = ["unseen"]

_READS = re.compile(r"^\s*(?:\(\s*)?(?:SELECT|WITH|VALUES|TABLE)\b", re.IGNORECASE)
_CATALOG = re.compile(
    r"\bFROM\s+\(?\s*\"?(?:pg_|information_schema|sqlite_master|sqlite_schema|alembic_version)", re.IGNORECASE
)
_COLLECTS = ("append", "extend", "add", "update", "setdefault", "insert")
_Item = Mapping[str, Any]


def unseen(source: str, direction: str, recorded: _Item) -> list[range]:
    """Lines of the blocks that hang on rows which the revision read, and of which nothing was recorded.

    Args:
        source: text of the revision's file.
        direction: ``upgrade`` or ``downgrade``.
        recorded: what was recorded of that direction: its ``operations`` and ``statements``.
    """
    statements = list(recorded.get("statements") or ())
    reads = {
        int(one.get("line") or 0)
        for one in statements
        if _READS.match(one["sql"]) and re.search(r"\bFROM\b", one["sql"], re.IGNORECASE)
        and not _CATALOG.search(one["sql"])
    }  # fmt: skip
    reads.discard(0)
    if not reads:
        return []
    ran = {int(one.get("line") or 0) for one in (*statements, *(recorded.get("operations") or ()))}
    found: list[range] = []
    for function in functions(source, direction):
        followed = _Function(function, reads)
        found += [block for block in followed.blocks() if not any(line in block for line in ran - {0})]
        found += [block for block in followed.comprehensions() if not any(line in block for line in ran - reads - {0})]
    return found


class _Function:
    """One function, with the names whose values come from rows that it read."""

    def __init__(self, function: ast.AST, reads: set[int]) -> None:
        self.function, self.reads = function, reads
        self.names: set[str] = set()
        for _ in range(2):  # what a loop puts into a name is used further up as well
            for node in ast.walk(function):
                self._follow(node)

    def _follow(self, node: ast.AST) -> None:
        match node:
            case ast.Assign(targets=targets, value=value) if self._depends(value):
                self.names |= {name for target in targets for name in _names(target)}
            case (
                ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value)
            ) if self._depends(value):
                self.names |= set(_names(target))
            case ast.For(target=target, iter=source) | ast.comprehension(target=target, iter=source) if self._depends(
                source
            ):
                self.names |= set(_names(target))
            case ast.Call(func=ast.Attribute(attr=attr, value=ast.Name(id=name)), args=args) if attr in _COLLECTS:
                if any(self._depends(one) for one in args):
                    self.names.add(name)

    def _depends(self, node: ast.expr) -> bool:
        """True if its value comes from rows: it reads them itself, or mentions a name that holds some."""
        for one in ast.walk(node):
            if isinstance(one, ast.Name) and one.id in self.names:
                return True
            if isinstance(one, ast.Call) and any(
                line in range(one.lineno, (one.end_lineno or one.lineno) + 1) for line in self.reads
            ):
                return True
        return False

    def blocks(self) -> Iterator[range]:
        for node in ast.walk(self.function):
            match node:
                case ast.For(iter=decides) | ast.If(test=decides) | ast.While(test=decides) if self._depends(decides):
                    yield from (_lines(block) for block in (node.body, node.orelse) if block)

    def comprehensions(self) -> Iterator[range]:
        """Those that call something for each row."""
        for node in ast.walk(self.function):
            match node:
                case (
                    ast.ListComp(elt=ast.Call(), generators=loops)
                    | ast.SetComp(elt=ast.Call(), generators=loops)
                    | ast.GeneratorExp(elt=ast.Call(), generators=loops)
                ) if any(self._depends(one.iter) for one in loops):
                    yield range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _names(target: ast.expr) -> Iterable[str]:
    return (node.id for node in ast.walk(target) if isinstance(node, ast.Name))


def _lines(block: list[ast.stmt]) -> range:
    return range(block[0].lineno, (block[-1].end_lineno or block[-1].lineno) + 1)
