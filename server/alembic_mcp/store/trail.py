"""The audit trail in the store: appended to in the transaction of what it tells about, and never changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from ..audit import BEGINNING, Entry, canonical, clean, entry_hash
from .tables import AUDIT, HEAD

__all__ = ["append", "entries", "head", "of_kind"]


def append(connection: sa.Connection, now: float, kind: str, plan: str | None, payload: dict[str, Any]) -> None:
    """Add an entry; the caller's transaction keeps other writers out."""
    number, previous = head(connection) or (0, BEGINNING)
    text = canonical(clean(payload))
    entry: dict[str, Any] = {"number": number + 1, "at": now, "kind": kind, "plan": plan}
    entry |= {"payload": text, "previous": previous}
    hash_ = entry_hash(**entry)
    connection.execute(AUDIT.insert().values(**entry, hash=hash_))
    if number or connection.execute(sa.select(HEAD.c.only)).first():
        connection.execute(HEAD.update().values(number=number + 1, hash=hash_))
    else:
        connection.execute(HEAD.insert().values(only=1, number=number + 1, hash=hash_))


def entries(connection: sa.Connection, plan: str | None = None, limit: int | None = None) -> Iterator[Entry]:
    """The entries in order; the last *limit* of them, those about *plan* alone if given."""
    query = AUDIT.select()
    if plan is not None:
        query = query.where(AUDIT.c.plan == plan)
    if limit is None:
        yield from map(_entry, connection.execute(query.order_by(AUDIT.c.number)))
        return
    yield from map(_entry, reversed(connection.execute(query.order_by(AUDIT.c.number.desc()).limit(limit)).all()))


def of_kind(connection: sa.Connection, kind: str) -> list[Entry]:
    """The entries of a kind, in order."""
    return [_entry(row) for row in connection.execute(AUDIT.select().where(AUDIT.c.kind == kind).order_by("number"))]


def head(connection: sa.Connection) -> tuple[int, str] | None:
    """Number and hash of the entry that was written last."""
    row = connection.execute(sa.select(HEAD.c.number, HEAD.c.hash)).first()
    return (row.number, row.hash) if row is not None else None


def _entry(row: Any) -> Entry:
    return Entry(row.number, row.at, row.kind, row.plan, row.payload, row.previous, row.hash)
