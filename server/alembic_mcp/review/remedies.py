"""Spells remedies as Alembic code, with the user's own names."""

from __future__ import annotations

import re

__all__ = ["LATER", "Code", "Final", "autocommit", "call", "execute", "named", "quoted"]

LATER = "; or add it with postgresql_not_valid=True, clean up, and VALIDATE CONSTRAINT in a later revision"
"""Of a constraint that rows break, on PostgreSQL."""

_LONGEST = 63  # characters of a name in PostgreSQL
_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")
_RESERVED = frozenset(
    {
        "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "both", "case", "cast", "check", "collate",
        "column", "constraint", "create", "default", "desc", "distinct", "do", "else", "end", "except", "false",
        "fetch", "for", "foreign", "from", "grant", "group", "having", "in", "initially", "intersect", "into",
        "leading", "limit", "localtime", "not", "null", "offset", "on", "only", "or", "order", "placing", "primary",
        "references", "returning", "select", "some", "symmetric", "table", "then", "to", "trailing", "true", "union",
        "unique", "user", "using", "variadic", "when", "where", "window", "with",
    }
)  # fmt: skip


class Final(str):
    """A name as it is in the database, to which no naming convention may add anything: ``op.f("...")``."""

    __slots__ = ()


class Code(str):
    """Python, rather than a text: ``sa.text("lower(name)")``."""

    __slots__ = ()


def call(directive: str, *args: object, table: str, schema: str = "schema", **options: object) -> str:
    """``op.directive(...)``; the argument that is *table* loses its schema, which becomes the option *schema*."""
    owner, _, bare = table.rpartition(".")
    if owner:
        options[schema] = owner
    given = [_literal(bare if arg == table else arg) for arg in args]
    given += [f"{name}={_literal(value)}" for name, value in options.items()]
    return f"op.{directive}({', '.join(given)})"


def execute(sql: str) -> str:
    """``op.execute("...")``."""
    return f"op.execute({_literal(sql)})"


def autocommit(code: str) -> str:
    """*code* outside the transaction of the revision."""
    return f"with op.get_context().autocommit_block(): {code}"


def quoted(name: str) -> str:
    """A name, with or without schema, as SQL spells it."""
    return ".".join(
        part if _PLAIN.fullmatch(part) and part not in _RESERVED else f'"{part}"' for part in name.split(".")
    )


def named(*parts: str) -> str:
    """A name for something that has none yet: its parts, joined, and not longer than PostgreSQL allows."""
    return "_".join(part.rpartition(".")[2] for part in parts if part)[:_LONGEST]


def _literal(value: object) -> str:
    """Python with double quotes, unless the text has some."""
    if isinstance(value, Final):
        return f"op.f({_literal(str(value))})"
    if isinstance(value, Code):
        return str(value)
    if isinstance(value, str):
        return repr(value) if '"' in value or "\\" in value or "\n" in value else f'"{value}"'
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_literal, value))}]"
    return repr(value)
