"""Reads the source of a revision, where what matters leaves no trace in what it sends."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from functools import lru_cache

__all__ = ["Function", "functions", "parsed"]

Function = ast.FunctionDef | ast.AsyncFunctionDef


@lru_cache(maxsize=256)
def parsed(source: str) -> ast.Module | None:
    """The syntax tree of a file; None if it is empty or can't be read."""
    if not source.strip():
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape in the user's text
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def functions(source: str, name: str) -> tuple[Function, ...]:
    """The function *name* of the file, and those of the same file that it calls, directly or not."""
    return _functions(source, name)


@lru_cache(maxsize=256)
def _functions(source: str, name: str) -> tuple[Function, ...]:
    return tuple(_called(source, name))


def _called(source: str, name: str) -> Iterator[Function]:
    tree = parsed(source)
    if tree is None:
        return
    own = {node.name: node for node in tree.body if isinstance(node, Function)}
    waiting, seen = [name], {name}
    while waiting:
        function = own.get(waiting.pop(0))
        if function is None:
            continue
        yield function
        for node in ast.walk(function):
            if isinstance(node, ast.Name) and node.id in own and node.id not in seen:
                seen.add(node.id)
                waiting.append(node.id)
