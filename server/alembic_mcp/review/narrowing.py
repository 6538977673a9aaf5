"""What a column of another type no longer holds, and which types are of one kind."""

from __future__ import annotations

from dataclasses import dataclass

from .column_types import ColumnType, parse

__all__ = ["Loss", "family", "narrower"]

_STRINGS = frozenset({"varchar", "char", "text", "citext", "nvarchar", "nchar", "string", "clob", "tinytext",
                      "mediumtext", "longtext", "unicode", "unicode text"})  # fmt: skip
_LENGTHS = {"tinytext": 255, "mediumtext": 16_777_215, "char": 1, "nchar": 1}
_BYTES = {"tinyint": 1, "smallint": 2, "mediumint": 3, "integer": 4, "bigint": 8}
_DIGITS = {1: 3, 2: 5, 3: 7, 4: 10, 8: 19}
_FLOATS = {"real": 4, "double precision": 8}
_WHOLE = "round({}::numeric) = {}::numeric"
_FAMILIES = {
    **dict.fromkeys(_STRINGS, "string"), **dict.fromkeys(_BYTES, "integer"), **dict.fromkeys(_FLOATS, "float"),
    "numeric": "decimal", "json": "json", "jsonb": "json", "datetime": "timestamp", "date": "date",
    "timestamp without time zone": "timestamp", "timestamp with time zone": "timestamp", "boolean": "boolean",
    "uuid": "uuid", "bytea": "bytes", "blob": "bytes", "longblob": "bytes", "interval": "interval",
    "time without time zone": "time", "time with time zone": "time", "inet": "network", "cidr": "network",
    "xml": "xml", "hstore": "hstore", "tsvector": "tsvector", "bit": "bits", "bit varying": "bits", "money": "money",
}  # fmt: skip


@dataclass(frozen=True)
class Loss:
    """Which values do not fit, and whether the database changes them silently rather than refuse them.

    Attributes:
        keeps: what a value meets that stays as it is, with ``{}`` for the column; empty if that can't be asked.
    """

    what: str
    silent: bool = False
    keeps: str = ""


def family(text: str | None) -> str:
    """``string``, ``integer``, ``decimal``, ...; the name of a type that is not known; empty if there is none."""
    found = parse(text)
    return f"{_FAMILIES.get(found.name, found.name)}{found.array}" if found else ""


def narrower(old: str | None, new: str | None) -> Loss | None:  # noqa: C901, PLR0912 - one branch for each pair
    """What does not fit any more; None if everything does, or if it is no question of size."""
    before, after = parse(old), parse(new)
    if before is None or after is None or before.array or after.array:
        return None
    match (_FAMILIES.get(before.name), _FAMILIES.get(after.name)):
        case ("string", "string"):
            had, has = _length(before), _length(after)
            return Loss(f"longer than {has} characters") if has and (had is None or has < had) else None
        case ("integer", "integer"):
            bits = 8 * _BYTES[after.name] - 1
            return Loss(f"outside {-(2**bits):,} to {2**bits - 1:,}") if _is_smaller(before, after, _BYTES) else None
        case ("float", "float"):
            keeps = "{}::real::double precision = {}"
            return (
                Loss("with more than some 6 digits", silent=True, keeps=keeps)
                if _is_smaller(before, after, _FLOATS)
                else None
            )
        case ("decimal", "decimal"):
            return _decimals(before, after)
        case ("float", "integer"):
            return Loss("with a fraction", silent=True, keeps=_WHOLE)
        case ("decimal", "integer") if not before.arguments or _scale(before):
            return Loss("with a fraction", silent=True, keeps=_WHOLE)
        case ("integer", "decimal") if after.arguments:
            room = after.arguments[0] - _scale(after)
            return Loss(f"with more than {room} digits") if room < _DIGITS[_BYTES[before.name]] else None
        case ("float", "decimal") if after.arguments:
            return Loss(f"with more than {_scale(after)} digits after the point", silent=True, keeps=_rounded(after))
        case ("timestamp", "date"):
            return Loss("with a time of day", silent=True, keeps="{}::date = {}")
        case ("timestamp", "time"):
            return Loss("with a date", silent=True)
        case ("timestamp", "timestamp") if "with time" in before.name and "without" in after.name:
            return Loss("with another time zone than the session's", silent=True)
        case ("string", None):
            return Loss(f"that are no value of {after.name}")
    return None


def _length(one: ColumnType) -> int | None:
    return one.arguments[0] if one.arguments else _LENGTHS.get(one.name)


def _is_smaller(before: ColumnType, after: ColumnType, sizes: dict[str, int]) -> bool:
    return sizes[after.name] < sizes[before.name]


def _scale(one: ColumnType) -> int:
    return one.arguments[1] if len(one.arguments) > 1 else 0


def _decimals(before: ColumnType, after: ColumnType) -> Loss | None:
    if not after.arguments:
        return None
    room = after.arguments[0] - _scale(after)
    if not before.arguments or room < before.arguments[0] - _scale(before):
        return Loss(f"with more than {room} digits before the point")
    if _scale(after) < _scale(before):
        return Loss(f"with more than {_scale(after)} digits after the point", silent=True, keeps=_rounded(after))
    return None


def _rounded(after: ColumnType) -> str:
    return f"round({{}}::numeric, {_scale(after)}) = {{}}::numeric"
