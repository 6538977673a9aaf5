"""Types of columns, as far as it matters what fits into them."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Loss", "Type", "narrower", "read_type"]

_SPELT = re.compile(r"^\s*(?P<name>[^(\[]+?)\s*(?:\((?P<size>[^)]*)\))?(?P<rest>[^\[]*)(?P<array>(?:\[\d*\])*)\s*$")
_ZONE = re.compile(r"\bwith(?:out)? (?:local )?time zone\b")
_STRINGS = frozenset({"varchar", "character varying", "nvarchar", "varchar2", "string", "char varying"})
_CHARS = frozenset({"char", "character", "bpchar", "nchar"})
_TEXTS = {"text": None, "clob": None, "citext": None, "longtext": None, "ntext": None, "unicode text": None,
          "mediumtext": 16_777_215, "tinytext": 255}  # fmt: skip
_INTEGERS = {"tinyint": 1, "smallint": 2, "int2": 2, "smallserial": 2, "mediumint": 3, "integer": 4, "int": 4,
             "int4": 4, "serial": 4, "bigint": 8, "int8": 8, "bigserial": 8}  # fmt: skip
_FLOATS = {"real": 4, "float4": 4, "double": 8, "double precision": 8, "float8": 8, "float": 8}
_OTHERS = {"boolean": "boolean", "bool": "boolean", "date": "date", "uuid": "uuid", "json": "json", "jsonb": "json",
           "bytea": "bytes", "blob": "bytes", "longblob": "bytes", "bit": "bits", "inet": "network",
           "cidr": "network", "interval": "interval", "hstore": "hstore", "tsvector": "tsvector"}  # fmt: skip


@dataclass(frozen=True)
class Type:
    """A type, by what it holds.

    Attributes:
        family: string, integer, decimal, float, timestamp, time, ..., or the name of a type that is not known.
        known: False for the name of an enum, a domain, or a type of an extension.
        size: characters, or bytes of a number; None: as long as one likes.
        scale: digits after the point of a decimal, of which ``size`` digits are all.
        zone: it holds a time zone.
        arrays: dimensions of an array.
    """

    family: str
    known: bool = True
    size: int | None = None
    scale: int = 0
    zone: bool = False
    arrays: int = 0


@dataclass(frozen=True)
class Loss:
    """Why a value may not fit: what kind of value, and whether the database refuses it or silently changes it."""

    what: str
    silent: bool = False


def read_type(text: str) -> Type:
    """Read a type as a database or SQLAlchemy spells it."""
    lowered = " ".join(text.lower().replace("pg_catalog.", "").split())
    zone = "with time zone" in lowered or "with local time zone" in lowered or lowered.startswith("timestamptz")
    match = _SPELT.match(_ZONE.sub("", lowered))
    if match is None:
        return Type(lowered, known=False)
    name = match["name"].replace(" unsigned", "").strip()
    arrays = match["array"].count("[")
    sizes = [int(part) for part in re.findall(r"\d+", match["size"] or "")]
    return _named(name, sizes, zone=zone, arrays=arrays)


def _named(name: str, sizes: list[int], *, zone: bool, arrays: int) -> Type:  # noqa: PLR0911 - one for each family
    size = sizes[0] if sizes else None
    if name in _STRINGS:
        return Type("string", size=size, arrays=arrays)
    if name in _CHARS:
        return Type("string", size=size or 1, arrays=arrays)
    if name in _TEXTS:
        return Type("string", size=_TEXTS[name], arrays=arrays)
    if name in _INTEGERS:
        return Type("integer", size=_INTEGERS[name], arrays=arrays)
    if name in ("numeric", "decimal", "dec"):
        return Type("decimal", size=size, scale=sizes[1] if len(sizes) > 1 else 0, arrays=arrays)
    if name in _FLOATS:
        single = name == "float" and size is not None and size <= 24  # noqa: PLR2004 - bits, as the standard has it
        return Type("float", size=4 if single else _FLOATS[name], arrays=arrays)
    if name in ("timestamp", "timestamptz", "datetime"):
        return Type("timestamp", zone=zone, arrays=arrays)
    if name in ("time", "timetz"):
        return Type("time", arrays=arrays)
    return Type(_OTHERS.get(name, name.rpartition(".")[2].strip('"')), known=name in _OTHERS, arrays=arrays)


def narrower(old: Type, new: Type) -> Loss | None:  # noqa: C901, PLR0911 - one branch for each pair of families
    """What does not fit any more; None if everything does, or if it is no question of size."""
    if old.arrays != new.arrays:
        return None
    match (old.family, new.family):
        case ("string", "string"):
            if new.size is not None and (old.size is None or new.size < old.size):
                return Loss(f"longer than {new.size} characters")
        case ("integer", "integer"):
            if (new.size or 0) < (old.size or 0):
                bound = 2 ** (8 * (new.size or 4) - 1)
                return Loss(f"outside {-bound:,} to {bound - 1:,}")
        case ("decimal", "decimal"):
            return _decimals(old, new)
        case ("float", "float"):
            if (new.size or 0) < (old.size or 0):
                return Loss("with more than some 6 digits", silent=True)
        case ("decimal" | "float", "integer"):
            return Loss("with a fraction", silent=True) if old.family == "float" or old.scale or not old.size else None
        case ("integer", "decimal"):
            digits = {1: 3, 2: 5, 3: 7, 4: 10, 8: 19}[old.size or 8]
            if new.size is not None and new.size - new.scale < digits:
                return Loss(f"with more than {new.size - new.scale} digits before the point")
        case ("float", "decimal"):
            return Loss(f"with more than {new.scale} digits after the point", silent=True) if new.size else None
        case ("timestamp", "date"):
            return Loss("with a time of day", silent=True)
        case ("timestamp", "time"):
            return Loss("with a date", silent=True)
        case ("timestamp", "timestamp") if old.zone and not new.zone:
            return Loss("with a time zone", silent=True)
        case ("string", _) if not new.known:
            return Loss(f"that are no value of {new.family}")
    return None


def _decimals(old: Type, new: Type) -> Loss | None:
    if new.size is None:
        return None
    before = new.size - new.scale
    if old.size is None or before < old.size - old.scale:
        return Loss(f"with more than {before} digits before the point")
    if new.scale < old.scale:
        return Loss(f"with more than {new.scale} digits after the point", silent=True)
    return None
