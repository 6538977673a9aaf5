"""What autogenerate can't see of how a column is numbered: by an identity or a sequence, and with which options."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, List, Optional

from . import catalog, numbering
from .changes import Change, Facts
from .directives import sql
from .numbering import of_identity, of_sequence
from .sides import Column

if TYPE_CHECKING:
    from .invisible import Invisible, Pair

__all__ = ["BY_HAND", "compare", "numbered", "serial"]

BY_HAND = "write that by hand (generate with kind='empty')"
_SEQUENCE = re.compile(r"^nextval\('(.*)'::regclass\)$")


def serial(default: Optional[str]) -> bool:
    """Whether a default takes the next number of a sequence."""
    return default is not None and default.startswith("nextval(")


def compare(
    pair: Pair, name: str, had: Column, wanted: Column, *, facts: Facts, found: Invisible, proposed: bool
) -> None:
    """Note a column that is an identity on one side, or on both with other options.

    Args:
        pair: its table.
        name: the column.
        had: as the database has it.
        wanted: as the models have it.
        facts: a question is put into its ``asked``.
        found: gets the change, or why there is none.
        proposed: autogenerate proposes something for it, which is replaced by what is found here.
    """
    work = _Numbered(pair, name, facts, found)
    if had.identity and wanted.identity:
        work.options(had, wanted)
    elif wanted.identity:
        work.identity(had, wanted)
    elif serial(wanted.default):  # a plain integer key is as well served by an identity that takes other values too
        if proposed or (had.identity == "ALWAYS" and work.told("number-by-sequence", "change", _ALWAYS)):
            work.serial(had)
    elif proposed or work.told("drop-identity", "drop", "is an identity column, and the models number nothing"):
        work.nothing(had)
    if work.done:
        found.defaults.add((pair.name, name))


def numbered(pair: Pair, name: str, default: str, *, facts: Facts, found: Invisible) -> None:
    """Note a column that the models number by a sequence of its own, which the database does not have."""
    _Numbered(pair, name, facts, found).by_default(default)


_ALWAYS = "refuses values of its own in the database (GENERATED ALWAYS AS IDENTITY), and the models say nothing of that"


class _Numbered:
    def __init__(self, pair: Pair, name: str, facts: Facts, found: Invisible) -> None:
        self.done = False
        self._pair = pair
        self._name = name
        self._facts = facts
        self._found = found
        self._known = f"{pair.name}.{name}"
        self._table = catalog.spelt(facts, pair.table.name, pair.table.schema)
        self._head = f"ALTER TABLE {self._table} ALTER COLUMN {catalog.identifier(facts, name)}"

    def told(self, question: str, choice: str, what: str) -> bool:
        """Whether the answer to a question that nobody has to be asked is *choice*; else it is named."""
        return self._found.told(f"{question}:{self._known}", choice, f"{self._known} {what}", self._facts)

    def options(self, had: Column, wanted: Column) -> None:
        before, after = (of_identity(wanted.type, each.numbering) for each in (had, wanted))
        sequence = self._owned()
        last = None if sequence is None else numbering.out_of_range(self._facts, sequence.name, after)
        if last is not None:
            self._left(
                f"{self._known} has come to {last}, and the models number it from {after.minimum} to {after.maximum} "
                "only: it stays as it is. Change the models, or number the rows anew by hand (generate with "
                "kind='empty')"
            )
            return
        kinds = [] if had.identity == wanted.identity else [had.identity, wanted.identity]
        clauses = [f"GENERATED {each}" for each in kinds]
        up, down = clauses[1:] + numbering.altered(before, after), clauses[:1] + numbering.altered(after, before)
        why = f"{self._known} is numbered otherwise from now on ({', '.join(up)})."
        if before.start != after.start:
            why += " Where it starts counts when it is restarted: the numbers go on from where they are."
        if up:
            self._change([sql(f"{self._head} {_set(up)}")], [sql(f"{self._head} {_set(down)}")], why=why)

    def identity(self, had: Column, wanted: Column) -> None:
        after = of_identity(wanted.type, wanted.numbering)
        sequence = self._owned() if serial(had.default) else None
        if not had.not_null:
            self._left(
                f"{self._known} is no identity column in the database and is one in the models, and it allows nulls: "
                "make it NOT NULL first (generate writes that revision), then generate again"
            )
        elif self._renamed():
            self._left(f"{self._known} becomes an identity: generate again when what is renamed here was upgraded")
        elif after.increment < 1:
            self._left(f"{self._known} becomes an identity that counts downwards: {BY_HAND}")
        elif sequence is not None and self._others(sequence):
            self._left(
                f"{self._known} becomes an identity, and others number by its sequence {sequence.name} as well: "
                f"{BY_HAND}"
            )
        else:
            new = numbering.to_identity(self._facts, self._table, self._name, wanted.identity, after, was=sequence)
            if had.default is not None and sequence is None:
                new.insert(0, sql(f"{self._head} DROP DEFAULT"))
            back = [sql(f"{self._head} DROP IDENTITY")]
            if sequence is not None:
                was = of_sequence(self._facts.database[self._key(sequence)])
                back = numbering.to_serial(self._facts, self._table, self._name, was, sequence)
            elif had.default is not None:
                back.append(sql(f"{self._head} SET DEFAULT {had.default}"))
            why = f"{self._known} becomes an identity ({wanted.identity}), which goes on after the highest number."
            loses = ""
            if sequence is not None and sequence.granted:
                loses = f"Privileges on the sequence {sequence.name} are not granted again."
            self._change(new, back, why=why, loses=loses)

    def serial(self, had: Column) -> None:
        sequence = self._owned()
        if sequence is None or self._renamed():
            self._left(f"{self._known} becomes a serial: generate again when what is renamed here was upgraded")
            return
        own = of_identity(had.type, had.numbering)
        back = numbering.to_identity(self._facts, self._table, self._name, had.identity, own, was=sequence)
        self._change(
            numbering.to_serial(self._facts, self._table, self._name, own, sequence),
            back,
            why=f"{self._known} takes its numbers from a sequence by default from now on, where the identity ended.",
        )

    def by_default(self, default: str) -> None:
        match = _SEQUENCE.match(default)
        definition = (self._facts.models or {}).get(f"sequence {match[1]}") if match else None
        if match is None or definition is None or self._renamed():
            self._left(f"{self._known} is not numbered by a sequence in the database and is in the models: {BY_HAND}")
            return
        bare = match[1].rpartition(".")[2].strip('"')
        schema = self._pair.table.schema
        name = catalog.spelt(self._facts, bare, None if schema == self._facts.dialect.default_schema_name else schema)
        sequence = numbering.Owned(name, bare, schema, granted=False)
        self._change(
            numbering.made(self._facts, self._table, self._name, of_sequence(definition), sequence),
            [sql(f"{self._head} DROP DEFAULT"), sql(f"DROP SEQUENCE {name}")],
            why=f"{self._known} is numbered by a sequence by default from now on, after the highest number.",
        )

    def nothing(self, had: Column) -> None:
        own = of_identity(had.type, had.numbering)
        back = numbering.to_identity(self._facts, self._table, self._name, had.identity, own, was=None)
        why = f"{self._known} is numbered no longer: whoever adds a row gives the value."
        self._change([sql(f"{self._head} DROP IDENTITY")], back, why=why)

    def _owned(self) -> Optional[numbering.Owned]:
        return None if self._renamed() else numbering.owned(self._facts, self._table, self._name)

    def _renamed(self) -> bool:
        return bool({self._pair.name, self._known} & set(self._facts.former))

    def _key(self, sequence: numbering.Owned) -> str:
        return f"sequence {self._facts.table(sequence.bare, sequence.schema)}"

    def _others(self, sequence: numbering.Owned) -> bool:
        """Whether more than one default names the sequence."""
        word = f"nextval('{sequence.name}'::regclass)"
        return sum(word in text for key, text in self._facts.database.items() if key.startswith("column ")) > 1

    def _change(self, up: List[Any], down: List[Any], **more: Any) -> None:
        self.done = True
        self._found.changes.append(Change(up, down, table=self._pair.name, rule="invisible-to-autogenerate", **more))

    def _left(self, sentence: str) -> None:
        self._found.left.append(f"{sentence}.")


def _set(clauses: List[str]) -> str:
    return " ".join(f"SET {clause}" for clause in clauses)
