"""Finds what autogenerate can't see: the database's schema against the one that it would make of the models."""

from __future__ import annotations

import copy
from itertools import takewhile
from typing import Any, Dict, List, Set, Tuple

from alembic.operations import ops

from ..differences import listed
from ..look import metadatas
from . import invisible_columns, invisible_constraints, invisible_indexes
from .changes import Change, Facts, changes_of
from .covered import Covered
from .enums import enum_changes
from .included import included
from .renames import RULE
from .sequences import sequence_changes
from .sides import Side
from .unread import uniques_gone

__all__ = ["Invisible", "integrated", "invisible", "unseen"]

_SQLITE = ("STRICT", "WITHOUT ROWID", "AUTOINCREMENT")
_REMAKE = (
    "Write it by hand (generate with kind='empty'): op.batch_alter_table(..., recreate='always', table_kwargs={...}) "
    "copies the rows into one."
)
_ON_TABLES = ("trigger", "policy", "rule")
_ELSEWHERE = ("view", "materialized view", "function", "procedure", "aggregate", "domain")


class Invisible:
    """What was found.

    Attributes:
        first: what can be generated, and comes before all that autogenerate proposes, but after what is renamed.
        changes: what else can be generated.
        left: what can't: a sentence each.
        stays: what is not done without being told to: what only the database has, for the most part.
        questions: what has to be answered first: ``[{"id", "question", "table", "options"}]``.
        defaults: (table, column) whose server default they set on the way.
        released: (table, name) of foreign keys that autogenerate drops, and that have to go before ``first``.
        looked: there was something to compare with.
    """

    def __init__(self) -> None:
        self.first: List[Change] = []
        self.changes: List[Change] = []
        self.left: List[str] = []
        self.stays: List[str] = []
        self.questions: List[Dict[str, Any]] = []
        self.defaults: Set[Tuple[str, str]] = set()
        self.released: Set[Tuple[str, str]] = set()
        self.looked = False

    def told(self, question: str, choice: str, what: str, facts: Facts) -> bool:
        """Whether an answer says to change *what*, a sentence; without one it stays, and is named with the answer."""
        facts.asked[question] = [choice]
        if facts.answers.get(question) == choice:
            return True
        self.stays.append(f"{what}: it stays, unless generate is called with answers={{{question!r}: {choice!r}}}.")
        return False


class Pair:
    """A table that both sides have.

    Attributes:
        name: as reports spell it.
        table: the model's Table.
    """

    def __init__(self, name: str, table: Any, here: Side, there: Side) -> None:
        self.name = name
        self.table = table
        self._sides = here, there

    def columns(self) -> Tuple[Dict[str, str], Dict[str, str]]:
        """Column -> definition, in the database and in the models."""
        return self._sides[0].columns.get(self.name, {}), self._sides[1].columns.get(self.name, {})

    def parts(self, kind: str) -> Tuple[Dict[str, str], Dict[str, str]]:
        """Name -> definition of the parts of a kind, in the database and in the models."""
        return self._sides[0].of(kind, self.name), self._sides[1].of(kind, self.name)

    def models_of(self, kind: str, table: str) -> Dict[str, str]:
        """Name -> definition of the parts of another table, in the models."""
        return self._sides[1].of(kind, table)

    def kind(self) -> Tuple[str, str]:
        """What the table is beyond its columns, in the database and in the models."""
        return self._sides[0].tables[self.name], self._sides[1].tables[self.name]


def invisible(changes: List[Change], facts: Facts) -> Invisible:
    """What *changes*, which autogenerate proposes, leave of the difference between database and models.

    Only what the models define counts, within what env.py lets autogenerate see. Nothing is found where
    ``facts.models`` is not known.
    """
    found = Invisible()
    metadata = metadatas(facts.context)
    if facts.models is None or not metadata:
        return found
    found.looked = True
    covered = Covered(changes, facts)
    found.defaults = covered.defaults
    default = facts.dialect.default_schema_name
    here = Side(facts.database, facts.dialect.name, facts.former, default=default)
    there = Side(facts.models, facts.dialect.name)
    if facts.postgresql:
        enum_changes(facts, metadata, covered, here=here, there=there, found=found)
        sequence_changes(facts, metadata, here, there, found=found)
        _elsewhere(here, there, covered, found)
    for pair in _pairs(facts, metadata, covered, here, there):
        invisible_columns.compare(pair, facts, covered, found)
        invisible_constraints.compare(pair, facts, covered, here, found)
        if facts.dialect.name == "sqlite":
            found.changes += uniques_gone(pair.name, pair.columns()[1], facts)
        invisible_indexes.compare(pair, covered, found, facts)
        _on_table(pair, found)
    return found


