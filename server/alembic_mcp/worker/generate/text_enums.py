"""The values of enums that are text with a CHECK: what becomes of rows that hold one which the models lack."""

from __future__ import annotations

import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import sqlalchemy as sa
from alembic.operations import ops

from ..look import metadatas
from . import catalog
from .changes import Change, Facts, Phase
from .directives import sql
from .enum_columns import REMOVE
from .named_types import literal

__all__ = ["text_enums"]

_RULE = "enum-value-removed"
_RENAME, _MAP, _KEEP = "rename to ", "change to ", "keep"
_VALUE = re.compile(r"'((?:[^']|'')*)'")
_WORDS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")+\"|[^\W\d]\w*")
_LISTS = frozenset({"in", "any", "array", "text", "character", "varying", "varchar", "check"})


class _Values(NamedTuple):
    """A CHECK that goes and the one that comes in its place."""

    drop: Change
    add: Change
    column: str
    had: List[str]
    wanted: List[str]


def text_enums(changes: List[Change], facts: Facts) -> Tuple[List[Change], List[Dict[str, Any]]]:
    """The changes with what the answers do to the rows, and the questions that are open.

    ``enum-value:table.column.value`` is asked for each value that rows may hold and that the models lack;
    ``facts.valued`` gets the columns that this is about.
    """
    questions: List[Dict[str, Any]] = []
    for found in _all(changes, facts):
        gone = [value for value in found.had if value not in found.wanted]
        name = f"{found.add.table}.{found.column}"
        facts.valued.add(name)
        choices: Dict[str, str] = {}
        for old in gone:
            question = f"enum-value:{name}.{old}"
            options = _options(found, old, name)
            facts.asked[question] = list(options)
            choice = facts.answers.get(question)
            if choice in options:
                choices[old] = str(choice)
            elif choice is None:
                questions.append(_question(question, found, old, options, facts))
        if len(choices) == len(gone):
            changes = _settled(changes, found, choices, facts)
    return changes, questions


def _all(changes: List[Change], facts: Facts) -> List[_Values]:
    found = []
    for change in changes:
        op = change.op
        if not isinstance(op, ops.CreateCheckConstraintOp) or not facts.live(change.table) or facts.style != "safe":
            continue
        wanted, column = _values(op), None
        if wanted is not None:
            column = next((name for name in _enums(change.table, wanted, facts) if name in _names(op)), None)
        before = next((each for each in changes if column and _is_before(each, change, column)), None)
        had = _values(before.down[0]) if before is not None else None
        if before is not None and had and wanted and column and set(had) - set(wanted):
            found.append(_Values(before, change, column, had, wanted))
    return found


def _is_before(drop: Change, add: Change, column: str) -> bool:
    if not isinstance(drop.op, ops.DropConstraintOp) or drop.table != add.table or len(drop.down) != 1:
        return False
    back = drop.down[0]
    return isinstance(back, ops.CreateCheckConstraintOp) and column in _names(back) and _values(back) is not None


def _text(op: Any) -> str:
    return str(op.condition)


def _names(op: Any) -> List[str]:
    words = [word for word in _WORDS.findall(_text(op)) if not word.startswith("'")]
    return [word.strip('"') for word in words]


def _values(op: Any) -> Optional[List[str]]:
    """The values that a CHECK allows its one column, None if it is of another kind."""
    names = {name for name in _names(op) if name.lower() not in _LISTS}
    listed = re.search(r"\bIN\b|\bANY\b", _text(op), re.IGNORECASE)
    if len(names) > 1 or listed is None or re.search(r"\b(AND|OR|NOT)\b", _VALUE.sub("", _text(op)), re.IGNORECASE):
        return None
    return [value.replace("''", "'") for value in _VALUE.findall(_text(op))]


def _enums(table: Optional[str], values: List[str], facts: Facts) -> List[str]:
    """The columns of the models' table that hold one of these values as text."""
    found = []
    for metadata in metadatas(facts.context) or ():
        for each in metadata.tables.values():
            if facts.table(each.name, each.schema) == table:
                found += [str(column.name) for column in each.columns if set(_labels(column.type)) == set(values)]
    return found


