"""What autogenerate can't see of keys: primary keys, options of unique constraints; with foreign keys on them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Tuple

from alembic.operations import ops
from sqlalchemy.sql.elements import conv

from . import catalog
from .changes import Change, Facts, Phase
from .covered import Covered
from .directives import Autocommit, sql
from .invisible_numbers import BY_HAND as _BY_HAND
from .sides import Side

if TYPE_CHECKING:
    from .invisible import Invisible, Pair

__all__ = ["Keys", "columns_of"]

_COLUMNS = re.compile(r"^(PRIMARY KEY|UNIQUE(?: NULLS NOT DISTINCT)?) \(([^)]*)\)")
_FOREIGN = re.compile(r"^FOREIGN KEY \(([^)]*)\) REFERENCES (\S.*?)\(([^)]*)\)")
_REFERENCES = re.compile(r"\bFOREIGN KEY \([^)]*\)( REFERENCES \S[^(]*)\(([^)]*)\)")
_RULE = "invisible-to-autogenerate"


class _Foreign(NamedTuple):
    """A foreign key that rests on a key.

    Attributes:
        table: the one that it is of.
        name: its own.
        drop: the directive that drops it.
        create: SQL that makes it again; None if the models do not have it.
        check: the directive that checks the rows, where *create* leaves that to a time without locks.
    """

    table: str
    name: str
    drop: Any
    create: Optional[str]
    check: Any


def columns_of(definition: str) -> Optional[List[str]]:
    """The columns of a primary key or unique constraint; None if it is none."""
    match = _COLUMNS.match(definition)
    return None if match is None else _names(match[2])


class Keys:
    """The keys of a table that both sides have."""

    def __init__(self, pair: Pair, facts: Facts, covered: Covered, here: Side, *, found: Invisible) -> None:
        self._pair = pair
        self._facts = facts
        self._covered = covered
        self._here = here
        self._found = found
        self._table = catalog.spelt(facts, pair.table.name, pair.table.schema)

    def primary(self, had: Dict[str, str], wanted: Dict[str, str]) -> None:
        """Take the primary keys out of both sides, and note whether they differ."""
        (old, before), (new, after) = (_taken(side) for side in (had, wanted))
        if before == after:
            return
        table = self._pair.table
        if after is None:
            self._found.stays.append(
                f"{self._pair.name} has a primary key in the database ({before}) and none in the models: it stays."
            )
        elif self._facts.postgresql:
            self._changed(old or new or "", before, after, "primary")
        else:
            named = catalog.key_name(self._facts, table.name, table.schema)
            name = named or table.primary_key.name or f"pk_{table.name}"
            self._on_sqlite(str(name), before, unnamed=not named)

    def unique(self, name: str, before: str, after: str) -> None:
        """Note a unique constraint whose options differ. The database's name stays: autogenerate compares names."""
        self._changed(name, before, after, "unique")

    def _changed(self, name: str, before: Optional[str], after: str, kind: str) -> None:
        why = f"The constraint {name} of {self._pair.name} becomes {after}, which autogenerate does not compare."
        if kind == "primary":
            why = (
                f"The primary key of {self._pair.name} becomes {after[len('PRIMARY KEY ') :]}, which autogenerate "
                "does not compare; it fails where rows have no or equal values in it."
            )
        resting = self._resting(columns_of(before)) if before is not None else []
        kept = [each for each in resting if (each.table, each.name) not in self._covered.constraints]
        moved = [(each.table, each.name) for each in resting if each not in kept]
        early = bool(moved) or (self._pair.name, tuple(columns_of(after) or ())) in self._covered.references
        trouble = self._trouble(kept, columns_of(after) or [], early=early) if kept or early else None
        if trouble is not None:
            what = "primary key" if kind == "primary" else f"constraint {name}"
            self._found.left.append(
                f"The {what} of {self._pair.name} is {before or 'none'} in the database and {after} in the models, and "
                f"autogenerate does not see it. {trouble}."
            )
            return
        drop = ops.DropConstraintOp(conv(name), self._pair.table.name, type_=kind, schema=self._pair.table.schema)
        up: List[Any] = [self._made(name, after, kind)]
        down: List[Any] = [drop]
        if before is not None:
            up.insert(0, drop)
            down.append(self._made(name, before, kind))
        if kept:
            names = ", ".join(f"{each.name} of {each.table}" for each in kept)
            why += f" What rests on it is dropped before and made again after: {names}."
            up, down = _around(up, kept, after), _around(down, kept, before or "")
        change = Change(up, down, table=self._pair.name, why=why)
        if kind == "primary" and not early and self._facts.style == "safe":
            change.phase = Phase.CONTRACT
        if kind == "unique" or kept or early:
            change.rule = _RULE
        (self._found.first if early else self._found.changes).append(change)
        self._found.released |= set(moved)

    def _trouble(self, kept: List[_Foreign], columns: List[str], *, early: bool) -> Optional[str]:
        """Why the key and the foreign keys on it can't be changed together; None if they can."""
        lost = [each for each in kept if each.create is None]
        if lost:
            names = ", ".join(f"{each.name} of {each.table}" for each in lost)
            return f"Foreign keys rest on it that the models do not have ({names}): drop them first, or {_BY_HAND}"
        added = [column for column in columns if (self._pair.name, column) in self._covered.columns]
        if added:
            return f"It is for the next revision: call generate again when {', '.join(added)} was added and filled"
        if early and kept and self._pair.name in self._covered.unique:
            return "Some foreign keys go over to it, some stay: change the models in two steps, and generate after each"
        return None

    def _made(self, name: str, definition: str, kind: str) -> Any:
        table = self._pair.table
        match = _COLUMNS.match(definition)
        if kind == "primary" and match is not None and match[0] == definition:
            return ops.CreatePrimaryKeyOp(conv(name), table.name, _names(match[2]), schema=table.schema)
        return sql(f"ALTER TABLE {self._table} ADD CONSTRAINT {catalog.identifier(self._facts, name)} {definition}")

    def _on_sqlite(self, name: str, before: Optional[str], *, unnamed: bool) -> None:
        table = self._pair.table
        columns = [column.name for column in table.primary_key.columns]
        create = ops.CreatePrimaryKeyOp(conv(name), table.name, columns, schema=table.schema)
        drop = ops.DropConstraintOp(conv(name), table.name, type_="primary", schema=table.schema)
        up: List[Any] = [create]
        down: List[Any] = [drop]
        old = columns_of(before) if before is not None else None
        if old is not None:
            back: Any = ops.CreatePrimaryKeyOp(conv(name), table.name, old, schema=table.schema)
            back.nameless = unnamed
            down.append(back)
            if not unnamed:  # else the new key takes the place of the old one, which nothing could name
                up.insert(0, drop)
        why = (
            f"The primary key of {self._pair.name} becomes ({', '.join(columns)}), which autogenerate does not "
            "compare; it fails where rows have no or equal values in it."
        )
        self._found.changes.append(Change(up, down, table=self._pair.name, why=why))

    def _resting(self, columns: Optional[List[str]]) -> List[_Foreign]:
        """The foreign keys of the database, of this table too, that refer to these columns."""
        name = self._facts.former.get(self._pair.name, self._pair.name)
        found = []
        for (kind, table), parts in self._here.parts.items():
            for constraint, definition in parts.items() if kind == "constraint" else ():
                match = _FOREIGN.match(definition)
                if match is None or match[2].replace('"', "") not in {name, self._pair.name, self._bare()}:
                    continue
                if set(_names(match[3])) == set(columns or ()):
                    found.append(self._foreign(table, constraint, definition))
        return found

    def _bare(self) -> str:
        """The table's name as the database says it where its schema is the default one."""
        return self._pair.name.replace(f"{self._facts.dialect.default_schema_name}.", "", 1)

    def _foreign(self, table: str, name: str, definition: str) -> _Foreign:
        wanted = definition in self._pair.models_of("constraint", table).values()
        schema, _, bare = table.rpartition(".")
        spelt = catalog.spelt(self._facts, bare, schema or None)
        own = catalog.identifier(self._facts, name)
        drop = ops.DropConstraintOp(conv(name), bare, type_="foreignkey", schema=schema or None)
        text = f"ALTER TABLE {spelt} ADD CONSTRAINT {own} {definition}"
        check = None
        if self._facts.style == "safe" and self._facts.live(table) and not definition.endswith(" NOT VALID"):
            text += " NOT VALID"
            check = Autocommit([sql(f"ALTER TABLE {spelt} VALIDATE CONSTRAINT {own}")])
        return _Foreign(table, name, drop, text if wanted else None, check)


def _around(directives: List[Any], foreign: List[_Foreign], key: str) -> List[Any]:
    """*directives* that make *key*, with what drops the foreign keys before and makes them again after."""
    columns = columns_of(key) if key.startswith("PRIMARY KEY") else None
    made = [_on_key(each.create or "", columns) for each in foreign]
    return [*(each.drop for each in foreign), *directives, *made, *(each.check for each in foreign if each.check)]


def _on_key(create: str, columns: Optional[List[str]]) -> Any:
    """Without columns it rests on the primary key; with them on any index on them, which could not go then."""
    match = _REFERENCES.search(create)
    own = match is not None and _names(match[2]) == columns
    return sql(create[: match.end(1)] + create[match.end() :] if match is not None and own else create)


def _taken(side: Dict[str, str]) -> Tuple[Optional[str], Optional[str]]:
    name = next((name for name, definition in side.items() if definition.startswith("PRIMARY KEY")), None)
    return (name, side.pop(name)) if name is not None else (None, None)


def _names(text: str) -> List[str]:
    return [part.strip().strip('"') for part in text.split(",")]
