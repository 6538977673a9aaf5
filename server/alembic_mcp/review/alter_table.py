"""Reads ALTER TABLE, action by action; an action that is not understood makes the statement unreadable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..operations import (
    AddColumn,
    AlterColumn,
    AlterObject,
    ConstraintKind,
    DropColumn,
    DropConstraint,
    DropIndex,
    Operation,
    RenameTable,
    ValidateConstraint,
)
from . import columns
from .words import Unreadable, Words

__all__ = ["alter_table"]

_LONGEST_ACTION = 4
"""Words of an action that is passed on by its own words: ``disable row level security``."""

_OTHER = frozenset(
    {
        "ATTACH", "CLUSTER", "DETACH", "DISABLE", "ENABLE", "FORCE", "INHERIT", "LOGGED", "NO", "NOT", "OF", "OWNER",
        "REPLICA", "RESET", "SET", "ENGINE", "CONVERT", "AUTO_INCREMENT", "COMMENT", "ALGORITHM", "LOCK", "ORDER",
    }
)  # fmt: skip


def alter_table(words: Words) -> list[Operation]:
    """Read what follows ALTER TABLE. Raises Unreadable."""
    words.take("IF", "EXISTS")
    words.take("ONLY")
    table = words.name()
    words.take("*")
    found: list[Operation] = []
    for action in words.parts():
        found.extend(_action(action, table))
        action.end()
    if not found:
        raise Unreadable("ALTER TABLE without an action")
    return found


def _action(words: Words, table: str) -> list[Operation]:
    readers: dict[str, Callable[[Words, str], list[Operation]]] = {
        "ADD": _add,
        "DROP": _drop,
        "ALTER": _alter,
        "MODIFY": _modify,
        "CHANGE": _change,
        "RENAME": _rename,
        "VALIDATE": _validate,
    }
    keyword = words.next().upper
    if keyword in readers:
        return readers[keyword](words, table)
    if keyword in _OTHER:
        return [_other(words, table, keyword)]
    raise Unreadable(f"not an action of ALTER TABLE that is known: {keyword}")


def _add(words: Words, table: str) -> list[Operation]:
    if columns.starts_constraint(words):
        return [columns.constraint(words, table)]
    # These may be names of columns elsewhere.
    if words.naming.sqlglot == "mysql" and words.sees_any("INDEX", "KEY", "FULLTEXT", "SPATIAL", "PARTITION"):
        return [_other(words, table, "ADD")]
    words.take("COLUMN")
    words.take("IF", "NOT", "EXISTS")
    definitions = words.group().parts() if words.sees("(") else [words]
    found: list[Operation] = []
    for part in definitions:
        definition = columns.column(part, table)
        found.append(AddColumn(table=table, column=definition.column, from_sql=True))
        found.extend(definition.constraints)
    return found


def _drop(words: Words, table: str) -> list[Operation]:
    if words.take("CONSTRAINT") or words.take("CHECK"):
        words.take("IF", "EXISTS")
        name = words.identifier()
        return [DropConstraint(table=table, name=name, cascade=_cascade(words), from_sql=True)]
    if words.take("FOREIGN", "KEY"):
        name = words.identifier()
        return [DropConstraint(table=table, name=name, kind=ConstraintKind.FOREIGN_KEY, from_sql=True)]
    if words.take("PRIMARY", "KEY"):
        return [DropConstraint(table=table, name=None, kind=ConstraintKind.PRIMARY_KEY, from_sql=True)]
    if words.naming.sqlglot == "mysql" and words.take_any("INDEX", "KEY"):
        return [DropIndex(name=words.identifier(), table=table, from_sql=True)]
    if words.naming.sqlglot == "mysql" and words.take("PARTITION"):
        raise Unreadable("DROP PARTITION loses rows")
    words.take("COLUMN")
    words.take("IF", "EXISTS")
    column = words.identifier()
    return [DropColumn(table=table, column=column, cascade=_cascade(words), from_sql=True)]


def _cascade(words: Words) -> bool:
    return words.take_any("CASCADE", "RESTRICT") == "CASCADE"


def _alter(words: Words, table: str) -> list[Operation]:
    if words.sees("CONSTRAINT") or (words.naming.sqlglot == "mysql" and words.sees_any("INDEX", "CHECK")):
        return [_other(words, table, "ALTER")]
    words.take("COLUMN")
    change = AlterColumn(table=table, column=words.identifier(), from_sql=True)
    if words.take("SET", "NOT", "NULL"):
        return [replace(change, nullable=False)]
    if words.take("DROP", "NOT", "NULL"):
        return [replace(change, nullable=True)]
    if words.take("DROP", "DEFAULT"):
        return [replace(change, drops_default=True)]
    if words.take("SET", "DEFAULT"):
        return [replace(change, default=words.until().text)]
    if words.take("TYPE") or words.take("SET", "DATA", "TYPE"):
        kind = words.until("USING", "COLLATE").text
        if words.take("COLLATE"):
            words.name()
        using = words.until().text if words.take("USING") else None
        return [replace(change, type=kind, using=using)]
    if words.sees_any("ADD", "DROP", "SET", "RESET", "RESTART"):
        # ADD GENERATED, DROP IDENTITY, DROP EXPRESSION, SET STATISTICS, SET STORAGE ...
        return [_other(words, table, "ALTER COLUMN", name=change.column)]
    raise Unreadable(f"not a change of a column that is known: {words.rest[:40]!r}")


def _modify(words: Words, table: str) -> list[Operation]:
    words.take("COLUMN")
    column = columns.column(words, table).column
    return [
        AlterColumn(
            table=table, column=column.name, type=column.type, nullable=column.nullable,
            default=column.server_default, from_sql=True,
        )
    ]  # fmt: skip


def _change(words: Words, table: str) -> list[Operation]:
    words.take("COLUMN")
    old = words.identifier()
    column = columns.column(words, table).column
    return [
        AlterColumn(
            table=table, column=old, type=column.type, nullable=column.nullable, default=column.server_default,
            rename_to=None if column.name == old else column.name, from_sql=True,
        )
    ]  # fmt: skip


def _rename(words: Words, table: str) -> list[Operation]:
    if words.sees("CONSTRAINT") or (words.naming.sqlglot == "mysql" and words.sees_any("INDEX", "KEY")):
        return [_other(words, table, "RENAME")]
    if words.take("TO") or words.take("AS"):
        to = words.name()
        schema, dot, _ = table.rpartition(".")
        return [RenameTable(table=table, to=f"{schema}{dot}{to}", from_sql=True)]
    words.take("COLUMN")
    column = words.identifier()
    words.expect("TO")
    return [AlterColumn(table=table, column=column, rename_to=words.identifier(), from_sql=True)]


def _validate(words: Words, table: str) -> list[Operation]:
    words.expect("CONSTRAINT")
    return [ValidateConstraint(table=table, name=words.identifier(), from_sql=True)]


def _other(words: Words, table: str, action: str, name: str | None = None) -> Operation:
    """An action that is passed on by its own words; those that lose or move rows are never among them."""
    if words.sees("SCHEMA") and action == "SET":
        words.next()
        to = words.identifier()
        return RenameTable(table=table, to=words.naming.join([to, table.rpartition(".")[2]]), from_sql=True)
    text = words.rest
    following = [action]
    while not words.done and len(following) < _LONGEST_ACTION:
        word = words.next()
        if not word.upper or not word.text.isalpha():
            break
        following.append(word.upper)
    words.until()
    return AlterObject(
        kind="table", action=" ".join(following).lower(), name=name or table, table=table, text=text, from_sql=True
    )
