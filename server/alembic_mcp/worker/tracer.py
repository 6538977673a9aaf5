"""Sees what PostgreSQL does with a statement on the scratch database: locks, rewrites, scans, objects made and dropped.

One query per statement, over the connection of the revision itself, independent of the number of tables. Objects come
from event triggers, which only a superuser can make; they append to a session setting, so that no table is touched.
"""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List, NamedTuple, Optional, Set, Tuple

from .connections import raw_execute

__all__ = ["Tracer", "install"]

_FUNCTIONS = """
CREATE SCHEMA IF NOT EXISTS alembic_mcp;
GRANT USAGE ON SCHEMA alembic_mcp TO PUBLIC;
CREATE OR REPLACE FUNCTION alembic_mcp.told(line json) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  PERFORM set_config('alembic_mcp.trace',
    coalesce(current_setting('alembic_mcp.trace', true), '') || line::text || E'\\n', false);
END $$;
CREATE OR REPLACE FUNCTION alembic_mcp.ddl_command_end() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  PERFORM alembic_mcp.told(json_build_array('did', c.command_tag, c.object_type, c.schema_name,
    coalesce(to_json((SELECT a.object_names FROM pg_identify_object_as_address(c.classid, c.objid, c.objsubid) a)),
      to_json(ARRAY[c.object_identity]))))
  FROM pg_event_trigger_ddl_commands() c;
END $$;
CREATE OR REPLACE FUNCTION alembic_mcp.sql_drop() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  PERFORM alembic_mcp.told(json_build_array('dropped', NULL, d.object_type, d.schema_name,
    coalesce(to_json(d.address_names), to_json(ARRAY[d.object_identity]))))
  FROM pg_event_trigger_dropped_objects() d
  WHERE d.schema_name IS DISTINCT FROM 'pg_toast' AND (d.object_type <> 'type' OR d.original OR d.normal);
END $$;
CREATE OR REPLACE FUNCTION alembic_mcp.table_rewrite() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  PERFORM alembic_mcp.told(json_build_array('rewrote', NULL, 'table', n.nspname,
    json_build_array(n.nspname, c.relname)))
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = pg_event_trigger_table_rewrite_oid();
END $$;
"""
_TRIGGERS = ("ddl_command_end", "sql_drop", "table_rewrite")
_RELATIONS = """
SELECT c.oid::bigint, n.nspname::text, c.relname::text, c.relkind::text, c.relfilenode::bigint, i.indrelid::bigint
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
WHERE c.relkind IN ('r', 'p', 'm', 'f', 'v', 'i', 'I') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""
_NOW = """
SELECT current_setting('alembic_mcp.trace', true), set_config('alembic_mcp.trace', '', false), (
  SELECT json_agg(json_build_array(l.relation::bigint, l.mode, n.nspname, c.relname, c.relkind, c.relfilenode::bigint,
    i.indrelid::bigint,
    CASE WHEN c.relkind IN ('r', 'p', 'm') THEN pg_catalog.pg_stat_get_xact_numscans(c.oid) END))::text
  FROM pg_catalog.pg_locks l
  LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
  WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND l.granted AND l.relation >= 16384
    AND (n.nspname IS NULL OR n.nspname !~ '^pg_'))
