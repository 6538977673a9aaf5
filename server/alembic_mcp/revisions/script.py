"""One revision file, read without running it."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["PROBLEMS", "Problem", "ScriptRevision", "parse"]

PROBLEMS = (
    "unreadable",
    "duplicate-revision",
    "duplicate-label",
    "missing-ancestor",
    "cycle",
    "missing-folder",
)

_NAMES = ("revision", "down_revision", "branch_labels", "depends_on")
_LEGACY_NAME = re.compile(r"([a-f0-9]+)\.py\Z")
_ILLEGAL_IN_IDS = frozenset("@-+:")
_CREATE_DATE = re.compile(r"^Create Date:[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
_HEADER = re.compile(r"^(Revision ID|Revises|Create Date):")


@dataclass(frozen=True)
class Problem:
    """What is wrong with the revision files.

    Attributes:
        kind: one of `PROBLEMS`.
        why: in a sentence, with what to do.
        path: the file or folder, None if there is no single one.
        line: 1 for the first line, None if it is about no single line.
        revisions: the ids it is about.
    """

    kind: str
    why: str
    path: Path | None = None
    line: int | None = None
    revisions: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As a report shows it."""
        place = f"{self.path}:{self.line}: " if self.line else f"{self.path}: " if self.path else ""
        return f"{place}{self.why} [{self.kind}]"


@dataclass(frozen=True)
class ScriptRevision:
    """A revision, as its file declares it.

    Attributes:
        revision: its id.
        down_revisions: those it revises; empty for a base, several for a merge.
        depends_on: ids or branch labels, as the file says.
        branch_labels: those the file declares, not those that it inherits.
        message: first paragraph of the docstring, on one line.
        date: what the docstring says after "Create Date:".
        path: absolute, links resolved.
        sha256: of the file.
    """

    revision: str
    down_revisions: tuple[str, ...]
    depends_on: tuple[str, ...]
    branch_labels: tuple[str, ...]
    message: str
    date: str | None
    path: Path
    sha256: str


class _Unreadable(Exception):
    def __init__(self, why: str, line: int | None = None) -> None:
        self.why = why
        self.line = line
        super().__init__(why)


def parse(path: Path, data: bytes) -> ScriptRevision | Problem:
    """Read a revision file's contents; a problem of kind ``unreadable`` if that takes running it, or is impossible."""
    try:
        tree = ast.parse(data)
        return _revision(path, data, tree)
    except _Unreadable as error:
        return Problem("unreadable", error.why, path, error.line)
    except SyntaxError as error:
        return Problem("unreadable", f"it is not valid Python: {error.msg}", path, error.lineno)
    except ValueError as error:
        return Problem("unreadable", f"it is not valid Python: {error}", path)
    except (RecursionError, MemoryError):
        return Problem("unreadable", "it is nested too deeply to be read", path)


def one_line(docstring: str) -> str:
    """The message in a revision's docstring: its first paragraph, without the header lines, on one line."""
    paragraph = docstring.strip().split("\n\n", 1)[0]
    lines: list[str] = []
    for line in paragraph.splitlines():
        if _HEADER.match(line):
            break
        lines.append(line.strip())
    return " ".join(filter(None, lines))


def create_date(docstring: str) -> str | None:
    """What the docstring says after "Create Date:"."""
    match = _CREATE_DATE.search(docstring)
    return match[1] if match else None


def _revision(path: Path, data: bytes, tree: ast.Module) -> ScriptRevision:
    values = _declared(tree)
    legacy = _LEGACY_NAME.match(path.name)
    revision = values["revision"] if "revision" in values else legacy and legacy[1]
    if not isinstance(revision, str) or not revision:
        raise _Unreadable("it declares no revision id; if it is no revision, move it out of the versions folder")
    if illegal := _ILLEGAL_IN_IDS.intersection(revision):
        signs = " ".join(sorted(illegal))
        raise _Unreadable(f"its id {revision!r} contains {signs}, which Alembic does not allow in an id")
    if "down_revision" not in values:
        raise _Unreadable("it does not declare down_revision")
    docstring = ast.get_docstring(tree, clean=False) or ""
    return ScriptRevision(
        revision=revision,
        down_revisions=_names("down_revision", values["down_revision"]),
        depends_on=_names("depends_on", values.get("depends_on")),
        branch_labels=_names("branch_labels", values.get("branch_labels")),
        message=one_line(docstring),
        date=create_date(docstring),
        path=path,
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _names(variable: str, value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, (tuple, list, set)) else (value,)
    names = tuple(dict.fromkeys(item for item in items if item is not None))
    if not all(isinstance(name, str) for name in names):
        raise _Unreadable(f"its {variable} is neither a string nor a list of strings")
    return tuple(sorted(names)) if isinstance(value, set) else names


def _declared(tree: ast.Module) -> dict[str, Any]:
    """The variables that Alembic reads, each assigned once, at top level, as a literal."""
    values: dict[str, Any] = {}
    for statement in tree.body:
        bound = _bound_by(statement)
        for name in _NAMES:
            if name not in bound:
                continue
            if name in values:
                raise _Unreadable(f"it assigns {name} more than once", statement.lineno)
            values[name] = _literal(name, bound[name], statement.lineno)
    return values


def _bound_by(statement: ast.stmt) -> Mapping[str, ast.expr | None]:
    """The names that a statement at top level binds, with the expression they are assigned if it is that plain."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name: None}
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            return {alias.asname or alias.name.partition(".")[0]: None for alias in aliases}
        case ast.AnnAssign(target=ast.Name(id=name), value=value):
            return {name: value} if value is not None else {}
        case ast.Assign(targets=targets, value=value) if all(isinstance(target, ast.Name) for target in targets):
            return {target.id: value for target in targets if isinstance(target, ast.Name)}
        case ast.Expr(value=ast.Constant()):
            return {}
    return dict.fromkeys(_bound_in(statement))


def _literal(name: str, node: ast.expr | None, line: int) -> Any:
    why = f"its {name} is not a plain literal, so only running the file tells its value"
    if node is None:
        raise _Unreadable(why, line)
    if isinstance(node, ast.Constant):
        return node.value
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError) as error:
        raise _Unreadable(why, line) from error


def _bound_in(statement: ast.stmt) -> Iterator[str]:
    """Names that a compound statement, an import or an expression may bind at top level."""
    todo: list[ast.AST] = [statement]
    while todo:
        node = todo.pop()
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name
            case ast.alias(name=name, asname=asname):
                yield asname or name.partition(".")[0]
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
                continue
            case ast.Lambda():
                continue
        todo.extend(ast.iter_child_nodes(node))
