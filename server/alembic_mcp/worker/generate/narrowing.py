"""What a column of another type no longer holds, as far as the two types tell."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

import sqlalchemy as sa

from .changes import Facts
from .lookalikes import kind_of
from .quoting import quoted

__all__ = ["Narrowing", "narrowing"]

_SIZES = (sa.SmallInteger, sa.BigInteger)
_LOSES_A_PART = {("timestamp", "date"): "lose their time of day", ("timestamp", "time"): "lose their day"}
_HOLDS_ALL = frozenset({("integer", "number"), ("date", "timestamp"), ("integer", "string"), ("uuid", "string")})


class Narrowing:
    """Values that may not fit.

    Attributes:
        silently: what the database does to them without a word; empty if it refuses them.
        count: what to count, see `asking`: the questions' ``count`` without their ``words``.
        cut: the USING expression that makes them fit; empty if there is none.
        cuts: what that does to them.
    """

    def __init__(self, count: List[Dict[str, Any]], silently: str = "", cut: str = "", cuts: str = "") -> None:
        self.count = count
        self.silently = silently
        self.cut = cut
        self.cuts = cuts


def narrowing(op: Any, facts: Facts) -> Optional[Narrowing]:
    """What an AlterColumnOp may do to values; None if all of them stay as they are, or if that can't be told.

    SQLite keeps to no length or precision, so that only another kind of type counts there. Enums that change their
    values are no business of this module.
    """
    old, new = op.existing_type, op.modify_type
    if old is None or new is None:
        return None
    dialect = facts.dialect
    column = quoted(dialect, op.column_name)
    before, after = kind_of(old), kind_of(new)
    spelt = _spelt(new, dialect)
    if before != after:
        return _between(before, after, column, spelt, new)
    if dialect.name == "sqlite" or spelt is None:
        return None
    unfit = {"kind": "unfit", "type": spelt}
    if after == "string" and new.length is not None and (old.length is None or old.length > new.length):
        cut = f"left({column}, {new.length})"
        return Narrowing([unfit], cut=cut, cuts=f"cut to {new.length} characters, the rest is lost")
    if after == "integer" and _size(new) < _size(old):
        return Narrowing([unfit])
    if after == "number":
        return _numbers(old, new, column, unfit)
    return None


def _between(before: str, after: str, column: str, spelt: Optional[str], new: Any) -> Optional[Narrowing]:
    unfit: List[Dict[str, Any]] = [{"kind": "unfit", "type": spelt}] if spelt else []
    if (before, after) in _LOSES_A_PART:
        same = {"kind": "violators", "expression": f"{column} = CAST({column} AS {after})"}
        return Narrowing([same] if after == "date" else [], silently=_LOSES_A_PART[before, after])
    if (before, after) in _HOLDS_ALL or (after == "string" and new.length is None):
        return None
    if (before, after) == ("number", "integer"):
        whole = {"kind": "violators", "expression": f"{column} = round({column})"}
        return Narrowing([whole, *unfit], silently="are rounded to whole numbers")
    if after == "enum" and unfit:
        unfit[0]["labels"] = [str(label) for label in new.enums]
    return Narrowing(unfit)


def _numbers(old: Any, new: Any, column: str, unfit: Dict[str, Any]) -> Optional[Narrowing]:
    if isinstance(old, sa.Float) or isinstance(new, sa.Float) or new.precision is None:
        return None
    scale, digits = new.scale or 0, new.precision - (new.scale or 0)
    fewer_places = old.precision is None or (old.scale or 0) > scale
    if not fewer_places and old.precision - (old.scale or 0) <= digits:
        return None
    if not fewer_places:
        return Narrowing([unfit])
    exact = {"kind": "violators", "expression": f"{column} = round({column}, {scale})"}
    return Narrowing([exact, unfit], silently=f"are rounded to {scale} places")


def _size(type_: Any) -> int:
    small, big = _SIZES
    return 2 if isinstance(type_, small) else 8 if isinstance(type_, big) else 4


def _spelt(type_: Any, dialect: Any) -> Optional[str]:
    try:
        return str(type_.compile(dialect=dialect))
    except Exception:  # noqa: BLE001 - types of the user's compile with code of the user's
        return None
