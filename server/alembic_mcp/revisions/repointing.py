"""Re-points a revision file at another parent: the one token that says so, and the docstring's line, nothing else."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from pathlib import Path

from ..errors import Refused
from .script import ScriptRevision, parse

__all__ = ["repointed"]

_BOM = b"\xef\xbb\xbf"


def repointed(path: Path, data: bytes, parent: str) -> bytes:
    """The contents *data* of a revision file with *parent* in the place of its ``down_revision``.

    What is exchanged is the text of the one string and, in the docstring, the id after "Revises:". Line ends, quotes,
    comments and everything else stay.

    Raises:
        Refused: the file does not say its parent as one plain string, or is not UTF-8.
    """
    before = parse(path, data)
    if not isinstance(before, ScriptRevision):
        raise _refused(path, before.why)
    if len(before.down_revisions) != 1:
        revises = " and ".join(before.down_revisions) or "nothing"
        raise _refused(path, f"it revises {revises}, and only a revision with one parent can be moved")
    old = before.down_revisions[0]
    bom, text = (_BOM, data[len(_BOM) :]) if data.startswith(_BOM) else (b"", data)
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refused(path, "it is not UTF-8") from error
    tree = ast.parse(text)
    node = _parent_string(tree, old)
    if node is None:
        raise _refused(path, "its down_revision is not written as one plain string")
    changes = [(*_span(text, node), repr_like(_piece(text, node), parent))]
    docstring = tree.body[0]
    if isinstance(docstring, ast.Expr) and isinstance(docstring.value, ast.Constant):
        start, end = _span(text, docstring.value)
        pattern = rb"^(Revises:[ \t]*)" + re.escape(old.encode()) + rb"(?=[ \t]*\r?$)"
        match = re.search(pattern, text[start:end], re.MULTILINE)
        if match:
            changes.append((start + match.end(1), start + match.end(), parent.encode()))
    for start, end, new in sorted(changes, reverse=True):
        text = text[:start] + new + text[end:]
    after = parse(path, bom + text)
    if not isinstance(after, ScriptRevision) or after != replace(
        before, down_revisions=(parent,), sha256=getattr(after, "sha256", "")
    ):
        raise _refused(path, "what it would become does not read as the same revision with another parent")
    return bom + text


def repr_like(written: bytes, value: str) -> bytes:
    """*value* as a string literal with the quotes of *written*."""
    quote = b"'" if written.lstrip(b"uUrRbB").startswith(b"'") else b'"'
    return quote + value.encode() + quote


def _parent_string(tree: ast.Module, old: str) -> ast.Constant | None:
    for statement in tree.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id="down_revision")], value=value)
                | ast.AnnAssign(target=ast.Name(id="down_revision"), value=ast.expr() as value)
            ):
                found = [
                    node for node in ast.walk(value) if isinstance(node, ast.Constant) and isinstance(node.value, str)
                ]
                one = found[0] if len(found) == 1 and found[0].value == old else None
                return one if one is not None and one.lineno == one.end_lineno else None
    return None


def _span(text: bytes, node: ast.expr) -> tuple[int, int]:
    """Where a node starts and ends, in bytes; the parser counts columns in UTF-8."""
    starts = [0]
    # As the parser counts lines: form feeds and the like end none.
    for match in re.finditer(rb"\r\n|\r|\n", text):
        starts.append(match.end())  # noqa: PERF401 - reads better than a comprehension with a leading zero
    end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
    return starts[node.lineno - 1] + node.col_offset, starts[end_line - 1] + end_column


def _piece(text: bytes, node: ast.expr) -> bytes:
    start, end = _span(text, node)
    return text[start:end]


def _refused(path: Path, why: str) -> Refused:
    return Refused(
        f"{path} can't be re-pointed: {why}. Nothing was written.",
        "Set its down_revision by hand, then call review.",
    )
