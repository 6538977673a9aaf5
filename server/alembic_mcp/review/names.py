"""Follows tables and columns along a path of revisions: what is new, and how the rest was called before."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..operations import (
    AddColumn,
    AlterColumn,
    CreateObject,
    CreateTable,
    DropColumn,
    DropTable,
    Insert,
    Operation,
    RenameTable,
    Revision,
)

__all__ = ["Names"]


@dataclass
class Names:
    """Where the walk along a path stands.

    Attributes:
        tables: name now -> name in the target database; None for what was made or dropped on the way.
        columns: (table now, column now) -> column in the target database; None likewise.
        filled: tables made on the way that got rows.
    """

    tables: dict[str, str | None] = field(default_factory=dict)
    columns: dict[tuple[str, str], str | None] = field(default_factory=dict)
    filled: set[str] = field(default_factory=set)

    @classmethod
    def before(cls, revision: Revision) -> Names:
        """What is known when *revision* is looked at on its own."""
        return cls({**dict.fromkeys(revision.created_before), **revision.renamed})

    def copy(self) -> Names:
        """The same, to walk on from without moving this one."""
        return Names(dict(self.tables), dict(self.columns), set(self.filled))

    def table(self, name: str) -> str | None:
        """The name of a table in the target database; None if it is not there yet."""
        return self.tables.get(name, name)

    def column(self, table: str, name: str) -> str | None:
        """The name of a column in the target database; None if it, or its table, is not there yet."""
        return None if self.table(table) is None else self.columns.get((table, name), name)

    @property
    def created(self) -> frozenset[str]:
        """Tables that are not in the target database."""
        return frozenset(name for name, original in self.tables.items() if original is None)

    @property
    def renamed(self) -> dict[str, str]:
        """Name now -> name in the target database, where they differ."""
        return {name: old for name, old in self.tables.items() if old is not None and old != name}

    def walk(self, op: Operation) -> None:
        """Take the next operation into account."""
        match op:
            # IF NOT EXISTS says nothing: reading clears the flag where the table was seen to be made.
            case CreateTable(if_not_exists=False):
                self.tables[op.table] = None
            case CreateObject(kind="materialized view", name=str(name)):
                self.tables[name] = None
            case DropTable():
                self.tables[op.table] = None
                self.filled.discard(op.table)
            case RenameTable():
                self._rename(op.table, op.to)
            case AddColumn():
                self.columns[op.table, op.column.name] = None
            case DropColumn():
                self.columns[op.table, op.column] = None
            case AlterColumn(rename_to=str(to)):
                self.columns[op.table, to] = self.column(op.table, op.column)
                self.columns[op.table, op.column] = None
            case Insert() if self.table(op.table) is None:
                self.filled.add(op.table)

    def _rename(self, table: str, to: str) -> None:
        self.tables[to] = self.table(table)
        self.tables[table] = None
        for (owner, column), original in list(self.columns.items()):
            if owner == table:
                self.columns[to, column] = original
        if table in self.filled:
            self.filled.remove(table)
            self.filled.add(to)
