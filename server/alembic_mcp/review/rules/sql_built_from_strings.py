"""SQL is put together from strings: a value with a quote in it breaks the statement, or becomes a part of it.

What is put in is left out where the file itself says what it is: a constant, or an item of a list of constants.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ...report import Severity
from ..context import Context
from ..rule import Found, revision_rule
from ..source import functions, parsed

_RUNS = frozenset({"execute", "exec_driver_sql", "executemany", "scalar", "scalars", "text", "DDL"})


@revision_rule(
    severity=Severity.INFO,
    remedy='Bind the values: op.execute(sa.text("... = :value").bindparams(value=value)).',
)
def sql_built_from_strings(context: Context) -> Iterator[Found]:
    """Judge the source of the function, and of those of the same file that it calls."""
    if parsed(context.revision.source) is None:
        return
    seen = set()
    for function in functions(context.revision.source, context.direction.value):
        known = _constants(parsed(context.revision.source), function)
        texts = _assigned(function)
        for node in ast.walk(function):
            if not (isinstance(node, ast.Call) and node.args and _called(node) in _RUNS):
                continue
            argument = node.args[0]
            if isinstance(argument, ast.Name):
                argument = texts.get(argument.id, argument)
            parts = [part for part in _put_in(argument) if not _is_known(part, known)]
            if not parts or node.lineno in seen:
                continue
            seen.add(node.lineno)
            names = ", ".join(dict.fromkeys(ast.unparse(part) for part in parts))
            yield Found(
                f"SQL is put together from strings with {names}: a quote in it breaks the statement, or becomes a part "
                "of it.",
                remedy=f'Bind values: op.execute(sa.text("... = :value").bindparams(value={ast.unparse(parts[0])})); '
                "a name of a table or column is better written out, or quoted by sa.quoted_name and the directives.",
                line=node.lineno,
                evidence={"measured": False},
            )


def _called(node: ast.Call) -> str:
    function = node.func
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


def _put_in(node: ast.expr) -> Iterator[ast.expr]:
    """What an expression puts into a text: f-string, %, format, +."""
    match node:
        case ast.JoinedStr():
            yield from (part.value for part in node.values if isinstance(part, ast.FormattedValue))
        case ast.BinOp(op=ast.Mod(), left=left, right=right) if _is_text(left):
            yield from right.elts if isinstance(right, ast.Tuple) else _values(right)
        case ast.BinOp(op=ast.Add()):
            if _is_text(node):
                for side in (node.left, node.right):
                    if isinstance(side, (ast.JoinedStr, ast.BinOp)):
                        yield from _put_in(side)
                    elif not isinstance(side, ast.Constant):
                        yield side
        case ast.Call(func=ast.Attribute(attr="format", value=value)) if _is_text(value):
            yield from (*node.args, *(keyword.value for keyword in node.keywords))


def _values(node: ast.expr) -> list[ast.expr]:
    return [value for value in node.values if value] if isinstance(node, ast.Dict) else [node]


def _is_text(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=str()) | ast.JoinedStr():
            return True
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return _is_text(left) or _is_text(right)
    return False


def _assigned(function: ast.AST) -> dict[str, ast.expr]:
    """Texts that the function puts together before it sends them."""
    found: dict[str, ast.expr] = {}
    nodes = (node for node in ast.walk(function) if isinstance(node, (ast.Assign, ast.AugAssign)))
    for node in sorted(nodes, key=lambda node: node.lineno):
        match node:
            case ast.Assign():
                found |= {target.id: node.value for target in node.targets if isinstance(target, ast.Name)}
            case ast.AugAssign(target=ast.Name(id=name), op=ast.Add()) if name in found:
                found[name] = ast.BinOp(found[name], ast.Add(), node.value)
    return found


def _constants(tree: ast.Module | None, function: ast.AST) -> set[str]:
    """Names that only ever are constants of the file, or items of such."""
    known: set[str] = set()
    nodes = [*(tree.body if tree else ()), *ast.walk(function)]
    for _ in range(2):  # an item of a list that is given a name further down
        for node in nodes:
            match node:
                case ast.Assign(value=value) if _is_known(value, known):
                    known |= {target.id for target in node.targets if isinstance(target, ast.Name)}
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if _is_known(value, known):
                    known.add(name)
                case ast.For(target=target, iter=source) | ast.comprehension(target=target, iter=source):
                    if _is_known(source, known):
                        known |= {part.id for part in ast.walk(target) if isinstance(part, ast.Name)}
    return known


def _is_known(node: ast.expr, known: set[str]) -> bool:
    match node:
        case ast.Constant():
            return True
        case ast.Name(id=name):
            return name in known
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            return all(_is_known(part, known) for part in parts)
        case ast.Dict(keys=keys, values=values):
            return all(part is not None and _is_known(part, known) for part in (*keys, *values))
        case ast.JoinedStr(values=parts):
            return all(
                isinstance(part, ast.Constant)
                or (isinstance(part, ast.FormattedValue) and _is_known(part.value, known))
                for part in parts
            )
        case ast.IfExp(body=left, orelse=right) | ast.BinOp(left=left, right=right):
            return _is_known(left, known) and _is_known(right, known)
        case ast.Call(func=ast.Attribute(value=value), args=arguments):
            return _is_known(value, known) and all(_is_known(part, known) for part in arguments)
        case ast.Call(func=ast.Name(id="sorted" | "zip" | "enumerate" | "list" | "tuple" | "range"), args=arguments):
            return all(_is_known(part, known) for part in arguments)
        case ast.Subscript(value=value) | ast.Attribute(value=value):
            return _is_known(value, known)
    return False
