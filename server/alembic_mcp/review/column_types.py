"""Types of columns as PostgreSQL spells them: which change keeps the stored values as they are."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["ColumnType", "keeps_storage", "parse", "same_to_readers"]

_SHAPE = re.compile(
    r"^(?P<name>[^(\[]+?)\s*(?:\((?P<arguments>[^)]*)\)\s*(?P<tail>[a-z ]*?))?\s*(?P<array>(?:\[\d*\])*)$"
)
_SYNONYMS = {
    "bool": "boolean", "bpchar": "char", "char varying": "varchar", "character": "char", "character varying": "varchar",
    "decimal": "numeric", "double": "double precision", "float": "double precision", "float4": "real",
    "float8": "double precision", "int": "integer", "int2": "smallint", "int4": "integer", "int8": "bigint",
    "serial": "integer", "serial4": "integer", "bigserial": "bigint", "serial8": "bigint", "smallserial": "smallint",
    "serial2": "smallint", "timestamp": "timestamp without time zone", "timestamptz": "timestamp with time zone",
    "time": "time without time zone", "timetz": "time with time zone", "varbit": "bit varying",
}  # fmt: skip
_WIDER = {
    ("varchar", "text"), ("text", "varchar"), ("citext", "text"), ("text", "citext"), ("citext", "varchar"),
    ("varchar", "citext"), ("cidr", "inet"), ("xml", "text"), ("xml", "varchar"),
}  # fmt: skip
_TEXTS = frozenset({"varchar", "text", "citext", "char"})
_INTEGERS = ("smallint", "integer", "bigint")
_FLOATS = ("real", "double precision")
_REAL = 24
"""Binary digits up to which FLOAT(n) is a real."""


@dataclass(frozen=True)
class ColumnType:
    """A type, its arguments (length, or precision and scale), and the brackets of an array."""

    name: str
    arguments: tuple[int, ...] = ()
    array: str = ""


def parse(text: str | None) -> ColumnType | None:
    """Read a type as SQL or SQLAlchemy spells it; None if there is none."""
    spelling = " ".join((text or "").lower().replace('"', "").split()).partition(" collate ")[0]
    found = _SHAPE.match(spelling)
    if not spelling or found is None:
        return None
    name = f"{found['name']} {found['tail'] or ''}".strip().removeprefix("pg_catalog.").removeprefix("public.")
    numbers = tuple(int(part) for part in (found["arguments"] or "").split(",") if part.strip().lstrip("-").isdigit())
    array = "[]" * (found["array"] or "").count("[")
    if name == "float" and numbers:
        return ColumnType("real" if numbers[0] <= _REAL else "double precision", (), array)
    return ColumnType(_SYNONYMS.get(name, name), numbers, array)


def keeps_storage(old: str | None, new: str | None) -> bool | None:
    """True if PostgreSQL changes a column from *old* to *new* without writing its table anew; None if not known."""
    before, after = parse(old), parse(new)
    if before is None or after is None:
        return None
    if before.array != after.array:
        return False
    if before.name != after.name:
        return (before.name, after.name) in _WIDER and not after.arguments
    if before.arguments == after.arguments:
        return True
    if not before.name.startswith(("varchar", "bit varying", "numeric", "time", "interval")):
        return False
    grows = bool(before.arguments) and bool(after.arguments) and before.arguments[0] <= after.arguments[0]
    return not after.arguments or (grows and _scale(before) == _scale(after))


def same_to_readers(old: str | None, new: str | None) -> bool | None:
    """True if code that knows the old type reads the new one as well; None if not known."""
    before, after = parse(old), parse(new)
    if before is None or after is None:
        return None
    if before.array != after.array:
        return False
    if before.name == after.name:
        return True
    if {before.name, after.name} <= _TEXTS or {before.name, after.name} == {"json", "jsonb"}:
        return True
    return any(
        {before.name, after.name} <= set(family)  # what does not fit any more is narrows-type's
        for family in (_INTEGERS, _FLOATS)
    )


def _scale(one: ColumnType) -> int:
    return one.arguments[1] if len(one.arguments) > 1 else 0