"""
# What was scanned in an earlier transaction of the session still counts until the server flushes its statistics.
_SCANNED = """
SELECT c.oid::bigint, pg_catalog.pg_stat_get_xact_numscans(c.oid) FROM pg_catalog.pg_class c
WHERE c.relkind IN ('r', 'p', 'm') AND c.oid >= 16384 AND pg_catalog.pg_stat_get_xact_numscans(c.oid) > 0
"""
# They write a table into another file in a transaction of their own, whose locks are gone before they can be seen.
_MOVES = re.compile(r"\b(VACUUM|CLUSTER|REINDEX|REFRESH)\b", re.IGNORECASE)
_TRUNCATE = re.compile(r"\bTRUNCATE\b", re.IGNORECASE)
# The server's own: triggers of foreign keys, and what PostgreSQL 18 keeps for a NOT NULL.
_INTERNAL = re.compile(r"^RI_ConstraintTrigger_|_not_null\d*$")
_TABLES = ("r", "p", "m", "f", "v")
_STORED = ("r", "m")


class _Relation(NamedTuple):
    name: str
    kind: str
    file: int
    owner: Optional[int]


def install(connection: Any) -> bool:
    """Make the event triggers, in a transaction of its own; False if the role may not.

    Args:
        connection: a SQLAlchemy connection to the scratch database, outside any transaction.
    """
    with connection.begin():
        if not connection.exec_driver_sql(
            "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"
        ).scalar():
            return False
        for statement in re.split(r";\n(?=CREATE|GRANT)", _FUNCTIONS):
            connection.exec_driver_sql(statement)
        for name in _TRIGGERS:
            connection.exec_driver_sql(f"DROP EVENT TRIGGER IF EXISTS alembic_mcp_{name}")
            connection.exec_driver_sql(
                f"CREATE EVENT TRIGGER alembic_mcp_{name} ON {name} EXECUTE FUNCTION alembic_mcp.{name}()"
            )
            # Else they would be silent where a revision sets session_replication_role.
            connection.exec_driver_sql(f"ALTER EVENT TRIGGER alembic_mcp_{name} ENABLE ALWAYS")
    return True


class Tracer:
    """Watches one step.

    Args:
        complete: event triggers are installed, so that what they don't tell did not happen.
        default_schema: tables in it are named without their schema.
        own: Alembic's version table, as it is named here; it is left out.
    """

    def __init__(self, *, complete: bool, default_schema: Optional[str], own: str) -> None:
        self.complete = complete
        self._default = default_schema
        self._own = own
        self._known: Optional[Dict[int, _Relation]] = None
        self._before: Set[int] = set()
        self._locks: Set[Tuple[int, str]] = set()
        self._scans: Dict[int, int] = {}
        self._transaction: Optional[int] = None
        self._autocommitted = False
        self._connection: Any = None

    def before(self, connection: Any, transaction: Optional[int]) -> None:
        """Take stock, once per transaction, so that what was there already is not taken for new."""
        if transaction == self._transaction and self._known is not None:
            return
        self._transaction, self._connection = transaction, connection
        if self._autocommitted:
            self._scans.update({row[0]: row[1] for row in self._ask(connection, _SCANNED) or ()})
            self._autocommitted = False
        if self._known is None:
            rows = self._ask(connection, _RELATIONS)
            if rows is None:
                return
            self._known = {row[0]: _Relation(self._name(row[1], row[2]), row[3], row[4], row[5]) for row in rows}
            self._before = set(self._known)
        _, locks = self._now(connection)
        self._locks = {(lock[0], lock[1]) for lock in locks}
        self._scans.update({lock[0]: lock[7] for lock in locks if lock[7] is not None})

    def after(
        self, connection: Any, sql: str, earlier: Optional[Dict[str, Any]], *, autocommit: bool
    ) -> Optional[Dict[str, Any]]:
        """What the statement did; merged with *earlier* if the same statement was sent before. None: not to be had."""
        if self._known is None:
            return earlier
        told, locks = self._now(connection)
        if told is None:
            return earlier
        found = {key: [] for key in _EMPTY} if earlier is None else earlier
        found["complete"] = self.complete
        _add(found, "locks", self._new_locks(locks))
        self._files(found, locks, rewrites=not _TRUNCATE.search(sql))
        _add(found, "scanned", self._new_scans(locks))
        self._told(found, told)
        if autocommit:
            if _MOVES.search(sql):
                self._refresh(connection)
            self._locks, self._transaction, self._autocommitted = set(), None, True
        return found

    def leftover(self) -> Optional[Dict[str, Any]]:
        """What has happened since the last statement was measured; None if nothing has."""
        connection = self._connection
        if connection is None or connection.closed or not connection.in_transaction():
            return None
        found = self.after(connection, "", None, autocommit=False)
        return found if found and any(found[key] for key in _EMPTY) else None

    def _refresh(self, connection: Any) -> None:
        """Take the files as they are now, so that the next statement is not blamed for them."""
        known = self._known or {}
        for row in self._ask(connection, _RELATIONS) or ():
            if row[0] in known:
                known[row[0]] = known[row[0]]._replace(file=row[4])

    def _new_locks(self, locks: List[Any]) -> List[Dict[str, str]]:
        new = []
        for oid, mode, nsp, name, kind, *_ in locks:
            known = (self._known or {}).get(oid)
            if (oid, mode) in self._locks or mode == "AccessShareLock" or oid not in self._before:
                continue
            table = self._name(nsp, name) if name else known.name if known else None
            if table and table != self._own and (kind or (known.kind if known else "")) in _TABLES:
                new.append({"mode": mode, "table": table})
        self._locks = {(lock[0], lock[1]) for lock in locks}
        return new

    def _files(self, found: Dict[str, Any], locks: List[Any], *, rewrites: bool) -> None:
        known = self._known or {}
        for oid, _, nsp, name, kind, file, owner, _ in locks:
            if name is None:
                continue
            earlier = known.get(oid)
            known[oid] = _Relation(self._name(nsp, name), kind, file, owner)
            if earlier is not None and earlier.file == file:
                continue
            if kind in _STORED and earlier is not None and rewrites:
                _add(found, "rewritten", [self._name(nsp, name)])
            elif kind == "i" and owner in self._before and rewrites:
                table = known.get(owner) if owner is not None else None
                _add(found, "indexes_built", [[self._name(nsp, name), table.name if table else ""]])

    def _new_scans(self, locks: List[Any]) -> List[str]:
        new = []
        for oid, _, nsp, name, _, _, _, scans in locks:
            if scans is not None:
                # The counter starts anew when the server flushes its statistics.
                if scans and scans != self._scans.get(oid, 0) and oid in self._before:
                    new.append(self._name(nsp, name))
                self._scans[oid] = scans
        return [name for name in new if name != self._own]

    def _told(self, found: Dict[str, Any], told: str) -> None:
        for line in told.splitlines():
            what, tag, kind, nsp, names = json.loads(line)
            names = [each for each in names if each]  # GRANT tells no name
            if nsp == "alembic_mcp" or (names and _INTERNAL.search(names[-1])):
                continue
            name = ".".join(names[1:] if len(names) > 1 and names[0] == self._default else names)
            if what == "dropped":
                _add(found, "dropped", [{"kind": kind, "name": name}])
            elif what == "rewrote":
                _add(found, "rewritten", [name])
            elif not names:
                _add(found, "altered", [[kind.lower(), ""]])
            elif tag.startswith(("CREATE", "SELECT INTO", "IMPORT")):
                _add(found, "created", [[kind, name]])
            elif not tag.startswith("COMMENT"):
                _add(found, "altered", [[kind, name]])

    def _now(self, connection: Any) -> Tuple[Optional[str], List[Any]]:
        rows = self._ask(connection, _NOW)
        if not rows:
            return None, []
        return rows[0][0] or "", json.loads(rows[0][2] or "[]")

    def _ask(self, connection: Any, sql: str) -> Optional[List[Any]]:
        try:
            return raw_execute(connection.connection, sql)
        except Exception:  # noqa: BLE001 - each driver raises its own: the transaction is aborted, nothing can be asked
            return None

    def _name(self, nsp: str, name: str) -> str:
        return name if nsp == self._default else f"{nsp}.{name}"


_EMPTY = ("locks", "rewritten", "scanned", "indexes_built", "created", "altered", "dropped")


def _add(found: Dict[str, Any], key: str, values: List[Any]) -> None:
    found[key].extend(value for value in values if value not in found[key])
