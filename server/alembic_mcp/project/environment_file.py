"""Whether env.py decides by itself where the revisions are; read, not run."""

from __future__ import annotations

import ast
import warnings
from pathlib import Path

__all__ = ["moves_versions"]

_OPTIONS = frozenset({"version_locations", "script_location", "recursive_version_locations"})
_ATTRIBUTES = frozenset({"version_locations", "_version_locations"})
_READS = frozenset({"get_main_option", "get_section_option", "get_alembic_option", "get_section", "get"})


def moves_versions(env_py: Path) -> bool:
    """True if env.py seems to set version_locations, so that only running it tells where the revisions are.

    It errs on the side of True. A file that is missing or broken answers False: it will speak for itself when it runs.
    """
    try:
        data = env_py.read_bytes()
        if not any(name.encode() in data for name in _OPTIONS):
            return False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(data)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    read = {id(argument) for call in ast.walk(tree) if _is_read(call) for argument in ast.walk(call)}
    return any(_sets(node) for node in ast.walk(tree) if id(node) not in read)


def _is_read(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _READS


def _sets(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(attr=name, ctx=ast.Store()) | ast.keyword(arg=str(name)):
            return name in _ATTRIBUTES
        case ast.Attribute(attr=name):
            # Read or changed in place (`.append(...)`): either way the code cares about the list itself.
            return name in _ATTRIBUTES
        case ast.Constant(value=str(name)):
            return name in _OPTIONS or name in _ATTRIBUTES
    return False
