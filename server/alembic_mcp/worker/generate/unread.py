"""Brings back, with its table, what SQLAlchemy does not read of SQLite's indexes: expressions, DESC, COLLATE."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Mapping, Optional, Set, Tuple

from alembic.operations import ops

from ..look import metadatas
from .changes import Change, Facts
from .directives import sql
from .quoting import mentioned, quoted
from .rebuilding import PLAIN_INDEX, Known

__all__ = ["brought_back", "completed", "uniques_gone"]

_CONDITION = re.compile(r"\)\s*WHERE\b.*$", re.IGNORECASE | re.DOTALL)


def uniques_gone(table: str, columns: Mapping[str, str], facts: Facts) -> Iterator[Change]:
    """The UNIQUEs without a name that the models no longer have: autogenerate does not compare them. For SQLite.

    Args:
        table: as the models call it.
        columns: those that the models have; what goes with a column is said with it.
        facts: what is known.
    """
    wanted = facts.models or {}
    for own in Known(facts, table).unnamed_uniques():
        if f"unique ({', '.join(own)}) on {table}" not in wanted and set(own) <= set(columns):
            create = ops.CreateUniqueConstraintOp(None, table, own)
            yield Change([ops.DropConstraintOp(None, table, type_="unique")], [create], table=table)


def completed(changes: List[Change], facts: Facts) -> List[Change]:
    """The changes, and the indexes on expressions that come and go, which autogenerate passes over. For SQLite."""
    if facts.dialect.name != "sqlite":
        return changes
    gone = _with_columns(changes, facts)
    freed = {(change.table, name) for name, change in gone.items()}
    return [*gone.values(), *changes, *_left_out(changes, freed, facts)]


def _with_columns(changes: List[Change], facts: Facts) -> Dict[str, Change]:
    """The indexes that go with a column, and come back with it, by their names."""
    known = {str(change.op.index_name) for change in changes if isinstance(change.op, ops.DropIndexOp)}
    columns: Dict[str, Set[str]] = {}
    for change in changes:
        if isinstance(change.op, ops.DropColumnOp):
            columns.setdefault(str(change.op.table_name), set()).add(str(change.op.column_name))
    found = {}
    for table, gone in columns.items():
        for kind, name, text in Known(facts, table).others():
            if kind == "index" and name not in known and gone & mentioned(text):
                drop = sql(f"DROP INDEX IF EXISTS {quoted(facts.dialect, name)}")  # a rebuild may have made it again
                found[name] = Change([drop], [drop, sql(text)], table=table)
    return found


def _left_out(changes: List[Change], freed: Set[Tuple[Optional[str], str]], facts: Facts) -> Iterator[Change]:
    """The indexes of new tables, and those that take the name of one that is *freed*: (table, name)."""
    made = {str(change.op.index_name) for change in changes if isinstance(change.op, ops.CreateIndexOp)}
    new = {change.table for change in changes if isinstance(change.op, ops.CreateTableOp)}
    for metadata in metadatas(facts.context) or ():
        for table in metadata.tables.values():
            name = facts.table(table.name, table.schema)
            for index in table.indexes:
                wanted = index.name is not None and (name in new or (name, str(index.name)) in freed)
                if wanted and str(index.name) not in made:
                    create = ops.CreateIndexOp.from_index(index)
                    yield Change([create], [create.reverse()], table=name)


def brought_back(changes: List[Change], facts: Facts) -> List[Change]:
    """The changes; the downgrades of those that drop an index or a table make the indexes (and triggers) as they are.

    For SQLite.
    """
    if facts.dialect.name != "sqlite":
        return changes
    indexes = {str(change.op.index_name) for change in changes if isinstance(change.op, ops.DropIndexOp)}
    for change in changes:
        op: Any = change.op
        if isinstance(op, ops.DropIndexOp):
            for _, name, text in Known(facts, str(op.table_name)).others():
                if name == str(op.index_name) and not PLAIN_INDEX.search(_CONDITION.sub(")", text)):
                    change.down = [sql(text)]
        elif isinstance(op, ops.DropTableOp):
            others = Known(facts, str(op.table_name)).others()
            change.down = [*change.down, *(sql(text) for _, name, text in others if name not in indexes)]
    return changes
