"""The revision commits or rolls back by itself: from there on it is no longer one transaction.

If a later statement fails, what was committed stays, and the database is between two revisions. A rollback also takes
away what Alembic has written before it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ...operations import AlterObject
from ...report import Severity
from ..context import Context
from ..rule import Found, revision_rule
from ..source import functions

_ENDS = ("commit", "rollback")
_SQL = ("op", "execute", "exec_driver_sql")


@revision_rule(
    severity=Severity.WARNING,
    remedy="Leave the commit to Alembic; what must run outside a transaction goes into autocommit_block().",
)
def commits_by_itself(context: Context) -> Iterator[Found]:
    """Judge the source, and COMMIT as a statement, in both directions."""
    places: dict[tuple[str, str], list[int]] = {}
    for line, text, action in (*_calls(context), *_statements(context)):
        places.setdefault((text, action), []).append(line)
    for (text, action), found in places.items():
        line, *others = sorted(set(found))
        again = f" (also line {', '.join(map(str, others))})" if others else ""
        after = "what was written before it stays" if action == "commit" else "what was written before it is undone"
        yield Found(
            f"{text}{again} ends the transaction of the revision: if a later statement fails, {after}."
            if action == "commit"
            else f"{text}{again} ends the transaction of the revision: {after}, Alembic's own record included.",
            line=line,
            remedy=f"Leave {text} out: Alembic commits when the revision is done. What must run outside a transaction "
            "goes into with op.get_context().autocommit_block(), and long data work into a script of its own.",
            evidence={"measured": False},
        )


def _calls(context: Context) -> Iterator[tuple[int, str, str]]:
    for function in functions(context.revision.source, context.direction.value):
        own, gives_up = _own_connections(function), _given_up(function)
        for node in ast.walk(function):
            if id(node) in gives_up:
                continue
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _ENDS):
                continue
            owner = node.func.value
            if node.args or (isinstance(owner, ast.Name) and owner.id in own):
                continue
            yield node.lineno, f"{ast.unparse(node.func)}()", node.func.attr


def _given_up(function: ast.AST) -> set[int]:
    """Rollbacks on the way out: the handler raises again, so that Alembic rolls back as well."""
    handlers = [node for node in ast.walk(function) if isinstance(node, ast.ExceptHandler)]
    return {
        id(call)
        for handler in handlers
        if isinstance(handler.body[-1], ast.Raise)
        for call in ast.walk(handler)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "rollback"
    }


def _own_connections(function: ast.AST) -> set[str]:
    """Names of transactions and savepoints that the revision began itself: ending those ends nothing else."""
    found = set()
    for node in ast.walk(function):
        value = node.value if isinstance(node, ast.Assign) else None
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "begin_nested":
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}  # type: ignore[attr-defined]
    return found


def _statements(context: Context) -> Iterator[tuple[int, str, str]]:
    for op in context.later:
        if isinstance(op, AlterObject) and op.kind == "transaction" and op.action in _ENDS:
            yield op.line, op.action.upper(), op.action
