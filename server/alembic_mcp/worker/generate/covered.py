"""What a list of changes takes care of already, so that nothing is generated twice."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Iterator, List, Set, Tuple

from alembic.operations import ops

from .changes import Change, Facts

__all__ = ["Covered", "directives"]


def directives(changes: Iterable[Change]) -> Iterator[Any]:
    """All directives of the upgrades, those inside others too."""
    pending: List[Any] = [op for change in changes for op in change.up]
    while pending:
        op = pending.pop(0)
        yield op
        inner = getattr(op, "ops", None)
        pending[:0] = list(inner) if isinstance(inner, (list, tuple)) else []


class Covered:
    """What *changes* concern.

    Attributes:
        made: tables that are created.
        gone: tables that are dropped.
        columns: (table, column) that are added or dropped.
        altered: (table, column) -> its ``AlterColumnOp``.
        constraints: (table, name) of what is created or dropped; the name may be None.
        indexes: (table, name), likewise.
        defaults: (table, column) whose server default is set on the way.
        types: enums that a library of the project takes care of.
        entities: other objects that a library takes care of, as it calls them.
    """

    def __init__(self, changes: Iterable[Change], facts: Facts) -> None:
        self.made: Set[str] = set()
        self.gone: Set[str] = set()
        self.columns: Set[Tuple[str, str]] = set()
        self.altered: Dict[Tuple[str, str], Any] = {}
        self.constraints: Set[Tuple[str, Any]] = set()
        self.indexes: Set[Tuple[str, Any]] = set()
        self.defaults: Set[Tuple[str, str]] = set()
        self.types: Set[str] = set()
        self.entities: Set[str] = set()
        self._facts = facts
        for op in directives(changes):
            self._note(op)

    def _note(self, op: Any) -> None:
        kw = getattr(op, "kw", None) or {}
        schema = getattr(op, "schema", None) or kw.get("source_schema")
        table = self._facts.table(getattr(op, "table_name", None) or getattr(op, "source_table", None), schema)
        if isinstance(op, ops.CreateTableOp):
            self.made.add(table)
        elif isinstance(op, ops.DropTableOp):
            self.gone.add(table)
        elif isinstance(op, ops.AddColumnOp):
            self.columns.add((table, str(op.column.name)))
        elif isinstance(op, ops.AlterColumnOp):
            self.altered[table, str(op.modify_name or op.column_name)] = op
        elif isinstance(op, ops.DropColumnOp):
            self.columns.add((table, str(op.column_name)))
        elif isinstance(op, (ops.CreateIndexOp, ops.DropIndexOp)):
            self.indexes.add((table, op.index_name))
        elif isinstance(op, (ops.AddConstraintOp, ops.DropConstraintOp)):
            self.constraints.add((table, getattr(op, "constraint_name", None)))
        elif not type(op).__module__.startswith("alembic."):
            self._library(op)

    def _library(self, op: Any) -> None:
        name = getattr(op, "enum_name", None) or getattr(op, "name", None)
        if "Enum" in type(op).__name__ and isinstance(name, str):
            schema = getattr(op, "enum_schema", None) or getattr(op, "schema", None)
            self.types.add(self._facts.table(name, schema))
        target: Any = getattr(op, "target", None)  # alembic_utils: a ReplaceableEntity
        if hasattr(target, "signature"):
            name = str(target.signature).partition("(")[0].strip('"')
            self.entities.add(self._facts.table(name, getattr(target, "schema", None)))
