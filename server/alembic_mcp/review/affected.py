"""How many rows an UPDATE or DELETE with a condition meets, in the real database."""

from __future__ import annotations

from collections.abc import Iterable

from ..operations import Delete, Update
from .context import Context
from .counts import Count, rows_of
from .questions import Matching, Question

__all__ = ["affected", "asks_affected"]


def asks_affected(op: Update | Delete, context: Context) -> Iterable[Question]:
    """What the live data must be asked; nothing where the condition can't be put to it as it stands."""
    question = _question(op, context)
    return () if question is None else (question,)


def affected(op: Update | Delete, context: Context) -> Count:
    """Rows that the condition meets; all rows of the table if there is none, or if the table is known to be empty."""
    rows = rows_of(op.table, context)
    if op.where is None or rows.none:
        return rows
    question = _question(op, context)
    answer = context.facts.answer(question) if question is not None else None
    if answer is None:
        return Count(None)
    return Count(answer.rows, answer.estimated or answer.at_least, answer.query, problem=answer.problem)


def _question(op: Update | Delete, context: Context) -> Matching | None:
    from .expressions import is_plain, translated  # noqa: PLC0415 - sqlglot takes long to import

    original = context.names.table(op.table)
    if op.where is None or original is None or not is_plain(op.where, context.path.dialect, queries=True):
        return None
    condition = translated(
        op.where,
        context.path.dialect,
        (op.table.rpartition(".")[2], original),
        lambda name: context.names.column(op.table, name),
    )
    return Matching(original, condition) if condition is not None else None
