"""Says what an Alembic operation asks for, as plain data."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from alembic.operations import ops
from alembic.operations.schemaobj import SchemaObjects
from alembic.util import sqla_compat
from sqlalchemy import schema as sa_schema
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.elements import conv, quoted_name
from sqlalchemy.types import TypeEngine

__all__ = ["describe", "qualified"]

_UNCHANGED = False
_CONSTRAINT_TYPES = {"primary": "primary key", "unique": "unique", "foreignkey": "foreign key", "check": "check"}


def describe(op: Any, dialect: Any, context: Any = None) -> Dict[str, Any]:
    """``kind``, ``op`` (its class) and the fields that go with the kind; ``custom`` for what Alembic does not define.

    Args:
        op: a MigrateOperation.
        dialect: spells types and expressions.
        context: the MigrationContext in which it runs, whose models may say how constraints are named; None: names
            are as they are written.
    """
    reader = _Reader(dialect, context)
    found: Dict[str, Any] = {"kind": "custom", "op": type(op).__name__}
    for base in type(op).__mro__:
        method = getattr(reader, f"read_{base.__name__}", None)
        if method is not None and base.__module__.startswith("alembic."):
            found.update(method(op))
            break
    return found


def qualified(table: Any, schema: Optional[str], dialect: Any) -> Optional[str]:
    """``table`` in the default schema, else ``schema.table``."""
    if table is None:
        return None
    default = getattr(dialect, "default_schema_name", None)
    return str(table) if not schema or schema == default else f"{schema}.{table}"


class _Reader:
    """One method per class of operation; what a method returns is JSON."""

    def __init__(self, dialect: Any, context: Any) -> None:
        self.dialect = dialect
        self.context = context

    def table(self, op: Any, name: str = "table_name") -> Optional[str]:
        return qualified(getattr(op, name), getattr(op, "schema", None), self.dialect)

    def text(self, value: Any) -> Optional[str]:
        """SQL of an expression, values inline where they can be."""
        if value is None:
            return None
        if isinstance(value, sa_schema.Computed):
            return f"GENERATED ALWAYS AS ({self.text(value.sqltext)})"
        if isinstance(value, sa_schema.Identity):
            return "GENERATED AS IDENTITY"
        if not isinstance(value, ClauseElement):
            return str(value)
        escapes = self.dialect.paramstyle in ("format", "pyformat")
        for options in ({"literal_binds": True}, {}):
            try:
                found = str(value.compile(dialect=self.dialect, compile_kwargs=options))
                return found.replace("%%", "%") if escapes and options else found
            except Exception:  # noqa: BLE001, PERF203, S112 - a construct of the user's may fail in any way
                continue
        return str(value)

    def default(self, value: Any) -> Optional[str]:
        """SQL of a server default, which is quoted if it is given as a string."""
        if isinstance(value, sa_schema.DefaultClause):
            value = value.arg
        return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else self.text(value)

    def type(self, value: Any) -> str:
        if isinstance(value, type):
            value = value()
        try:
            return str(value.compile(dialect=self.dialect)) if isinstance(value, TypeEngine) else str(value or "")
        except Exception:  # noqa: BLE001 - types of the user's compile with code of the user's
            return repr(value)

    def column(self, column: Any) -> Dict[str, Any]:
        default = column.server_default
        return {
            "name": str(column.name),
            "type": self.type(column.type),
            "nullable": bool(column.nullable),
            "server_default": self.default(default) if isinstance(default, sa_schema.DefaultClause) else None,
            "primary_key": bool(column.primary_key),
            "identity": getattr(column, "identity", None) is not None,
            "computed": getattr(column, "computed", None) is not None,
        }

    def foreign_keys(self, column: Any) -> List[str]:
        """The tables that a column refers to."""
        targets = (getattr(key, "_colspec", None) for key in column.foreign_keys)
        return sorted({self.referenced(target) for target in targets if target is not None})

    def referenced(self, target: Any) -> str:
        schema: Any
        if isinstance(target, str):
            schema, _, name = target.rpartition(".")[0].rpartition(".")
        else:
            schema, name = getattr(target.table, "schema", None), target.table.name
        return qualified(name, schema or None, self.dialect) or ""

    def columns(self, columns: Any) -> List[str]:
        return [
            str(each) if isinstance(each, (str, quoted_name)) else str(getattr(each, "name", None) or self.text(each))
            for each in columns or ()
        ]

    def read_CreateTableOp(self, op: Any) -> Dict[str, Any]:
        columns = [each for each in op.columns if isinstance(each, sa_schema.Column)]
        keys = {
            name
            for each in op.columns
            if isinstance(each, sa_schema.PrimaryKeyConstraint)
            for name in self.columns(getattr(each, "_pending_colargs", None) or each.columns)
        }
        described = [self.column(each) for each in columns]
        for each in described:
            each["primary_key"] = each["primary_key"] or each["name"] in keys
        refers = {name for each in columns for name in self.foreign_keys(each)}
        for each in op.columns:
            if isinstance(each, sa_schema.ForeignKeyConstraint):
                refers.update(self.referenced(key._colspec) for key in each.elements)
        return {
            "kind": "create_table",
            "table": self.table(op),
            "columns": described,
            "references": sorted(refers),
            "if_not_exists": bool(getattr(op, "if_not_exists", False)),
        }

    def read_DropTableOp(self, op: Any) -> Dict[str, Any]:
        return {
            "kind": "drop_table",
            "table": self.table(op),
            "cascade": False,
            "if_exists": bool(getattr(op, "if_exists", False)),
        }

    def read_RenameTableOp(self, op: Any) -> Dict[str, Any]:
        to = qualified(op.new_table_name, op.schema, self.dialect)
        return {"kind": "rename_table", "table": self.table(op), "to": to}

    def read_AddColumnOp(self, op: Any) -> Dict[str, Any]:
        return {
            "kind": "add_column",
            "table": self.table(op),
            "column": self.column(op.column),
            "references": self.foreign_keys(op.column),
        }

    def read_DropColumnOp(self, op: Any) -> Dict[str, Any]:
        return {
            "kind": "drop_column",
            "table": self.table(op),
            "column": str(op.column_name),
            "cascade": bool(op.kw.get("cascade", False)),
        }

    def read_AlterColumnOp(self, op: Any) -> Dict[str, Any]:
        default = op.modify_server_default
        changes_default = default is not _UNCHANGED
        using = op.kw.get("postgresql_using")
        return {
            "kind": "alter_column",
            "table": self.table(op),
            "column": str(op.column_name),
            "nullable": op.modify_nullable,
            "type": self.type(op.modify_type) if op.modify_type is not None else None,
            "existing_type": self.type(op.existing_type) if op.existing_type is not None else None,
            "default": self.default(default) if changes_default and default is not None else None,
            "drops_default": changes_default and default is None,
            "rename_to": str(op.modify_name) if op.modify_name else None,
            "using": str(using) if using else None,
        }

    def read_CreateIndexOp(self, op: Any) -> Dict[str, Any]:
        return {
            "kind": "create_index",
            "table": self.table(op),
            "name": self.name(op, op.index_name),
            "columns": self.columns(op.columns),
            "unique": bool(op.unique),
            "concurrently": self.dialect.name == "postgresql" and bool(op.kw.get("postgresql_concurrently")),
            "if_not_exists": bool(getattr(op, "if_not_exists", False)),
            "where": self.text(op.kw.get(f"{self.dialect.name}_where")),
            "nulls_equal": bool(op.kw.get(f"{self.dialect.name}_nulls_not_distinct")),
        }

    def read_DropIndexOp(self, op: Any) -> Dict[str, Any]:
        return {
            "kind": "drop_index",
            "table": self.table(op),
            "name": _name(op.index_name),
            "concurrently": self.dialect.name == "postgresql" and bool(op.kw.get("postgresql_concurrently")),
        }

    def name(self, op: Any, written: Any) -> Optional[str]:
        """What a constraint or index is called in the database, after the naming convention of the models."""
        if written is None and isinstance(op, ops.DropConstraintOp) and op.constraint_type != "primary":
            return None  # the columns that its name is made of are not given: it becomes a name that nothing has
        metadata = self.context.opts.get("target_metadata") if self.context is not None else None
        several: Any = metadata if isinstance(metadata, (list, tuple)) else [metadata]
        given = [each.naming_convention for each in several if getattr(each, "naming_convention", None)]
        if not isinstance(written, conv) and any(set(each) - {"ix"} or written is None for each in given):
            try:
                return _name(sqla_compat._get_constraint_final_name(self.made(op), self.dialect))
            except Exception:  # noqa: BLE001 - a convention may need what is not known here
                return _name(written)
        return _name(written)

    def made(self, op: Any) -> Any:
        """The constraint or index that an operation is about."""
        if isinstance(op, ops.DropConstraintOp):
            objects = SchemaObjects(self.context)
            return objects.generic_constraint(op.constraint_name, op.table_name, op.constraint_type, schema=op.schema)
        if isinstance(op, ops.CreateIndexOp):
            return op.to_index(self.context)
        return op.to_constraint(self.context)

    def constraint(self, op: Any, kind: str, **more: Any) -> Dict[str, Any]:
        kw = getattr(op, "kw", None) or {}
        return {
            "kind": "add_constraint",
            "table": more.pop("table", None) or self.table(op),
            "name": self.name(op, op.constraint_name),
            "constraint": kind,
            "columns": self.columns(getattr(op, "columns", None)),
            "not_valid": bool(kw.get("postgresql_not_valid")),
            "nulls_equal": bool(kw.get("postgresql_nulls_not_distinct")),
            **more,
        }

    def read_CreatePrimaryKeyOp(self, op: Any) -> Dict[str, Any]:
        return self.constraint(op, "primary key")

    def read_CreateUniqueConstraintOp(self, op: Any) -> Dict[str, Any]:
        return self.constraint(op, "unique")

    def read_CreateForeignKeyOp(self, op: Any) -> Dict[str, Any]:
        return self.constraint(
            op,
            "foreign key",
            table=qualified(op.source_table, op.kw.get("source_schema"), self.dialect),
            columns=self.columns(op.local_cols),
            references=qualified(op.referent_table, op.kw.get("referent_schema"), self.dialect),
            referenced_columns=self.columns(op.remote_cols),
            on_delete=op.kw.get("ondelete"),
        )

    def read_CreateCheckConstraintOp(self, op: Any) -> Dict[str, Any]:
        return self.constraint(op, "check", columns=[], expression=self.text(op.condition))

    def read_CreateExcludeConstraintOp(self, op: Any) -> Dict[str, Any]:
        parts = [(each[0], each[1]) for each in op.elements]
        return self.constraint(
            op,
            "exclude",
            columns=self.columns(part[0] for part in parts),
            expression=", ".join(f"{self.text(part[0])} WITH {part[1]}" for part in parts),
        )

    def read_DropConstraintOp(self, op: Any) -> Dict[str, Any]:
        kind = op.constraint_type
        return {
            "kind": "drop_constraint",
            "table": self.table(op),
            "name": self.name(op, op.constraint_name),
            "constraint": _CONSTRAINT_TYPES.get(kind.replace("_", "").lower() if isinstance(kind, str) else kind),
            "cascade": False,
        }

    def read_ExecuteSQLOp(self, op: Any) -> Dict[str, Any]:
        return {"kind": "execute", "sql": self.text(op.sqltext)}

    def read_BulkInsertOp(self, op: Any) -> Dict[str, Any]:
        table = qualified(op.table.name, getattr(op.table, "schema", None), self.dialect)
        return {"kind": "bulk_insert", "table": table, "rows": len(op.rows or ())}

    def read_CreateTableCommentOp(self, op: Any) -> Dict[str, Any]:
        return {"kind": "comment", "table": self.table(op)}

    def read_DropTableCommentOp(self, op: Any) -> Dict[str, Any]:
        return {"kind": "comment", "table": self.table(op)}


def _name(name: Any) -> Optional[str]:
    return None if name is None else str(name)
