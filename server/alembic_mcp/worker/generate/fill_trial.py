"""Has the database read each fill before anything is written: a wrong name or type would fail in the revision."""

from __future__ import annotations

import re
from typing import Any, List, Optional

import sqlalchemy as sa
from alembic.operations import ops

from ..errors import CallError
from . import catalog
from .changes import Change, Facts
from .fill_targets import to_fill
from .lookalikes import kind_of
from .quoting import mentioned

__all__ = ["try_fills"]

_LITERAL = re.compile(r"\s*(?:'(?:[^']|'')*'|NULL|\(\s*'(?:[^']|'')*'\s*\))\s*", re.IGNORECASE)
_NUMBERS = ("integer", "number", "boolean")


def try_fills(changes: List[Change], facts: Facts) -> None:
    """Raises CallError, ``refused``, for a fill that the database can't read, or that gives values of another type.

    No row is changed, and on PostgreSQL none is read. What speaks of tables that the revision makes or renames is
    left to the rehearsal.
    """
    for change in changes:
        column = to_fill(change)
        fill = facts.fills.get(f"{change.table}.{column}") if column is not None else None
        known = {*facts.created, *(new for new, old in facts.former.items() if old.count(".") == new.count("."))}
        if fill is None or change.table in facts.created or not _known_dialect(facts):
            continue
        new = {name.rpartition(".")[2] for name in known if name.count(".") == 0 or name in facts.created}
        if mentioned(fill) & new - {str(change.table).rpartition(".")[2]}:
            continue
        problem = _Trial(change, changes, fill, facts).problem()
        if problem:
            raise CallError(
                "refused",
                f"The fill for {change.table}.{column} can't be used: {problem}. Nothing was written.",
                next_steps=[
                    f"Give an expression of the type of {column}, made of columns of {change.table} or of constants.",
                    "What comes from another table is a SELECT in parentheses.",
                ],
            )


def _known_dialect(facts: Facts) -> bool:
    return facts.postgresql or facts.dialect.name == "sqlite"


class _Trial:
    def __init__(self, change: Change, changes: List[Change], fill: str, facts: Facts) -> None:
        op = change.op
        self._facts, self._fill, self._table = facts, fill, str(op.table_name)
        self._schema = op.schema
        self._kind = op.column.type if isinstance(op, ops.AddColumnOp) else op.modify_type or op.existing_type
        self._added = [
            each.op.column for each in changes if isinstance(each.op, ops.AddColumnOp) and each.table == change.table
        ]

    def problem(self) -> str:
        """What the database says against it; empty if it says nothing."""
        facts = self._facts
        queries = [f"SELECT ({self._fill}) FROM {source} LIMIT 0" for source in self._sources()]  # noqa: S608 - it reads
        said = [catalog.refused(facts, query) for query in queries]
        good = next((query for query, problem in zip(queries, said) if not problem), None)
        if good is None:
            return said[0]
        spelt = self._spelt()
        if spelt is None or (facts.postgresql and spelt.upper() in ("JSON", "JSONB")):
            return ""
        if not facts.postgresql:
            return self._other_values()
        if _LITERAL.fullmatch(self._fill):
            return catalog.refused(facts, f"EXPLAIN SELECT CAST(({self._fill}) AS {spelt})")
        kind = catalog.type_of(facts, good)
        if kind is None or catalog.casts(facts, kind, spelt) in (None, "automatic") or kind == "unknown":
            return ""
        return f"it gives {kind}, and the column is {spelt}"

    def _other_values(self) -> str:
        """SQLite takes any value in any column."""
        if kind_of(self._kind) not in _NUMBERS:
            return ""
        value = f"({self._fill})"
        text = (
            f"typeof({value}) IN ('text', 'blob') AND CAST(CAST({value} AS NUMERIC) AS TEXT) <> CAST({value} AS TEXT)"
        )
        wrong = catalog.says(self._facts, f"SELECT 1 FROM {self._sources()[0]} WHERE {text} LIMIT 1")  # noqa: S608 - checked before
        return f"it gives text that is no number, and the column is {self._spelt()}" if wrong else ""

    def _spelt(self) -> Optional[str]:
        try:
            return str(self._kind.compile(dialect=self._facts.dialect))
        except sa.exc.SQLAlchemyError:
            return None

    def _sources(self) -> List[str]:
        """What the UPDATE will read, as well as it can be had now."""
        facts = self._facts
        known = facts.table(self._table, self._schema)
        former = facts.former.get(known, known).rpartition(".")[2]
        there = catalog.spelt(facts, former, self._schema)
        inspector: Any = sa.inspect(facts.context.connection)
        own = [str(each["name"]) for each in inspector.get_columns(former, schema=self._schema)]
        now = facts.names_now(known)
        parts = [
            f"{catalog.identifier(facts, name)} AS {catalog.identifier(facts, now.get(name, name))}" for name in own
        ]
        for column in self._added:
            if str(column.name) not in own:
                kind = column.type.compile(dialect=facts.dialect)
                kind = kind if catalog.says(facts, f"SELECT CAST(NULL AS {kind})") else "TEXT"
                parts.append(f"CAST(NULL AS {kind}) AS {catalog.identifier(facts, column.name)}")
        alias = catalog.identifier(facts, self._table)
        derived = f"(SELECT {', '.join(parts)} FROM {there}) AS {alias}"  # noqa: S608 - names are quoted
        return [derived, *([there] if known not in facts.former else [])]
