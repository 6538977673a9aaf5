"""What a database's schema is, as plain data that can be compared, hashed and put into words."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Dict, List, Optional

import sqlalchemy
from alembic.runtime.migration import MigrationContext

from . import schema_postgresql, schema_sqlite

__all__ = ["delta", "differences", "fingerprint", "not_restored", "snapshot"]

Snapshot = Dict[str, str]
_LONG = 120

# PostgreSQL spells a condition as it was read at first, and otherwise once it is read from its own spelling.
_CAST = re.compile(r"::(?:character varying|text|bpchar)(?:\(\d+\))?(?:\[\])?")
_ALONE = re.compile(r"(?<![\w\"])\(((?:\w+|'(?:[^']|'')*'|ARRAY\[[^\[\]()]*\]))\)")


def snapshot(context: MigrationContext) -> Snapshot:
    """Object key (``table persons``, ``column persons.email``, ``index ix_a on a``) -> definition.

    Alembic's version table, system schemas and what belongs to an extension are left out. Read through the context's
    own connection and transaction.
    """
    connection: Any = context.connection
    if connection.dialect.name == "postgresql":
        return schema_postgresql.snapshot(connection, context.version_table, context.version_table_schema)
    if connection.dialect.name == "sqlite":
        return schema_sqlite.snapshot(connection, context.version_table)
    return _inspected(connection, context.version_table)


def fingerprint(found: Snapshot) -> str:
    """SHA-256 of a snapshot, in hexadecimal."""
    text = json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def delta(before: Snapshot, after: Snapshot) -> Dict[str, List[Optional[str]]]:
    """What differs: object key -> [definition before, definition after], None where there is none."""
    return {
        key: [before.get(key), after.get(key)] for key in sorted({*before, *after}) if before.get(key) != after.get(key)
    }


def differences(wanted: Snapshot, found: Snapshot) -> List[str]:
    """What *found* should have been and isn't, one plain line each: ``index ix_a on a is missing``."""
    lines = []
    for key, (want, have) in delta(wanted, found).items():
        if have is None:
            lines.append(f"{key} is missing")
        elif want is None:
            lines.append(f"{key} was not there before")
        else:
            lines.append(f"{key} was {_short(want)}, is now {_short(have)}")
    return lines


def not_restored(before: Snapshot, after: Snapshot) -> List[str]:
    """What a downgrade has not brought back, as `differences` says it.

    A constraint that was NOT VALID before and has been validated since holds what it held: nothing has to be undone.
    An extension that is there since may be used by others by now: to leave it is right.
    """
    wanted = {key: _as_found(key, _as_valid(before[key], after.get(key)), after.get(key)) for key in before}
    return differences(wanted, {key: after[key] for key in after if key in before or not key.startswith("extension ")})


def _as_valid(definition: str, now: Optional[str]) -> str:
    return definition if now is None or definition != f"{now} NOT VALID" else now


def _as_found(key: str, definition: str, now: Optional[str]) -> str:
    """*now* where it says the same in other words: a condition or default that was written again with other casts."""
    same = now is not None and _without_casts(key, definition) == _without_casts(key, now)
    return now if same and now is not None else definition


def _without_casts(key: str, definition: str) -> str:
    """The definition without the casts of texts to texts, and without parentheses around what stands alone."""
    start, mark, rest = "", "", definition
    if key.startswith("column "):
        start, mark, rest = definition.partition(" DEFAULT ")
    elif not key.startswith(("constraint ", "index ")):
        return definition
    rest = _CAST.sub("", rest)
    while (shorter := _ALONE.sub(r"\1", rest)) != rest:
        rest = shorter
    return start + mark + rest


def _short(definition: str) -> str:
    text = " ".join(definition.split()) or "plain"
    return repr(text if len(text) <= _LONG else text[:_LONG] + "...")


def _inspected(connection: Any, skipped: str) -> Snapshot:
    inspector = sqlalchemy.inspect(connection)
    found: Snapshot = {}
    for table in inspector.get_table_names():
        if table == skipped:
            continue
        found[f"table {table}"] = ""
        for column in inspector.get_columns(table):
            parts = [str(column["type"]), "" if column["nullable"] else "NOT NULL", str(column.get("default") or "")]
            found[f"column {table}.{column['name']}"] = " ".join(part for part in parts if part)
        key = inspector.get_pk_constraint(table)
        if key.get("constrained_columns"):
            found[f"primary key on {table}"] = ", ".join(key["constrained_columns"])
        for foreign in inspector.get_foreign_keys(table):
            columns = ", ".join(foreign["constrained_columns"])
            found[f"constraint {foreign['name'] or columns} on {table}"] = (
                f"FOREIGN KEY ({columns}) REFERENCES {foreign['referred_table']} "
                f"({', '.join(foreign['referred_columns'])}) {sorted((foreign.get('options') or {}).items())}"
            )
        for index in inspector.get_indexes(table):
            names = ", ".join(str(name) for name in index["column_names"])
            found[f"index {index['name']} on {table}"] = f"{'UNIQUE ' if index['unique'] else ''}{names}"
        found.update(_checks(inspector, table))
    for view in inspector.get_view_names():
        found[f"view {view}"] = inspector.get_view_definition(view) or ""
    return found


def _checks(inspector: Any, table: str) -> Snapshot:
    try:
        found = inspector.get_check_constraints(table)
    except NotImplementedError:  # the dialect can't read them
        return {}
    return {f"constraint {each['name']} on {table}": each["sqltext"] for each in found}
