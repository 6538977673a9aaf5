"""Tells whether a path leaves differences between models and database that were not there before.

To compare a thousand tables takes longer than the rest of a rehearsal. So only those are compared that the revisions'
files name, before they run, and those that have changed, afterwards; all of them wherever that could tell less.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Set

from alembic.autogenerate import compare
from alembic.runtime.migration import MigrationContext

from . import schema
from .differences import between
from .look import metadatas
from .reflection import TABLES_APART

__all__ = ["Convergence"]

Difference = Dict[str, Any]

# What autogenerate compares and a snapshot leaves out: comments, the options of identities, the owners of sequences.
_MORE_POSTGRESQL = """
SELECT n.nspname::text, c.relname::text, x.what FROM (
  SELECT objoid AS oid, concat_ws(' ', objsubid, description) AS what FROM pg_catalog.pg_description
  WHERE classoid = 'pg_catalog.pg_class'::regclass AND objoid >= 16384
  UNION ALL
  SELECT d.refobjid, concat_ws(' ', d.refobjsubid, d.objid, s.seqtypid, s.seqstart, s.seqincrement, s.seqmax, s.seqmin,
    s.seqcache, s.seqcycle)
  FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_sequence s ON s.seqrelid = d.objid
  WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
) x JOIN pg_catalog.pg_class c ON c.oid = x.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
ORDER BY 1, 2, 3
"""
_MORE_SQLITE = "SELECT 'main', tbl_name, sql FROM sqlite_master ORDER BY 2, 3"
_TABLES = ("table ", "foreign table ")
_DEPENDED_UPON = ("type ", "domain ", "sequence ", "schema ")
_OWN_COMPARISONS = ("alembic.autogenerate.*", "alembic.ext.checkconstraint_byname")
# A file that imports more may have its tables' names from there, and these words say that it asks for them.
_PLAIN_IMPORTS = {"alembic", "sqlalchemy", "sqlmodel", "__future__", "typing", "collections"} | {
    "datetime", "decimal", "enum", "json", "logging", "re", "textwrap", "uuid"
}  # fmt: skip
_ASKS = {"metadata", "__table__", "inspect", "open", "read_text", "getattr", "format", "join", "replace"}


class Convergence:
    """Compares before and after.

    Attributes:
        standing: the differences before, in the tables that were looked at; None: they can't be told.
        found: those afterwards.
    """

    def __init__(self) -> None:
        self.standing: Optional[List[Difference]] = None
        self.found: Optional[List[Difference]] = None
        self._named: Optional[Set[str]] = None
        self._before: schema.Snapshot = {}
        self._more: Dict[str, List[str]] = {}

    def before(self, context: MigrationContext, snapshot: schema.Snapshot, files: Iterable[str]) -> None:
        """Look before anything runs.

        Args:
            context: of env.py's connection.
            snapshot: the schema now.
            files: those of the revisions that will run.
        """
        self._before = snapshot
        if _can_limit(context):
            self._more = _more(context)
            self._named = _named(files, snapshot, _tables(snapshot) | _modelled(context))
        self.standing = between(context, self._named)

    def after(self, context: MigrationContext, snapshot: schema.Snapshot) -> None:
        """Look again; *snapshot* is the schema now."""
        touched = self._touched(context, snapshot) if _can_limit(context) else None
        self.found = between(context, touched)

    @property
    def new(self) -> List[Difference]:
        """The differences that are certain not to have been there before."""
        return [each for each in self._more_than_before() if self._was_compared(each)]

    @property
    def converged(self) -> Optional[bool]:
        """Whether there is none; None if that can't be told."""
        if self.standing is None or self.found is None:
            return None
        more = self._more_than_before()
        return False if self.new else None if more else True

    def _more_than_before(self) -> List[Difference]:
        known = {each["description"] for each in self.standing or ()}
        return [each for each in self.found or () if each["description"] not in known]

    def _was_compared(self, difference: Difference) -> bool:
        table = difference["table"]
        made = table not in _tables(self._before) and difference["kind"] != "create_table"
        return self._named is None or table in self._named or made

    def _touched(self, context: MigrationContext, snapshot: schema.Snapshot) -> Set[str]:
        """The tables of which anything has changed that autogenerate compares."""
        tables = _tables(self._before) | _tables(snapshot)
        more = _more(context)
        found = {table for table in {*more, *self._more} if more.get(table) != self._more.get(table)}
        for key in schema.delta(self._before, snapshot):
            kind, _, rest = key.partition(" ")
            if kind == "column":
                found.update(table for table in tables if rest.startswith(f"{table}."))
            elif key.startswith(_TABLES):
                found.add(rest if kind == "table" else rest.partition(" ")[2])
            else:
                found.update(table for table in tables if key.endswith(f" on {table}"))
        return found


