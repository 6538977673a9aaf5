"""Takes values away from an enum: PostgreSQL can't, so a new type takes the place of the old one."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

from ..generate import catalog
from ..generate.changes import Change, Facts, Phase
from ..generate.covered import Covered
from ..generate.directives import sql
from ..generate.enum_columns import Use, dependents
from ..generate.named_types import NamedType, literal, quoted
from ..generate.sides import Side, column

__all__ = ["Rebuild", "added_values"]

_RULE = "enum-value-removed"


def added_values(name: str, had: List[str], wanted: List[str]) -> List[Any]:
    """Directives that add the values that *had* lacks, each in its place."""
    found, there = [], list(had)
    for index, value in enumerate(wanted):
        if value in there:
            continue
        before = wanted[index - 1] if index else None
        if before is None:
            place = f" BEFORE {literal(there[0])}" if there else ""
        else:
            place = "" if before == there[-1] else f" AFTER {literal(before)}"
        there.insert(0 if before is None else there.index(before) + 1, value)
        found.append(sql(f"ALTER TYPE {name} ADD VALUE IF NOT EXISTS {literal(value)}{place}"))
    return found


class Rebuild:
    """The replacement of one enum.

    Args:
        key: the type, as reports spell it.
        kind: the type.
        uses: the columns that have it.
        facts: see there.
        sides: what the database has, and what the models define.
        covered: gets what is made anew on the way.

    Attributes:
        trouble: why it can't be done; empty if it can.
    """

    def __init__(
        self, key: str, kind: NamedType, uses: List[Use], *, facts: Facts, sides: Tuple[Side, Side], covered: Covered
    ) -> None:
        self._key = key
        self._kind = kind
        self._uses = uses
        self._facts = facts
        self._here, self._there = sides
        self._covered = covered
        self._name = kind.sql(facts.dialect)
        self.trouble = self._stands_in_the_way()

    def change(self, had: List[str], wanted: List[str], mapped: Mapping[str, Optional[str]]) -> Change:
        """The change from *had* to *wanted*.

        Args:
            had: the values now.
            wanted: the values then.
            mapped: value that goes -> what rows get that hold it; None: no row may hold it.
        """
        gone = [value for value in had if value not in wanted]
        added = [value for value in wanted if value not in had]
        up = self._swap(wanted, dict.fromkeys(self._uses, mapped), models=True)
        changed = any(self._wanted(*each) != each[-1] for each in self._named())
        if added or changed or set(gone) & self._default_values() or not gone:
            down = self._swap(had, self._targets(added, had), models=False)
        else:
            down = [*added_values(self._name, wanted, had), *self._restored()]
        moved = [f"'{old}' to '{new}'" for old, new in mapped.items() if new is not None]
        loses = [f"Rows that were changed from {' and '.join(moved)} stay as they are."] if moved else []
        loses += [self.loses(added)] if added else []
        return Change(
            up,
            down,
            table=self._uses[0].key if self._uses else None,
            phase=Phase.CONTRACT if self._facts.style == "safe" else Phase.EXPAND,
            rule=_RULE,
            why=f"The enum {self._key} is made anew, since PostgreSQL can't "
            + (f"take {', '.join(map(literal, gone))} away from it." if gone else "change the order of its values."),
            loses=" ".join(loses),
        )

    def without(self, added: List[str], had: List[str]) -> List[Any]:
        """Directives that take *added* away again: for a downgrade."""
        return self._swap(had, self._targets(added, had), models=False)

    def loses(self, added: List[str]) -> str:
        """What ``without`` does to rows."""
        targets = self._targets(added, [])
        parts = [
            f"{use.key}.{use.column} becomes {self._shown(use)}"
            for use in self._uses
            if targets.get(use) and not use.array
        ]
        parts += [f"the value is taken out of {use.key}.{use.column}" for use in self._uses if use.array]
        values = ", ".join(map(literal, added))
        return f"Where a row holds {values}, {' and '.join(parts)}." if parts else ""

    def _shown(self, use: Use) -> str:
        default = _literal_of(use.now.default)
        return literal(default) if default is not None else "one of the other values" if use.now.not_null else "null"

    def _targets(self, added: List[str], had: List[str]) -> Dict[Use, Dict[str, Optional[str]]]:
        """What rows get that hold a value which the downgrade takes away: the default, else null, else the first."""
        found: Dict[Use, Dict[str, Optional[str]]] = {}
        for use in self._uses:
            default = _literal_of(use.now.default)
            fallback = default if default in had else None if not use.now.not_null else next(iter(had), None)
            found[use] = dict.fromkeys(added, fallback)
        return found

    def _swap(self, values: List[str], mapped: Mapping[Use, Mapping[str, Optional[str]]], *, models: bool) -> List[Any]:
        dialect = self._facts.dialect
        old = quoted(f"{self._kind.name}_old", self._kind.schema, dialect)
        before, after = self._around(models=models)
        listed = ", ".join(map(literal, values))
        tables: Dict[str, List[str]] = {}
        for use in self._uses:
            tables.setdefault(use.spelt(self._facts), []).extend(
                self._parts(use, mapped.get(use) or {}, self._default(use, models=models), downgrade=not models)
            )
        return [
            *before,
            sql(f"ALTER TYPE {self._name} RENAME TO {quoted(f'{self._kind.name}_old', None, dialect)}"),
            sql(f"CREATE TYPE {self._name} AS ENUM ({listed})"),
            *(sql(f"ALTER TABLE {table} {', '.join(parts)}") for table, parts in tables.items()),
            sql(f"DROP TYPE {old}"),
            *after,
        ]

    def _parts(
        self, use: Use, mapped: Mapping[str, Optional[str]], default: Optional[str], *, downgrade: bool
    ) -> List[str]:
        own = catalog.identifier(self._facts, use.column)
        head = f"ALTER COLUMN {own}"
        to = f"{self._name}[]" if use.array else self._name
        text = f"{own}::text[]" if use.array else f"{own}::text"
        given = {old: new for old, new in mapped.items() if new is not None or downgrade}
        if use.array:
            for old, new in given.items():
                text = (
                    f"array_remove({text}, {literal(old)})"
                    if new is None
                    else f"array_replace({text}, {literal(old)}, {literal(new)})"
                )
        elif given:
            cases = " ".join(
                f"WHEN {literal(old)} THEN {'NULL' if new is None else literal(new)}" for old, new in given.items()
            )
            text = f"(CASE {own}::text {cases} ELSE {own}::text END)"
        found = [f"{head} TYPE {to} USING {text}::{to}"]
        if use.now.default is not None or default is not None:
            found.insert(0, f"{head} DROP DEFAULT")
        if default is not None:
            found.append(f"{head} SET DEFAULT {default}")
        return found

    def _default(self, use: Use, *, models: bool) -> Optional[str]:
        definition = self._there.columns.get(use.key, {}).get(use.column) if models else None
        if definition is None:
            return use.now.default
        self._covered.defaults.add((use.key, use.column))
        return column(definition).default

    def _default_values(self) -> Any:
        return {_literal_of(use.now.default) for use in self._uses}

    def _restored(self) -> List[Any]:
        """The defaults as they were, where the models have others."""
        found = []
        for use in self._uses:
            if self._default(use, models=True) != use.now.default:
                own = catalog.identifier(self._facts, use.column)
                to = f"SET DEFAULT {use.now.default}" if use.now.default is not None else "DROP DEFAULT"
                found.append(sql(f"ALTER TABLE {use.spelt(self._facts)} ALTER COLUMN {own} {to}"))
        return found

    def _around(self, *, models: bool) -> Tuple[List[Any], List[Any]]:
        """What names the type and has to be out of its way: checks and conditions of indexes."""
        before, after = [], []
        for use, kind, name, definition in self._named():
            wanted = self._wanted(use, kind, name, definition) if models else definition
            own = catalog.identifier(self._facts, name)
            if kind == "constraint":
                head = f"ALTER TABLE {use.spelt(self._facts)}"
                before.append(sql(f"{head} DROP CONSTRAINT {own}"))
                after.append(sql(f"{head} ADD CONSTRAINT {own} {wanted}"))
            else:
                before.append(sql(f"DROP INDEX {catalog.spelt(self._facts, name, use.schema)}"))
                after.append(sql(wanted))
            if models:
                done = self._covered.constraints if kind == "constraint" else self._covered.indexes
                done.add((use.key, name))
        return before, after

    def _named(self) -> Iterator[Tuple[Use, str, str, str]]:
        """What names the type: (a column of the table, ``constraint`` or ``index``, name, definition)."""
        tables = {use.key: use for use in self._uses}
        for table, use in tables.items():
            for kind in ("constraint", "index"):
                for name, definition in self._here.of(kind, table).items():
                    if self._names_type(definition) and (kind == "index" or definition.startswith("CHECK")):
                        yield use, kind, name, definition

    def _wanted(self, use: Use, kind: str, name: str, definition: str) -> str:
        return self._there.of(kind, use.key).get(name, definition)

    def _names_type(self, definition: str) -> bool:
        return re.search(rf"::{re.escape(self._name)}(?![\w\"])", definition) is not None

    def _stands_in_the_way(self) -> str:
        for use in self._uses:
            views = dependents(use, self._facts)
            if views:
                return (
                    f"the enum {self._key} can't be made anew while the view {views[0]} shows {use.key}.{use.column}: "
                    "drop the view first and make it again after, by hand (generate with kind='empty')."
                )
            for name, definition in self._here.columns.get(use.key, {}).items():
                computed = column(definition).generated
                if computed and re.search(rf"\b{re.escape(use.column)}\b", computed):
                    return (
                        f"the enum {self._key} can't be made anew while {use.key}.{name} is computed from "
                        f"{use.column}: write that by hand (generate with kind='empty')."
                    )
        return ""


def _literal_of(default: Optional[str]) -> Optional[str]:
    """The value of a default that is a plain literal."""
    match = re.match(r"^'((?:[^']|'')*)'::", default or "")
    return match[1].replace("''", "'") if match else None
