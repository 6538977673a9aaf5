"""What a rule is told besides the operation it judges: where it stands, what came before, what the data says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from ..operations import (
    AddColumn,
    Direction,
    DropColumn,
    DropConstraint,
    DropIndex,
    Insert,
    Operation,
    Rehearsed,
    Revision,
)
from .names import Names
from .questions import Answer, Facts, NonNullCount, Question, RowCount
from .schema import Key, Schema
from .window import Window

__all__ = ["Context", "Outside", "Path", "ScriptProblem"]

_Op = TypeVar("_Op", bound=Operation)


@dataclass(frozen=True)
class Outside:
    """Something that a revision tried to do outside the database during the rehearsal."""

    what: str
    revision: str
    line: int = 0


@dataclass(frozen=True)
class ScriptProblem:
    """Something that is wrong with the revision files: ``kind`` is ``duplicate-revision``, ``missing-ancestor``, ..."""

    kind: str
    why: str
    revision: str = ""
    path: str = ""


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
        schema: what the real database has before the first of them runs.
        problems: what is wrong with the revision files.
        applied_hashes: revision -> SHA-256 of its file when it was applied, for those that the database has.
        file_hashes: revision -> SHA-256 of its file now.
        own_modules: top-level modules of the project itself.
        large_rows: from this many rows on, a change is large.
        lock_timeout: the project's own connections limit how long a statement waits for a lock.
        one_transaction: all revisions run in one transaction, so that locks add up from one to the next.
        memo: what one revision leaves for the judgement of the next: the locks that are held, what was said already.
        asked: what `affected` asks about an operation, so that it is put together once.
    """

    revisions: Sequence[Revision]
    facts: Facts = field(default_factory=Facts)
    dialect: str = "postgresql"
    running: Direction = Direction.UPGRADE
    heads: tuple[str, ...] = ()
    labelled_heads: tuple[str, ...] = ()
    outside: tuple[Outside, ...] = ()
    schema: Schema = field(default_factory=Schema)
    problems: tuple[ScriptProblem, ...] = ()
    applied_hashes: Mapping[str, str] = field(default_factory=dict)
    file_hashes: Mapping[str, str] = field(default_factory=dict)
    own_modules: frozenset[str] = frozenset()
    large_rows: int = 100_000
    lock_timeout: bool = False
    one_transaction: bool = False
    memo: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    _windows: dict[tuple[int, Direction], Window] = field(default_factory=dict, compare=False, repr=False)
    asked: dict[tuple[int, bool], Question | None] = field(default_factory=dict, compare=False, repr=False)

    def window(self, revision: Revision, direction: Direction) -> Window:
        """All operations of one direction of a revision of the path."""
        found = self._windows.get((id(revision), direction))
        if found is None:
            found = self._windows[id(revision), direction] = Window(revision.operations(direction))
        return found


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
    prior: Window = field(default_factory=Window)
    later: Window = field(default_factory=Window)

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
    def other(self) -> Window:
        """The operations of the other direction of the same revision."""
        upgrade = self.direction is Direction.UPGRADE
        return self.path.window(self.revision, Direction.DOWNGRADE if upgrade else Direction.UPGRADE)

    def around(self, *types: type[_Op], table: str | None = None, name: str | None = None) -> list[_Op]:
        """The operations of these types in the same direction, this one left out; see `Window.of`."""
        return [*self.prior.of(*types, table=table, name=name), *self.later.of(*types, table=table, name=name)]

    def other_steps(self) -> Iterator[tuple[Operation, Names]]:
        """The same, each with the names right before it; good until the next one is asked for."""
        names = Names.before(self.revision)
        if self.direction is Direction.UPGRADE:
            for op in self.revision.upgrade:
                names.walk(op)
        for op in self.other:
            yield op, names
            names.walk(op)

    @property
    def rest(self) -> Sequence[Operation]:
        """The operations still to come: of this direction, and of the revisions after this one where it is running."""
        revisions = list(self.path.revisions)
        at = next((index for index, one in enumerate(revisions) if one is self.revision), len(revisions))
        after = revisions[at + 1 :] if self.running else []
        return (*self.later, *(op for revision in after for op in revision.operations(self.direction)))

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
        return self.facts.is_missing(original) or not self.facts.is_empty(original) or self._is_filled(table)

    def in_use(self, table: str) -> bool:
        """True if others may be using *table*: it was not made on the way, and is not known to have no rows.

        A table that was made and filled on the way is live, but nobody waits for it yet.
        """
        return not self.is_new(table) and self.is_live(table)

    def rows(self, table: str) -> int | None:
        """Rows of *table* in the real database; None if unknown, 0 for a table made on the way and not filled."""
        original = self.names.table(table)
        if original is None:
            return None if table in self.names.filled else 0
        if self.facts.is_missing(original) or (self.facts.is_empty(original) and self._is_filled(table)):
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

    def type(self, table: str, column: str) -> str | None:
        """The type of a column right before the operation, as the database or the revision spells it."""
        original, old = self.names.table(table), self.names.column(table, column)
        if original is not None and old is not None:
            return self.path.schema.type(original, old)
        added = self.prior.of(AddColumn, table=table, name=column)
        return (added[-1].column.type or None) if added else None

    def keys(self, table: str) -> tuple[Key, ...]:
        """Constraints and indexes that *table* has in the real database, less what went since."""
        original = self.names.table(table)
        if original is None:
            return ()
        return tuple(
            key
            for key in self.path.schema.keys(original)
            if not (key.name and self.prior.has(DropConstraint, DropIndex, name=key.name))
            and not any(self.prior.has(DropColumn, table=table, name=column) for column in key.columns)
        )

    def steps(self) -> Iterator[tuple[Operation, Context]]:
        """The operations still to come, each with the context that it stands in: for a check of a whole revision.

        A context is good until the next one is asked for: its names walk on.
        """
        names = self.names.copy()
        for index, op in enumerate(self.later):
            yield op, replace(self, names=names, prior=self.later.before(index), later=self.later.after(index))
            names.walk(op)

    def _is_filled(self, table: str) -> bool:
        """True if the table is there and got rows on the way."""
        return self.prior.has(Insert, table=table)
