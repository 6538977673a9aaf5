"""The columns that use an enum of the database, and what they hold."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional

import sqlalchemy

from . import catalog
from .changes import Facts
from .named_types import NamedType, literal
from .sides import Column, Side, column

__all__ = ["REMOVE", "Use", "counted", "dependents", "uses_of"]

REMOVE = "remove"
"""The answer for a value that no row holds."""

_VIEWS = """
SELECT DISTINCT v.relname FROM pg_catalog.pg_depend d
JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_catalog.pg_rewrite'::regclass
JOIN pg_catalog.pg_class v ON v.oid = r.ev_class
JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = to_regclass(:table) AND a.attname = :column
ORDER BY v.relname
"""


class Use(NamedTuple):
    """A column of the database that has the type.

    Attributes:
        key: its table, as reports spell it, under its new name if it is renamed.
        table: its table without the schema.
        schema: None for the default one.
        column: its name.
        array: it holds several values.
        now: what defines it.
    """

    key: str
    table: str
    schema: Optional[str]
    column: str
    array: bool
    now: Column

    def spelt(self, facts: Facts) -> str:
        """The table in SQL."""
        return catalog.spelt(facts, self.table, self.schema)


def uses_of(kind: NamedType, facts: Facts, side: Side) -> List[Use]:
    """The columns of *side* that have the type; those of a partition follow their parent."""
    name = kind.sql(facts.dialect)
    found = []
    for key, columns in side.columns.items():
        if side.partition(key):
            continue
        schema, _, table = key.rpartition(".")
        for own, definition in columns.items():
            now = column(definition)
            if now.type in (name, f"{name}[]"):
                found.append(Use(key, table, schema or None, own, now.type != name, now))
    return sorted(found, key=lambda use: (use.key, use.column))


def counted(use: Use, value: str, facts: Facts) -> Dict[str, Any]:
    """What to count in the real database: the rows that hold the value (see `asking`)."""
    own = facts.former.get(f"{use.key}.{use.column}", use.column).rpartition(".")[2]
    spelt = catalog.identifier(facts, own)
    fits = f"{literal(value)} <> ALL ({spelt}::text[])" if use.array else f"{spelt}::text <> {literal(value)}"
    words = f"the rows of {use.key} that hold {literal(value)}"
    return {
        "kind": "violators",
        "table": facts.former.get(use.key, use.key),
        "column": own,
        "expression": fits,
        "words": words,
        "each": words[len("the ") :],
        "if_none": REMOVE,
    }


def dependents(use: Use, facts: Facts) -> List[str]:
    """The views that show the column: PostgreSQL refuses to change its type as long as they are there."""
    table = catalog.spelt(facts, facts.former.get(use.key, use.key).rpartition(".")[2], use.schema)
    own = facts.former.get(f"{use.key}.{use.column}", use.column).rpartition(".")[2]
    rows = facts.context.connection.execute(sqlalchemy.text(_VIEWS), {"table": table, "column": own})
    return [row[0] for row in rows]
