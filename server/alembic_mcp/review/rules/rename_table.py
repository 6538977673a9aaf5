"""Code that still runs knows a table by its old name, and fails at once when it is renamed.

A view with the old name, made in the same transaction, keeps it running until it is replaced.
"""

from __future__ import annotations

from ...locks import LockMode
from ...operations import AlterObject, CreateObject, CreateTable, DropTable, Operation, RenameTable
from ...report import Severity
from ..context import Context
from ..counts import rows_of
from ..remedies import call, execute, quoted
from ..rule import Found, rule

_VIEWS = ("view", "materialized view")


@rule(
    severity=Severity.DANGER,
    lock_mode=LockMode.ACCESS_EXCLUSIVE,
    remedy="Make a view with the old name in the same revision, and drop it when nobody uses it any more.",
)
def rename_table(op: Operation, context: Context) -> Found | None:
    """Judge renamed tables and views; what is dropped or comes back later in the path is left out, the inverse too."""
    match op:
        case RenameTable() if not context.is_new(op.table):
            return _table(op, context)
        case AlterObject() if op.kind in _VIEWS and op.action in ("rename to", "set schema"):
            if any(isinstance(other, CreateObject) and other.name == op.name for other in context.prior):
                return None
            return Found(
                f"{op.kind.capitalize()} {op.name} gets another name: code that still reads it fails.",
                remedy=f"Make a new view, and drop {op.name} in a later revision.",
                table=op.name,
            )
    return None


def _table(op: RenameTable, context: Context) -> Found | None:
    if not context.running and any(
        isinstance(other, RenameTable) and (other.table, other.to) == (op.to, op.table) for other in context.other
    ):
        return None
    if any(
        (isinstance(other, CreateObject) and other.kind in _VIEWS and other.name == op.table)
        or (isinstance(other, CreateTable) and other.table == op.table)
        or (isinstance(other, RenameTable) and other.to == op.table)
        or (isinstance(other, DropTable) and other.table == op.to)
        for other in context.rest
    ):
        return None
    rows = rows_of(op.table, context)
    moved = op.to.rpartition(".")[2] == op.table.rpartition(".")[2]
    all_of_it = f"{'TABLE' if context.is_postgresql else 'SELECT * FROM'} {quoted(op.to)}"
    view = execute(f"CREATE VIEW {quoted(op.table)} AS {all_of_it}")
    keep = f'Keep __tablename__ = "{op.table.rpartition(".")[2]}" and rename only the class; or '
    after = "Right after" if moved else f"{keep}right after"
    return Found(
        f"{'Moving' if moved else 'Renaming'} {op.table} to {op.to}: code that still reads or writes {op.table} "
        "fails at once.",
        remedy=f"{after} {_rename(op)} run {view}, and drop the view in a later revision.",
        severity=Severity.INFO if rows.none else Severity.DANGER,
        evidence=rows.evidence,
    )


def _rename(op: RenameTable) -> str:
    if op.to.rpartition(".")[0] != op.table.rpartition(".")[0]:
        return "the move"
    return call("rename_table", op.table, op.to.rpartition(".")[2], table=op.table)
