"""What PostgreSQL's catalog and statistics say about a table, before a single row of it is read."""

from __future__ import annotations

from dataclasses import dataclass

from .queries import quoted

__all__ = ["DETAILS", "EXISTS", "FIND", "Column", "Details", "Table"]

FOREIGN = "its rows are not stored in this database as a table"
HIDDEN = "row level security may hide rows from this role"

FIND = """
    WITH RECURSIVE family(oid) AS (
        SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relname = %(name)s AND n.nspname = coalesce(%(schema)s, current_schema())
          AND c.relkind IN ('r', 'p', 'm', 'f', 'v')
        UNION
        SELECT i.inhrelid FROM pg_inherits i JOIN family f ON f.oid = i.inhparent
    ), members AS (
        SELECT c.*, pg_table_size(c.oid) AS size, pg_relation_size(c.oid) AS main
        FROM pg_class c JOIN family USING (oid)
    )
    SELECT n.nspname, c.relname, c.relkind IN ('r', 'p', 'm'), row_security_active(c.oid),
        (SELECT coalesce(sum(size), 0) FROM members WHERE relkind IN ('r', 'm'))::bigint,
        (SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM members)::bigint,
        (SELECT bool_or(relkind = 'f') FROM members),
        (SELECT sum(CASE WHEN relpages > 0 AND reltuples >= 0
                         THEN reltuples / relpages * (main / current_setting('block_size')::int)
                         WHEN main = 0 THEN 0 END)::float8 FROM members WHERE relkind IN ('r', 'm')),
        (SELECT bool_and(main = 0 OR (relpages > 0 AND reltuples >= 0)) FROM members WHERE relkind IN ('r', 'm')),
        (SELECT jsonb_object_agg(a.attname, s.null_frac) FROM pg_attribute a
         LEFT JOIN LATERAL (
            SELECT null_frac FROM pg_stats s WHERE s.schemaname = n.nspname AND s.tablename = c.relname
              AND s.attname = a.attname ORDER BY s.inherited DESC LIMIT 1
         ) s ON true WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = %(name)s AND n.nspname = coalesce(%(schema)s, current_schema())
      AND c.relkind IN ('r', 'p', 'm', 'f', 'v')
"""

DETAILS = """
    SELECT
        (SELECT jsonb_object_agg(a.attname, jsonb_build_array(
            a.attnotnull, format_type(a.atttypid, a.atttypmod), t.typcategory, t.typtype))
         FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
        (SELECT coalesce(jsonb_agg(jsonb_build_array(i.indisprimary,
            (SELECT jsonb_agg(a.attname ORDER BY k.place)
             FROM unnest(i.indkey) WITH ORDINALITY AS k(number, place)
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
             WHERE k.place <= i.indnkeyatts))), '[]')
         FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
           AND i.indpred IS NULL AND i.indexprs IS NULL),
        current_setting('server_version_num')::int
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s
"""

EXISTS = {
    "type": "SELECT count(*) FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace "
    "WHERE t.typname = %(name)s AND (n.nspname = %(schema)s OR (%(bare)s AND pg_type_is_visible(t.oid)))",
    "schema": "SELECT count(*) FROM pg_namespace WHERE nspname = %(name)s",
    "extension": "SELECT count(*) FROM pg_extension WHERE extname = %(name)s",
    "available extension": "SELECT count(*) FROM pg_available_extensions WHERE name = %(name)s",
}


@dataclass(frozen=True)
class Table:
    """What the catalog says about a table, children of a partitioned or inherited one included.

    Attributes:
        size: bytes on disk without indexes, now; ``total`` with them.
        estimate: rows by statistics, scaled to the size; None if it was never analysed.
        problem: why its rows cannot be counted; None if they can.
        columns: name -> part of its rows that are null, by statistics.
    """

    schema: str
    name: str
    size: int
    total: int
    estimate: float | None
    problem: str | None
    columns: dict[str, float | None]

    @property
    def relation(self) -> str:
        """Its name, quoted."""
        return quoted(self.schema, self.name)

    def estimated(self, column: str | None) -> float | None:
        """Rows, or rows with a value in *column*, by statistics; None if those don't say."""
        if self.estimate is None or column is None:
            return self.estimate
        null = self.columns[column]
        return None if null is None else self.estimate * (1 - null)


@dataclass(frozen=True)
class Column:
    """A column as it is: ``category`` and ``sort`` are typcategory and typtype of pg_type."""

    not_null: bool
    type: str
    category: str
    sort: str


@dataclass(frozen=True)
class Details:
    """More about one table.

    Attributes:
        unique: the columns of each unique index that holds for all rows.
        key: those of the primary key.
        version: of the server, as a number: 180004.
    """

    columns: dict[str, Column]
    unique: tuple[frozenset[str], ...]
    key: tuple[str, ...]
    version: int
