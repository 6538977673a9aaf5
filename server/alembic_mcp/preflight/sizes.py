"""Which tables of the real database have rows, and roughly how many: one look at the catalog, no row is read."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio.to_thread
import psycopg

from ..target import Target
from .queries import quoted

__all__ = ["tables_with_rows"]

_CONNECT_PATIENCE = 5  # seconds
_PATIENCE = "10s"

# A table without a page has no row; one with pages may have none that is alive, and counts as having some. One that was
# never analysed has at most as many as fit: a row takes 28 bytes at least. Children of a partitioned table are counted
# with it too: by its name the revision speaks of it.
_SIZES = """
    WITH RECURSIVE family(root, oid) AS (
        SELECT c.oid, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        UNION ALL
        SELECT f.root, i.inhrelid FROM family f JOIN pg_inherits i ON i.inhparent = f.oid
    ), members AS (
        SELECT f.root, c.relkind, pg_relation_size(c.oid) AS size,
            CASE WHEN c.reltuples > 0 AND c.relpages > 0 THEN c.reltuples / c.relpages END AS in_page
        FROM family f JOIN pg_class c ON c.oid = f.oid
    )
    SELECT n.nspname, r.relname,
        CASE WHEN bool_and(m.relkind <> 'f')
             THEN sum(coalesce(m.in_page * m.size / current_setting('block_size')::int, m.size / 28))::bigint END
    FROM members m JOIN pg_class r ON r.oid = m.root JOIN pg_namespace n ON n.oid = r.relnamespace
    GROUP BY 1, 2 HAVING bool_or(m.relkind = 'f') OR sum(m.size) > 0
"""


async def tables_with_rows(target: Target) -> dict[str, int | None] | None:
    """Tables that have rows, or may have some: name -> how many at most, roughly; None if that is not known.

    None for all if nothing is known. Names as in `review.questions`. Nothing is raised: what can't be asked is unknown.
    """
    if not target.reachable:
        return None
    if target.dialect == "sqlite":
        return await anyio.to_thread.run_sync(_sqlite, target) if target.connect.path else None
    if target.dialect != "postgresql" or not target.connect.complete:
        return None
    return await anyio.to_thread.run_sync(_postgresql, target)


def _postgresql(target: Target) -> dict[str, int | None] | None:
    params: dict[str, Any] = {"connect_timeout": _CONNECT_PATIENCE, **target.connect.libpq}
    params |= {"application_name": "alembic-mcp", "client_encoding": "UTF8"}
    try:
        with psycopg.connect(**params, prepare_threshold=None) as connection:
            connection.read_only = True
            connection.execute(f"SET LOCAL statement_timeout = '{_PATIENCE}'")
            rows = connection.execute(_SIZES).fetchall()
    except psycopg.Error:
        return None
    return {name if schema == target.default_schema else f"{schema}.{name}": count for schema, name, count in rows}


def _sqlite(target: Target) -> dict[str, int | None] | None:
    path = Path(target.connect.path or "")
    if not path.exists():
        return {}
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1)) as connection:
            names = [
                row[0]
                for row in connection.execute(
                    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite#_%' ESCAPE '#'"
                )
            ]
            # The last row id is found at once, and no table has more rows than that unless ids were set by hand.
            found: dict[str, int | None] = {}
            for name in names:
                if connection.execute(f"SELECT 1 FROM {quoted(name)} LIMIT 1").fetchone():  # noqa: S608 - quoted
                    found[name] = _last(connection, name)
            return found
    except sqlite3.Error:
        return None


def _last(connection: sqlite3.Connection, table: str) -> int | None:
    try:
        row = connection.execute(f"SELECT max(rowid) FROM {quoted(table)}").fetchone()  # noqa: S608 - quoted
    except sqlite3.OperationalError:  # a table WITHOUT ROWID
        return None
    return int(row[0])
