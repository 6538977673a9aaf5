"""Finds the copy that a revision makes of a column or a table before it drops it, so that nothing is lost with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..operations import CreateTable, DropTable, Insert, Operation, Truncate, Update
from .context import Context
from .words import Naming, Unreadable, Words, split

__all__ = ["Copy", "copy_of", "put_back"]

_KEPT = ("alembic_mcp_kept_", "_alembic_mcp_kept_")
"""How the side tables of ``keep_data`` begin, or the schemas that they are in; see `worker.kept_names`."""


@dataclass(frozen=True)
class Copy:
    """Where the values went: the side table, and the line that fills it (0 if unknown)."""

    table: str
    line: int

    @property
    def where(self) -> str:
        """For a sentence: ``kept in side_table (line 7)``."""
        return f"kept in {self.table}{f' (line {self.line})' if self.line else ''}"


def copy_of(table: str, column: str | None, context: Context) -> Copy | None:
    """Where all values of *column*, or without it all rows of *table*, were copied to before, in the same direction.

    None unless that is certain: a copy with a condition, a join or an expression instead of the column is none, and
    neither is one that does not stay.
    """
    for place, op in reversed(_filled(context)):
        side = op.tables[0]
        if place >= len(context.prior) or side == table or not any(_names(one.sql, table) for one in op.statements):
            continue
        for statement in op.statements:
            if any(_copies(words, table, column, context) for words in _statements(statement.sql, side, context)):
                return Copy(side, op.line) if not context.around(DropTable, Truncate, table=side) else None
    return None


def put_back(table: str, context: Context) -> Operation | None:
    """What has put the rows or values of a side table of ``keep_data`` back, before, in the same direction.

    None for any other table: that a query reads it says nothing about what becomes of its rows.
    """
    if not table.startswith(_KEPT):
        return None
    parts = table.split(".")
    return next(
        (
            op
            for op in context.prior.of(Insert, Update)
            if op.tables[0] != table and any(all(part in one.sql for part in parts) for one in op.statements)
        ),
        None,
    )


def _filled(context: Context) -> list[tuple[int, Operation]]:
    """What may copy rows in this direction, with its place; put together once, as there may be thousands to look at."""
    key = f"copies {context.revision.revision} {context.direction}"
    if key not in context.path.memo:
        context.path.memo[key] = [
            (place, op)
            for place, op in enumerate(context.path.window(context.revision, context.direction))
            if isinstance(op, (CreateTable, Insert)) and any("SELECT" in one.sql.upper() for one in op.statements)
        ]
    found: list[tuple[int, Operation]] = context.path.memo[key]
    return found


def _names(sql: str, table: str) -> bool:
    return table.rpartition(".")[2] in sql


def _statements(sql: str, side: str, context: Context) -> Iterator[Words]:
    """What stands after SELECT in the statements that fill *side*."""
    naming = Naming(context.path.dialect)
    try:
        statements = split(sql, naming)
    except Unreadable:
        return
    for words in statements:
        try:
            if _target(words) == side:
                words.until("SELECT")
                if words.take("SELECT"):
                    yield words
        except Unreadable:
            continue


def _target(words: Words) -> str | None:
    """The table that the statement fills from a query; None if it is no such statement. Raises Unreadable."""
    if words.take("INSERT", "INTO"):
        return words.name()
    if words.take("CREATE"):
        words.take("UNLOGGED")
        if words.take("TABLE"):
            words.take("IF", "NOT", "EXISTS")
            return words.name()
    return None


def _copies(words: Words, table: str, column: str | None, context: Context) -> bool:
    """True if the query takes every row of *table*, and *column* (or every column) as it is."""
    try:
        selected = [_plain(part) for part in words.until("FROM").parts()]
        words.expect("FROM")
        if words.name() != table:
            return False
        _alias(words)
        if not words.done and not _has_value(words, column):
            return False
    except Unreadable:
        return False
    if "*" in selected:
        return True
    if column is not None:
        return column in selected
    known = context.path.schema.columns(context.names.table(table) or "")
    return bool(known) and set(known) <= set(selected)


def _alias(words: Words) -> None:
    """Read the other name that a table has in a query, if it has one. Raises Unreadable."""
    if words.take("AS") or not (words.done or words.sees("WHERE") or words.sees(",")):
        words.identifier()


def _plain(part: Words) -> str | None:
    """The column that a part of the select list is, ``*`` for all of them; None if it is anything else."""
    if part.take("*"):
        return "*"
    name = part.identifier()
    if part.take("."):
        if part.take("*"):
            return "*"
        name = part.identifier()
    if (part.take(":", ":") or part.take("::")) and not part.take("TEXT"):
        return None
    if part.take("AS"):
        part.identifier()
    return name if part.done else None


def _has_value(words: Words, column: str | None) -> bool:
    """True if all that is left is the condition that the column has a value."""
    if column is None or not words.take("WHERE"):
        return False
    name = words.identifier()
    if words.take("."):
        name = words.identifier()
    return name == column and words.take("IS", "NOT", "NULL") and words.done