def unseen(upgrade: Any, downgrade: Any, facts: Facts) -> Tuple[List[str], List[str], List[str]]:
    """What autogenerate does not see beside what it proposes, a sentence each.

    First what can be generated, then what has to be written by hand, then what is left as it is unless told otherwise.

    Args:
        upgrade: its list of UpgradeOps.
        downgrade: its list of DowngradeOps.
        facts: nothing is found where its ``models`` are not known.
    """
    found = invisible(changes_of(upgrade, downgrade, facts) or [], facts)
    made = [_words(change, facts) for change in (*found.first, *found.changes)]
    return [*made, *(question["question"] for question in found.questions)], found.left, found.stays


def _words(change: Change, facts: Facts) -> str:
    if change.why:
        return change.why
    done = "; ".join(each["description"] for each in listed([ops.UpgradeOps(change.up)], facts.dialect))
    return f"Autogenerate would not {done}."


def integrated(changes: List[Change], found: Invisible) -> List[Change]:
    """What autogenerate proposes and what was found, in an order in which both can run."""
    renames = list(takewhile(lambda change: change.rule == RULE, changes))
    changes = changes[len(renames) :]
    early = [change for change in changes if _names_one(change, found.released)]
    changes = [change for change in changes if change not in early]
    kept: List[Change] = []
    mine = list(found.changes)
    for change in changes:
        op = change.op
        if isinstance(op, ops.DropColumnOp):  # it takes indexes and constraints with it
            kept += [each for each in mine if each.table == change.table]
            mine = [each for each in mine if each.table != change.table]
        elif isinstance(op, ops.AlterColumnOp) and (change.table, str(op.column_name)) in found.defaults:
            for each in (*change.up, *change.down):
                each.modify_server_default = False
            if not op.has_changes():
                continue
        if found.looked:
            _without_checks(change)
        kept.append(change)
    return [*renames, *early, *found.first, *kept, *mine]


def _names_one(change: Change, released: Set[Tuple[str, str]]) -> bool:
    return isinstance(change.op, ops.DropConstraintOp) and (change.table, str(change.op.constraint_name)) in released


def _without_checks(change: Change) -> None:
    """The CHECK of an enum or a boolean is a change of its own: what makes or alters the column makes none."""
    for op in (*change.up, *change.down):
        if isinstance(op, ops.AddColumnOp) and getattr(op.column.type, "create_constraint", False):
            known: Any = op.column
            kind: Any
            op.column = known._copy() if hasattr(known, "_copy") else known.copy()
            kind = copy.copy(known.type)
            kind.create_constraint = False
            op.column.type = kind
        for name in ("modify_type", "existing_type") if isinstance(op, ops.AlterColumnOp) else ():
            kind = getattr(op, name)
            if getattr(kind, "create_constraint", False):
                kind = copy.copy(kind)
                kind.create_constraint = False
                setattr(op, name, kind)


def _pairs(facts: Facts, metadata: List[Any], covered: Covered, here: Side, there: Side) -> List[Pair]:
    found = []
    for table in included(facts.context, metadata):
        name = facts.table(table.name, table.schema)
        both = name in here.tables and name in there.tables
        if both and name not in covered.made | covered.gone and not here.partition(name):
            found.append(Pair(name, table, here, there))
    return found


def _on_table(pair: Pair, found: Invisible) -> None:
    for kind in _ON_TABLES:
        here, there = pair.parts(kind)
        for name, definition in there.items():
            if here.get(name) != definition:
                found.left.append(_other(f"The {kind} {name} on {pair.name}", exists=name in here))
    had, wanted = (" ".join(text.split()) for text in pair.kind())
    for words in _SQLITE:
        if (words in had) != (words in wanted):
            found.left.append(
                f"{pair.name} is {'' if words in wanted else 'not '}{words} in the models, but "
                f"{'' if words in had else 'not '}in the database: SQLite only knows that of a new table. {_REMAKE}"
            )
    for words, says in (("unlogged", "unlogged"), ("row level security", "protected by row level security")):
        if (words in wanted) != (words in had) and (words == "unlogged" or words in wanted):
            state = "" if words in wanted else "not "
            found.left.append(
                f"{pair.name} is {state}{says} in the models, but {'not ' if words in wanted else ''}in the database: "
                "write that by hand if it is meant (generate with kind='empty')."
            )


def _elsewhere(here: Side, there: Side, covered: Covered, found: Invisible) -> None:
    for (kind, name), definition in there.others.items():
        known = kind not in _ELSEWHERE or name.partition("(")[0] in covered.entities
        if not known and here.others.get((kind, name)) != definition:
            found.left.append(_other(f"The {kind} {name}", exists=(kind, name) in here.others))


def _other(what: str, *, exists: bool) -> str:
    how = "differs from the one in the database" if exists else "is not in the database"
    return f"{what}, which the models create, {how}: write it by hand (generate with kind='empty')."
