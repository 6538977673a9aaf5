"""What a revision is to do, one change at a time, each with its way back and the phase it belongs to."""

from __future__ import annotations

import enum
from typing import Any, Dict, Iterable, List, Optional, Set

from alembic.operations import ops

from ..describe import qualified
from ..differences import flat
from ..schema import snapshot

__all__ = ["Change", "Facts", "Phase", "changes_of"]


class Phase(enum.IntEnum):
    """When a change runs; a revision holds one phase, and the phases follow each other as here."""

    EXPAND = 0  # what the running application does not notice
    BACKFILL = 1  # values of the rows that are there
    INDEX = 2  # built while others write, outside a transaction
    VALIDATE = 3  # checks of the rows that are there, under a weak lock
    CONTRACT = 4  # what takes something away or demands it


class Change:
    """One change of the schema or the data.

    Attributes:
        up: the directives of its upgrade, in order.
        down: those of its downgrade, in order.
        table: the table it concerns, as ``describe.qualified`` spells it; None for types, schemas, ...
        phase: when it runs.
        rule: the rule whose rewrite made it; None as autogenerate gave it.
        why: why it is written this way, one sentence for the docstring and the report; empty if it is as usual.
        loses: what its downgrade can't bring back, one sentence; empty if it brings back all.
    """

    def __init__(
        self,
        up: List[Any],
        down: List[Any],
        *,
        table: Optional[str] = None,
        phase: Phase = Phase.EXPAND,
        rule: Optional[str] = None,
        why: str = "",
        loses: str = "",
    ) -> None:
        self.up = up
        self.down = down
        self.table = table
        self.phase = phase
        self.rule = rule
        self.why = why
        self.loses = loses

    @property
    def op(self) -> Any:
        """The directive that autogenerate gave, if it is one that was not rewritten; else None."""
        return self.up[0] if self.rule is None and len(self.up) == 1 else None


class Facts:
    """What is known about the database that the revision is for.

    Attributes:
        context: Alembic's migration context: dialect, options, connection (to a database at head, perhaps empty).
        metadata: the models.
        rows: tables with rows in the target: table -> estimate, None if unknown.
        unknown: it is not known which tables have rows: any may have.
        large_rows: from so many rows on a table counts as large.
        fills: ``table.column`` -> SQL expression that gives the value for the rows that are there.
        answers: id of a question -> the choice.
        keep_data: park what a drop would lose in a side table, for the downgrade.
        style: ``safe`` or ``plain``.
        models: the schema that the models define, as a snapshot (see `schema`), if it is known.
        created: tables that the revision itself creates.
        parked: tables, and ``table.column``, of which a drop keeps the data in a side table.
        asked: id of a question that can be answered -> its choices.
        valued: ``table.column`` of enums that are text, whose values change.
        former: what is renamed: ``table`` or ``table.column`` as it is called from now on -> as the database has it.
        generated: table -> generated columns that it has by now, as SQLite's revisions go on from one step to the next.
    """

    def __init__(self, context: Any, metadata: Any, args: Dict[str, Any]) -> None:
        self.context = context
        self.metadata = metadata
        self.rows: Dict[str, Optional[int]] = dict(args.get("rows") or {})
        self.unknown = args.get("rows") is None
        self.large_rows: int = args.get("large_rows") or 100_000
        self.fills: Dict[str, str] = dict(args.get("fills") or {})
        self.answers: Dict[str, str] = dict(args.get("answers") or {})
        self.keep_data = bool(args.get("keep_data"))
        self.style: str = args.get("style") or "safe"
        self.models: Optional[Dict[str, str]] = args.get("models")
        self.created: Set[str] = set()
        self.parked: Set[str] = set()
        self.former: Dict[str, str] = {}
        self.asked: Dict[str, List[str]] = {}
        self.valued: Set[str] = set()
        self.generated: Dict[str, Dict[str, Any]] = {}
        self._database: Optional[Dict[str, str]] = None

    @property
    def dialect(self) -> Any:
        """The database's."""
        return self.context.dialect

    @property
    def postgresql(self) -> bool:
        """Whether the database is PostgreSQL."""
        return bool(self.dialect.name == "postgresql")

    @property
    def database(self) -> Dict[str, str]:
        """The database's schema, as a snapshot (see `schema`); read once."""
        if self._database is None:
            self._database = snapshot(self.context)
        return self._database

    def table(self, name: Any, schema: Optional[str] = None) -> str:
        """The name that ``rows``, ``fills`` and the reports use."""
        return qualified(name, schema, self.dialect) or ""

    def names_now(self, table: str) -> Dict[str, str]:
        """Name in the database -> name from now on, of the table that will be called *table* and of its columns."""
        found = {}
        for new, old in self.former.items():
            if new == table or new.rpartition(".")[0] == table:
                found[old.rpartition(".")[2]] = new.rpartition(".")[2]
        return found

    def live(self, table: Optional[str]) -> bool:
        """Whether the table was there before, and has rows or may have some."""
        return table is not None and table not in self.created and (self.unknown or table in self.rows)

    def large(self, table: Optional[str]) -> bool:
        """Whether the table is live and has, or may have, as many rows as count as large."""
        rows = self.rows.get(table or "")
        return self.live(table) and (rows is None or rows >= self.large_rows)


def changes_of(upgrade: Iterable[Any], downgrade: Iterable[Any], facts: Facts) -> Optional[List[Change]]:
    """The changes in the containers of a directive; None if an upgrade has no downgrade that belongs to it.

    Args:
        upgrade: UpgradeOps.
        downgrade: DowngradeOps.
        facts: ``created`` is filled in.
    """
    up = [op for container in upgrade for op in flat(container)]
    down = [op for container in downgrade for op in flat(container)][::-1]
    if len(up) != len(down):  # a hook of env.py changed one of the two
        try:
            down = [op.reverse() for op in up]
        except (NotImplementedError, ValueError):
            return None
    found = []
    for op, back in zip(up, down):
        name = getattr(op, "table_name", None) or getattr(op, "source_table", None)
        schema = getattr(op, "schema", None) or (getattr(op, "kw", None) or {}).get("source_schema")
        table = facts.table(name, schema) if name else None
        if isinstance(op, ops.CreateTableOp) and table is not None:
            facts.created.add(table)
        found.append(Change([op], [back], table=table))
    return found
