"""The SQL statements that a rehearsal recorded, as reports show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..direction import Direction
from ..locks import LockMode
from ..report import StatementLine, TableLock
from .inspect import shown

if TYPE_CHECKING:
    from ..revisions import Revisions
    from .app import Located

__all__ = ["statement_lines"]


def statement_lines(located: Located, rehearsed: dict[str, Any], index: Revisions) -> list[StatementLine]:
    """One line for each statement of each revision, upgrade before downgrade. *rehearsed*: the worker's recording."""
    found = []
    for revision, recorded in rehearsed.get("revisions", {}).items():
        known = index.by_id.get(revision)
        for direction in Direction:
            for item in (recorded.get(direction.value) or {}).get("statements", []):
                measured = item.get("measured")
                found.append(
                    StatementLine(
                        revision=revision,
                        direction=direction,
                        sql=item["sql"],
                        path=shown(located.project, known.path) if known else "",
                        line=item.get("line") or 0,
                        operation=item.get("operation"),
                        autocommit=bool(item.get("autocommit")),
                        measured=measured is not None,
                        locks=[
                            TableLock(mode=LockMode.from_pg_locks(lock["mode"]), table=lock["table"])
                            for lock in (measured or {}).get("locks", [])
                        ],
                        rewrites=(measured or {}).get("rewritten", []),
                        scans=(measured or {}).get("scanned", []),
                        dropped=[f"{gone['kind']} {gone['name']}" for gone in (measured or {}).get("dropped", [])],
                        milliseconds=item.get("milliseconds") or 0.0,
                    )
                )
    return found
