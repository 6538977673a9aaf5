"""Which operations write their whole table anew, or read it from end to end: as measured, else by the book."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from ..operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    AlterObject,
    ConstraintKind,
    CreateTable,
    Insert,
    Operation,
    Statement,
    Truncate,
    ValidateConstraint,
)
from .builtins import NOT_CALLS, READS
from .column_types import keeps_storage
from .context import Context
from .locking import shares_statement
from .narrowing import family

__all__ = ["Rewrite", "fills_from_query", "rewrites", "scans_for_not_null", "volatile_call"]

_VOLATILE = frozenset(
    {
        "clock_timestamp", "gen_random_bytes", "gen_random_uuid", "gen_salt", "nextval", "random", "timeofday",
        "uuid_generate_v1", "uuid_generate_v1mc", "uuid_generate_v4", "uuidv4", "uuidv7", "setval", "txid_current",
    }
)  # fmt: skip
_STABLE = frozenset({"timezone", "concat", "isfinite", "hstore", "json_build_object", "jsonb_build_object"})
_CALL = re.compile(r"([a-z_][a-z0-9_.]*)\s*\(", re.IGNORECASE)
_QUOTED = re.compile(r"'(?:[^']|'')*'")
_SET_NOT_NULL = re.compile(r"\bSET\s+NOT\s+NULL\b|\bADD\s+CONSTRAINT\s+\S+\s+NOT\s+NULL\b", re.IGNORECASE)
_CAST = re.compile(
    r'^\(?"?\w+"?\)?::\s*[\w ]+(\([\d, ]+\))?$|^cast\s*\(\s*"?\w+"?\s+as\s+[\w ]+(\([\d, ]+\))?\s*\)$', re.IGNORECASE
)
_REWRITING_COMMANDS = (
    "set logged", "set unlogged", "set tablespace", "set access method", "alter column set expression",
)  # fmt: skip
_ELSEWHERE = ("vacuum", "cluster", "refresh", "reindex")
"""Commands whose whole purpose it is: heavy-maintenance judges them."""


@dataclass(frozen=True)
class Rewrite:
    """A table that is written anew.

    Attributes:
        why: what causes it: ``the volatile default of a``, ``its new type bigint``.
        certain: measured, or known by the book; otherwise it may be.
    """

    table: str
    why: str
    certain: bool = True


def rewrites(op: Operation, context: Context) -> Iterator[Rewrite]:
    """The tables that *op* writes anew, each operation of a common statement answering for its own part."""
    if isinstance(op, (Truncate, CreateTable)) or (isinstance(op, AlterObject) and op.action.startswith(_ELSEWHERE)):
        return
    expected = _by_the_book(op, context)
    measured = [one.measured for one in op.statements if one.measured is not None]
    if not measured or len(measured) < len(op.statements):
        if expected is not None:
            yield expected
        return
    tables = list(dict.fromkeys(table for one in measured for table in one.rewritten))
    if (
        not tables
        and isinstance(op, AlterColumn)
        and op.type is not None
        and expected is not None
        and _zoned(op, context)
    ):
        yield Rewrite(op.table, f"{expected.why}, unless the session's time zone is UTC,", certain=False)
    for table in tables:
        if expected is not None and table == expected.table:
            yield Rewrite(table, expected.why)
        elif not _answered_elsewhere(op, table, context):
            yield Rewrite(table, _what(op))


def _zoned(op: AlterColumn, context: Context) -> bool:
    """True if only a session in UTC keeps what is stored, as the scratch database may be and the real one may not."""
    before = op.existing_type or context.type(op.table, op.column)
    return {family(before), family(op.type)} == {"timestamp"} and op.using is None


def _answered_elsewhere(op: Operation, table: str, context: Context) -> bool:
    """True if another operation of the same statement explains the rewrite, or stands before this one."""
    # Operations of one statement stand side by side.
    earlier = list(takewhile(lambda other: shares_statement(op, other), reversed(context.prior)))
    later = list(takewhile(lambda other: shares_statement(op, other), context.later))
    explained = any((found := _by_the_book(other, context)) and found.table == table for other in (*earlier, *later))
    return explained or bool(earlier)


def _what(op: Operation) -> str:
    match op:
        case AlterColumn(type=str(kind)):
            return f"the new type {kind} of {op.column}"
        case AddColumn():
            return f"the new column {op.column.name}"
    return "what this line runs"


def _by_the_book(op: Operation, context: Context) -> Rewrite | None:
    match op:
        case AddColumn():
            why = _filled_on_adding(op)
            return Rewrite(op.table, why) if why else None
        case AlterColumn(type=str(kind)):
            return _retyped(op, kind, context)
        case AlterObject(kind="table", table=str(table)) if op.action.startswith(_REWRITING_COMMANDS):
            return Rewrite(table, op.action.upper())
    return None


def _filled_on_adding(op: AddColumn) -> str | None:
    """Why a new column has another value in each row; a constant default is kept in the catalog instead."""
    column, sql = op.column, " ".join(one.sql.upper() for one in op.statements)
    if column.identity:
        return f"the identity column {column.name}"
    if column.computed:
        virtual = sql and "STORED" not in sql
        return None if virtual else f"the stored generated column {column.name}"
    if "serial" in column.type.lower():
        return f"the serial column {column.name}"
    called = volatile_call(column.server_default)
    return f"the volatile default {column.server_default} of {column.name}" if called else None


def _retyped(op: AlterColumn, kind: str, context: Context) -> Rewrite | None:
    before = op.existing_type or context.type(op.table, op.column)
    kept = keeps_storage(before, kind)
    if kept and op.using and not _CAST.match(op.using.strip()):
        kept = False
    if kept:
        return None
    old = f" from {before}" if before else ""
    return Rewrite(op.table, f"the new type {kind} of {op.column}{old}", certain=kept is False)


def volatile_call(expression: str | None) -> str | None:
    """A function in *expression* that gives each row another value, or one that nobody knows; None if there is none."""
    for found in _CALL.finditer(_QUOTED.sub("''", expression or "")):
        name = found[1].lower().removeprefix("pg_catalog.")
        if name in _VOLATILE or (name not in READS | NOT_CALLS | _STABLE):
            return found[1]
    return None


def scans_for_not_null(op: Operation, context: Context) -> bool:
    """True if SET NOT NULL reads the table from end to end, for want of a CHECK that proves it."""
    if not isinstance(op, AlterColumn) or op.nullable is not False:
        return False
    sent: Sequence[Statement] = [one for one in op.statements if _SET_NOT_NULL.search(one.sql)]
    measured = [one.measured for one in sent if one.measured is not None]
    before = next(iter(reversed(context.prior)), None)
    together = before is not None and shares_statement(op, before)  # which of them it was that read the table?
    if measured and not (together and _proven(op, context)):
        return any(one.scanned for one in measured)
    return not (_is_not_null_already(op, context) or _proven(op, context))


def _is_not_null_already(op: AlterColumn, context: Context) -> bool:
    """True if the column is NOT NULL in the real database, and nothing on the way has changed that."""
    table, column = context.names.table(op.table), context.names.column(op.table, op.column)
    known = context.path.schema.objects.get(f"column {table}.{column}", "")
    names = (op.column, column or "")
    opened = any(
        one.nullable and one.column in names
        for revision in context.path.revisions
        for one in context.path.window(revision, context.direction).of(AlterColumn)
    )
    return "NOT NULL" in known.split(" DEFAULT ")[0] and not opened


def _proven(op: AlterColumn, context: Context) -> bool:
    """True if a CHECK of the same path says that the column is not null, and was validated."""
    path, direction = context.path, context.direction
    windows = [path.window(one, direction) for one in path.revisions if one is not context.revision]
    windows.append(context.prior)
    checks = {
        other.name: other
        for window in windows
        for other in window.of(AddConstraint, table=op.table)
        if other.kind is ConstraintKind.CHECK
    }
    validated = {other.name for window in windows for other in window.of(ValidateConstraint, table=op.table)}
    for name, check in checks.items():
        if _says_not_null(check.expression, op.column) and (not check.not_valid or name in validated):
            return True
    # It validates something that was added before this path: that is how the safe form is written.
    return bool(validated - set(checks))


def _says_not_null(expression: str | None, column: str) -> bool:
    text = " ".join((expression or "").lower().replace('"', "").replace("(", " ").replace(")", " ").split())
    return f"{column.lower()} is not null" in text and " or " not in text


def fills_from_query(op: Operation) -> bool:
    """True for INSERT ... SELECT, whose rows come from a table; a list of values is soon written."""
    return isinstance(op, Insert) and any(re.search(r"\bSELECT\b", one.sql, re.IGNORECASE) for one in op.statements)
