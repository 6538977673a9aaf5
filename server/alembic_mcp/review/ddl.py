"""Reads CREATE, DROP, ALTER, TRUNCATE and the commands that maintain objects."""

from __future__ import annotations

from dataclasses import replace

from ..operations import (
    AlterObject,
    Column,
    ConstraintKind,
    CreateIndex,
    CreateObject,
    CreateTable,
    DropIndex,
    DropObject,
    DropTable,
    Operation,
    RenameTable,
    Truncate,
)
from . import columns
from .alter_table import alter_table
from .words import Unreadable, Words

__all__ = ["alter", "create", "drop", "maintain", "rename", "truncate"]

_KINDS = (
    "MATERIALIZED VIEW", "VIEW", "SEQUENCE", "TYPE", "DOMAIN", "SCHEMA", "EXTENSION", "FUNCTION", "PROCEDURE",
    "ROUTINE", "AGGREGATE", "TRIGGER", "EVENT TRIGGER", "POLICY", "RULE", "CAST", "COLLATION", "OPERATOR CLASS",
    "OPERATOR FAMILY", "OPERATOR", "STATISTICS", "PUBLICATION", "SUBSCRIPTION", "SERVER", "FOREIGN DATA WRAPPER",
    "FOREIGN TABLE", "USER MAPPING", "LANGUAGE", "CONVERSION", "TEXT SEARCH CONFIGURATION",
    "TEXT SEARCH DICTIONARY", "ROLE", "USER", "GROUP", "DATABASE", "TABLESPACE", "ACCESS METHOD", "EVENT", "OWNED",
    "DEFAULT PRIVILEGES", "LARGE OBJECT", "SYSTEM", "TRANSFORM",
)  # fmt: skip


def create(words: Words) -> list[Operation]:
    """Read what follows CREATE. Raises Unreadable."""
    replaces = words.take("OR", "REPLACE")
    if words.take("UNIQUE", "INDEX"):
        return [_create_index(words, unique=True)]
    if any(words.take(kind, "INDEX") for kind in ("FULLTEXT", "SPATIAL")) or words.take("INDEX"):
        return [_create_index(words, unique=False)]
    words.take_any("GLOBAL", "LOCAL")
    if words.take_any("TEMPORARY", "TEMP", "UNLOGGED") and words.sees_any("VIEW", "SEQUENCE"):
        return [_create_object(words)]
    if words.take("TABLE"):
        if replaces:
            raise Unreadable("CREATE OR REPLACE TABLE loses rows")
        return _create_table(words)
    return [_create_object(words)]


def _create_index(words: Words, *, unique: bool) -> Operation:
    concurrently = words.take("CONCURRENTLY")
    if_not_exists = words.take("IF", "NOT", "EXISTS")
    name = None if words.sees("ON") else words.name()
    if words.take("USING"):
        words.identifier()
    words.expect("ON")
    only = words.take("ONLY")
    table = words.name()
    if words.take("USING"):
        words.identifier()
    names = tuple(part.text for part in words.group().parts())
    nulls_equal = words.has("NULLS", "NOT", "DISTINCT")
    words.until("WHERE")
    where = words.rest if words.take("WHERE") and not words.done else None
    return CreateIndex(
        table=table, name=name, columns=names, unique=unique, concurrently=concurrently,
        if_not_exists=if_not_exists, where=where, nulls_equal=nulls_equal, only=only, from_sql=True,
    )  # fmt: skip


def _create_table(words: Words) -> list[Operation]:
    if_not_exists = words.take("IF", "NOT", "EXISTS")
    table = words.name()
    found: list[Column] = []
    key: tuple[str, ...] = ()
    if words.sees("("):
        for part in words.group().parts():
            if columns.starts_constraint(part):
                key = _primary_key(part, table) or key
                continue
            if part.sees_any("LIKE", "INDEX", "KEY", "FULLTEXT"):
                continue
            try:
                found.append(columns.column(part, table).column)
            except Unreadable:
                # The names in CREATE TABLE t (a, b) AS SELECT; a new table has nothing to lose by it.
                continue
    keyed = tuple(
        replace(column, primary_key=True, nullable=False) if column.name in key else column for column in found
    )
    return [CreateTable(table=table, columns=keyed, if_not_exists=if_not_exists, from_sql=True)]


def _primary_key(part: Words, table: str) -> tuple[str, ...]:
    """The columns of a PRIMARY KEY that stands by itself; empty for any other constraint."""
    try:
        made = columns.constraint(part, table)
    except Unreadable:
        return ()  # of a database whose constraints say more: the table is new, whatever it checks
    return made.columns if made.kind is ConstraintKind.PRIMARY_KEY else ()


def _create_object(words: Words) -> Operation:
    if words.take("CONSTRAINT", "TRIGGER"):
        kind = "trigger"
    else:
        # MySQL: DEFINER = `me`@`host` and the like stand before the kind.
        while words.take_any("TRUSTED", "PROCEDURAL", "RECURSIVE", "TEMPORARY", "TEMP"):
            pass
        kind = _kind(words)
    words.take("IF", "NOT", "EXISTS")
    if kind == "schema" and words.take("AUTHORIZATION"):
        return CreateObject(kind=kind, name=words.identifier(), from_sql=True)
    name = words.name() if kind not in ("cast", "operator", "user mapping", "transform") else words.rest
    table = None
    if kind in ("trigger", "policy", "rule"):
        words.until("ON" if kind != "rule" else "TO")
        words.next()
        table = words.name()
    return CreateObject(kind=kind, name=name, table=table, from_sql=True)


