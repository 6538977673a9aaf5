"""Builds the revisions that the rules judge from what the worker recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..locks import LockMode
from ..operations import (
    AddConstraint,
    AlterObject,
    CreateIndex,
    CreateObject,
    CreateTable,
    Direction,
    Dropped,
    DropTable,
    Harmless,
    Lock,
    Measured,
    Operation,
    RecordedError,
    Rehearsed,
    RenameTable,
    Revision,
    Statement,
    Unrecognised,
)
from .directives import directive
from .effects import Effects
from .names import Names
from .search_path import SearchPath

__all__ = ["read_path"]

_Item = Mapping[str, Any]
_CUT = 19_000
"""Characters from which on a statement may have been cut off by the worker."""
_TEMPORARY = "_alembic_tmp_"
"""How Alembic's batch mode names the copy of a table that it puts in the place of the table."""


def read_path(
    reply: _Item, dialect: str, default_schema: str | None, running: Direction = Direction.UPGRADE
) -> list[Revision]:
    """Read the worker's answer to ``rehearse``: its revisions, in the order in which they would run.

    *dialect* is SQLAlchemy's name; *running* is the direction that was rehearsed. Entries without ``operations`` are
    revisions about which nothing is known.
    """
    names = Names()
    found = []
    known = frozenset(key.removeprefix("table ") for key in reply.get("schema") or () if key.startswith("table "))
    for entry in reply["path"]:
        recorded = reply.get("revisions", {}).get(entry["revision"], {})
        before = names.copy()
        reader = _Reader(dialect, default_schema, known)
        walked = reader.direction(recorded.get(running.value), names)
        # The other direction is judged as if it ran right afterwards (or, for a downgrade, before).
        other = reader.direction(recorded.get(_other(running).value), names.copy())
        upgrade, downgrade = (walked, other) if running is Direction.UPGRADE else (other, walked)
        found.append(
            Revision(
                revision=entry["revision"],
                path=entry.get("path") or "",
                message=entry.get("message") or "",
                upgrade=tuple(upgrade),
                downgrade=tuple(downgrade),
                created_before=before.created,
                renamed=before.renamed,
                rehearsed=_rehearsed(recorded),
            )
        )
    return found


def _other(direction: Direction) -> Direction:
    return Direction.DOWNGRADE if direction is Direction.UPGRADE else Direction.UPGRADE


class _Reader:
    def __init__(self, dialect: str, default_schema: str | None, tables: frozenset[str]) -> None:
        self.dialect, self.default_schema = dialect, default_schema
        self._tables = tables
        self._search = SearchPath(default_schema, tables)

    def direction(self, recorded: _Item | None, names: Names) -> list[Operation]:
        """The operations of one direction, in order; moves *names* on."""
        if not recorded:
            return []
        statements = [_statement(item) for item in recorded.get("statements") or ()]
        effects = Effects(names.copy())
        self._search = SearchPath(self.default_schema, self._tables)
        found: list[Operation] = []
        for item, indices in _ordered(recorded.get("operations") or (), [one.line for one in statements]):
            sent = [statements[index] for index in indices]
            asked = directive(item) if item is not None else None
            if asked is not None:
                asked = self._search.relocated(replace(asked, statements=tuple(sent)))
                found += effects.lay([asked, *self._besides(asked, sent)], sent, told=False)
            elif sent:
                for statement in sent:
                    line = statement.line or (int(item.get("line") or 0) if item else 0)
                    asked_text = item.get("sql") if item is not None and len(sent) == 1 else None
                    found += self._sent(replace(statement, line=line), effects, asked_text)
            elif item is not None:
                found += self._unsent(item, effects)
        found = _without_rebuilds(found)
        for op in found:
            names.walk(op)
        return found

    def _sent(self, statement: Statement, effects: Effects, asked: str | None) -> list[Operation]:
        text, told = statement.sql, True
        if len(text) >= _CUT:
            text, told = (asked, True) if asked else (text, False)
        read = self._read(text, statement.line, (statement,))
        if not told or (not read and statement.measured is not None):
            # The worker keeps the beginning of a long statement; and what went past SQLAlchemy has no text at all.
            read.append(Unrecognised(sql=statement.sql, line=statement.line, statements=(statement,)))
        return effects.lay(read, [statement], told=told and self._told(read, text))

    def _unsent(self, item: _Item, effects: Effects) -> list[Operation]:
        """An operation that sent nothing: it was not run, or (custom) did something else than SQL."""
        line, text = int(item.get("line") or 0), item.get("sql")
        if text:
            return effects.lay(self._read(str(text), line, ()), (), told=False)
        return [Unrecognised(sql=str(item.get("op") or item["kind"]), line=line)]

    def _besides(self, asked: Operation, sent: Sequence[Statement]) -> list[Operation]:
        """What a directive sent besides what its name says: an index, a foreign key, a type that goes with it."""
        if asked.batch or isinstance(asked, (CreateTable, Harmless)):
            return []
        expected = (type(asked), Harmless, Unrecognised, CreateObject, AlterObject)
        return [
            op
            for statement in sent
            for op in self._read(statement.sql, asked.line, (statement,))
            if not isinstance(op, expected)
            and not (isinstance(asked, (AddConstraint, CreateIndex)) and isinstance(op, (AddConstraint, CreateIndex)))
        ]

    def _read(self, text: str, line: int, statements: tuple[Statement, ...]) -> list[Operation]:
        from .sql import pieces, read  # sqlglot takes long to import, and the server starts without it

        found = []
        # A part of it may say where the rest of it finds its tables.
        for piece in pieces(text, self.dialect) if "search_path" in text.lower() else [text]:
            for op in read(piece, self.dialect, self._search.first or self.default_schema):
                found.append(self._search.relocated(replace(op, line=line, statements=statements)))
                self._search.follow(op, piece)
        return found

    def _told(self, read: Iterable[Operation], text: str) -> bool:
        from .sql import told_by_running

        if not any(isinstance(op, Unrecognised) for op in read):
            return True
        return told_by_running(text, self.dialect, self.default_schema)


