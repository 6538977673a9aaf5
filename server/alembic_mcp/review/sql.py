"""Reads raw SQL as operations; what it can't read for certain comes back as `Unrecognised`, never as harmless."""

from __future__ import annotations

import re
from collections.abc import Callable

from ..operations import AlterObject, Harmless, Insert, Operation, Unrecognised
from . import ddl, dml, plpgsql
from .words import Naming, Unreadable, Words, split

__all__ = ["pieces", "read", "told_by_running"]

_Reader = Callable[[Words], list[Operation]]

_HARMLESS = frozenset(
    {
        "BEGIN", "START", "SAVEPOINT", "RELEASE", "SHOW", "RESET", "DISCARD", "NOTIFY", "LISTEN", "UNLISTEN",
        "ANALYZE", "ANALYSE", "DESCRIBE", "CHECKPOINT", "DEALLOCATE", "CLOSE", "UNLOCK",
    }
)  # fmt: skip
_NO_TABLES = (
    "ALL", "SCHEMA", "SEQUENCE", "DATABASE", "FUNCTION", "PROCEDURE", "ROUTINE", "DOMAIN", "FOREIGN", "LANGUAGE",
    "LARGE", "PARAMETER", "TABLESPACE", "TYPE", "*",
)  # fmt: skip
_HARMLESS_PRAGMAS = frozenset(
    {
        "TABLE_INFO", "TABLE_XINFO", "TABLE_LIST", "INDEX_LIST", "INDEX_INFO", "INDEX_XINFO", "FOREIGN_KEY_LIST",
        "FOREIGN_KEY_CHECK", "INTEGRITY_CHECK", "QUICK_CHECK", "DATABASE_LIST", "COLLATION_LIST", "BUSY_TIMEOUT",
        "CACHE_SIZE", "JOURNAL_MODE", "SYNCHRONOUS", "USER_VERSION", "ENCODING", "COMPILE_OPTIONS", "OPTIMIZE",
    }
)  # fmt: skip


