"""PostgreSQL table lock modes, what each one blocks, and which statement takes which.

Source: PostgreSQL documentation, "Explicit Locking", table 13.2, and the pages of the statements.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

__all__ = ["STATEMENT_LOCKS", "LockMode"]


class LockMode(StrEnum):
    """The eight table lock modes, spelt as PostgreSQL's documentation spells them, weakest first."""

    ACCESS_SHARE = "ACCESS SHARE"
    ROW_SHARE = "ROW SHARE"
    ROW_EXCLUSIVE = "ROW EXCLUSIVE"
    SHARE_UPDATE_EXCLUSIVE = "SHARE UPDATE EXCLUSIVE"
    SHARE = "SHARE"
    SHARE_ROW_EXCLUSIVE = "SHARE ROW EXCLUSIVE"
    EXCLUSIVE = "EXCLUSIVE"
    ACCESS_EXCLUSIVE = "ACCESS EXCLUSIVE"

    @classmethod
    def from_pg_locks(cls, mode: str) -> LockMode:
        """Read the spelling of ``pg_locks.mode``: ``ShareUpdateExclusiveLock``. Raises ValueError if unknown."""
        words = "".join(f" {letter}" if letter.isupper() else letter for letter in mode.removesuffix("Lock"))
        return cls(words.strip().upper())

    @property
    def blocks_writes(self) -> bool:
        """True if INSERT, UPDATE and DELETE by others wait."""
        return self in _BLOCKS_WRITES

    @property
    def blocks_reads(self) -> bool:
        """True if even SELECT by others waits."""
        return self is LockMode.ACCESS_EXCLUSIVE

    @property
    def blocks(self) -> str:
        """What waits, in words that fit after "blocks"."""
        if self.blocks_reads:
            return "reads and writes"
        if self.blocks_writes:
            return "writes"
        return "schema changes" if self >= LockMode.SHARE_UPDATE_EXCLUSIVE else "nothing but exclusive locks"

    @property
    def strength(self) -> int:
        """Position in the documentation's table, 0 (ACCESS SHARE) to 7 (ACCESS EXCLUSIVE)."""
        return list(LockMode).index(self)

    def __ge__(self, other: str) -> bool:
        return self.strength >= LockMode(other).strength

    def __gt__(self, other: str) -> bool:
        return self.strength > LockMode(other).strength

    def __le__(self, other: str) -> bool:
        return self.strength <= LockMode(other).strength

    def __lt__(self, other: str) -> bool:
        return self.strength < LockMode(other).strength


_BLOCKS_WRITES = frozenset(
    {LockMode.SHARE, LockMode.SHARE_ROW_EXCLUSIVE, LockMode.EXCLUSIVE, LockMode.ACCESS_EXCLUSIVE}
)

_SHARE_UPDATE = LockMode.SHARE_UPDATE_EXCLUSIVE
_SHARE_ROW = LockMode.SHARE_ROW_EXCLUSIVE
_ACCESS = LockMode.ACCESS_EXCLUSIVE

STATEMENT_LOCKS: Mapping[str, LockMode] = {
    "insert": LockMode.ROW_EXCLUSIVE,
    "update": LockMode.ROW_EXCLUSIVE,
    "delete": LockMode.ROW_EXCLUSIVE,
    "truncate": _ACCESS,
    "drop table": _ACCESS,
    "rename table": _ACCESS,
    "add column": _ACCESS,
    "drop column": _ACCESS,
    "alter column": _ACCESS,
    "alter column set statistics": _SHARE_UPDATE,
    "add constraint": _ACCESS,
    "add foreign key": _SHARE_ROW,
    "add foreign key, referenced table": _SHARE_ROW,
    "drop constraint": _ACCESS,
    "validate constraint": _SHARE_UPDATE,
    "create index": LockMode.SHARE,
    "create index concurrently": _SHARE_UPDATE,
    "drop index": _ACCESS,
    "drop index concurrently": _SHARE_UPDATE,
    "create trigger": _SHARE_ROW,
    "drop trigger": _ACCESS,
    "create policy": _ACCESS,
    "drop policy": _ACCESS,
    "create rule": _ACCESS,
    "drop rule": _ACCESS,
    "alter table": _ACCESS,
    "enable trigger": _SHARE_ROW,
    "disable trigger": _SHARE_ROW,
    "cluster on": _SHARE_UPDATE,
    "set without cluster": _SHARE_UPDATE,
    "set storage parameter": _SHARE_UPDATE,
    "attach partition": _SHARE_UPDATE,
    "detach partition": _ACCESS,
    "detach partition concurrently": _SHARE_UPDATE,
    "cluster": _ACCESS,
    "vacuum": _SHARE_UPDATE,
    "vacuum full": _ACCESS,
    "analyze": _SHARE_UPDATE,
    "reindex": LockMode.SHARE,
    "reindex concurrently": _SHARE_UPDATE,
    "refresh": _ACCESS,
    "refresh concurrently": LockMode.EXCLUSIVE,
    "lock": _ACCESS,
}
"""Statement -> the lock that it takes on its table, for whatever a rehearsal did not measure.

REINDEX locks the table against writes, and the index against reads that would use it.
"""