def _ordered(operations: Sequence[_Item], lines: Sequence[int]) -> Iterator[tuple[_Item | None, list[int]]]:
    """Operations with the indices of their statements, and between them the statements that belong to none.

    An operation that sent nothing stands where its line is.
    """
    count = len(lines)
    owned = {index for item in operations for index in item.get("statements") or ()}
    loose = [index for index in range(count) if index not in owned]
    for item in operations:
        indices = sorted(index for index in item.get("statements") or () if index < count)
        line = int(item.get("line") or 0)
        while loose and (loose[0] < indices[0] if indices else 0 < lines[loose[0]] < line):
            yield None, [loose.pop(0)]
        yield item, indices
    for index in loose:
        yield None, [index]


def _without_rebuilds(found: list[Operation]) -> list[Operation]:
    """Leave out the copy that batch mode puts in the place of a table: the directives say what changes.

    Create the copy, fill it, drop the table, rename the copy: only the whole of it is left out.
    """
    for index, op in enumerate(found):
        if not (isinstance(op, RenameTable) and op.table == _copy_of(op.to)):
            continue
        part = [
            other
            for other in found[:index]
            if op.table in other.tables or (isinstance(other, DropTable) and other.table == op.to)
        ]
        made = [other for other in part if isinstance(other, CreateTable)]
        dropped = [other for other in part if isinstance(other, DropTable) and other.table == op.to]
        if made and dropped:
            leave_out = {id(other) for other in (*part, op)}
            return _without_rebuilds([other for other in found if id(other) not in leave_out])
    return found


def _copy_of(table: str) -> str:
    schema, dot, name = table.rpartition(".")
    return f"{schema}{dot}{_TEMPORARY}{name}"


def _statement(item: _Item) -> Statement:
    measured = item.get("measured")
    return Statement(
        sql=item["sql"],
        line=int(item.get("line") or 0),
        autocommit=bool(item.get("autocommit")),
        milliseconds=float(item.get("milliseconds") or 0.0),
        rows=item.get("rows"),
        measured=_measured(measured) if measured is not None else None,
        transaction=int(item.get("transaction") or 0),
        error=item.get("error"),
    )


def _measured(item: _Item) -> Measured:
    return Measured(
        locks=tuple(Lock(LockMode.from_pg_locks(lock["mode"]), lock["table"]) for lock in item.get("locks") or ()),
        rewritten=tuple(item.get("rewritten") or ()),
        scanned=tuple(item.get("scanned") or ()),
        indexes_built=tuple((name, table) for name, table in item.get("indexes_built") or ()),
        created=tuple((kind, name) for kind, name in item.get("created") or ()),
        altered=tuple((kind, name) for kind, name in item.get("altered") or ()),
        dropped=tuple(Dropped(one["kind"], one["name"]) for one in item.get("dropped") or ()),
        complete=bool(item.get("complete")),
    )


def _rehearsed(item: _Item) -> Rehearsed | None:
    if item.get("upgraded") is None and item.get("downgraded") is None and not item.get("read"):
        return None
    return Rehearsed(
        upgraded=item.get("upgraded"),
        downgraded=item.get("downgraded"),
        restored=item.get("restored"),
        reupgraded=item.get("reupgraded"),
        not_restored=tuple(item.get("not_restored") or ()),
        upgrade_error=_error(item.get("upgrade_error")),
        downgrade_error=_error(item.get("downgrade_error")),
        reupgrade_error=_error(item.get("reupgrade_error")),
        downgrade_empty=bool(item.get("downgrade_empty")),
        downgrade_missing=bool(item.get("downgrade_missing")),
    )


def _error(item: _Item | None) -> RecordedError | None:
    if item is None:
        return None
    return RecordedError(message=item.get("message") or "", sql=item.get("sql"), line=int(item.get("line") or 0))
