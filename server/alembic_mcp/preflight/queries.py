"""SQL of the questions, the same for PostgreSQL and SQLite: how many rows offend, which, and a few of their keys."""
# ruff: noqa: S608 - names are quoted here, and expressions were checked to only read

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ..review.questions import Duplicates, Matching, Nulls, Orphans, Violators

__all__ = ["FEW", "MANY", "Offence", "Offenders", "conjunction", "counting", "key_text", "quoted", "sought"]

Offence = Nulls | Duplicates | Orphans | Violators
"""What can be wrong with rows, told by a condition that those meet."""
FEW = 3
"""Keys that are shown."""
MANY = 1_000
"""Offending rows from which on nobody needs to know how many there are in a large table."""

_LONGEST_KEY = 40
_SHOWN = (int, decimal.Decimal, uuid.UUID, dt.date)


@dataclass(frozen=True)
class Offenders:
    """The rows of one table that something is wrong with.

    Attributes:
        relation: the table, quoted.
        condition: what they meet.
        grouped: expressions that they share with another row; empty if they offend one by one.
    """

    relation: str
    condition: str
    grouped: tuple[str, ...] = ()

    def count(self, *, sample: float | None = None, limit: int | None = None) -> str:
        """One number.

        Args:
            sample: percentage of the pages that are read, PostgreSQL only.
            limit: stop when so many rows (or groups of rows) were found.
        """
        source = self._source(sample)
        bound = f" LIMIT {limit}" if limit is not None else ""
        if self.grouped:
            return f"SELECT coalesce(sum(n), 0) FROM ({self._groups('count(*) AS n', source)}{bound}) AS found"
        if limit is None:
            return f"SELECT count(*) FROM {source} WHERE {self.condition}"
        return f"SELECT count(*) FROM (SELECT 1 FROM {source} WHERE {self.condition}{bound}) AS found"

    def list(self, key: Sequence[str]) -> str:
        """What a person runs to see them; *key* are the columns of the primary key."""
        if self.grouped:
            return self._groups(", ".join((*self.grouped, "count(*)")), self.relation)
        return f"SELECT {_columns(key) or '*'} FROM {self.relation} WHERE {self.condition}"

    def keys(self, key: Sequence[str], *, sample: float | None = None) -> str:
        """The keys of a few of them; *sample* as for `count`."""
        condition = self.condition
        if self.grouped:
            groups = self._groups(", ".join(self.grouped), self._source(sample))
            condition = f"({', '.join(self.grouped)}) IN ({groups} LIMIT {FEW})"
        return f"SELECT {_columns(key)} FROM {self.relation} WHERE {condition} LIMIT {FEW}"

    def _source(self, sample: float | None) -> str:
        return self.relation if sample is None else f"{self.relation} TABLESAMPLE SYSTEM ({sample:.6f}) REPEATABLE (1)"

    def _groups(self, what: str, source: str) -> str:
        by = ", ".join(self.grouped)
        return f"SELECT {what} FROM {source} WHERE {self.condition} GROUP BY {by} HAVING count(*) > 1"


def counting(relation: str, column: str | None = None) -> str:
    """Rows of *relation*, quoted, or those with a value in *column*."""
    return f"SELECT count({quoted(column) if column else '*'}) FROM {relation}"


def sought(
    question: Offence | Matching,
    relation: str,
    other: str = "",
    columns: Sequence[str] = (),
    quote: Callable[[str], str] | None = None,
) -> Offenders:
    """The rows that *question* is about.

    Args:
        question: its expressions are taken as they stand.
        relation: its table, quoted.
        other: for orphans, the table that they refer to, quoted.
        columns: those of *other*, unquoted.
        quote: how a column is quoted: in double quotes if left out.
    """
    quote = quote or quoted
    match question:
        case Nulls():
            return Offenders(relation, f"{quote(question.column)} IS NULL")
        case Violators():
            return Offenders(relation, f"NOT ({question.expression})")
        case Matching():
            return Offenders(relation, f"({question.condition})")
        case Duplicates():
            keys = tuple(f"({key})" if question.expressions else quote(key) for key in question.keys)
            conditions = [] if question.nulls_equal else [f"{key} IS NOT NULL" for key in keys]
            conditions += [f"({question.where})"] if question.where else []
            return Offenders(relation, conjunction(conditions), keys)
        case Orphans():
            pairs = [f"referenced.{quote(to)} = {relation}.{quote(of)}" for of, to in
                     zip(question.columns, columns, strict=True)]  # fmt: skip
            given = [f"{relation}.{quote(column)} IS NOT NULL" for column in question.columns]
            lost = f"NOT EXISTS (SELECT 1 FROM {other} AS referenced WHERE {conjunction(pairs)})"
            return Offenders(relation, conjunction([*given, lost]))


def key_text(key: Sequence[str], row: Iterable[object]) -> str | None:
    """A primary key for a report: ``id 17``; None if it holds text, which may be anybody's secret."""
    values = tuple(row)
    if not key or not all(isinstance(value, _SHOWN) for value in values):
        return None
    return ", ".join(f"{name} {str(value)[:_LONGEST_KEY]}" for name, value in zip(key, values, strict=True))


def conjunction(conditions: Iterable[str]) -> str:
    """All of them."""
    return " AND ".join(conditions) or "1 = 1"


def quoted(*parts: str) -> str:
    """A name, each part in double quotes."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def _columns(key: Sequence[str]) -> str:
    return ", ".join(quoted(column) for column in key)
