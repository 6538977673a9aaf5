"""Everything that defines a PostgreSQL schema, in one catalog query."""

from __future__ import annotations

import re
from typing import Any, Dict, Match, Optional

__all__ = ["snapshot"]

# One row per object: kind, schema, relation it belongs to, name, definition. No percent sign: some drivers read it as
# a placeholder. Statistics, privileges, comments and the order of columns are no part of what is compared.
_OBJECTS = """
WITH n AS MATERIALIZED (
  SELECT oid, nspname FROM pg_catalog.pg_namespace
  WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'alembic_mcp')
), extended AS MATERIALIZED (
  SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'
), rel AS MATERIALIZED (
  SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity,
    c.relispartition, c.relpartbound, c.relhassubclass
  FROM pg_catalog.pg_class c JOIN n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')
    AND NOT EXISTS (SELECT FROM extended e WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid)
)
SELECT 'schema' AS kind, n.nspname::text AS nsp, NULL::text AS rel, n.nspname::text AS name, '' AS def
FROM n WHERE NOT EXISTS (
  SELECT FROM extended e WHERE e.classid = 'pg_catalog.pg_namespace'::regclass AND e.objid = n.oid)
UNION ALL
SELECT CASE relkind WHEN 'f' THEN 'foreign table' ELSE 'table' END, nspname, relname, relname, concat_ws(' ',
  CASE relpersistence WHEN 'u' THEN 'unlogged' WHEN 't' THEN 'temporary' END,
  CASE WHEN relkind = 'p' THEN 'partition by ' || pg_catalog.pg_get_partkeydef(oid) END,
  CASE WHEN relispartition THEN 'partition ' || pg_catalog.pg_get_expr(relpartbound, oid) END,
  (SELECT 'inherits ' || string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno)
   FROM pg_catalog.pg_inherits i WHERE i.inhrelid = rel.oid),
  CASE WHEN relrowsecurity THEN 'row level security' END, CASE WHEN relforcerowsecurity THEN 'forced' END)
FROM rel WHERE relkind IN ('r', 'p', 'f')
UNION ALL
SELECT CASE relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END, nspname, relname, relname,
  pg_catalog.pg_get_viewdef(oid) FROM rel WHERE relkind IN ('v', 'm')
UNION ALL
SELECT 'column', rel.nspname, rel.relname, a.attname, concat_ws(' ',
  pg_catalog.format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END,
  CASE WHEN a.attgenerated = '' THEN 'DEFAULT ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid)
    ELSE 'GENERATED (' || pg_catalog.pg_get_expr(d.adbin, d.adrelid) || ') ' || a.attgenerated::text END,
  CASE a.attidentity WHEN 'a' THEN 'IDENTITY ALWAYS' WHEN 'd' THEN 'IDENTITY BY DEFAULT' END,
  CASE WHEN a.attidentity <> '' THEN (SELECT '(' || nullif(concat_ws(' ',
      CASE WHEN s.seqstart <> CASE WHEN s.seqincrement > 0 THEN s.seqmin ELSE s.seqmax END
        THEN 'start ' || s.seqstart END,
      CASE WHEN s.seqincrement <> 1 THEN 'increment ' || s.seqincrement END,
      CASE WHEN s.seqincrement < 0 OR s.seqmin <> 1 THEN 'min ' || s.seqmin END,
      CASE WHEN s.seqmax <> CASE s.seqtypid WHEN 21 THEN 32767 WHEN 23 THEN 2147483647 ELSE 9223372036854775807 END
        THEN 'max ' || s.seqmax END,
      CASE WHEN s.seqcache <> 1 THEN 'cache ' || s.seqcache END, CASE WHEN s.seqcycle THEN 'cycle' END), '') || ')'
    FROM pg_catalog.pg_depend o JOIN pg_catalog.pg_sequence s ON s.seqrelid = o.objid
    WHERE o.refclassid = 'pg_catalog.pg_class'::regclass AND o.refobjid = a.attrelid AND o.refobjsubid = a.attnum
      AND o.classid = 'pg_catalog.pg_class'::regclass AND o.deptype = 'i') END,
  CASE WHEN a.attcollation <> t.typcollation THEN 'COLLATE ' || a.attcollation::regcollation::text END)
FROM rel JOIN pg_catalog.pg_attribute a ON a.attrelid = rel.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE rel.relkind IN ('r', 'p', 'f')
UNION ALL
SELECT 'constraint', rel.nspname, rel.relname, k.conname,
  pg_catalog.pg_get_constraintdef(k.oid)
FROM rel JOIN pg_catalog.pg_constraint k ON k.conrelid = rel.oid
WHERE k.contype IN ('p', 'u', 'f', 'c', 'x')
UNION ALL
SELECT 'index', rel.nspname, rel.relname, c.relname,
  pg_catalog.pg_get_indexdef(i.indexrelid) || CASE WHEN i.indisvalid THEN '' ELSE ' INVALID' END
FROM rel JOIN pg_catalog.pg_index i ON i.indrelid = rel.oid JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k
  WHERE k.conrelid = i.indrelid AND k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')) OR NOT i.indisvalid
UNION ALL
SELECT 'sequence', rel.nspname, NULL, rel.relname, concat_ws(' ', pg_catalog.format_type(s.seqtypid, NULL),
  'start', s.seqstart, 'increment', s.seqincrement, 'min', s.seqmin, 'max', s.seqmax,
  CASE WHEN s.seqcache <> 1 THEN 'cache ' || s.seqcache END, CASE WHEN s.seqcycle THEN 'cycle' END)
FROM rel JOIN pg_catalog.pg_sequence s ON s.seqrelid = rel.oid
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass
  AND d.objid = rel.oid AND d.deptype = 'i')
UNION ALL
SELECT CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END, n.nspname, NULL,
  p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')', concat_ws(' ',
  pg_catalog.pg_get_function_result(p.oid), l.lanname, p.provolatile, p.proisstrict, p.prosecdef, p.proconfig::text,
  md5(p.prosrc || coalesce(p.probin, '') || coalesce({sqlbody}, '')))
FROM pg_catalog.pg_proc p JOIN n ON n.oid = p.pronamespace JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE NOT EXISTS (SELECT FROM extended e WHERE e.classid = 'pg_catalog.pg_proc'::regclass AND e.objid = p.oid)
UNION ALL
SELECT 'trigger', rel.nspname, rel.relname, g.tgname, pg_catalog.pg_get_triggerdef(g.oid) || CASE g.tgenabled
  WHEN 'O' THEN '' ELSE ' ' || g.tgenabled::text END
FROM rel JOIN pg_catalog.pg_trigger g ON g.tgrelid = rel.oid WHERE NOT g.tgisinternal
UNION ALL
SELECT 'rule', rel.nspname, rel.relname, r.rulename, pg_catalog.pg_get_ruledef(r.oid)
FROM rel JOIN pg_catalog.pg_rewrite r ON r.ev_class = rel.oid WHERE r.rulename <> '_RETURN'
UNION ALL
SELECT 'policy', rel.nspname, rel.relname, p.polname, concat_ws(' ', p.polcmd, p.polpermissive,
  (SELECT string_agg(coalesce(r.rolname, 'public'), ', ' ORDER BY r.rolname) FROM unnest(p.polroles) o
   LEFT JOIN pg_catalog.pg_roles r ON r.oid = o),
  pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))
FROM rel JOIN pg_catalog.pg_policy p ON p.polrelid = rel.oid
UNION ALL
SELECT CASE t.typtype WHEN 'd' THEN 'domain' ELSE 'type' END, n.nspname, NULL, t.typname, CASE t.typtype
  WHEN 'e' THEN 'enum ' || coalesce((SELECT string_agg(quote_literal(v.enumlabel), ', ' ORDER BY v.enumsortorder)
    FROM pg_catalog.pg_enum v WHERE v.enumtypid = t.oid), '')
  WHEN 'd' THEN concat_ws(' ', pg_catalog.format_type(t.typbasetype, t.typtypmod),
    CASE WHEN t.typnotnull THEN 'NOT NULL' END, 'DEFAULT ' || t.typdefault,
    (SELECT string_agg(k.conname || ' ' || pg_catalog.pg_get_constraintdef(k.oid), ' ' ORDER BY k.conname)
     FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'))
  WHEN 'r' THEN 'range of ' || (SELECT g.rngsubtype::regtype::text FROM pg_catalog.pg_range g WHERE g.rngtypid = t.oid)
  ELSE '(' || coalesce((SELECT string_agg(a.attname || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod), ', '
    ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped), '') || ')' END
FROM pg_catalog.pg_type t JOIN n ON n.oid = t.typnamespace LEFT JOIN rel ON rel.oid = t.typrelid
WHERE (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND rel.relkind = 'c'))
  AND NOT EXISTS (SELECT FROM extended e WHERE e.classid = 'pg_catalog.pg_type'::regclass AND e.objid = t.oid)
UNION ALL
SELECT 'extension', NULL, NULL, x.extname, x.extversion FROM pg_catalog.pg_extension x WHERE x.extname <> 'plpgsql'
"""
_SQL_BODY_SINCE = 14


