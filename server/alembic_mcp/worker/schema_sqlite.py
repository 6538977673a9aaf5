"""Everything that defines a SQLite schema: from its pragmas, and from the SQL where the pragmas say nothing."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Tuple

__all__ = ["snapshot"]

_TABLES = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'"
_COLUMNS = """
SELECT m.name, c.name, c.type, c."notnull", c.dflt_value, c.pk, c.hidden
FROM sqlite_master m, pragma_table_xinfo(m.name) c WHERE m.type = 'table'
"""
_FOREIGN_KEYS = """
SELECT m.name, f.id, f."table", f."from", f."to", f.on_update, f.on_delete
FROM sqlite_master m, pragma_foreign_key_list(m.name) f WHERE m.type = 'table' ORDER BY m.name, f.id, f.seq
"""
_INDEXES = """
SELECT m.name, i.name, i."unique", i.origin, i.partial, x.name, x."desc", x.coll
FROM sqlite_master m, pragma_index_list(m.name) i, pragma_index_xinfo(i.name) x
WHERE m.type = 'table' AND x.key ORDER BY m.name, i.name, x.seqno
"""
_GENERATED = {2: "GENERATED VIRTUAL", 3: "GENERATED STORED"}
_QUOTED = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]""")
_NAMED = re.compile(
    r"CONSTRAINT\s+(\"[^\"]+\"|`[^`]+`|\[[^\]]+\]|\w+)\s+(PRIMARY|UNIQUE|FOREIGN|CHECK)\b", re.IGNORECASE
)
_NAME = re.compile(r"\s*(\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]|\w+)")
_COLLATE = re.compile(r"\bCOLLATE\s+(\"[^\"]+\"|`[^`]+`|\[[^\]]+\]|\w+)", re.IGNORECASE)
_COMPUTED = re.compile(r"\bAS\s*\(", re.IGNORECASE)
_CHECK = re.compile(r"(?:CONSTRAINT\s+(?P<name>\"[^\"]+\"|`[^`]+`|\[[^\]]+\]|\w+)\s+)?\bCHECK\s*\(", re.IGNORECASE)


def snapshot(connection: Any, skipped: str) -> Dict[str, str]:
    """Object key -> definition.

    Args:
        connection: a SQLAlchemy connection.
        skipped: a table that is left out with all that belongs to it: Alembic's own.
    """
    read = connection.exec_driver_sql
    found: Dict[str, str] = {}
    texts = _masters(read(_TABLES), skipped, found)
    _columns(read(_COLUMNS), texts, found)
    _foreign_keys(read(_FOREIGN_KEYS), texts, found)
    _indexes(read(_INDEXES), texts, found)
    for table, sql in texts.items():
        for name, expression in _checks(sql):
            found[f"constraint {name} on {table}" if name else f"check ({expression}) on {table}"] = expression
        for name, kind in _NAMED.findall(_masked(sql)):
            if kind.upper() != "CHECK":
                found.setdefault(f"constraint {_unquoted(name)} on {table}", kind.upper())
    return found


def _masters(rows: Any, skipped: str, found: Dict[str, str]) -> Dict[str, str]:
    """Note tables, views, triggers and the conditions of indexes; return the SQL of each table."""
    texts: Dict[str, str] = {}
    for kind, name, table, sql in rows:
        if table == skipped:
            continue
        if kind == "table":
            texts[name] = sql or ""
            found[f"table {name}"] = _options(sql or "")
            if re.search(r"\bAUTOINCREMENT\b", _masked(sql or ""), re.IGNORECASE):
                found[f"table {name}"] = f"{found[f'table {name}']} AUTOINCREMENT".strip()
        elif kind == "index":
            where = re.search(r"\bWHERE\b.*", sql or "", re.IGNORECASE | re.DOTALL)
            found[f"index {name} on {table}"] = _plain(where.group()) if where else ""
        elif kind == "trigger":
            found[f"trigger {name} on {table}"] = _plain(sql)
        else:
            found[f"{kind} {name}"] = _plain(sql)
    return texts


