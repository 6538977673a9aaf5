"""Follows SET search_path, so that a name without a schema is the table that the database finds under it."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from typing import Any, TypeVar

from ..operations import AlterObject, CreateTable, Harmless, Operation

__all__ = ["SearchPath"]

_Op = TypeVar("_Op", bound=Operation)
_VALUE = re.compile(r"search_path\W*?(?:=|\bTO\b|,)\s*(?P<list>[^;]*)", re.IGNORECASE)
_NAME = re.compile(r"\"([^\"]+)\"|([^\W\d]\w*)")
_TABLE_FIELDS = ("table", "to", "references")


class SearchPath:
    """Where names are looked up, as far as one direction of a revision has come.

    Args:
        default: the schema that is left out of names.
        tables: those that the database has, as operations spell them; empty if nothing is known.
    """

    def __init__(self, default: str | None, tables: frozenset[str]) -> None:
        self._default, self._tables = default or "public", set(tables)
        self._schemas: tuple[str, ...] = ()

    @property
    def first(self) -> str | None:
        """The schema in which tables are made; None if nothing says other than the default one."""
        return self._schemas[0] if self._schemas else None

    def follow(self, op: Operation, sql: str) -> None:
        """Take the next operation into account, which was read from *sql*."""
        if isinstance(op, Harmless) and op.what in ("reset", "discard"):
            self._schemas = () if re.search(r"search_path|\bALL\b", sql, re.IGNORECASE) else self._schemas
        elif isinstance(op, AlterObject) and op.kind == "setting" and (found := _VALUE.search(op.text)):
            # set_config('search_path', 'app', false) has its list in quotes, and one more argument.
            text = found["list"].strip()
            text = text[1:].partition("'")[0] if text.startswith("'") else text
            names = [quoted or plain.lower() for quoted, plain in _NAME.findall(text.replace("$user", ""))]
            schemas = tuple(name for name in names if name not in ("pg_catalog", "local"))
            self._schemas = () if schemas[:1] in ((), (self._default,), ("default",)) else schemas

    def relocated(self, op: _Op) -> _Op:
        """The operation, with the tables that it names as reports spell them."""
        if not self._schemas:
            return op
        changed: dict[str, Any] = {}
        for field in fields(op):
            value = getattr(op, field.name)
            if field.name in _TABLE_FIELDS and isinstance(value, str) and value:
                changed[field.name] = self._spelt(value, new=isinstance(op, CreateTable) and field.name == "table")
            elif field.name == "writes" and isinstance(value, tuple):
                changed[field.name] = value
        found = replace(op, **changed)
        if isinstance(found, CreateTable):
            self._tables.add(found.table)
        return found

    def _spelt(self, name: str, *, new: bool) -> str:
        schema, dot, bare = name.rpartition(".")
        if dot:
            return bare if schema == self._default else name
        places = [bare if schema == self._default else f"{schema}.{bare}" for schema in self._schemas]
        if new:
            return places[0]
        return next((place for place in places if place in self._tables), places[0])