def _can_limit(context: MigrationContext) -> bool:
    """Whether the comparison of some tables gives for them what that of all tables gives.

    It does where Alembic's own comparisons are the only ones, and reads no table for the sake of another.
    """
    plugins = context.opts.get("autogenerate_plugins")
    return (
        context.dialect.name in ("postgresql", "sqlite")
        and TABLES_APART
        and not getattr(compare.comparators, "_registry", True)
        and (plugins is None or set(plugins) <= set(_OWN_COMPARISONS))
    )


def _tables(snapshot: schema.Snapshot) -> Set[str]:
    return {key[len(kind) :] for key in snapshot for kind in _TABLES if key.startswith(kind)}


def _modelled(context: MigrationContext) -> Set[str]:
    """The tables of the models, named as in a snapshot."""
    default = (None, context.dialect.default_schema_name)
    return {
        table.name if table.schema in default else f"{table.schema}.{table.name}"
        for metadata in metadatas(context) or ()
        for table in metadata.tables.values()
    }


def _more(context: MigrationContext) -> Dict[str, List[str]]:
    """Table -> what is said about it besides the snapshot."""
    connection: Any = context.connection
    default = context.dialect.default_schema_name
    sql = _MORE_POSTGRESQL if context.dialect.name == "postgresql" else _MORE_SQLITE
    found: Dict[str, List[str]] = {}
    for nsp, table, what in connection.exec_driver_sql(sql):
        found.setdefault(table if nsp == default else f"{nsp}.{table}", []).append(what or "")
    return found


def _named(files: Iterable[str], snapshot: schema.Snapshot, tables: Set[str]) -> Optional[Set[str]]:
    """Those of the *tables* that are named in one of the files, or depend on something that is.

    None if a file may get names from elsewhere.
    """
    texts = []
    for file in files:
        try:
            text = Path(file).read_text("utf-8")
            plain = all(_is_plain(node) for node in ast.walk(ast.parse(text)))
        except (OSError, SyntaxError, ValueError):  # not as plain as could be
            return None
        if not plain:
            return None
        texts.append(text)
    others = {key.partition(" ")[2] for key in snapshot if key.startswith(_DEPENDED_UPON)}
    names = [name for name in tables | others if any(name.rpartition(".")[2] in text for text in texts)]
    bare = [name.rpartition(".")[2] for name in names]
    depending = [key for key, definition in snapshot.items() if any(name in definition for name in bare)]
    return {
        table
        for table in tables
        if table in names
        or table.rpartition(".")[0] in names
        or any(key.startswith(f"column {table}.") or key.endswith(f" on {table}") for key in depending)
    }


def _is_plain(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return all(alias.name.partition(".")[0] in _PLAIN_IMPORTS for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return not node.level and (node.module or "").partition(".")[0] in _PLAIN_IMPORTS
    if isinstance(node, ast.Name):
        return node.id not in _ASKS
    if isinstance(node, ast.Attribute):
        return node.attr not in _ASKS
    return not isinstance(node, (ast.JoinedStr, ast.BinOp))