def _labels(kind: Any) -> List[str]:
    kind = kind.impl if isinstance(kind, sa.types.TypeDecorator) else kind
    return [str(label) for label in kind.enums] if isinstance(kind, sa.Enum) else []


def _options(found: _Values, old: str, name: str) -> Dict[str, str]:
    """Choice -> what it does to the data."""
    rows = f"Rows of {found.add.table} that hold '{old}'"
    added = [value for value in found.wanted if value not in found.had]
    options = {f"{_RENAME}{new}": f"{rows} hold '{new}' then; the downgrade renames it back." for new in added}
    for new in (value for value in found.wanted if value not in added):
        options[f"{_MAP}{new}"] = f"{rows} get '{new}'; the downgrade can't tell them from those that had it."
    options[REMOVE] = f"'{old}' goes; the upgrade fails, and changes nothing, if a row holds it by then."
    options[_KEEP] = f"The check of {name} goes on to allow '{old}', which the models lack; no row changes."
    return options


def _question(id_: str, found: _Values, old: str, options: Dict[str, str], facts: Facts) -> Dict[str, Any]:
    table, name = found.add.table or "", f"{found.add.table}.{found.column}"
    own = facts.former.get(name, found.column).rpartition(".")[2]
    words = f"the rows of {table} that hold {literal(old)}"
    return {
        "id": id_,
        "question": f"{name} has no '{old}' in the models any more: what becomes of {words}?",
        "table": table,
        "options": [
            {"choice": choice, "effect": effect, "how": {"answers": {id_: choice}}}
            for choice, effect in options.items()
        ],
        "count": [
            {
                "kind": "violators",
                "table": facts.former.get(table, table),
                "column": own,
                "expression": f"{catalog.identifier(facts, own)} <> {literal(old)}",
                "words": words,
                "each": words[len("the ") :],
                "if_none": REMOVE,
            }
        ],
    }


def _settled(changes: List[Change], found: _Values, choices: Dict[str, str], facts: Facts) -> List[Change]:
    """The changes as the choices want them."""
    kept = [old for old, choice in choices.items() if choice == _KEEP]
    table, column = found.add.op.table_name, catalog.identifier(facts, found.column)
    full = catalog.spelt(facts, table, found.add.op.schema)

    def update(old: str, new: str) -> Any:
        return sql(f"UPDATE {full} SET {column} = {literal(new)} WHERE {column} = {literal(old)}")  # noqa: S608

    _later(changes, found, kept)
    if kept:
        if set(found.had) == {*found.wanted, *kept}:
            return [each for each in changes if each not in (found.drop, found.add)]
        allowed = ", ".join(literal(value) for value in [*found.wanted, *kept])
        found.add.op.condition = f"{column} IN ({allowed})"
    written = []
    for old, choice in choices.items():
        renamed, mapped = (choice[len(head) :] if choice.startswith(head) else None for head in (_RENAME, _MAP))
        new = renamed or mapped
        if new is None:
            continue
        phase = Phase.BACKFILL if facts.postgresql else found.add.phase
        change = Change([update(old, new)], [], table=found.add.table, phase=phase, rule=_RULE)
        change.why = f"Rows of {found.add.table} whose {found.column} is '{old}', which the models lack, get '{new}'."
        if renamed:
            found.add.down.append(update(new, old))
        else:
            change.loses = f"Rows of {found.add.table} whose {found.column} was '{old}' keep '{new}'."
        written.append(change)
    position = changes.index(found.add)
    return [*changes[:position], *written, *changes[position:]]


def _later(changes: List[Change], found: _Values, kept: List[str]) -> None:
    """The column becomes shorter when no row holds what is longer; never, if that is kept."""
    for change in list(changes):
        op = change.op
        if not isinstance(op, ops.AlterColumnOp) or change.table != found.add.table or op.modify_type is None:
            continue
        if str(op.column_name) != found.column:
            continue
        length = getattr(op.modify_type, "length", None)
        if length is None or max(map(len, found.had)) <= length:
            continue
        if any(len(old) > length for old in kept):
            changes.remove(change)
        else:
            change.phase = Phase.CONTRACT
