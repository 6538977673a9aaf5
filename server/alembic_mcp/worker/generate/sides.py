"""Reads a schema snapshot by tables: what the database has on one side, what the models define on the other."""

from __future__ import annotations

import re
from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple

__all__ = ["Column", "Side", "column"]

_OF_TABLES = frozenset(
    {"constraint", "index", "trigger", "policy", "rule", "check", "primary key", "unique", "foreign key"}
)
_TWO_WORDS = ("materialized view", "foreign table", "primary key", "foreign key")
_COLLATE = re.compile(r" COLLATE (\S+)$")
_IDENTITY = re.compile(r" IDENTITY (ALWAYS|BY DEFAULT)$")
_GENERATED = re.compile(r" GENERATED \((.*)\) ([sv])$", re.DOTALL)
_WORD = re.compile(r"\w+")


class Column(NamedTuple):
    """What defines a column.

    Attributes:
        type: as the database spells it.
        not_null: it refuses nulls.
        default: SQL; None if there is none.
        generated: the expression it is computed from.
        stored: how it is computed: ``s`` stored, ``v`` when it is read; empty if it is not.
        identity: ``ALWAYS`` or ``BY DEFAULT``; empty if it is none.
        collation: if it is not that of the type.
    """

    type: str
    not_null: bool = False
    default: Optional[str] = None
    generated: Optional[str] = None
    stored: str = ""
    identity: str = ""
    collation: str = ""


def column(definition: str) -> Column:
    """Of a column's definition in a snapshot."""
    found = Column(definition)
    match = _COLLATE.search(found.type)
    if match:
        found = found._replace(collation=match[1], type=found.type[: match.start()])
    match = _IDENTITY.search(found.type)
    if match:
        found = found._replace(identity=match[1], type=found.type[: match.start()])
    match = _GENERATED.search(found.type)
    if match:
        found = found._replace(generated=match[1], stored=match[2], type=found.type[: match.start()])
    kind, default, value = found.type.partition(" DEFAULT ")
    if default:
        found = found._replace(type=kind, default=value)
    for words, how in ((" GENERATED VIRTUAL", "v"), (" GENERATED STORED", "s")):  # SQLite tells no expression
        if found.type.endswith(words):
            found = found._replace(type=found.type[: -len(words)], stored=how, generated="")
    if found.type.endswith(" NOT NULL"):
        found = found._replace(type=found.type[: -len(" NOT NULL")], not_null=True)
    return found


class Side:
    """One side of a comparison, by tables.

    Args:
        snapshot: see `schema`.
        dialect: ``postgresql`` or ``sqlite``.
        former: new name -> name in the snapshot, of tables (``t``) and columns (``t.c``) that are renamed.

    Attributes:
        tables: table -> what it is beyond its columns.
        columns: table -> column -> definition.
        parts: (kind, table) -> name -> definition: ``constraint``, ``index``, ``trigger``, ``policy``, ``rule``. A
            constraint's definition begins with what it is, ``CHECK (...)``; one without a name has an empty one.
        others: (kind, name) -> definition.
    """

    def __init__(self, snapshot: Mapping[str, str], dialect: str, former: Optional[Mapping[str, str]] = None) -> None:
        self.tables: Dict[str, str] = {}
        self.columns: Dict[str, Dict[str, str]] = {}
        self.parts: Dict[Tuple[str, str], Dict[str, str]] = {}
        self.others: Dict[Tuple[str, str], str] = {}
        self._sqlite = dialect == "sqlite"
        for key, definition in snapshot.items():
            self._note(key, definition)
        if former:
            self._rename(former)

    def of(self, kind: str, table: str) -> Dict[str, str]:
        """The parts of a table."""
        return self.parts.get((kind, table), {})

    def partition(self, table: str) -> bool:
        """Whether the table is a partition of another one, or inherits from it."""
        return re.search(r"(^| )(partition (FOR VALUES|DEFAULT)|inherits )", self.tables.get(table, "")) is not None

    def _note(self, key: str, definition: str) -> None:
        kind, _, name = key.partition(" ")
        for words in _TWO_WORDS:
            if key.startswith(f"{words} "):
                kind, name = words, key[len(words) + 1 :]
        if kind in ("table", "foreign table"):
            self.tables[name] = definition
        elif kind == "column":
            table, _, own = name.rpartition(".")
            self.columns.setdefault(table, {})[own] = definition
        elif kind in _OF_TABLES:
            own, on, table = name.rpartition("on ")
            own = own.strip()
            if on:
                self._part(kind, own, table, definition)
        else:
            self.others[kind, name] = definition

    def _part(self, kind: str, name: str, table: str, definition: str) -> None:
        if not self._sqlite:
            self.parts.setdefault((kind, table), {})[name] = definition
        elif kind == "check":
            self.parts.setdefault(("constraint", table), {})[f" {name}"] = f"CHECK {name}"
        elif kind == "primary key":
            self.parts.setdefault(("constraint", table), {})[" primary key"] = f"PRIMARY KEY ({definition})"
        elif kind != "constraint":
            self.parts.setdefault((kind, table), {})[name] = definition
        elif definition not in ("UNIQUE", "PRIMARY", "FOREIGN"):  # a name alone
            self.parts.setdefault((kind, table), {})[name] = f"CHECK ({definition})"

    def _rename(self, former: Mapping[str, str]) -> None:
        tables = {old: new for new, old in former.items() if old in self.tables}
        for old, new in tables.items():
            self.tables[new] = self.tables.pop(old)
            self.columns[new] = self.columns.pop(old, {})
            for kind, of in [key for key in self.parts if key[1] == old]:
                self.parts[kind, new] = _replaced(self.parts.pop((kind, of)), {_bare(old): _bare(new)})
        for new, old in former.items():
            table, _, name = new.rpartition(".")
            before = old.rpartition(".")[2]
            columns = self.columns.get(table, {})
            if new not in self.tables and before in columns and before != name:
                columns[name] = columns.pop(before)
                for key in [key for key in self.parts if key[1] == table]:
                    self.parts[key] = _replaced(self.parts[key], {before: name})


def _bare(name: str) -> str:
    return name.rpartition(".")[2]


def _replaced(parts: Dict[str, str], names: Mapping[str, str]) -> Dict[str, str]:
    def new(text: str) -> str:
        pieces: List[str] = re.split(r"('(?:[^']|'')*')", text)
        return "".join(
            piece if piece.startswith("'") else _WORD.sub(lambda word: names.get(word[0], word[0]), piece)
            for piece in pieces
        )

    return {name: new(definition) for name, definition in parts.items()}