def _columns(rows: Any, texts: Dict[str, str], found: Dict[str, str]) -> None:
    keys: Dict[str, List[Tuple[int, str]]] = {}
    for table, name, kind, not_null, default, position, hidden in rows:
        if table in texts:
            parts = [kind.upper(), "NOT NULL" if not_null else "", "" if default is None else f"DEFAULT {default}"]
            declared = _declared(texts[table]).get(name, "") if hidden or "COLLATE" in texts[table].upper() else ""
            parts.append(_GENERATED.get(hidden, ""))
            computed = _COMPUTED.search(_masked(declared)) if hidden else None
            if computed is not None:
                parts.append(f"AS ({_plain(declared[computed.end() : _closing(declared, computed.end())])})")
            collated = _COLLATE.search(declared[: computed.start()] if computed is not None else declared)
            if collated is not None and _unquoted(collated[1]).upper() != "BINARY":
                parts.append(f"COLLATE {_unquoted(collated[1]).upper()}")
            found[f"column {table}.{name}"] = " ".join(part for part in parts if part)
            if position:
                keys.setdefault(table, []).append((position, name))
    for table, columns in keys.items():
        found[f"primary key on {table}"] = ", ".join(name for _, name in sorted(columns))


def _foreign_keys(rows: Any, texts: Dict[str, str], found: Dict[str, str]) -> None:
    grouped: Dict[Tuple[str, int], List[Any]] = {}
    for row in rows:
        grouped.setdefault((row[0], row[1]), []).append(row)
    for (table, _), parts in grouped.items():
        if table in texts:
            columns = ", ".join(part[3] for part in parts)
            to = ", ".join(part[4] or "" for part in parts)
            found[f"foreign key ({columns}) on {table}"] = (
                f"REFERENCES {parts[0][2]} ({to}) ON UPDATE {parts[0][5]} ON DELETE {parts[0][6]}"
            )


def _indexes(rows: Any, texts: Dict[str, str], found: Dict[str, str]) -> None:
    grouped: Dict[Tuple[str, str], List[Any]] = {}
    for row in rows:
        grouped.setdefault((row[0], row[1]), []).append(row)
    for (table, name), parts in grouped.items():
        if table not in texts or parts[0][3] == "pk":
            continue
        columns = ", ".join(
            f"{part[5] or '(expression)'}{' DESC' if part[6] else ''}{'' if part[7] == 'BINARY' else f' {part[7]}'}"
            for part in parts
        )
        if parts[0][3] == "u":
            found[f"unique ({columns}) on {table}"] = ""
        else:
            key = f"index {name} on {table}"
            found[key] = " ".join(part for part in (["", "UNIQUE"][parts[0][2]], columns, found.get(key, "")) if part)


def _checks(sql: str) -> Iterator[Tuple[str, str]]:
    for match in _CHECK.finditer(_masked(sql)):
        expression = _plain(sql[match.end() : _closing(sql, match.end())])
        yield _unquoted(sql[slice(*match.span("name"))]) if match["name"] else "", expression


def _closing(sql: str, start: int) -> int:
    """Where the parenthesis is closed that was opened right before *start*."""
    masked, depth, end = _masked(sql), 1, start
    while depth and end < len(sql):
        depth += {"(": 1, ")": -1}.get(masked[end], 0)
        end += 1
    return end - 1


def _declared(sql: str) -> Dict[str, str]:
    """Column -> what CREATE TABLE says of it after its name; of constraints of the table under odd names too."""
    start = sql.find("(") + 1
    masked = _QUOTED.sub(lambda match: "x" * len(match[0]), sql[start : _closing(sql, start)])
    found, depth, begun = {}, 0, 0
    for index, letter in enumerate(f"{masked},"):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            match = _NAME.match(sql, start + begun, start + index)
            if match:
                found[_unquoted(match[1])] = sql[match.end() : start + index]
            begun = index + 1
    return found


def _masked(sql: str) -> str:
    """*sql* with what is quoted in single quotes blanked out, so that words in it are not taken for SQL."""
    return _QUOTED.sub(lambda match: " " * len(match[0]) if match[0].startswith("'") else match[0], sql)


def _options(sql: str) -> str:
    tail = sql.rpartition(")")[2]
    return " ".join(word.upper() for word in re.findall(r"\w+", tail))


def _plain(sql: str) -> str:
    return " ".join(sql.split())


def _unquoted(name: str) -> str:
    return name[1:-1] if name[:1] in '"`[' else name
