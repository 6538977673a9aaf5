"""Reads a schema snapshot by tables: what the database has on one side, what the models define on the other."""

from __future__ import annotations

import re
from typing import Dict, Mapping, Match, NamedTuple, Optional, Tuple

__all__ = ["Column", "Side", "column"]

_OF_TABLES = frozenset(
    {"constraint", "index", "trigger", "policy", "rule", "check", "primary key", "unique", "foreign key"}
)
_TWO_WORDS = ("materialized view", "foreign table", "primary key", "foreign key")
_COLLATE = re.compile(r" COLLATE (\S+)$")
_IDENTITY = re.compile(r" IDENTITY (ALWAYS|BY DEFAULT)(?: \(([^)]*)\))?$")
_GENERATED = re.compile(r" GENERATED \((.*)\) ([sv])$", re.DOTALL)
_OF_SQLITE = re.compile(r" GENERATED (VIRTUAL|STORED)(?: AS \((.*)\))?$", re.DOTALL)
_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\w+""")
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


class Column(NamedTuple):
    """What defines a column.

    Attributes:
        type: as the database spells it.
        not_null: it refuses nulls.
        default: SQL; None if there is none.
        generated: the expression it is computed from.
        stored: how it is computed: ``s`` stored, ``v`` when it is read; empty if it is not.
        identity: ``ALWAYS`` or ``BY DEFAULT``; empty if it is none.
        numbering: the options of the identity that are not as usual: ``start 100 increment 5``.
        collation: if it is not that of the type.
    """

    type: str
    not_null: bool = False
    default: Optional[str] = None
    generated: Optional[str] = None
    stored: str = ""
    identity: str = ""
    numbering: str = ""
    collation: str = ""


def column(definition: str) -> Column:
    """Of a column's definition in a snapshot."""
    found = Column(definition)
    match = _COLLATE.search(found.type)
    if match:
        found = found._replace(collation=match[1], type=found.type[: match.start()])
    match = _IDENTITY.search(found.type)
    if match:
        found = found._replace(identity=match[1], numbering=match[2] or "", type=found.type[: match.start()])
    match = _GENERATED.search(found.type)
    if match:
        found = found._replace(generated=match[1], stored=match[2], type=found.type[: match.start()])
    kind, default, value = found.type.partition(" DEFAULT ")
    if default:
        found = found._replace(type=kind, default=value)
    match = _OF_SQLITE.search(found.type)
    if match:
        found = found._replace(type=found.type[: match.start()], stored=match[1][0].lower(), generated=match[2] or "")
    if found.type.endswith(" NOT NULL"):
        found = found._replace(type=found.type[: -len(" NOT NULL")], not_null=True)
    return found


class Side:
    """One side of a comparison, by tables.

    Args:
        snapshot: see `schema`.
        dialect: ``postgresql`` or ``sqlite``.
        former: new name -> name in the snapshot, of tables (``t``) and columns (``t.c``) that are renamed.
        default: the schema that names are without.

    Attributes:
        tables: table -> what it is beyond its columns.
        columns: table -> column -> definition.
        parts: (kind, table) -> name -> definition: ``constraint``, ``index``, ``trigger``, ``policy``, ``rule``. A
            constraint's definition begins with what it is, ``CHECK (...)``; one without a name has an empty one.
        others: (kind, name) -> definition.
    """

    def __init__(
        self,
        snapshot: Mapping[str, str],
        dialect: str,
        former: Optional[Mapping[str, str]] = None,
        *,
        default: Optional[str] = None,
    ) -> None:
        self.tables: Dict[str, str] = {}
        self.columns: Dict[str, Dict[str, str]] = {}
        self.parts: Dict[Tuple[str, str], Dict[str, str]] = {}
        self.others: Dict[Tuple[str, str], str] = {}
        self._sqlite = dialect == "sqlite"
        self._default = default
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
            if old.rpartition(".")[0] != new.rpartition(".")[0]:
                schema = new.rpartition(".")[0] or self._default or ""
                on = re.compile(r"(?<= ON )(?:ONLY )?\S+(?=\.\S+ USING )")
                indexes = self.parts.get(("index", new), {})
                self.parts["index", new] = {name: on.sub(schema, text) for name, text in indexes.items()}
            for key, parts in self.parts.items():
                self.parts[key] = {name: _moved(text, old, new) for name, text in parts.items()}
        for new, old in former.items():
            table, _, name = new.rpartition(".")
            before = old.rpartition(".")[2]
            columns = self.columns.get(table, {})
            if new not in self.tables and before in columns and before != name:
                columns[name] = columns.pop(before)
                for key in [key for key in self.parts if key[1] == table]:
                    self.parts[key] = _replaced(self.parts[key], {before: name})


def _moved(text: str, old: str, new: str) -> str:
    """A definition in which foreign keys refer to *new* instead of *old*."""
    return re.sub(rf"(?<= REFERENCES ){re.escape(old)}(?=\()", lambda _: new, text)


def _bare(name: str) -> str:
    return name.rpartition(".")[2]


def _replaced(parts: Dict[str, str], names: Mapping[str, str]) -> Dict[str, str]:
    def new(found: Match[str]) -> str:
        name = found[0][1:-1].replace('""', '"') if found[0].startswith('"') else found[0]
        if found[0].startswith("'") or name not in names:
            return found[0]
        to = names[name]
        return to if _PLAIN.fullmatch(to) else '"' + to.replace('"', '""') + '"'

    return {name: _TOKEN.sub(new, definition) for name, definition in parts.items()}
