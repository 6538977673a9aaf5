"""The table is written anew, with all its indexes, under an ACCESS EXCLUSIVE lock: nobody can even read it meanwhile.

On MySQL the table is copied, and nobody can write to it meanwhile.

A change of type does that unless the stored values stay as they are (a longer varchar, varchar to text, more digits of
numeric), and so does a new column with a volatile default, serial, identity or a stored generated value. A constant
default does not.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...locks import LockMode
from ...operations import AddColumn, AlterColumn, Operation
from ...report import Severity
from ..context import Context
from ..copying import copies
from ..counts import rows_of
from ..remedies import call
from ..rewriting import rewrites
from ..rule import Found, rule

_UNITS = ("B", "kB", "MB", "GB", "TB")
_THOUSAND = 1024


@rule(
    severity=Severity.DANGER,
    lock_mode=LockMode.ACCESS_EXCLUSIVE,
    remedy="Add a new column, fill it in batches, and let the code change over to it before the old one is dropped.",
)
def rewrites_table(op: Operation, context: Context) -> Iterator[Found]:
    """Judge what writes a table that others use anew, on PostgreSQL, or copies it, on MySQL."""
    if context.path.dialect in ("mysql", "mariadb"):
        yield from _copied(op, context)
    if not context.is_postgresql:
        return
    for one in rewrites(op, context):
        if not context.in_use(one.table):
            continue
        rows = rows_of(one.table, context)
        answer = context.answer(one.table)
        size = answer.bytes if answer is not None else None
        amount = f"{rows.text}, {_size(size)}" if size else rows.text
        verb = "writes" if one.certain else "may write"
        danger = Severity.DANGER if one.certain else Severity.WARNING
        yield Found(
            f"{one.why[0].upper()}{one.why[1:]} {verb} {one.table} ({amount}) anew, and blocks reads and writes "
            "meanwhile.",
            remedy=_remedy(op),
            severity=Severity.WARNING if rows.small else danger,
            evidence={**rows.evidence, "bytes": size, "rewritten": [one.table]},
            table=one.table,
        )


def _copied(op: Operation, context: Context) -> Iterator[Found]:
    """On MySQL, where nothing is measured: whether it matters depends on the size."""
    why = copies(op)
    table = op.tables[0] if op.tables else None
    if why is None or table is None or not context.running or not context.in_use(table):
        return
    rows = rows_of(table, context)
    yield Found(
        f"{why} makes MySQL copy {table} ({rows.text}), and nobody can write to it meanwhile.",
        remedy="Run it when nobody writes; or send it with ALGORITHM=INPLACE, LOCK=NONE, which fails at once where the "
        "server would have to copy; for a large table use gh-ost or pt-online-schema-change.",
        severity=Severity.INFO if rows.small else Severity.WARNING,
        evidence={**rows.evidence, "copied": table},
        table=table,
    )


def _size(number: int) -> str:
    size, unit = float(number), 0
    while size >= _THOUSAND and unit < len(_UNITS) - 1:
        size, unit = size / _THOUSAND, unit + 1
    return f"{size:.1f} {_UNITS[unit]}" if unit else f"{number} B"


def _remedy(op: Operation) -> str | None:
    match op:
        case AddColumn() if op.column.identity or "serial" in op.column.type.lower():
            return (
                f"Add {op.column.name} as a plain nullable column, fill it in batches from a sequence, and then make "
                "the sequence its default."
            )
        case AddColumn() if op.column.computed:
            return (
                f"Add {op.column.name} as a plain nullable column that a trigger keeps, fill it in batches; or "
                "compute it when reading."
            )
        case AddColumn():
            name = op.column.name
            alter = call("alter_column", op.table, name, table=op.table).removesuffix(")")
            then = f"{alter}, server_default=sa.text({op.column.server_default!r}))"
            return (
                f"Add {name} as nullable without a default, then {then} for new rows, and fill the others in batches."
            )
        case AlterColumn():
            return (
                f"Add a new column beside {op.table}.{op.column} with the new type, let the code write both, fill it "
                "in batches, change the readers over, and drop the old one in a later revision."
            )
    return None
