"""PostgreSQL table lock modes, and what each one blocks.

Source: PostgreSQL documentation, "Explicit Locking", table 13.2.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["LockMode"]


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
