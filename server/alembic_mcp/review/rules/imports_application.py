"""The revision imports the application: its models or settings change later, and the revision breaks or does more.

A revision must do in a year what it does today. The models that it imports will have columns by then that its
database does not have yet, or will be gone.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

from ...report import Severity
from ..context import Path
from ..rule import Found, path_rule
from ..source import parsed

_TELLING = frozenset({"models", "model", "settings", "config", "configuration", "schemas", "entities", "orm", "tables"})
"""Parts of a module's name that say what it is, whatever the project is called."""
_HARMLESS = frozenset({"types", "enums", "constants", "version", "_version", "guid", "migrations", "alembic"})
_BY_NAME = ("importlib.import_module", "import_module", "__import__")
_LIBRARIES = frozenset({"alembic", "sqlalchemy", "sqlmodel", "pydantic", "pydantic_settings", "django", "flask"})


@path_rule(
    severity=Severity.WARNING,
    remedy="Copy what the revision needs into it: sa.table(...) and sa.column(...) in place of models, plain values in "
    "place of settings.",
)
def imports_application(path: Path) -> Iterator[Found]:
    """Judge the source of every revision; imports for types only are left out."""
    for revision in path.revisions:
        tree = parsed(revision.source)
        if tree is None:
            continue
        for line, module, names in _imports(tree):
            severity = _judge(module, names, path.own_modules)
            if severity is not None:
                what = f"{', '.join(names)} from {module}" if names else module
                yield Found(
                    f"The revision imports {what}, a part of the application: when that changes, the revision does "
                    "something else, or fails.",
                    revision=revision.revision,
                    line=line,
                    severity=severity,
                    remedy=f"Copy what it needs of {module} into the revision: sa.table(...) and sa.column(...) in "
                    "place of models, plain values in place of settings.",
                    evidence={"module": module, "measured": False},
                )


def _imports(tree: ast.Module) -> Iterator[tuple[int, str, list[str]]]:
    hidden = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, []
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield node.lineno, module, [alias.name for alias in node.names]
        elif isinstance(node, ast.Call) and node.args and ast.unparse(node.func) in _BY_NAME:
            match node.args[0]:
                case ast.Constant(value=str(module)) if module:
                    yield node.lineno, module, []


def _judge(module: str, names: list[str], own: frozenset[str]) -> Severity | None:
    """How bad an import is; None if the module is not the application's."""
    top, *rest = module.split(".")
    if top in sys.stdlib_module_names or top in _LIBRARIES:
        return None
    parts = {part.lower() for part in (*rest, *names, top)}
    relative = module.startswith(".")
    if not relative and top not in own and not (parts & _TELLING and not own):
        return None
    if parts & _TELLING or any(name[:1].isupper() for name in names):
        return Severity.WARNING if not parts & _HARMLESS else Severity.INFO
    return Severity.INFO