def snapshot(connection: Any, skipped: str, skipped_schema: Optional[str]) -> Dict[str, str]:
    """Object key -> definition.

    Args:
        connection: a SQLAlchemy connection; its transaction is used, nothing is locked beyond its catalog reads.
        skipped: a table that is left out with all that belongs to it: Alembic's own.
        skipped_schema: its schema; None: the default one.
    """
    default = connection.dialect.default_schema_name
    version = connection.dialect.server_version_info or (0,)
    body = "pg_catalog.pg_get_function_sqlbody(p.oid)" if version[0] >= _SQL_BODY_SINCE else "NULL"
    own = (skipped_schema or default, skipped)
    found = {}
    for kind, nsp, rel, name, definition in connection.exec_driver_sql(_OBJECTS.replace("{sqlbody}", body)):
        if (nsp, rel) != own and not (kind == "schema" and nsp == default):
            prefix = "" if nsp is None or nsp == default or kind == "schema" else f"{nsp}."
            if kind == "column":
                key = f"column {prefix}{rel}.{name}"
            elif kind in _BELONGS:
                key = f"{kind} {name} on {prefix}{rel}"
            else:
                key = f"{kind} {prefix}{name}"
            found[key] = _TEXTS.sub(_texts, definition or "")
    return found


def _texts(found: Match[str]) -> str:
    """A list of texts as PostgreSQL spells it at first; after the column got another length it spells it otherwise."""
    return f"(ARRAY[{', '.join(_TEXT.findall(found[1]))}])::text[]"


_TEXT = re.compile(r"'(?:[^']|'')*'::character varying")
_TEXTS = re.compile(rf"ARRAY\[((?:\({_TEXT.pattern}\)::text(?:, )?)+)\]")
_BELONGS = frozenset({"constraint", "index", "trigger", "rule", "policy"})
