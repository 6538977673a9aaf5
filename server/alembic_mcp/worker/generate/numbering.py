"""How PostgreSQL numbers: what a sequence is given, and a column's way from a serial to an identity and back."""

from __future__ import annotations

import re
from typing import Any, List, NamedTuple, Optional, Tuple

import sqlalchemy

from . import catalog
from .changes import Facts
from .directives import sql
from .named_types import literal

__all__ = [
    "Numbering",
    "Owned",
    "altered",
    "bounds",
    "made",
    "of_identity",
    "of_sequence",
    "out_of_range",
    "owned",
    "to_identity",
    "to_serial",
]

_LARGEST = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
_NUMBERS = re.compile(r"(start|increment|min|max|cache) (-?\d+)")
_OWNED = """
SELECT n.nspname::text, s.relname::text, s.relacl::text FROM pg_catalog.pg_class s
JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace
JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = s.oid
  AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')
JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE s.relkind = 'S' AND d.refobjid = to_regclass(:table) AND a.attname = :column
"""


class Numbering(NamedTuple):
    """What a sequence is given; ``start`` counts when it is made or restarted."""

    type: str
    start: int
    increment: int = 1
    minimum: int = 1
    maximum: int = _LARGEST["bigint"]
    cache: int = 1
    cycle: bool = False


class Owned(NamedTuple):
    """The sequence that belongs to a column.

    Attributes:
        name: as SQL spells it.
        bare: its name alone.
        schema: None for the default one.
        granted: privileges on it were granted.
    """

    name: str
    bare: str
    schema: Optional[str]
    granted: bool


def of_sequence(definition: str) -> Numbering:
    """Of a sequence's definition in a snapshot: ``bigint start 5 increment 1 min 1 max 9 cycle``."""
    return _numbering(definition.partition(" ")[0], definition)


def of_identity(kind: str, options: str) -> Numbering:
    """Of an identity column's type, and the options in its definition, which tells those that are not as usual."""
    return _numbering(kind, options)


def bounds(kind: str, increment: int) -> Tuple[int, int]:
    """The smallest and the largest number where nothing else is said."""
    largest = _LARGEST.get(kind, _LARGEST["bigint"])
    return (1, largest) if increment > 0 else (-largest - 1, -1)


def altered(had: Numbering, wanted: Numbering) -> List[str]:
    """What ALTER SEQUENCE has to say, clause by clause."""
    found = [] if had.type == wanted.type else [f"AS {wanted.type}"]
    low, high = bounds(wanted.type, wanted.increment)
    if had.increment != wanted.increment:
        found.append(f"INCREMENT BY {wanted.increment}")
    if had.minimum != wanted.minimum:
        found.append("NO MINVALUE" if wanted.minimum == low else f"MINVALUE {wanted.minimum}")
    if had.maximum != wanted.maximum:
        found.append("NO MAXVALUE" if wanted.maximum == high else f"MAXVALUE {wanted.maximum}")
    if had.start != wanted.start:
        found.append(f"START WITH {wanted.start}")
    if had.cache != wanted.cache:
        found.append(f"CACHE {wanted.cache}")
    if had.cycle != wanted.cycle:
        found.append("CYCLE" if wanted.cycle else "NO CYCLE")
    return found


def out_of_range(facts: Facts, sequence: str, wanted: Numbering) -> Optional[int]:
    """The number that the sequence, as SQL spells it, has come to, where it would not be allowed any more."""
    query = sqlalchemy.text(f"SELECT last_value FROM {sequence}")  # noqa: S608 - quoted
    last = facts.context.connection.execute(query).scalar()
    return None if wanted.minimum <= last <= wanted.maximum else int(last)


def owned(facts: Facts, table: str, column: str) -> Optional[Owned]:
    """The sequence that belongs to a column of a table, which is given as SQL spells it."""
    query = sqlalchemy.text(_OWNED)
    row = facts.context.connection.execute(query, {"table": table, "column": column}).first()
    if row is None:
        return None
    schema, bare, granted = row
    schema = None if schema == facts.dialect.default_schema_name else schema
    return Owned(catalog.spelt(facts, bare, schema), bare, schema, granted is not None)


