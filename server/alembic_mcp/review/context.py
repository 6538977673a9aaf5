"""What a rule is told besides the operation it judges: where it stands, what came before, what the data says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..operations import Direction, Insert, Operation, Rehearsed, Revision
from .names import Names
from .questions import Answer, Facts, NonNullCount, RowCount

__all__ = ["Context", "Outside", "Path"]


@dataclass(frozen=True)
class Outside:
    """Something that a revision tried to do outside the database during the rehearsal."""

    what: str
    revision: str
    line: int = 0


@dataclass(frozen=True)
class Path:
    """What is judged, as a whole.

    Attributes:
        revisions: in the order in which they would run.
        running: the direction that is about to run; the other one is judged for the day when it is needed.
        facts: what the real database says.
        dialect: SQLAlchemy's name.
        heads: all heads of the scripts.
        labelled_heads: those that have a branch label of their own: several of these are meant.
        outside: what the revisions tried to do outside the database.
    """

    revisions: Sequence[Revision]
    facts: Facts = field(default_factory=Facts)
    dialect: str = "postgresql"
    running: Direction = Direction.UPGRADE
    heads: tuple[str, ...] = ()
    labelled_heads: tuple[str, ...] = ()
    outside: tuple[Outside, ...] = ()


@dataclass(frozen=True)
class Context:
    """Where an operation stands.

    Attributes:
        path: everything that is judged.
        revision: the revision that it belongs to.
        direction: which of its functions.
        names: tables and columns as they are right before it.
        prior: the operations of the same direction before it; ``later`` those after it.
    """

    path: Path
    revision: Revision
    direction: Direction
    names: Names
    prior: Sequence[Operation] = ()
    later: Sequence[Operation] = ()

    @property
    def facts(self) -> Facts:
        """What the real database says, under the names that tables have there; see `rows` for the names here."""
        return self.path.facts

    @property
    def is_postgresql(self) -> bool:
        """True if tables are locked the way PostgreSQL locks them."""
        return self.path.dialect == "postgresql"

    @property
    def running(self) -> bool:
        """True if this direction is about to run; False if it is judged for the day when it is needed."""
        return self.direction is self.path.running

    @property
    def rehearsed(self) -> Rehearsed | None:
        """What became of the revision on the scratch database; None if it was not run there."""
        return self.revision.rehearsed

    @property
    def other(self) -> Sequence[Operation]:
        """The operations of the other direction of the same revision."""
        upgrade = self.direction is Direction.UPGRADE
        return self.revision.operations(Direction.DOWNGRADE if upgrade else Direction.UPGRADE)

    def is_new(self, table: str) -> bool:
        """True if *table* was made on the way (in this revision or an earlier one): nobody else uses it yet."""
        return self.names.table(table) is None

    def is_live(self, table: str) -> bool:
        """True unless *table* is known to have no rows: made on the way and not filled, or counted as empty.

        A table that the database does not have may be there under another name (a search path): nothing is known.
        """
        original = self.names.table(table)
        if original is None:
            return table in self.names.filled
        return table in self._filled() or self.facts.is_missing(original) or not self.facts.is_empty(original)

    def rows(self, table: str) -> int | None:
        """Rows of *table* in the real database; None if unknown, 0 for a table made on the way and not filled."""
        original = self.names.table(table)
        if original is None:
            return None if table in self.names.filled else 0
        if self.facts.is_missing(original) or (table in self._filled() and self.facts.is_empty(original)):
            return None
        return self.facts.rows(original)

    def answer(self, table: str, column: str | None = None) -> Answer | None:
        """The answer about the rows of *table*, or about the values in *column*; None if it was not asked."""
        original = self.names.table(table)
        if original is None:
            return None
        if column is None:
            return self.facts.answer(RowCount(original))
        old = self.names.column(table, column)
        return self.facts.answer(NonNullCount(original, old)) if old is not None else None

    def _filled(self) -> set[str]:
        """Tables that are there and got rows on the way."""
        return {op.table for op in self.prior if isinstance(op, Insert)}
