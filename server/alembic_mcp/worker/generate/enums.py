"""The values of enums, which autogenerate does not compare: what to add, rename, remove, and what to ask first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Optional, Set

from ..rewrites.enum_value_removed import Rebuild, added_values
from ..rewrites.enum_value_renamed import renaming
from .changes import Change, Facts
from .covered import Covered
from .enum_columns import REMOVE, Use, counted, uses_of
from .named_types import NamedType, literal, named_types, values_in
from .sides import Side

if TYPE_CHECKING:
    from .invisible import Invisible

__all__ = ["enum_changes"]

_RENAME, _MAP, _KEEP = "rename to ", "change to ", "keep"


def enum_changes(
    facts: Facts, metadata: List[Any], covered: Covered, *, here: Side, there: Side, found: Invisible
) -> None:
    """Note the enums of the models that have other values in the database."""
    for key, columns in sorted(named_types(metadata, facts.dialect).items()):
        kind = columns[0][1]
        had, wanted = (values_in(side.others.get(("type", key), "")) for side in (here, there))
        if had is None or wanted is None or had == wanted or key in covered.types:
            continue
        uses = [
            use
            for use in uses_of(kind, facts, here)
            if (use.key, use.column) not in covered.columns and use.key not in covered.gone
        ]
        rebuild = Rebuild(key, kind, uses, facts=facts, sides=(here, there), covered=covered)
        _Enum(key, kind, uses, facts=facts, there=there, found=found, rebuild=rebuild).go(had, wanted)


class _Enum:
    def __init__(
        self,
        key: str,
        kind: NamedType,
        uses: List[Use],
        *,
        facts: Facts,
        there: Side,
        found: Invisible,
        rebuild: Rebuild,
    ) -> None:
        self._key = key
        self._kind = kind
        self._uses = uses
        self._facts = facts
        self._there = there
        self._found = found
        self._rebuilding = rebuild

    def go(self, had: List[str], wanted: List[str]) -> None:
        added = [value for value in wanted if value not in had]
        choices = self._choices([value for value in had if value not in wanted], added)
        if choices is None:
            return
        wanted = self._kept(had, wanted, [value for value, choice in choices.items() if choice == _KEEP])
        renamed = {old: choice[len(_RENAME) :] for old, choice in choices.items() if choice.startswith(_RENAME)}
        for old, new in renamed.items():
            self._found.first.append(renaming(self._kind, old, new, self._facts))
        had = [renamed.get(value, value) for value in had]
        mapped = {
            old: choice[len(_MAP) :] if choice.startswith(_MAP) else None
            for old, choice in choices.items()
            if choice != _KEEP and old not in renamed
        }
        if had == wanted:
            return
        in_order = [value for value in wanted if value in had] == [value for value in had if value in wanted]
        if not mapped and in_order:
            self._add(had, wanted)
        elif mapped or self._facts.answers.get(f"enum-order:{self._key}") == "rebuild":
            self._facts.asked[f"enum-order:{self._key}"] = ["rebuild"]
            self._rebuild(had, wanted, mapped)
        else:
            self._found.stays.append(
                f"The values of the enum {self._key} stand in another order in the models ({', '.join(wanted)}) than "
                f"in the database ({', '.join(had)}): that matters where they are compared or sorted. It stays, unless "
                f"generate is called with answers={{'enum-order:{self._key}': 'rebuild'}}."
            )
            if in_order is False and set(had) < set(wanted):
                self._add(had, self._merged(had, wanted))

    def _choices(self, gone: List[str], added: List[str]) -> Optional[Dict[str, str]]:
        """What becomes of each value that the models lack; None if that has to be asked first."""
        found: Dict[str, str] = {}
        asked = False
        targets: Set[str] = set()
        for old in gone:
            question = f"enum-value:{self._key}.{old}"
            choice = self._facts.answers.get(question, "")
            allowed = self._options(old, added)
            self._facts.asked[question] = list(allowed)
            if choice in allowed and not (choice.startswith(_RENAME) and choice in targets):
                targets.add(choice)
                found[old] = choice
            elif not any(self._facts.live(use.key) for use in self._uses):
                found[old] = REMOVE
            else:
                self._ask(old, allowed)
                asked = True
        return None if asked else found

    def _options(self, old: str, added: List[str]) -> Dict[str, str]:
        """Choice -> what it does to the data."""
        kept = [value for value in self._wanted() if value not in added]
        where = ", ".join(dict.fromkeys(use.key for use in self._uses))
        rows = f"Rows of {where} that hold '{old}'"
        options = {f"{_RENAME}{new}": f"{rows} hold '{new}' then; the downgrade renames it back." for new in added}
        for new in [*kept, *added]:
            options[f"{_MAP}{new}"] = f"{rows} get '{new}'; the downgrade can't tell them from those that had it."
        options[REMOVE] = f"'{old}' goes; the upgrade fails, and changes nothing, if a row holds it by then."
        options[_KEEP] = f"'{old}' stays in the database's type; no row changes."
        return options

    def _wanted(self) -> List[str]:
        return values_in(self._there.others["type", self._key]) or []

    def _ask(self, old: str, options: Dict[str, str]) -> None:
        question = f"enum-value:{self._key}.{old}"
        counts = [counted(use, old, self._facts) for use in self._uses if self._facts.live(use.key)]
        rows = " and ".join(dict.fromkeys(each["words"] for each in counts))
        self._found.questions.append(
            {
                "id": question,
                "question": f"The enum {self._key} has no '{old}' in the models any more: what becomes of {rows}?",
                "table": next((use.key for use in self._uses if self._facts.live(use.key)), None),
                "options": [
                    {"choice": choice, "effect": effect, "how": {"answers": {question: choice}}}
                    for choice, effect in options.items()
                ],
                "count": counts,
            }
        )

    @staticmethod
    def _kept(had: List[str], wanted: List[str], kept: List[str]) -> List[str]:
        found = list(wanted)
        for value in kept:
            before = [one for one in had[: had.index(value)] if one in found]
            found.insert(found.index(before[-1]) + 1 if before else 0, value)
        return found

    @staticmethod
    def _merged(had: List[str], wanted: List[str]) -> List[str]:
        """The values of the database in its order, the new ones where the models have them."""
        found = list(had)
        for index, value in enumerate(wanted):
            if value not in found:
                found.insert(found.index(wanted[index - 1]) + 1 if index else 0, value)
        return found

    def _add(self, had: List[str], wanted: List[str]) -> None:
        added = [value for value in wanted if value not in had]
        change = Change(added_values(self._kind.sql(self._facts.dialect), had, wanted), [])
        if self._rebuilding.trouble:
            change.loses = f"The enum {self._key} keeps {', '.join(map(literal, added))}: {self._rebuilding.trouble}"
        else:
            change.down = self._rebuilding.without(added, had)
            change.loses = self._rebuilding.loses(added)
        change.table = self._uses[0].key if self._uses else None
        self._found.first.append(change)

    def _rebuild(self, had: List[str], wanted: List[str], mapped: Dict[str, Optional[str]]) -> None:
        trouble = self._rebuilding.trouble
        if trouble:
            self._found.left.append(f"{trouble[0].upper()}{trouble[1:]}")
            return
        between = self._merged(had, wanted)
        if between != had and self._facts.style == "safe" and any(self._facts.live(use.key) for use in self._uses):
            self._add(had, between)
            had = between
        self._found.first.append(self._rebuilding.change(had, wanted, mapped))
