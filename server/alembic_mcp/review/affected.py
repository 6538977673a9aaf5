"""How many rows an UPDATE or DELETE with a condition meets, in the real database."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..operations import Delete, Update
from .context import Context
from .counts import Count, rows_of
from .questions import Matching, Question

__all__ = ["affected", "asks_affected"]

_LIMITED = re.compile(
    r"^(?:[\w.\"`]+|\([\w.\"`, ]+\)) (?:IN|= ?ANY) ?\((?:ARRAY ?\( ?)?SELECT .*"
    r"\bLIMIT (\S+?|CAST\(\S+ AS \w+\))(?: FOR [A-Z ]+)?\s*\)+$",
    re.IGNORECASE,
)
"""One batch: WHERE id IN (SELECT id ... LIMIT 500)."""
_EQUALS = re.compile(
    r"^([\w.\"`]+) = (?:CAST\()?(?:\d+|'[^']*'|%\(\w+\)s|%s|\?|\$\d+|:\w+)(?: AS [\w ]+\)|::\w+)?(?: AND .*)?$",
    re.IGNORECASE,
)
_OPEN = re.compile(r"%\(|%s|\?|\$\d|(?<![:\w]):[a-z_]", re.IGNORECASE)
"""A value that is put in when it runs."""


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
    if _LIMITED.match(" ".join(op.where.split())):
        return Count(None, limited=True)  # one batch of many, as a rule
    if _names_one(op, context) and (answer is None or answer.rows is None or answer.rows > 1):
        # What was only read may stand in a loop, with another value each time.
        ran = any(one.rows is not None or one.milliseconds for one in op.statements)
        return Count(1) if ran or not _OPEN.search(op.where) else Count(None, limited=True)
    if answer is None:
        return Count(None)
    return Count(answer.rows, answer.estimated or answer.at_least, answer.query, problem=answer.problem)


def _names_one(op: Update | Delete, context: Context) -> bool:
    """True if the condition gives the value of a unique column."""
    found = _EQUALS.match(" ".join((op.where or "").split()))
    if found is None or re.search(r"\bOR\b", op.where or "", re.IGNORECASE):
        return False
    column = found[1].replace('"', "").rpartition(".")[2]
    keys = context.keys(op.table)
    if not keys:
        return column.lower() == "id"
    return any(key.columns == (column,) for key in keys if key.unique)


def _question(op: Update | Delete, context: Context) -> Question | None:
    asked, key = context.path.asked, (id(op), context.running)
    if key not in asked:
        asked[key] = _put(op, context)
    return asked[key]


def _put(op: Update | Delete, context: Context) -> Matching | None:
    from .expressions import is_plain, translated  # sqlglot takes long to import

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
