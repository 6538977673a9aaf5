"""The SQL statements that a rehearsal recorded, as reports show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..direction import Direction
from ..locks import LockMode
from ..operations import Revision
from ..report import StatementLine, TableLock
from ..review.locking import locks_of
from .inspect import shown

if TYPE_CHECKING:
    from ..revisions import Revisions
    from .app import Located

__all__ = ["statement_lines"]


def statement_lines(
    located: Located, rehearsed: dict[str, Any], index: Revisions, read: Sequence[Revision] = ()
) -> list[StatementLine]:
    """One line for each statement of each revision, upgrade before downgrade.

    What ran outside a transaction has given its locks back before they could be seen, and what was not run took none:
    their locks are those of the book, and they count as read, not as measured.

    Args:
        located: the database.
        rehearsed: the worker's recording.
        index: the revisions.
        read: what the recording was read as.
    """
    by_the_book = _by_the_book(read) if located.target.dialect == "postgresql" else {}
    found = []
    for revision, recorded in rehearsed.get("revisions", {}).items():
        known = index.by_id.get(revision)
        for direction in Direction:
            for item in (recorded.get(direction.value) or {}).get("statements", []):
                measured, autocommit = item.get("measured"), bool(item.get("autocommit"))
                key = (revision, direction, item["sql"], int(item.get("line") or 0))
                found.append(
                    StatementLine(
                        revision=revision,
                        direction=direction,
                        sql=item["sql"],
                        path=shown(located.project, known.path) if known else "",
                        line=item.get("line") or 0,
                        operation=item.get("operation"),
                        autocommit=autocommit,
                        measured=measured is not None and not autocommit,
                        locks=by_the_book.get(key, [])
                        if measured is None or autocommit
                        else [
                            TableLock(mode=LockMode.from_pg_locks(lock["mode"]), table=lock["table"])
                            for lock in measured.get("locks", [])
                        ],
                        rewrites=(measured or {}).get("rewritten", []),
                        scans=(measured or {}).get("scanned", []),
                        dropped=[f"{gone['kind']} {gone['name']}" for gone in (measured or {}).get("dropped", [])],
                        milliseconds=item.get("milliseconds") or 0.0,
                    )
                )
    return found


def _by_the_book(read: Sequence[Revision]) -> dict[tuple[str, Direction, str, int], list[TableLock]]:
    """The locks of the statements that were not measured, by revision, direction, SQL and line."""
    found: dict[tuple[str, Direction, str, int], list[TableLock]] = {}
    for revision in read:
        for direction in Direction:
            for op in revision.operations(direction):
                for statement in op.statements:
                    if statement.measured is None or statement.autocommit:
                        locks = found.setdefault((revision.revision, direction, statement.sql, statement.line), [])
                        new = [TableLock(mode=lock.mode, table=lock.table) for lock in locks_of(op)]
                        locks += [lock for lock in new if lock not in locks and lock.mode != LockMode.ACCESS_SHARE]
    return found
