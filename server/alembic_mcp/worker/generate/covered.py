"""What a list of changes takes care of already, so that nothing is generated twice."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Iterator, List, Optional, Set, Tuple

import sqlalchemy as sa
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
        references: (table, columns) that foreign keys are created to.
        unique: tables that get a unique constraint or index.
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
        self.references: Set[Tuple[str, Tuple[str, ...]]] = set()
        self.unique: Set[str] = set()
        self.defaults: Set[Tuple[str, str]] = set()
        self.types: Set[str] = set()
        self.entities: Set[str] = set()
        self._facts = facts
        for op in directives(changes):
            self._note(op)
            self._note_key(op)

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

    def _note_key(self, op: Any) -> None:
        kw = getattr(op, "kw", None) or {}
        if isinstance(op, ops.CreateForeignKeyOp):
            referent = self._facts.table(op.referent_table, kw.get("referent_schema"))
            self.references.add((referent, tuple(map(str, op.remote_cols))))
        elif isinstance(op, ops.CreateTableOp):
            for each in op.columns:
                if isinstance(each, sa.ForeignKeyConstraint):
                    table, columns = _referred(each)
                    self.references.add((self._facts.table(*table), columns))
        elif isinstance(op, ops.CreateUniqueConstraintOp) or (isinstance(op, ops.CreateIndexOp) and op.unique):
            self.unique.add(self._facts.table(op.table_name, op.schema))

    def _library(self, op: Any) -> None:
        name = getattr(op, "enum_name", None) or getattr(op, "name", None)
        if "Enum" in type(op).__name__ and isinstance(name, str):
            schema = getattr(op, "enum_schema", None) or getattr(op, "schema", None)
            self.types.add(self._facts.table(name, schema))
        target: Any = getattr(op, "target", None)  # alembic_utils: a ReplaceableEntity
        if hasattr(target, "signature"):
            name = str(target.signature).partition("(")[0].strip('"')
            self.entities.add(self._facts.table(name, getattr(target, "schema", None)))


def _referred(constraint: Any) -> Tuple[Tuple[str, Optional[str]], Tuple[str, ...]]:
    """The table, with its schema, and the columns that a foreign key refers to."""
    paths = [str(element.target_fullname).split(".") for element in constraint.elements]
    *schema, table, _ = paths[0]
    return (table, ".".join(schema) or None), tuple(path[-1] for path in paths)
