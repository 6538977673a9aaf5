"""A value goes from an enum: rows that have it do not cast, and code that still writes it fails.

PostgreSQL cannot drop a value, so the type is made anew and its columns change over; a CHECK with a list of values is
replaced likewise. A column default that is the removed value has to be dropped first. Where USING gives the rows
another value nothing fails, and nothing tells them from the others afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ...operations import AddConstraint, AlterColumn, AlterObject, Delete, DropConstraint, DropObject, Operation
from ...report import Severity
from ..context import Context
from ..declared import listed_values
from ..enums import added_value, bare, made_on_the_way, strings, values_after, values_before
from ..questions import Question, Violators
from ..rule import Found, revision_rule
from ..window import Window


def _asks(op: Operation, context: Context) -> Iterable[Question]:
    if isinstance(op, AlterColumn) and op.type and op.using:
        whole = replace(context, prior=Window(), later=context.path.window(context.revision, context.direction))
        for name, gone, _ in _types(whole):
            question = _question(op, gone, context) if op in _translations(name, gone, whole) else None
            if question is not None:
                yield question


@revision_rule(
    severity=Severity.DANGER,
    remedy="Stop writing the value first, change the rows that have it, and leave the value in the type.",
    asks=_asks,
)
def enum_value_removed(context: Context) -> Iterator[Found]:
    """Judge types, lists of values and MySQL's ENUM columns that lose a value, in both directions."""
    here = context.later
    for name, gone, made in _types(context):
        translations = _translations(name, gone, context)
        translated = [_translated(name, gone, op, context) for op in translations]
        yield from translated or _found(f"Enum {name}", gone, made, context)
    for op in here:
        match op:
            case Delete() if bare(op.table) == "pg_enum":
                yield from _found("An enum", list(strings(op.where or "")) or ["a value"], op, context)
            case AddConstraint() if (now := listed_values(op, 1)) and context.in_use(op.table):
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


def _types(context: Context) -> Iterator[tuple[str, list[str], Operation]]:
    """Types that are made anew, the values that they lose, and what makes them."""
    here = context.later
    opposite = values_after(context.other)
    for name, (values, op) in values_after(here).items():
        if not _is_swap(name, here) or made_on_the_way(name, context):
            continue
        old = values_before(name, context) if context.running else None
        old = old or (opposite[name][0] if name in opposite else None)
        added = [value for other in context.other if (value := added_value(other)) and bare(_name(other)) == name]
        gone = list(dict.fromkeys(one for one in (*(old or ()), *added) if one not in values))
        if gone:
            yield name, gone, op


def _translations(name: str, gone: list[str], context: Context) -> list[AlterColumn]:
    """Columns of the type whose USING speaks of every value that goes: it gives their rows another one."""
    changed = context.later.of(AlterColumn) if context.running else []
    return [
        op for op in changed if op.type and op.using and bare(op.type) == name and set(gone) <= set(strings(op.using))
    ]


def _question(op: AlterColumn, gone: list[str], context: Context) -> Question | None:
    real, column = context.names.table(op.table), context.names.column(op.table, op.column)
    if real is None or column is None or '"' in column:
        return None
    values = ", ".join("'" + value.replace("'", "''") + "'" for value in gone)
    return Violators(real, f'"{column}"::text NOT IN ({values})')


def _translated(name: str, gone: list[str], op: AlterColumn, context: Context) -> Found:
    """What USING makes of the rows that have one of the values."""
    question = _question(op, gone, context)
    answer = context.facts.answer(question) if question is not None else None
    rows = None if answer is None else answer.rows
    none = rows == 0 and answer is not None and not answer.estimated
    values = ", ".join(f"'{value}'" for value in gone)
    count = "an unknown number of rows" if rows is None else f"{rows:,} row{'' if rows == 1 else 's'}"
    get = "is there now; later ones get" if none else "gets" if rows == 1 else "get"
    return Found(
        f"Enum {name} loses {values}: {'no row' if none else count} of {op.table} with it in {op.column} {get} what "
        f"{op.using} makes of it, and nothing tells them from the others afterwards. Code that still writes it fails.",
        remedy=f"Stop writing {values} first, and keep a copy of {op.table}.{op.column} if it may ever matter which "
        "rows had it; or leave it there: it does no harm.",
        severity=Severity.WARNING if none else Severity.DANGER,
        line=op.line,
        table=op.table,
        evidence={"removed": gone, "rows": rows},
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
    listed = listed_values(allowed[0], 1) if allowed else None
    return listed[1] if listed else ()