def to_identity(
    facts: Facts, table: str, column: str, kind: str, numbering: Numbering, *, was: Optional[Owned]
) -> List[Any]:
    """The directives that make an identity of a column, going on after the highest number that is there or was given.

    Args:
        facts: for the spelling of names.
        table: as SQL spells it.
        column: its name.
        kind: ``ALWAYS`` or ``BY DEFAULT``.
        numbering: of the identity.
        was: the sequence that the column's default took its numbers from; it goes.
    """
    spelt = catalog.identifier(facts, column)
    head = f"ALTER TABLE {table} ALTER COLUMN {spelt}"
    options = altered(_usual(numbering.type), numbering)
    highest = f"(SELECT coalesce(max({spelt}), {numbering.start - 1}) + 1 FROM {table})"  # noqa: S608 - quoted
    if was is None:
        of = f"pg_get_serial_sequence({literal(table)}, {literal(column)})"
        return [
            sql(f"{head} ADD GENERATED {kind} AS IDENTITY{_listed(options)}"),
            sql(f"SELECT setval({of}, {highest}, false)"),
        ]
    before = f"{was.bare}_before"
    aside = catalog.spelt(facts, before, was.schema)
    following = f"greatest(last_value + CASE WHEN is_called THEN 1 ELSE 0 END, {highest})"
    return [
        sql(f"{head} DROP DEFAULT"),
        sql(f"ALTER SEQUENCE {was.name} RENAME TO {catalog.identifier(facts, before)}"),
        sql(f"{head} ADD GENERATED {kind} AS IDENTITY{_listed([f'SEQUENCE NAME {was.name}', *options])}"),
        sql(f"SELECT setval({literal(was.name)}, {following}, false) FROM {aside}"),  # noqa: S608 - quoted
        sql(f"DROP SEQUENCE {aside}"),
    ]


def to_serial(facts: Facts, table: str, column: str, numbering: Numbering, sequence: Owned) -> List[Any]:
    """The directives that give a column, which is an identity, a sequence and a default instead; its numbers go on.

    Args:
        facts: for the spelling of names.
        table: as SQL spells it.
        column: its name.
        numbering: of the new sequence.
        sequence: the identity's; the new one gets its name.
    """
    spelt = catalog.identifier(facts, column)
    head = f"ALTER TABLE {table} ALTER COLUMN {spelt}"
    aside = catalog.spelt(facts, f"{sequence.bare}_after", sequence.schema)
    options = "".join(f" {clause}" for clause in altered(_usual(numbering.type), numbering))
    return [
        sql(f"CREATE SEQUENCE {aside} AS {numbering.type}{options}"),
        sql(f"SELECT setval({literal(aside)}, last_value, is_called) FROM {sequence.name}"),  # noqa: S608 - quoted
        sql(f"{head} DROP IDENTITY"),
        sql(f"ALTER SEQUENCE {aside} RENAME TO {catalog.identifier(facts, sequence.bare)}"),
        sql(f"ALTER SEQUENCE {sequence.name} OWNED BY {table}.{spelt}"),
        sql(f"{head} SET DEFAULT nextval({literal(sequence.name)})"),
    ]


def made(facts: Facts, table: str, column: str, numbering: Numbering, sequence: Owned) -> List[Any]:
    """The directives that give a column without a default a sequence, which goes on after the highest number."""
    spelt = catalog.identifier(facts, column)
    options = "".join(f" {clause}" for clause in altered(_usual(numbering.type), numbering))
    highest = f"SELECT coalesce(max({spelt}), {numbering.start - 1}) + 1 FROM {table}"  # noqa: S608 - quoted
    return [
        sql(f"CREATE SEQUENCE {sequence.name} AS {numbering.type}{options} OWNED BY {table}.{spelt}"),
        sql(f"SELECT setval({literal(sequence.name)}, ({highest}), false)"),
        sql(f"ALTER TABLE {table} ALTER COLUMN {spelt} SET DEFAULT nextval({literal(sequence.name)})"),
    ]


def _numbering(kind: str, text: str) -> Numbering:
    given = {word: int(number) for word, number in _NUMBERS.findall(text)}
    increment = given.get("increment", 1)
    low, high = bounds(kind, increment)
    low, high = given.get("min", low), given.get("max", high)
    start = given.get("start", low if increment > 0 else high)
    return Numbering(
        kind, start, increment, low, high, given.get("cache", 1), re.search(r"\bcycle\b", text) is not None
    )


def _usual(kind: str) -> Numbering:
    return _numbering(kind, "")


def _listed(options: List[str]) -> str:
    return f" ({' '.join(options)})" if options else ""
