"""The revision writes to rows of a table that others use, rather than only to the schema.

Said so that nobody overlooks it: in plain SQL, in a construct, in a loop in Python, or behind a helper. A loop over
rows that it reads did nothing on the empty copy, so what it writes was not seen.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from ...operations import Direction, Insert, Operation, Update
from ...report import Severity
from ..affected import affected
from ..context import Context
from ..counts import rows_of
from ..rule import Found, revision_rule
from ..source import functions
from ..spreading import spread
from .update_all_rows import update_all_rows

_WRITES = ("execute", "exec_driver_sql", "executemany", "merge", "add", "add_all", "delete", "bulk_update_mappings",
           "bulk_insert", "bulk_save_objects", "bulk_insert_mappings")  # fmt: skip
_VERBS = ("insert", "update", "delete", "merge", "add", "bulk")


@revision_rule(
    severity=Severity.INFO,
    remedy="Make sure that it can run twice, and that the downgrade needs none of what it overwrites.",
)
def writes_data(context: Context) -> Iterator[Found]:
    """Judge UPDATE and INSERT that no other rule judges, in both directions, and loops that were not seen to run."""
    times = Counter((type(op), op.tables, op.line) for op in context.later)
    for op, here in context.steps():
        found = _write(op, here, one_by_one=times[type(op), op.tables, op.line] > 1)
        if found is not None:
            yield found
    lines = {op.line for op in context.later} | {one.line for op in context.later for one in op.statements}
    for loop in unseen_loops(context.revision.source, context.direction, lines):
        yield Found(
            "Writes rows that it makes of rows that it reads: the copy is empty, so what it writes was not seen.",
            severity=Severity.WARNING,
            remedy="Write it as one statement of SQL, UPDATE ... FROM or INSERT ... SELECT, so that it can be judged.",
            line=loop,
            evidence={"measured": False},
        )


def _write(op: Operation, context: Context, *, one_by_one: bool) -> Found | None:
    if not isinstance(op, (Insert, Update)) or context.is_new(op.table) or not context.is_live(op.table):
        return None
    rows = rows_of(op.table, context)
    each = ", one by one" if one_by_one else ""
    if isinstance(op, Insert):
        if not context.running or rows.none:
            return None
        over = ", and overwrites those with the same key" if op.replaces else ""
        problem = f"Inserts rows into {op.table}{each}{over}; it has {rows.text}."
    elif op.where is None or update_all_rows.check is None or update_all_rows.check(op, context) is not None:
        return None
    elif not context.running and not any(context.names.column(op.table, one) for one in op.columns):
        return None  # puts values back
    else:
        columns = f" ({', '.join(op.columns)})" if op.columns else ""
        met = affected(op, context)
        if met.none:
            return None
        some = f"{met.text} of {op.table}" if met.number is not None else f"rows of {op.table}"
        each = each or (", a few at a time" if met.limited else "")
        problem = f"Updates {some}{columns}{each}; it has {rows.text}.{spread(op, context).text}"
    return Found(
        problem,
        remedy=f"Make sure that it can run twice, and that going back needs none of what it changes in {op.table}.",
        line=op.line,
        table=op.table,
        evidence={
            **{f"table_{key}" if key == "rows" else key: value for key, value in rows.evidence.items()},
            "measured": any(statement.measured is not None for statement in op.statements),
        },
    )


def unseen_loops(source: str, direction: Direction, lines: set[int]) -> Iterator[int]:
    """Lines of loops over rows that write, and of bulk writes, of which nothing was seen to run; the outermost ones."""
    for function in functions(source, direction.value):
        told: list[range] = []
        for loop in ast.walk(function):
            if isinstance(loop, ast.Call) and _is_bulk(loop) and not any(loop.lineno in inside for inside in told):
                here = range(loop.lineno, (loop.end_lineno or loop.lineno) + 1)
                if not any(line in here for line in lines):
                    yield loop.lineno
            if not isinstance(loop, (ast.For, ast.While)) or any(loop.lineno in inside for inside in told):
                continue
            if isinstance(loop, ast.For) and isinstance(loop.iter, (ast.List, ast.Tuple)):
                continue
            calls = (node for part in loop.body for node in ast.walk(part) if isinstance(node, ast.Call))
            end = loop.end_lineno or loop.lineno
            if (any(map(_is_write, calls)) or _changes_objects(loop, function)) and not any(
                loop.lineno < line <= end for line in lines
            ):
                told.append(range(loop.lineno, end + 1))
                yield loop.lineno


def _is_bulk(call: ast.Call) -> bool:
    """True for what a session writes at once, if there is anything to write."""
    attribute = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    return attribute.startswith("bulk_") and "session" in ast.unparse(call.func).lower()


def _changes_objects(loop: ast.For | ast.While, function: ast.AST) -> bool:
    """True for a loop that sets attributes of what it walks over, in a function that has a session to write them."""
    if not isinstance(loop, ast.For):
        return False
    walked = {node.id for node in ast.walk(loop.target) if isinstance(node, ast.Name)}
    sets = any(
        isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id in walked
        for part in loop.body
        for node in ast.walk(part)
    )
    return sets and any(isinstance(node, ast.Name) and "session" in node.id.lower() for node in ast.walk(function))


def _is_write(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in _WRITES:
        return False
    if call.func.attr.startswith("execute") or call.func.attr == "exec_driver_sql":
        said = ast.unparse(call.args[0]).lower() if call.args else ""
        return any(verb in said for verb in _VERBS)
    owner = ast.unparse(call.func.value).lower()
    return "session" in owner or owner in ("op", "db", "s")
