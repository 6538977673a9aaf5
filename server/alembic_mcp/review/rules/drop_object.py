"""Dropping a view, function, trigger, type, extension or policy breaks whatever still uses it.

What is made again further down is only replaced, but its privileges are lost. A type or a sequence that goes without
CASCADE is used by no column: the database sees to that.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...operations import CreateObject, CreateTable, DropObject, DropTable, Operation
from ...report import Severity
from ..context import Context
from ..history import operations_before
from ..rule import Found, rule

_LOSES = {
    "trigger": "what it did on every write no longer happens",
    "rule": "what it did on every query no longer happens",
    "policy": "which rows a role may see or write is no longer limited by it",
    "extension": "its functions, types and operators are gone for every user of the database",
    "materialized view": "its rows are gone, and queries on it fail",
    "view": "queries on it fail",
    "sequence": "its counter is gone",
    "database": "all its data is gone",
    "owned": "everything that the role owns is gone",
    "role": "whoever logs in with it is locked out",
    "user": "whoever logs in with it is locked out",
    "publication": "its subscribers get no more changes",
    "subscription": "no more changes arrive",
}
_SAFE_WITHOUT_CASCADE = ("type", "domain", "sequence", "collation", "statistics", "cast", "aggregate", "operator")
_DESTROYS = ("database", "owned", "tablespace", "foreign table")


@rule(
    severity=Severity.WARNING,
    remedy="See first that nothing uses it: neither the application, nor a view, a function or a job.",
)
def drop_object(op: Operation, context: Context) -> Found | None:
    """Judge what is neither table, column, index, constraint nor schema, in both directions."""
    if not isinstance(op, DropObject) or op.kind == "schema" or _is_made(op, context.prior):
        return None
    if context.running and op.kind in _SAFE_WITHOUT_CASCADE and _is_made(op, list(operations_before(context))):
        return None
    if op.table is not None and context.later.has(DropTable, table=op.table):
        return None
    name = f"{op.kind} {op.name}" + (f" on {op.table}" if op.table else "")
    by = ", by something that this line runs" if op.from_effect else ""
    if _is_made(op, context.later):
        return Found(
            f"Drops {name}{by}, and makes it again: privileges that were granted on it are lost.",
            severity=Severity.INFO,
            remedy=f"Prefer CREATE OR REPLACE, or grant again what {op.name} had.",
        )
    if not context.running:
        if _is_made(op, context.other) or (not op.cascade and op.kind in _SAFE_WITHOUT_CASCADE):
            return None
        return Found(
            f"The downgrade drops {name}, which the upgrade did not make.",
            remedy=f"Leave {op.name} alone in downgrade(), or make it in upgrade().",
        )
    loses = _LOSES.get(op.kind, "whatever calls or reads it fails")
    if op.kind in _SAFE_WITHOUT_CASCADE and not op.cascade and not op.from_effect:
        return Found(
            f"Drops {name}; the database refuses if a column still uses it.",
            severity=Severity.INFO,
            remedy=f"See that the application does not name {op.name} any more.",
        )
    cascade = ", and with CASCADE whatever depends on it" if op.cascade else ""
    return Found(
        f"Drops {name}{by}{cascade}: {loses}.",
        remedy=f"See first that nothing uses {op.name}"
        + (", and drop what depends on it by name rather than with CASCADE." if op.cascade else "."),
        severity=Severity.DANGER if op.kind in _DESTROYS or (op.cascade and not _watched(op)) else None,
    )


def _is_made(op: DropObject, among: Sequence[Operation]) -> bool:
    for other in among:
        if isinstance(other, CreateObject) and other.kind == op.kind and _bare(other.name) == _bare(op.name):
            return True
        if isinstance(other, CreateTable) and op.table == other.table:
            return True
        made = {item for statement in other.statements if statement.measured for item in statement.measured.created}
        if any(kind == op.kind and _bare(name) == _bare(op.name) for kind, name in made):
            return True
    return False


def _bare(name: str) -> str:
    return name.partition("(")[0].rpartition(".")[2]


def _watched(op: DropObject) -> bool:
    return bool(op.statements) and all(
        statement.measured is not None and statement.measured.complete for statement in op.statements
    )
