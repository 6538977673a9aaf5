"""Says what indexes and constraints are called, and consist of, once tables and columns have their new names."""

from __future__ import annotations

import copy
import re
from typing import Any, Dict, List, Optional, Tuple

import sqlalchemy as sa
from alembic.autogenerate.render import renderers
from alembic.operations import ops

from ..describe import describe
from .changes import Facts
from .quoting import quoted

__all__ = ["Names", "RenameColumn", "RenameTable"]

_INDEX_AND_CONSTRAINTS = (
    ops.CreateIndexOp,
    ops.CreateUniqueConstraintOp,
    ops.CreateForeignKeyOp,
    ops.CreateCheckConstraintOp,
    ops.CreatePrimaryKeyOp,
)
_SAID_ELSEWHERE = frozenset({"source_schema", "referent_schema", "use_alter", "info", "_constraint_included"})
_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\w+""")
_FROM_COLUMNS = {"unique": "key", "foreign key": "fkey"}


class RenameColumn(ops.AlterColumnOp):
    """An ``alter_column`` that only renames; it stays out of batch blocks, since SQLite renames without a rebuild."""


class RenameTable(ops.RenameTableOp):
    """Renders as ``op.rename_table``."""


@renderers.dispatch_for(RenameColumn)
def _rename_column(context: Any, op: RenameColumn) -> str:
    text = str(renderers.dispatch(ops.AlterColumnOp)(context, op))
    if "new_column_name=" in text:
        return text
    between = ",\n           " if "\n" in text else ", "  # before Alembic 1.15 it leaves the new name out
    return f"{text[:-1]}{between}new_column_name={str(op.modify_name)!r})"


@renderers.dispatch_for(RenameTable)
def _rename_table(context: Any, op: RenameTable) -> str:
    prefix = context.opts["alembic_module_prefix"] or ""
    schema = f", schema={str(op.schema)!r}" if op.schema else ""
    return f"{prefix}rename_table({str(op.table_name)!r}, {str(op.new_table_name)!r}{schema})"


class Names:
    """Old names and the new ones.

    Args:
        facts: its dialect spells names.
    """

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.tables: Dict[str, str] = {}
        self.columns: Dict[Tuple[str, str], str] = {}

    def table(self, table: Optional[str]) -> Optional[str]:
        """The new name of a table, qualified as everywhere."""
        return self.tables.get(table or "", table)

    def column(self, table: Optional[str], column: str) -> str:
        """The new name of a column (or its name in an expression) of a table that has its new name already."""
        if (table, column) in self.columns:
            return self.columns[table or "", column]
        own = {old: new for (of, old), new in self.columns.items() if of == table}
        return column if not own or column.isidentifier() else self._expression(column, own)

    def mapped(self, op: Any) -> Any:
        """A directive of an index or a constraint in new names; any other directive as it is."""
        if not isinstance(op, (*_INDEX_AND_CONSTRAINTS, ops.DropIndexOp, ops.DropConstraintOp)):
            return op
        found: Any = copy.copy(op)
        of = "source_table" if isinstance(op, ops.CreateForeignKeyOp) else "table_name"
        schema = getattr(op, "schema", None) or getattr(op, "kw", {}).get("source_schema")
        table = self.table(self._facts.table(getattr(op, of), schema))
        if table != self._facts.table(getattr(op, of), schema):
            setattr(found, of, (table or "").rpartition(".")[2])
            if isinstance(op, ops.CreateForeignKeyOp):
                found.kw = {**op.kw, "source_schema": (table or "").rpartition(".")[0] or None}
            else:
                found.schema = (table or "").rpartition(".")[0] or None
        if isinstance(op, ops.CreateIndexOp):
            found.columns = [self._part(table, part) for part in op.columns]
            found.kw = {key: self._option(table, value) for key, value in op.kw.items()}
        elif isinstance(op, (ops.CreateUniqueConstraintOp, ops.CreatePrimaryKeyOp)):
            found.columns = [self._part(table, part) for part in op.columns]
        elif isinstance(op, ops.CreateForeignKeyOp):
            found.local_cols = [self.column(table, str(part)) for part in op.local_cols]
            other = self.table(self._facts.table(op.referent_table, op.kw.get("referent_schema")))
            found.referent_table = (other or "").rpartition(".")[2]
            if other in self.tables.values():
                found.kw = {**found.kw, "referent_schema": (other or "").rpartition(".")[0] or None}
            found.remote_cols = [self.column(other, str(part)) for part in op.remote_cols]
        return found

    def signature(self, op: Any, *, there: bool) -> Any:
        """What an index or a constraint is, but for its name, in new names; None for other directives.

        Args:
            op: what makes it.
            there: it is one that the database has, else one of the models.
        """
        if not isinstance(op, _INDEX_AND_CONSTRAINTS):
            return None
        definition = self._definition(op, there=there) if isinstance(op, ops.CreateIndexOp) else None
        if definition is not None:
            return definition
        mapped = self.mapped(op)
        found = describe(mapped, self._facts.dialect)
        options = {
            key: str(value)
            for key, value in mapped.kw.items()
            if (isinstance(value, sa.sql.ClauseElement) or value) and key not in _SAID_ELSEWHERE
        }
        return (
            found["kind"],
            found["table"],
            found.get("constraint"),
            tuple(found["columns"]),
            found.get("unique"),
            found.get("expression"),
            found.get("references"),
            tuple(found.get("referenced_columns") or ()),
            tuple(sorted(options.items())),
        )

    def _definition(self, op: Any, *, there: bool) -> Optional[str]:
        """How PostgreSQL itself defines an index, but for its name, in new names; None if it is not known."""
        schema = (self._facts.database if there else self._facts.models) or {}
        table = self._facts.table(op.table_name, op.schema)
        known = schema.get(f"index {op.index_name} on {table}")
        if known is None or not self._facts.postgresql:
            return None
        renamed = self.table(table) or ""
        own = {old: new for (of, old), new in self.columns.items() if of == renamed} if there else {}
        if there and table != renamed:
            own.setdefault(table.rpartition(".")[2], renamed.rpartition(".")[2])
        kind, _, rest = known.partition(" INDEX ")
        of, _, on = rest.partition(" ON ")[2].partition(" USING ")  # whose table's it is, is known
        return f"{kind} {renamed} USING {self._expression(on, own)}" if on else f"{kind} {self._expression(of, own)}"

    def _expression(self, text: str, own: Dict[str, str]) -> str:
        """SQL with other names; what stands in quotes as a value stays."""

        def other(found: Any) -> str:
            token = found.group()
            name = token[1:-1].replace('""', '"') if token.startswith('"') else token
            return token if token.startswith("'") or name not in own else quoted(self._facts.dialect, own[name])

        return _TOKEN.sub(other, text)

    def own_name(self, op: Any) -> Optional[str]:
        """The name of what *op* creates: as it is given, or as PostgreSQL gives it to a constraint without one."""
        name = op.index_name if isinstance(op, ops.CreateIndexOp) else op.constraint_name
        if name is not None:
            return str(name)
        found = describe(op, self._facts.dialect)
        kind = _FROM_COLUMNS.get(found.get("constraint") or "")
        if kind is None or not self._facts.postgresql:
            return None
        return "_".join([found["table"].rpartition(".")[2], *found["columns"], kind])

    def _part(self, table: Optional[str], part: Any) -> Any:
        if isinstance(part, str):
            return self.column(table, str(part))
        if isinstance(part, sa.Column):
            return self.column(table, str(part.name))
        text = str(part)
        new = self.column(table, text)
        return part if new == text else sa.text(new)

    def _option(self, table: Optional[str], value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            mapped: List[Any] = [self._part(table, part) for part in value]
            return mapped
        return self._part(table, value) if isinstance(value, sa.sql.ClauseElement) else value