# What MySQL reads otherwise than it looks: comments that it executes, and two dashes that begin none.
_OF_MYSQL = re.compile(
    r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`[^`]*`|--(?:\s[^\n]*|$)|\#[^\n]*|(/\*M?!|--)|/\*.*?\*/""", re.DOTALL
)


def _hides(sql: str) -> bool:
    return any(found[1] for found in _OF_MYSQL.finditer(sql))


def read(sql: str, dialect: str, default_schema: str | None = None) -> list[Operation]:
    """Read *sql*, one or several statements, in the dialect that SQLAlchemy calls *dialect*."""
    naming = Naming(dialect, default_schema)
    if naming.sqlglot == "mysql" and _hides(sql):
        return [Unrecognised(sql=sql, from_sql=True)]
    try:
        # Drivers double a percent sign that is no placeholder.
        statements = split(sql.replace("%%", "%"), naming)
    except Unreadable:
        return [Unrecognised(sql=sql, from_sql=True)]
    found: list[Operation] = []
    for words in statements:
        try:
            found.extend(_statement(words))
        except Unreadable:
            found.append(Unrecognised(sql=words.text, from_sql=True))
    return found


def pieces(sql: str, dialect: str) -> list[str]:
    """The statements of *sql*, one by one; all of it where it can't be cut."""
    try:
        return [words.text for words in split(sql, Naming(dialect))]
    except Unreadable:
        return [sql]


_ELSEWHERE = ("dblink", "http", "lo_", "pg_read_", "pg_write_", "pg_terminate", "pg_cancel", "pg_reload", "pg_switch")
"""Functions with these names act where no event trigger and no lock tells of it."""


def told_by_running(sql: str, dialect: str, default_schema: str | None = None) -> bool:
    """True if running *sql* on an empty copy shows all that it can do.

    It does not where what is done depends on the rows that are there, or where it happens outside the database.
    """
    try:
        return all(
            not words.sees_any("COPY", "EXECUTE", "LOAD", "PREPARE", "IMPORT") and _told(words)
            for words in split(sql, Naming(dialect, default_schema))
        )
    except Unreadable:
        return False


def _told(words: Words) -> bool:
    if words.has("PROGRAM"):
        return False
    for index, word in enumerate(words.words):
        body = word.literal and words.sees_any("DO") and words.words[index - 1].upper != "LANGUAGE"
        if body and not all(_told(part) for part in split(word.text, words.naming)):
            return False
        following = words.words[index + 1].text.lower() if index + 1 < len(words.words) else ""
        if word.upper in ("FROM", "JOIN") and not following.startswith(
            ("pg_", "information_schema", "unnest", "gener")
        ):
            return False
        if word.upper == "LANGUAGE" and following not in ("plpgsql", "sql"):
            return False
        if following == "(" and word.text.lower().startswith(_ELSEWHERE):
            return False
    return True


def _statement(words: Words) -> list[Operation]:
    """Read one statement. Raises Unreadable."""
    if words.sees_any("SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "TABLE", "("):
        return _rows(words)
    readers: dict[str, _Reader] = {
        "ALTER": ddl.alter,
        "CALL": _opaque,
        "COMMENT": _harmless,
        "COPY": _copy,
        "CREATE": ddl.create,
        "DO": _do,
        "DROP": ddl.drop,
        "EXPLAIN": _explain,
        "PRAGMA": _pragma,
        "PREPARE": _prepare,
        "RENAME": ddl.rename,
        "REPLACE": _replace,
        "SET": _set,
        "TRUNCATE": ddl.truncate,
    }
    keyword = words.next().upper
    if keyword in readers:
        return readers[keyword](words)
    if keyword in ("VACUUM", "CLUSTER", "REINDEX", "REFRESH", "LOCK"):
        return ddl.maintain(words, keyword)
    if keyword in ("GRANT", "REVOKE"):
        return _privileges(words, keyword.lower())
    if keyword in ("COMMIT", "END", "ROLLBACK", "ABORT"):
        return _transaction(words, keyword)
    if keyword in _HARMLESS:
        return [Harmless(what=keyword.lower(), from_sql=True)]
    raise Unreadable(f"not a statement that is known: {keyword}")


def _rows(words: Words) -> list[Operation]:
    if words.naming.sqlglot == "sqlite" and words.sees("UPDATE", "OR"):
        # UPDATE OR REPLACE deletes the rows that are in the way.
        raise Unreadable("UPDATE OR ...")
    if words.has("OUTFILE") or words.has("DUMPFILE"):
        raise Unreadable("it writes a file")
    return dml.read(words)


def _opaque(words: Words) -> list[Operation]:
    raise Unreadable(f"what {words.text[:40]!r} does is written elsewhere")


def _harmless(words: Words) -> list[Operation]:
    return [Harmless(what=words.words[0].text.lower(), from_sql=True)]


def _transaction(words: Words, keyword: str) -> list[Operation]:
    if keyword == "ROLLBACK" and words.has("TO"):
        return _harmless(words)
    action = "commit" if keyword in ("COMMIT", "END") else "rollback"
    return [AlterObject(kind="transaction", action=action, from_sql=True)]


def _privileges(words: Words, action: str) -> list[Operation]:
    text = words.rest
    words.until("ON")
    tables = []
    if words.take("ON") and not words.sees_any(*_NO_TABLES):
        words.take("TABLE")
        tables = words.names()
    return [
        AlterObject(kind="privileges", action=action, name=table, table=table or None, text=text, from_sql=True)
        for table in tables or [""]
    ]


def _set(words: Words) -> list[Operation]:
    if words.take("CONSTRAINTS"):
        return _harmless(words)
    words.take_any("LOCAL", "SESSION", "GLOBAL")
    name = next(iter(words.rest.replace("=", " ").split()), "").lower()
    if not name:
        raise Unreadable("SET without a name")
    return [AlterObject(kind="setting", action="set", name=name, text=words.rest, from_sql=True)]


def _explain(words: Words) -> list[Operation]:
    options = words.group() if words.sees("(") else None
    runs = options is not None and options.has("ANALYZE")
    while option := words.take_any("ANALYZE", "ANALYSE", "VERBOSE", "EXTENDED", "QUERY", "PLAN"):
        runs = runs or option.startswith("ANALY")
    if not runs:
        return _harmless(words)
    return _statement(Words(words.sql, words.words[words.at :], words.naming))


def _prepare(words: Words) -> list[Operation]:
    """A prepared statement is judged as if it were executed right away."""
    if words.take("TRANSACTION"):
        raise Unreadable("PREPARE TRANSACTION")
    words.identifier()
    if words.sees("("):
        words.group()
    words.expect("AS")
    return _statement(Words(words.sql, words.words[words.at :], words.naming))


def _replace(words: Words) -> list[Operation]:
    words.take_any("LOW_PRIORITY", "DELAYED")
    words.take("INTO")
    return [Insert(table=words.name(), replaces=True, from_sql=True)]


def _copy(words: Words) -> list[Operation]:
    if words.has("PROGRAM"):
        raise Unreadable("COPY starts a program")
    if words.sees("("):
        inner = words.group()
        found = _statement(inner)
    else:
        table = words.name()
        if words.sees("("):
            words.group()
        found = [Insert(table=table, from_sql=True)] if words.sees("FROM") else []
    if words.take("TO") and not words.sees("STDOUT"):
        raise Unreadable("COPY writes a file")
    return found or _harmless(words)


def _pragma(words: Words) -> list[Operation]:
    name = words.next().upper
    if words.take("."):  # main.table_info, temp.table_info
        name = words.next().upper
    if name in _HARMLESS_PRAGMAS:
        return _harmless(words)
    if name in ("FOREIGN_KEYS", "DEFER_FOREIGN_KEYS", "RECURSIVE_TRIGGERS", "LEGACY_ALTER_TABLE"):
        return [AlterObject(kind="setting", action="set", name=name.lower(), text=words.rest, from_sql=True)]
    raise Unreadable(f"PRAGMA {name}")


def _do(words: Words) -> list[Operation]:
    """Read the statements in a DO block; which of them run is not known, so all count."""
    body, language = None, "plpgsql"
    while not words.done:
        if words.take("LANGUAGE"):
            language = words.next().text.lower()
        else:
            word = words.next()
            body = word.text if word.literal else None
    if body is None or language != "plpgsql":
        raise Unreadable("DO in a language that is not read")
    found: list[Operation] = []
    for statement in plpgsql.statements(body, words.naming):
        found.extend(_statement(statement))
    return found or _harmless(words)
