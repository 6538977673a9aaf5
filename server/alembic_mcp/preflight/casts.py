"""How PostgreSQL is asked which values of a column cannot become another type, without changing anything."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..review.questions import Unfit
from .catalog import Column
from .queries import quoted

__all__ = ["Test", "test"]

_VALID_SINCE = 160_000  # pg_input_is_valid
_INTEGERS = {
    "smallint": (-(2**15), 2**15 - 1),
    "int2": (-(2**15), 2**15 - 1),
    "integer": (-(2**31), 2**31 - 1),
    "int": (-(2**31), 2**31 - 1),
    "int4": (-(2**31), 2**31 - 1),
    "bigint": (-(2**63), 2**63 - 1),
    "int8": (-(2**63), 2**63 - 1),
}
_LENGTH = re.compile(r"(varchar|character varying|char|character|bpchar)\s*\(\s*(\d+)\s*\)", re.IGNORECASE)
_NUMERIC = re.compile(r"(?:numeric|decimal)\s*\(\s*(\d+)\s*(?:,\s*(-?\d+)\s*)?\)", re.IGNORECASE)
_TEXT = re.compile(r"text|(varchar|character varying)", re.IGNORECASE)
_SPELLED = re.compile(r'[\w ".,()\[\]]+')


@dataclass(frozen=True)
class Test:
    """How to find values that do not become the new type.

    Attributes:
        fits: every value does, without asking.
        condition: what those meet that do not; empty: only the cast itself can tell.
        cast: the expression that fails on them.
    """

    fits: bool = False
    condition: str = ""
    cast: str = ""

    def query(self, relation: str) -> str:
        """One pass over the table that fails if a value does."""
        return f"SELECT count({self.cast}) FROM {relation}"  # noqa: S608 - quoted, and checked before it is run


def test(question: Unfit, column: Column, version: int) -> Test:
    """How to ask *question* of a column that is *column* now, on a server of *version*."""
    name, kind = quoted(question.column), " ".join(question.type.split())
    cast = f"(({question.using})::{kind})" if question.using else f"({name}::{kind})"
    plain = question.using is None
    casts_itself = plain or re.fullmatch(
        rf'(?:\(?"?{re.escape(question.column)}"?\)?::(text::)?{re.escape(kind)}'
        rf'|cast\(\s*"?{re.escape(question.column)}"?\s+as\s+{re.escape(kind)}\s*\))',
        " ".join((question.using or "").split()),
        re.IGNORECASE,
    )
    is_text, values = column.category == "S", f"{name} IS NOT NULL"
    if question.labels:
        if not casts_itself:
            return Test(fits=False, cast=cast)
        labels = ", ".join("'" + label.replace("'", "''") + "'" for label in question.labels)
        return Test(condition=f"{values} AND {name}::text NOT IN ({labels})", cast=cast)
    if not _SPELLED.fullmatch(kind):
        return Test(cast="NULL")
    if _TEXT.fullmatch(kind):
        return Test(fits=bool(casts_itself), cast=cast)
    if length := _LENGTH.fullmatch(kind):
        # An explicit cast cuts off silently, the one that ALTER does on its own refuses.
        if plain:
            return Test(condition=f"char_length(rtrim({name}::text, ' ')) > {length[2]}", cast=cast)
        return Test(fits=bool(casts_itself), cast=cast)
    if casts_itself and column.category == "N" and kind.lower() in _INTEGERS:
        low, high = _INTEGERS[kind.lower()]
        return Test(condition=f"round({name}::numeric) NOT BETWEEN {low} AND {high}", cast=cast)
    if casts_itself and column.category == "N" and (number := _NUMERIC.fullmatch(kind)):
        digits, scale = int(number[1]), int(number[2] or 0)
        return Test(condition=f"abs(round({name}::numeric, {scale})) >= 1e{digits - scale}::numeric", cast=cast)
    if casts_itself and is_text and version >= _VALID_SINCE:
        literal = kind.replace("'", "''")
        return Test(condition=f"{values} AND NOT pg_input_is_valid({name}::text, '{literal}')", cast=cast)
    return Test(cast=cast)
