"""The schema that the real database has before anything runs, as the rehearsal's copy showed it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ..operations import ConstraintKind

__all__ = ["Key", "Schema", "words"]

_WORD = re.compile(r'"((?:[^"]|"")+)"|`([^`]+)`|([^\W\d]\w*)')
_STRING = re.compile(r"'(?:[^']|'')*'")
_REFERENCES = re.compile(r"\bREFERENCES\s+((?:\"[^\"]+\"|[\w.])+)", re.IGNORECASE)
_ON_DELETE = re.compile(r"\bON DELETE (CASCADE|SET NULL|SET DEFAULT|RESTRICT)", re.IGNORECASE)
_PARTITION = re.compile(r"\bpartition (FOR VALUES|DEFAULT)")
_INHERITS = re.compile(r"\binherits (\"[^\"]+\"|[\w.]+)")
_COMPUTED = re.compile(r" GENERATED (?:\(|STORED|VIRTUAL)")
_AFTER_TYPE = re.compile(r" (?:NOT NULL|DEFAULT|GENERATED|IDENTITY|COLLATE)\b.*", re.DOTALL)
_NAMED_AFTER = {
    "PRIMARY": ConstraintKind.PRIMARY_KEY,
    "UNIQUE": ConstraintKind.UNIQUE,
    "FOREIGN": ConstraintKind.FOREIGN_KEY,
    "EXCLUDE": ConstraintKind.EXCLUDE,
}


@dataclass(frozen=True)
class Key:
    """A constraint of a table, or an index of its own (``kind`` is None).

    Attributes:
        name: empty where the database gives none.
        columns: those of the table that it mentions.
        references: the other table of a foreign key.
        on_delete: ``CASCADE`` and the like; None if a delete does not spread.
    """

    name: str
    kind: ConstraintKind | None
    columns: tuple[str, ...] = ()
    references: str | None = None
    on_delete: str | None = None
    unique: bool = False

    @property
    def text(self) -> str:
        """For a sentence: ``unique constraint uq_a (a, b)``."""
        what = self.kind.value if self.kind else "unique index" if self.unique else "index"
        if self.kind in (ConstraintKind.UNIQUE, ConstraintKind.CHECK, ConstraintKind.EXCLUDE):
            what = f"{what} constraint"
        columns = f" ({', '.join(self.columns)})" if self.columns else ""
        to = f" to {self.references}" if self.references else ""
        return f"{what}{f' {self.name}' if self.name else ''}{columns}{to}"


@dataclass(frozen=True)
class Schema:
    """Objects as the worker's snapshot names them (``column persons.email``) with their definitions.

    Empty where there was no rehearsal: then nothing is known, and nothing follows from what is missing.
    """

    objects: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def tables(self) -> Mapping[str, str]:
        """Table -> how it is stored: ``partition FOR VALUES ... inherits parent``."""
        return {key.removeprefix("table "): text for key, text in self.objects.items() if key.startswith("table ")}

    def columns(self, table: str) -> dict[str, str]:
        """Column -> type; empty if the table is not known."""
        return self._columns.get(table, {})

    def type(self, table: str, column: str) -> str | None:
        """Type of a column; None if it is not known."""
        return self.columns(table).get(column)

    def is_computed(self, table: str, column: str) -> bool:
        """True if the database computes the values of a column from others."""
        return _COMPUTED.search(self.objects.get(f"column {table}.{column}", "")) is not None

    def keys(self, table: str) -> tuple[Key, ...]:
        """Constraints and indexes of a table."""
        return tuple(self._keys.get(table, ()))

    def key(self, table: str, name: str) -> Key | None:
        """The constraint or index of that name."""
        return next((key for key in self.keys(table) if key.name == name), None)

    def index(self, name: str) -> tuple[str, Key] | None:
        """An index of which only the name is known, with its table."""
        found = [(table, key) for table in self._keys for key in self.keys(table) if key.name == name]
        return found[0] if len(found) == 1 else None

    def primary_key(self, table: str) -> Key | None:
        """The primary key of a table; None if it has none, or nothing is known."""
        return next((key for key in self.keys(table) if key.kind is ConstraintKind.PRIMARY_KEY), None)

    def triggers(self, table: str) -> tuple[tuple[str, str], ...]:
        """Name and definition of each trigger of a table."""
        return tuple(self._triggers.get(table, ()))

    @cached_property
    def _triggers(self) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {}
        for entry, text in self.objects.items():
            if entry.startswith("trigger "):
                name, _, table = entry.removeprefix("trigger ").rpartition(" on ")
                found.setdefault(table, []).append((name, text))
        return found

    def parent(self, table: str) -> str | None:
        """The table that *table* is a partition of."""
        text = self.tables.get(table, "")
        parent = _INHERITS.search(text)
        return parent[1].strip('"') if parent and _PARTITION.search(text) else None

    @cached_property
    def _columns(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for key, text in self.objects.items():
            if key.startswith("column "):
                table, _, column = key.removeprefix("column ").rpartition(".")
                found.setdefault(table, {})[column] = _AFTER_TYPE.sub("", f"{text} ".rstrip())
        return found

    @cached_property
    def _keys(self) -> dict[str, list[Key]]:
        found: dict[str, list[Key]] = {}
        for entry, text in self.objects.items():
            what, on, table = entry.rpartition(" on ")
            if on:
                found.setdefault(table, []).extend(self._read(what, text, table))
        for table, keys in found.items():
            # SQLite tells of some twice: with a name, and with their columns.
            named = {(key.kind, key.columns) for key in keys if key.name}
            found[table] = [key for key in keys if key.name or (key.kind, key.columns) not in named]
        return found

    def _read(self, what: str, text: str, table: str) -> Iterator[Key]:
        kind, _, name = what.partition(" ")
        if kind == "index":
            unique = " UNIQUE " in f" {text[:20]}"
            yield Key(name, None, self._mentioned(text.partition(" USING ")[2] or text, table), unique=unique)
        elif kind == "constraint":
            found = _NAMED_AFTER.get(text.partition(" ")[0], ConstraintKind.CHECK)
            yield self._constraint(name, found, text, table)
        elif what == "primary key":
            yield Key("", ConstraintKind.PRIMARY_KEY, tuple(words(text)))
        elif kind == "unique":
            yield Key("", ConstraintKind.UNIQUE, self._mentioned(name, table))
        elif what.startswith("foreign key"):
            yield self._constraint("", ConstraintKind.FOREIGN_KEY, f"{what} {text}", table)
        elif kind == "check":
            yield self._constraint("", ConstraintKind.CHECK, text, table)

    def _constraint(self, name: str, kind: ConstraintKind, text: str, table: str) -> Key:
        references, on_delete = _REFERENCES.search(text), _ON_DELETE.search(text)
        own = text[: references.start()] if references else text
        return Key(
            name, kind, self._mentioned(own, table),
            references=references[1].replace('"', "") if references else None,
            on_delete=on_delete[1].upper() if on_delete else None,
            unique=kind in (ConstraintKind.UNIQUE, ConstraintKind.PRIMARY_KEY),
        )  # fmt: skip

    def _mentioned(self, text: str, table: str) -> tuple[str, ...]:
        known = self.columns(table)
        return tuple(dict.fromkeys(word for word in words(text) if word in known))


def words(text: str) -> list[str]:
    """The identifiers in a piece of SQL, unquoted; what is inside strings is left out."""
    return [
        (quoted or other or plain).replace('""', '"') for quoted, other, plain in _WORD.findall(_STRING.sub("''", text))
    ]
