"""Turns a recorded Alembic directive into its operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    Column,
    ConstraintKind,
    CreateIndex,
    CreateTable,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropTable,
    Harmless,
    Insert,
    Operation,
    RenameTable,
)

__all__ = ["directive"]

_Item = Mapping[str, Any]


def directive(item: _Item) -> Operation | None:
    """The operation of a recorded directive; None for one that is only known by what it sends (execute, custom)."""
    read = _READERS.get(item["kind"])
    return read(item, {"line": int(item.get("line") or 0), "batch": bool(item.get("batch"))}) if read else None


def _column(item: _Item) -> Column:
    return Column(
        name=item["name"],
        type=str(item.get("type") or ""),
        nullable=item.get("nullable") is not False,
        server_default=item.get("server_default"),
        primary_key=bool(item.get("primary_key")),
        identity=bool(item.get("identity")),
        computed=bool(item.get("computed")),
    )


def _kind(value: str | None) -> ConstraintKind | None:
    text = (value or "").replace("_", " ").replace("foreignkey", "foreign key").lower()
    return ConstraintKind(text) if text in list(ConstraintKind) else None


def _create_table(item: _Item, common: dict[str, Any]) -> Operation:
    columns = tuple(_column(column) for column in item.get("columns") or ())
    return CreateTable(table=item["table"], columns=columns, if_not_exists=bool(item.get("if_not_exists")), **common)


def _drop_table(item: _Item, common: dict[str, Any]) -> Operation:
    return DropTable(
        table=item["table"], cascade=bool(item.get("cascade")), if_exists=bool(item.get("if_exists")), **common
    )


def _alter_column(item: _Item, common: dict[str, Any]) -> Operation:
    return AlterColumn(
        table=item["table"],
        column=item["column"],
        nullable=item.get("nullable"),
        type=item.get("type"),
        existing_type=item.get("existing_type"),
        default=item.get("default"),
        drops_default=bool(item.get("drops_default")),
        rename_to=item.get("rename_to"),
        using=item.get("using"),
        **common,
    )


def _create_index(item: _Item, common: dict[str, Any]) -> Operation:
    return CreateIndex(
        table=item["table"],
        name=item.get("name"),
        columns=tuple(item.get("columns") or ()),
        unique=bool(item.get("unique")),
        concurrently=bool(item.get("concurrently")),
        if_not_exists=bool(item.get("if_not_exists")),
        where=item.get("where"),
        nulls_equal=bool(item.get("nulls_equal")),
        **common,
    )


def _add_constraint(item: _Item, common: dict[str, Any]) -> Operation:
    return AddConstraint(
        table=item["table"],
        name=item.get("name"),
        kind=_kind(item.get("constraint")) or ConstraintKind.CHECK,
        columns=tuple(item.get("columns") or ()),
        references=item.get("references"),
        referenced_columns=tuple(item.get("referenced_columns") or ()),
        on_delete=item.get("on_delete"),
        expression=item.get("expression"),
        not_valid=bool(item.get("not_valid")),
        using_index=item.get("using_index"),
        nulls_equal=bool(item.get("nulls_equal")),
        **common,
    )


def _drop_constraint(item: _Item, common: dict[str, Any]) -> Operation:
    return DropConstraint(
        table=item["table"],
        name=item.get("name"),
        kind=_kind(item.get("constraint")),
        cascade=bool(item.get("cascade")),
        **common,
    )


_READERS: dict[str, Callable[[_Item, dict[str, Any]], Operation]] = {
    "create_table": _create_table,
    "drop_table": _drop_table,
    "rename_table": lambda item, common: RenameTable(table=item["table"], to=item["to"], **common),
    "add_column": lambda item, common: AddColumn(table=item["table"], column=_column(item["column"]), **common),
    "drop_column": lambda item, common: DropColumn(
        table=item["table"], column=item["column"], cascade=bool(item.get("cascade")), **common
    ),
    "alter_column": _alter_column,
    "create_index": _create_index,
    "drop_index": lambda item, common: DropIndex(
        name=item.get("name") or "", table=item.get("table"), concurrently=bool(item.get("concurrently")), **common
    ),
    "add_constraint": _add_constraint,
    "drop_constraint": _drop_constraint,
    "bulk_insert": lambda item, common: Insert(table=item["table"], **common),
    "comment": lambda _item, common: Harmless(what="comment", **common),
}
