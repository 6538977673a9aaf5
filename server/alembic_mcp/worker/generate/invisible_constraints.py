"""What autogenerate can't see of constraints: checks, exclusions, primary keys, what is deferrable or not validated."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Dict, List, Optional

import sqlalchemy as sa
from alembic.operations import ops
from sqlalchemy.sql.elements import conv

from . import catalog
from .changes import Change, Facts, Phase
from .covered import Covered
from .directives import sql
from .invisible_keys import Keys
from .quoting import plain
from .sides import Side

if TYPE_CHECKING:
    from .invisible import Invisible, Pair

__all__ = ["compare"]

_UNCHECKED = " NOT VALID"
_COLUMNS = re.compile(r"^(PRIMARY KEY|UNIQUE(?: NULLS NOT DISTINCT)?) \(([^)]*)\)")
_FREE = ("CHECK", "EXCLUDE")
_RULE = "invisible-to-autogenerate"


def compare(pair: Pair, facts: Facts, covered: Covered, here: Side, found: Invisible) -> None:
    """Note the constraints that differ."""
    work = _Compared(pair, facts, covered, here, found)
    had, wanted = (dict(side) for side in pair.parts("constraint"))
    _unequal(had, wanted)
    work.keys.primary(had, wanted)
    for name, definition in wanted.items():
        if name in had:
            if not work.covers(name):
                work.changed(name, had[name], name, definition)
            del had[name]
            continue
        twin = _twin(definition, had)
        if twin is not None and not work.covers(twin):
            work.changed(twin, had.pop(twin), name, definition)
        elif definition.startswith(_FREE) and not work.covers(name):
            work.added(name, definition)
    for name, definition in had.items():
        if definition.startswith(_FREE) and not work.covers(name):
            work.only_here(name, definition)


class _Compared:
    def __init__(self, pair: Pair, facts: Facts, covered: Covered, here: Side, found: Invisible) -> None:
        self._pair = pair
        self._facts = facts
        self._covered = covered
        self._found = found
        self.keys = Keys(pair, facts, covered, here, found=found)
        self._table = catalog.spelt(facts, pair.table.name, pair.table.schema)

    def covers(self, name: str) -> bool:
        """Whether autogenerate takes care of the constraint, or its column goes."""
        return (self._pair.name, name) in self._covered.constraints

    def changed(self, old: str, before: str, new: str, after: str) -> None:
        """Note a constraint that both sides have."""
        if before.replace(_UNCHECKED, "") == after.replace(_UNCHECKED, ""):
            if before.endswith(_UNCHECKED):
                self._validate(old)
        elif after.startswith(_FREE):
            self._add(self._drop(old, _kind(before)), [self._from(old, before)])
            self.added(new, after)
        elif _COLUMNS.match(after):
            self.keys.unique(old, before, after)
        else:
            self._found.left.append(
                f"The constraint {old} on {self._pair.name} is {before} in the database and {after} in the models, "
                "and autogenerate does not see it: write that by hand (generate with kind='empty')."
            )

    def added(self, name: str, definition: str) -> None:
        """Note a constraint that only the models have."""
        create, drop = self._from(name, definition, model=True), self._drop(name, _kind(definition))
        if name != name.strip() and self._facts.style == "safe":  # SQLite's, without a name: it gets one
            create.constraint_name = drop.constraint_name = None
        self._add(create, [drop])

    def only_here(self, name: str, definition: str) -> None:
        """Note a constraint that only the database has: drop it if that is the answer, or if a column of it goes."""
        if self._goes(definition):
            if name == name.strip():
                self._add(self._drop(name, _kind(definition)), [self._from(name, definition)])
            return
        what = f"The constraint {name.strip()} on {self._pair.name} ({definition}) is only in the database"
        if self._found.told(f"drop-constraint:{self._pair.name}.{name.strip()}", "drop", what, self._facts):
            self._add(self._drop(name, _kind(definition)), [self._from(name, definition)])

    def _goes(self, definition: str) -> bool:
        """Whether a column goes that it speaks of."""
        had, wanted = self._pair.columns()
        gone = {name for name in had if name not in wanted and (self._pair.name, name) in self._covered.columns}
        return bool(gone & set(_words(definition)))

    def _drop(self, name: str, kind: Optional[str]) -> Any:
        table = self._pair.table
        # The name is whole: a naming convention must not be applied to it.
        return ops.DropConstraintOp(conv(name.strip()), table.name, type_=kind, schema=table.schema)

    def _add(self, op: Any, back: List[Any]) -> None:
        self._found.changes.append(Change([op], back, table=self._pair.name))

    def _from(self, name: str, definition: str, *, model: bool = False) -> Any:
        table = self._pair.table
        if definition.startswith("CHECK"):
            own = next((each for each in table.constraints if model and _is_check(each, name)), None)
            condition = _sql(own, self._facts) if own is not None else _condition(definition)
            return ops.CreateCheckConstraintOp(conv(name.strip()), table.name, condition, schema=table.schema)
        return sql(f"ALTER TABLE {self._table} ADD CONSTRAINT {self._name(name)} {definition}")

    def _validate(self, name: str) -> None:
        safe = self._facts.style == "safe"
        self._found.changes.append(
            Change(
                [sql(f"ALTER TABLE {self._table} VALIDATE CONSTRAINT {self._name(name)}")],
                [],
                table=self._pair.name,
                phase=Phase.VALIDATE if safe else Phase.EXPAND,
                rule=_RULE,
                why=f"The constraint {name} of {self._pair.name} was never checked against the rows that are there.",
            )
        )

    def _name(self, name: str) -> str:
        return catalog.identifier(self._facts, name.strip())


def _unequal(had: Dict[str, str], wanted: Dict[str, str]) -> None:
    """Take out what is the same on both sides, under whatever name."""
    for name in [name for name, definition in wanted.items() if name in had and _same(had[name], definition)]:
        del had[name], wanted[name]
    for name, definition in list(wanted.items()):
        twin = next((old for old, text in had.items() if _same(text, definition) and old not in wanted), None)
        if twin is not None:
            del had[twin], wanted[name]


def _same(one: str, other: str) -> bool:
    if one == other:
        return True
    if one.endswith(_UNCHECKED) != other.endswith(_UNCHECKED):
        return False
    if not (one.startswith("CHECK") and other.startswith("CHECK")):
        return False
    return _condition(one).replace('"', "").lower() == _condition(other).replace('"', "").lower()


def _twin(definition: str, had: Dict[str, str]) -> Optional[str]:
    """The constraint of another name that differs in its options only."""

    def core(text: str) -> str:
        match = _COLUMNS.match(text)
        return match[0].replace(" NULLS NOT DISTINCT", "") if match else text.replace(_UNCHECKED, "")

    return next((name for name, text in had.items() if core(text) == core(definition)), None)


def _kind(definition: str) -> Optional[str]:
    return "check" if definition.startswith("CHECK") else None


def _condition(definition: str) -> str:
    """What a CHECK demands, without the parentheses around it."""
    text = definition.replace(_UNCHECKED, "")[len("CHECK") :].strip()
    while text.startswith("(") and text.endswith(")") and _closes(text):
        text = text[1:-1].strip()
    return text


def _words(text: str) -> List[str]:
    """The names, and whatever else is a word, in SQL."""
    pieces = re.findall(r"'(?:[^']|'')*'|\"((?:[^\"]|\"\")+)\"|(\w+)", text)
    return [quoted.replace('""', '"') or bare for quoted, bare in pieces if quoted or bare]


def _closes(text: str) -> bool:
    """Whether the last parenthesis closes the first."""
    depth, quoted = 0, False
    for letter in text[:-1]:
        quoted ^= letter == "'"
        depth += 0 if quoted else {"(": 1, ")": -1}.get(letter, 0)
        if depth == 0:
            return False
    return True


def _is_check(constraint: Any, name: str) -> bool:
    return isinstance(constraint, sa.CheckConstraint) and str(constraint.name) == name


def _sql(constraint: Any, facts: Facts) -> str:
    compiled = constraint.sqltext.compile(
        dialect=facts.dialect, compile_kwargs={"literal_binds": True, "include_table": False}
    )
    return plain(facts.dialect, str(compiled))
