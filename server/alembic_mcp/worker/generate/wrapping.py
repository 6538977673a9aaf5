"""Breaks lines of Python that are too long to read, one argument per line as a formatter would, and long strings."""

from __future__ import annotations

import ast
from typing import Dict, List, Optional, Set, Tuple

__all__ = ["WIDTH", "wrapped"]

WIDTH = 100
"""Columns that a line has at most, where it can be broken at all."""

_ROUNDS = 8  # each opens one level of brackets
_STEP = 4


def wrapped(source: str) -> str:
    """*source* with its long lines broken; as it is where it is no valid Python."""
    for _ in range(_ROUNDS):
        lines = source.splitlines()
        long = {number for number, line in enumerate(lines, 1) if len(line) > WIDTH}
        if not long:
            return source
        try:
            tree = ast.parse(source)
        except SyntaxError:
            return source
        changes = _changes(tree, long, lines)
        if not changes:
            return source
        for number in sorted(changes, reverse=True):
            lines[number - 1 : number] = changes[number]
        source = "\n".join(lines) + "\n"
    return source


def _changes(tree: ast.Module, long: Set[int], lines: List[str]) -> Dict[int, List[str]]:
    """Number of a long line -> the lines that take its place."""
    calls: Dict[int, ast.Call] = {}
    texts: Dict[int, ast.Constant] = {}
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):  # outer nodes come first
        number = getattr(node, "lineno", None)
        if number not in long or number != getattr(node, "end_lineno", None):
            continue
        if isinstance(node, ast.Call) and (node.args or node.keywords):
            kept = calls.get(number)
            # Of a chain a(...).b(...) the last call holds what is long as a rule, and stands outside.
            calls[number] = node if kept is None or _inside(kept, node) else kept
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            kept_text = texts.get(number)
            if kept_text is None or len(node.value) > len(str(kept_text.value)):
                texts[number] = node
    found = {}
    for number in long:
        line = lines[number - 1]
        new = _opened(calls[number], line) if number in calls else None
        if new is None and number in texts:
            new = _split(texts[number], line)
        if new is not None:
            found[number] = new
    return found


def _inside(outer: ast.Call, inner: ast.Call) -> bool:
    """Whether opening *inner* does more good: *outer* has next to nothing in its brackets."""
    function = outer.func
    chained = isinstance(function, ast.Attribute) and function.value is inner
    return chained and _arguments_length(outer) < _arguments_length(inner)


def _arguments_length(call: ast.Call) -> int:
    first = call.func.end_col_offset or 0
    return (call.end_col_offset or 0) - first


def _opened(call: ast.Call, line: str) -> Optional[List[str]]:
    """The line with the arguments of *call* on lines of their own."""
    raw = line.encode()
    start, end = call.func.end_col_offset or 0, call.end_col_offset or 0
    if raw[start : start + 1] != b"(":
        return None
    indent = len(line) - len(line.lstrip())
    spans = sorted(_span(argument, raw) for argument in (*call.args, *call.keywords))
    inner = " " * (indent + _STEP)
    found = [raw[: start + 1].decode()]
    found += [f"{inner}{raw[first:last].decode()}," for first, last in spans]
    starred = any(isinstance(argument, ast.Starred) for argument in call.args)
    if len(spans) == 1 and not starred:
        found[-1] = found[-1][:-1]
    return [*found, f"{' ' * indent}{raw[end - 1 :].decode()}"]


def _span(argument: ast.AST, raw: bytes) -> Tuple[int, int]:
    """Where an argument stands in its line, with its name, its stars and brackets around it."""
    if isinstance(argument, ast.keyword):
        value: ast.AST = argument.value
        first, last = getattr(argument, "col_offset", None), _right(value, raw)
        if first is None:  # Python 3.8
            first = _left(value, raw) - len(f"{argument.arg}=")
        return first, last
    return _left(argument, raw), _right(argument, raw)


def _left(node: ast.AST, raw: bytes) -> int:
    at = node.col_offset  # type: ignore[attr-defined]
    while _bracketed(raw, at, node.end_col_offset):  # type: ignore[attr-defined]
        at -= 1
    return int(at)


def _right(node: ast.AST, raw: bytes) -> int:
    at, start = node.end_col_offset, node.col_offset  # type: ignore[attr-defined]
    if _bracketed(raw, start, at):
        at += 1
    return int(at)


def _bracketed(raw: bytes, start: int, end: int) -> bool:
    """Whether what stands from *start* to *end* is in brackets of its own: ``(a + b)``, not the call's."""
    return raw[start - 1 : start] == b"(" and raw[end : end + 1] == b")" and not _called(raw, start - 1)


def _called(raw: bytes, at: int) -> bool:
    before = raw[at - 1 : at]
    return before.isalnum() or before in (b"_", b")", b"]")


def _split(node: ast.Constant, line: str) -> Optional[List[str]]:
    """The line with a string in pieces, which stand in brackets already or get some."""
    raw = line.encode()
    text = str(node.value)
    start, end = node.col_offset, node.end_col_offset or 0
    if raw[start : start + 1] not in (b"'", b'"') or raw[start : start + 3] in (b"'''", b'"""') or " " not in text:
        return None
    before, after = raw[:start].decode(), raw[end:].decode()
    alone = not before.strip() and after in ("", ",")
    indent = len(line) - len(line.lstrip())
    inner = " " * (indent if alone else indent + _STEP)
    pieces = [f"{inner}{piece}" for piece in _pieces(text, WIDTH - len(inner) - 1)]
    if len(pieces) == 1 and alone:
        return None
    if alone:
        return [*pieces[:-1], pieces[-1] + after]
    return [f"{before}(", *pieces, f"{' ' * indent}){after}"]


def _pieces(text: str, width: int) -> List[str]:
    apostrophe = "'"
    quote = apostrophe in text and '"' not in text
    found, piece = [], ""
    for word in text.replace(" ", " \0").split("\0"):
        if piece and len(repr(piece + word)) > width:
            found.append(piece)
            piece = ""
        piece += word
    found.append(piece)
    # With an apostrophe in it repr chooses double quotes: for all pieces the same ones.
    return [f'"{repr(part + apostrophe)[1:-2]}"' if quote else repr(part) for part in found]