def _kind(words: Words) -> str:
    for kind in _KINDS:
        if words.take(*kind.split()):
            return kind.lower()
    raise Unreadable(f"not a kind of object that is known: {words.rest[:40]!r}")


def drop(words: Words) -> list[Operation]:
    """Read what follows DROP. Raises Unreadable."""
    words.take("TEMPORARY")
    if words.take("TABLE"):
        if_exists = words.take("IF", "EXISTS")
        names = words.names()
        cascade = _cascade(words)
        return [DropTable(table=name, cascade=cascade, if_exists=if_exists, from_sql=True) for name in names]
    if words.take("INDEX"):
        concurrently = words.take("CONCURRENTLY")
        words.take("IF", "EXISTS")
        names = words.names()
        table = words.name() if words.take("ON") else None
        if words.naming.sqlglot != "mysql":
            _cascade(words)
        return [DropIndex(name=name, table=table, concurrently=concurrently, from_sql=True) for name in names]
    kind = _kind(words)
    if kind == "owned":
        words.expect("BY")
    words.take("IF", "EXISTS")
    if kind in ("trigger", "policy", "rule") and words.naming.sqlglot == "postgres":
        name = words.identifier()
        words.expect("ON")
        table = words.name()
        return [DropObject(kind=kind, name=name, table=table, cascade=_cascade(words), from_sql=True)]
    if kind in ("cast", "operator", "operator class", "operator family", "user mapping", "transform"):
        return [DropObject(kind=kind, name=words.rest, cascade=words.has("CASCADE"), from_sql=True)]
    names = []
    while True:
        names.append(words.name())
        if words.sees("("):
            words.group()
        if not words.take(","):
            break
    cascade = _cascade(words)
    return [DropObject(kind=kind, name=name, cascade=cascade, from_sql=True) for name in names]


def _cascade(words: Words) -> bool:
    """Read CASCADE or RESTRICT, after which nothing may follow."""
    cascade = words.take_any("CASCADE", "RESTRICT") == "CASCADE"
    words.end()
    return cascade


def truncate(words: Words) -> list[Operation]:
    """Read what follows TRUNCATE. Raises Unreadable."""
    words.take("TABLE")
    tables = []
    while True:
        words.take("ONLY")
        tables.append(words.name())
        words.take("*")
        if not words.take(","):
            break
    if words.take_any("RESTART", "CONTINUE"):
        words.expect("IDENTITY")
    cascade = _cascade(words)
    return [Truncate(table=table, cascade=cascade, from_sql=True) for table in tables]


def rename(words: Words) -> list[Operation]:
    """Read what follows MySQL's RENAME. Raises Unreadable."""
    words.expect("TABLE")
    found: list[Operation] = []
    while True:
        table = words.name()
        words.expect("TO")
        found.append(RenameTable(table=table, to=words.name(), from_sql=True))
        if not words.take(","):
            break
    words.end()
    return found


def alter(words: Words) -> list[Operation]:
    """Read what follows ALTER. Raises Unreadable."""
    if words.take("TABLE"):
        return alter_table(words)
    kind = "index" if words.take("INDEX") else _kind(words)
    words.take("IF", "EXISTS")
    if kind in ("default privileges", "system"):
        return [AlterObject(kind=kind, action="alter", text=words.rest, from_sql=True)]
    name = words.name()
    if words.sees("("):
        words.group()
    table = words.name() if kind in ("trigger", "policy", "rule") and words.take("ON") else None
    text = words.rest
    action: list[str] = []
    while not words.done and len(action) < 2:  # ADD VALUE, RENAME TO, SET SCHEMA, OWNER TO
        word = words.next()
        if not word.upper or not word.text.isalpha():
            break
        action.append(word.text.lower())
    return [AlterObject(kind=kind, action=" ".join(action), name=name, table=table, text=text, from_sql=True)]


def maintain(words: Words, command: str) -> list[Operation]:
    """Read what follows VACUUM, CLUSTER, REINDEX, REFRESH or LOCK. Raises Unreadable."""
    action, kind = command.lower(), "table"
    options = words.group() if words.sees("(") else None
    if command == "REFRESH":
        words.expect("MATERIALIZED", "VIEW")
        kind = "materialized view"
    elif command == "REINDEX":
        kind = words.take_any("INDEX", "TABLE", "SCHEMA", "DATABASE", "SYSTEM").lower() or "table"
    else:
        words.take_any("TABLE", "TABLES")
        words.take("ONLY")
    for option in ("CONCURRENTLY", "FULL", "FREEZE", "VERBOSE", "ANALYZE"):
        if words.take(option) or (options is not None and options.has(option)):
            action = f"{action} {option.lower()}"
    text = words.rest
    names = words.names() if not words.done else [""]
    return [
        AlterObject(kind=kind, action=action, name=name, table=(name or None) if kind == "table" else None,
                    text=text, from_sql=True)
        for name in names
    ]  # fmt: skip
