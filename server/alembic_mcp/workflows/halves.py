"""Revisions that a failure leaves half applied: where they commit on their own, or the database does it for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..direction import Direction
from ..worker import implicit_commits

if TYPE_CHECKING:
    from ..report import StatementLine

__all__ = ["left_behind", "marked", "possible", "warnings"]

_SHOWN = 8
_LONG = 160


def marked(recorded: dict[str, Any], dialect: str) -> dict[str, Any]:
    """The recording, where each statement that the database commits by itself says so (``autocommit``)."""
    if dialect not in implicit_commits.DIALECTS or not recorded:
        return recorded

    def with_commits(recording: Any) -> Any:
        if not isinstance(recording, dict) or "statements" not in recording:
            return recording
        statements = [
            {**item, "autocommit": bool(item.get("autocommit")) or implicit_commits.commits(dialect, item["sql"])}
            for item in recording["statements"]
        ]
        return {**recording, "statements": statements}

    revisions = {
        id_: {**one, **{way.value: with_commits(one.get(way.value)) for way in Direction if way.value in one}}
        for id_, one in recorded["revisions"].items()
    }
    return {**recorded, "revisions": revisions}


def possible(lines: Iterable[StatementLine], direction: Direction, dialect: str) -> frozenset[str]:
    """The revisions of which a part may stay when they fail.

    Where the database commits by itself, a single statement is done or is not; elsewhere, what runs outside a
    transaction may leave something behind by itself (an invalid index).
    """
    of_revision: dict[str, list[StatementLine]] = {}
    for line in lines:
        if line.direction is direction:
            of_revision.setdefault(line.revision, []).append(line)
    by_itself = dialect in implicit_commits.DIALECTS
    return frozenset(
        id_ for id_, each in of_revision.items() if any(line.autocommit for line in (each[:-1] if by_itself else each))
    )


def warnings(lines: Sequence[StatementLine], direction: Direction, dialect: str) -> tuple[str, ...]:
    """What has to be known before such a revision runs, where it is the database that commits."""
    found = possible(lines, direction, dialect) if dialect in implicit_commits.DIALECTS else frozenset()
    if not found:
        return ()
    named = ", ".join(dict.fromkeys(line.revision for line in lines if line.revision in found))
    text = (
        "MySQL and MariaDB commit at every CREATE, ALTER, DROP and RENAME: no transaction undoes them. If a statement "
        f"of {named} fails, what ran before it stays, the revision is half applied, and neither it nor its way back "
        "runs as it is."
    )
    return (text,)


def left_behind(stays: Sequence[str], revision: str) -> tuple[str, str]:
    """What stays of a revision that failed, for the summary; and what to do about it. *stays* is the SQL."""
    shown = [" ".join(sql.split()) for sql in stays[:_SHOWN]]
    text = "; ".join(sql if len(sql) <= _LONG else f"{sql[:_LONG]} ..." for sql in shown)
    more = f"; and {len(stays) - _SHOWN} more" if len(stays) > _SHOWN else ""
    state = (
        f"{revision} is half applied, for the database commits such statements at once: {text}{more}. "
        "Its version row was not written"
    )
    step = (
        f"Undo by hand what ran of {revision}, or take it out of the revision, before anything else: it runs from its "
        "beginning when it is called again, and would fail at what is there."
    )
    return state, step
