"""A value goes from an enum: rows that have it do not cast, and code that still writes it fails.

PostgreSQL cannot drop a value, so the type is made anew and its columns change over; a CHECK with a list of values is
replaced likewise. A column default that is the removed value has to be dropped first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ...operations import AddConstraint, AlterColumn, AlterObject, Delete, DropConstraint, DropObject, Operation
from ...report import Severity
from ..context import Context
from ..declared import listed_values
from ..enums import added_value, bare, made_on_the_way, strings, values_after, values_before
from ..rule import Found, revision_rule


@revision_rule(
    severity=Severity.DANGER,
    remedy="Stop writing the value first, change the rows that have it, and leave the value in the type.",
)
def enum_value_removed(context: Context) -> Iterator[Found]:
    """Judge types, lists of values and MySQL's ENUM columns that lose a value, in both directions."""
    here = context.later
    after, opposite = values_after(here), values_after(context.other)
    for name, (values, op) in after.items():
        if not _is_swap(name, here) or made_on_the_way(name, context):
            continue
        old = values_before(name, context) if context.running else None
        old = old or (opposite[name][0] if name in opposite else None)
        added = [value for other in context.other if (value := added_value(other)) and bare(_name(other)) == name]
        if old is None and not added:
            continue
        yield from _found(f"Enum {name}", [one for one in (*(old or ()), *added) if one not in values], op, context)
    for op in here:
        match op:
            case Delete() if bare(op.table) == "pg_enum":
                yield from _found("An enum", list(strings(op.where or "")) or ["a value"], op, context)
            case AddConstraint() if (now := listed_values(op)) and context.in_use(op.table):
                before = _list_before(op, context)
                yield from _found(f"{op.table}.{now[0]}", [one for one in before if one not in now[1]], op, context)
            case AlterColumn(type=str(kind)) if kind.upper().startswith("ENUM("):
                had = op.existing_type or context.type(op.table, op.column) or ""
                if had.upper().startswith("ENUM(") and context.in_use(op.table):
                    gone = [one for one in strings(had) if one not in strings(kind)]
                    yield from _found(f"{op.table}.{op.column}", gone, op, context)


def _found(what: str, gone: list[str], op: Operation, context: Context) -> Iterator[Found]:
    if not gone:
        return
    values = ", ".join(dict.fromkeys(f"'{value}'" for value in gone))
    yield Found(
        f"{what} loses {values}: a row that has it makes the change fail, and so does code that still writes it.",
        remedy=f"Stop writing {values} first, and change the rows and column defaults that have it; or leave it there: "
        "it does no harm.",
        severity=Severity.DANGER if context.running else Severity.WARNING,
        line=op.line,
        table=op.tables[0] if op.tables and not isinstance(op, Delete) else None,
        evidence={"values": list(dict.fromkeys(gone))},
    )


def _is_swap(name: str, operations: Sequence[Operation]) -> bool:
    """True if a type of that name goes, or gets out of the way."""
    return any(
        (isinstance(op, DropObject) and op.kind == "type" and bare(op.name) == name)
        or (isinstance(op, AlterObject) and (op.kind, op.action, bare(op.name)) == ("type", "rename to", name))
        for op in operations
    )


def _name(op: Operation) -> str:
    return op.name if isinstance(op, AlterObject) else ""


def _list_before(op: AddConstraint, context: Context) -> tuple[str, ...]:
    """The values that the CHECK of the same name allowed, if it is dropped here."""
    if not any(isinstance(other, DropConstraint) and other.name == op.name for other in context.later):
        return ()
    original = context.names.table(op.table)
    known = context.path.schema.objects.get(f"constraint {op.name} on {original}") if context.running else None
    allowed = [replace(op, expression=known)] if known else []
    allowed += [
        other
        for other in context.other
        if isinstance(other, AddConstraint) and (other.table, other.name) == (op.table, op.name)
    ]
    listed = listed_values(allowed[0]) if allowed else None
    return listed[1] if listed else ()
