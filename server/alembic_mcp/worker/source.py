"""What can be said of a statement of Python from its source alone."""

from __future__ import annotations

import ast
import builtins
import os
import sys
from types import ModuleType
from typing import Any, Dict, List, Optional

__all__ = ["ACTS", "EXECUTES", "about_dialect", "blocks", "end", "head", "loops_within", "touches", "written"]

EXECUTES = {"execute", "exec", "exec_driver_sql", "executemany", "scalar", "scalars", "execute_sql"}
_WRITES = {
    "add", "add_all", "merge", "delete", "flush", "commit", "bulk_save_objects", "bulk_insert_mappings",
    "bulk_update_mappings", "create", "create_all", "drop", "drop_all",
}  # fmt: skip
ACTS = _WRITES | {"execute", "exec", "exec_driver_sql", "executemany", "execute_sql"}
"""What is never done to a value that nobody knows: it would do nothing."""
_ASKS_NOTHING = {"get_bind", "get_context", "f", "inline_literal", "batch_alter_table"}


def end(each: ast.stmt) -> int:
    """Its last line."""
    return each.end_lineno or each.lineno


def blocks(each: ast.stmt, *, reading: bool = False) -> List[List[ast.stmt]]:
    """The statements inside a statement; *reading*: without those that only deal with an exception."""
    if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return []
    found = [getattr(each, name, None) for name in ("body", "orelse", "finalbody")]
    found += [case.body for case in getattr(each, "cases", ())]
    if not reading:
        found += [handler.body for handler in getattr(each, "handlers", ())]
    return [block for block in found if block]


def head(each: ast.stmt) -> List[ast.stmt]:
    """A statement without the statements inside it."""
    names = ("test", "iter", "subject")
    found: List[ast.stmt] = [
        ast.copy_location(ast.Expr(value), each) for value in (getattr(each, name, None) for name in names) if value
    ]
    found += [ast.copy_location(ast.Expr(item.context_expr), each) for item in getattr(each, "items", ())]
    for one in found:
        one.end_lineno = one.value.end_lineno  # type: ignore[attr-defined]
    return found if blocks(each) else [each]


def about_dialect(test: ast.expr) -> bool:
    """Whether a condition asks for something that is known without the database's content."""
    text = ast.unparse(test)
    return any(word in text for word in ("dialect", "as_sql", "is_offline", "environ"))


def touches(each: ast.stmt, namespace: Dict[str, Any]) -> bool:
    """Whether a statement may do something to the database."""
    for call in (one for one in ast.walk(each) if isinstance(one, ast.Call)):
        alone = isinstance(each, ast.Expr) and each.value is call
        if isinstance(call.func, ast.Name):
            if alone and not hasattr(builtins, call.func.id):
                return True
        elif isinstance(call.func, ast.Attribute):
            root = _root(call.func)
            if call.func.attr in EXECUTES | _WRITES:
                return True
            if root in ("op", "batch_op", "batch") and call.func.attr not in _ASKS_NOTHING:
                return True
            if alone and _foreign(root, namespace):
                return True
    return False


def loops_within(each: ast.stmt, namespace: Dict[str, Any]) -> bool:
    """Whether a plain statement does something to the database for each of what may be no rows: a comprehension."""
    inner = [one.elt for one in ast.walk(each) if isinstance(one, (ast.ListComp, ast.SetComp, ast.GeneratorExp))]
    inner += [one.value for one in ast.walk(each) if isinstance(one, ast.DictComp)]
    inner += [one.body for one in ast.walk(each) if isinstance(one, ast.Lambda)]
    return not blocks(each) and any(touches(ast.Expr(one), namespace) for one in inner)


def written(node: ast.expr) -> Optional[str]:
    """The SQL of ``text("...")`` with whatever parameters, where it stands there in full."""
    for call in (one for one in ast.walk(node) if isinstance(one, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        text = call.args[0] if call.args else None
        if name == "text" and isinstance(text, ast.Constant) and isinstance(text.value, str):
            return text.value
    return None


def _root(node: ast.expr) -> Optional[str]:
    while isinstance(node, (ast.Attribute, ast.Call, ast.Subscript)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def _foreign(root: Optional[str], namespace: Dict[str, Any]) -> bool:
    """Whether a name stands for a module that may do anything, or for nothing that is known."""
    if root is None:
        return False
    if root not in namespace:
        return True
    value = namespace[root]
    if not isinstance(value, ModuleType):
        return False
    top = value.__name__.partition(".")[0]
    standard = getattr(sys, "stdlib_module_names", None)
    if standard is not None:
        return top not in standard and top not in ("sqlalchemy", "alembic")
    file = getattr(value, "__file__", None) or ""
    return bool(file) and not file.startswith(os.path.dirname(os.__file__))  # noqa: PTH120
