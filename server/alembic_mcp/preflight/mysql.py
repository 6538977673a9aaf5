# ruff: noqa: S608 - names are quoted here, and expressions were checked to only read
"""The questions as MySQL's SQL, and its answers; the project's own driver asks them, for we have none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..review.expressions import is_plain
from ..review.questions import (
    MISSING,
    Answer,
    Duplicates,
    Matching,
    NonNullCount,
    Nulls,
    Orphans,
    Question,
    RowCount,
    Violators,
)
from .inquiry import LATE
from .queries import Offenders, conjunction

__all__ = ["Query", "answered", "query"]


@dataclass(frozen=True)
class Query:
    """SQL of one question.

    Attributes:
        sql: gives one number.
        instead: an estimate by statistics, where there is no time to count.
        shows: what lists the rows.
        names: it names columns and nothing else, so that one which is not there has no rows.
    """

    sql: str
    instead: str | None = None
    shows: str = ""
    names: bool = True


def query(question: Question) -> Query | str:
    """The SQL of *question*, or why it is not asked."""
    if isinstance(question, RowCount):
        return Query(f"SELECT count(*) FROM {_quoted(question.table)}", instead=_estimate(question.table))
    if isinstance(question, NonNullCount):
        return Query(f"SELECT count({_quoted(question.column)}) FROM {_quoted(question.table)}")
    offenders = _offenders(question)
    if isinstance(offenders, str):
        return offenders
    names = isinstance(question, (Nulls, Duplicates, Orphans))
    return Query(offenders.count(), shows=offenders.list(()), names=names)


def answered(asked: Query, found: Mapping[str, Any]) -> Answer:
    """The answer that the worker's call ``count`` gave to one query."""
    if found["missing"] and asked.names:
        return Answer(rows=0, query=asked.sql, problem=MISSING)
    if found["rows"] is None:
        known = "it names something that does not exist" if found["missing"] else "it gave no number"
        problem = LATE if found["late"] else found["problem"] or known
        return Answer(rows=None, query=asked.sql, problem=problem)
    return Answer(found["rows"], estimated=found["estimated"], query=asked.sql, shows=asked.shows)


def _offenders(question: Question) -> Offenders | str:
    match question:
        case Nulls():
            return Offenders(_quoted(question.table), f"{_name(question.column)} IS NULL")
        case Violators() | Matching():
            text = question.condition if isinstance(question, Matching) else question.expression
            if "#" in text or not is_plain(text, "mysql", queries=isinstance(question, Matching) or question.queries):
                return "its condition may do more than read, so it was not tried on real rows"
            met = f"({text})" if isinstance(question, Matching) else f"NOT ({text})"
            return Offenders(_quoted(question.table), met)
        case Duplicates():
            if question.expressions or question.where:
                return "this is not asked on MySQL"
            keys = tuple(map(_name, question.keys))
            given = [] if question.nulls_equal else [f"{key} IS NOT NULL" for key in keys]
            return Offenders(_quoted(question.table), conjunction(given), keys)
        case Orphans():
            if not question.referenced_columns:
                return f"it is not said which columns of {question.references} it refers to"
            name = _quoted(question.table)
            pairs = [
                f"referenced.{_name(to)} = {name}.{_name(of)}"
                for of, to in zip(question.columns, question.referenced_columns, strict=False)
            ]
            given = [f"{name}.{_name(column)} IS NOT NULL" for column in question.columns]
            rows = f"SELECT 1 FROM {_quoted(question.references)} AS referenced WHERE {conjunction(pairs)}"
            return Offenders(name, conjunction([*given, f"NOT EXISTS ({rows})"]))
    return "this is not asked on MySQL"


def _estimate(table: str) -> str:
    schema, _, name = table.rpartition(".")
    of = _literal(schema) if schema else "DATABASE()"
    return (
        "SELECT table_rows FROM information_schema.tables "
        f"WHERE table_schema = {of} AND table_name = {_literal(name)} AND table_type = 'BASE TABLE'"
    )


def _quoted(name: str) -> str:
    """A table, with or without its schema."""
    return ".".join(map(_name, name.split(".")))


def _name(part: str) -> str:
    return "`" + part.replace("`", "``") + "`"


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
