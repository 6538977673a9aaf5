"""Sequences of the models: autogenerate does not look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List

from sqlalchemy.schema import CreateSequence

from .changes import Change, Facts
from .directives import sql
from .named_types import quoted
from .numbering import Numbering, altered, bounds, of_sequence, out_of_range
from .sides import Side

if TYPE_CHECKING:
    from .invisible import Invisible

__all__ = ["sequence_changes"]

_RULE = "invisible-to-autogenerate"


def sequence_changes(facts: Facts, metadata: List[Any], here: Side, there: Side, *, found: Invisible) -> None:
    """Note the sequences that the models name and the database lacks, or has otherwise."""
    for each in metadata:
        for sequence in getattr(each, "_sequences", {}).values():
            name = facts.table(sequence.name, sequence.schema)
            wanted, had = (side.others.get(("sequence", name)) for side in (there, here))
            if wanted is None:
                continue
            spelt = quoted(sequence.name, sequence.schema, facts.dialect)
            if had is None:
                make = str(CreateSequence(sequence).compile(dialect=facts.dialect))
                change = Change([sql(make)], [sql(f"DROP SEQUENCE {spelt}")], rule=_RULE)
                change.why = f"The models number by the sequence {name}, which autogenerate does not see."
                found.first.append(change)
            else:
                before = of_sequence(had)
                _changed(name, spelt, before, _told(sequence, of_sequence(wanted), before), facts=facts, found=found)


def _changed(name: str, spelt: str, had: Numbering, wanted: Numbering, *, facts: Facts, found: Invisible) -> None:
    clauses = altered(had, wanted)
    if not clauses:
        return
    last = out_of_range(facts, spelt, wanted)
    if last is not None:
        found.left.append(
            f"The sequence {name} has come to {last}, and the models let it go from {wanted.minimum} to "
            f"{wanted.maximum} only: it stays as it is. Change the models, or restart it by hand (generate with "
            "kind='empty')."
        )
        return
    why = f"The sequence {name} changes ({', '.join(clauses)}), which autogenerate does not see."
    if had.start != wanted.start:
        why += " Where it starts counts when it is restarted: the numbers go on from where they are."
    up, down = (f"ALTER SEQUENCE {spelt} {' '.join(each)}" for each in (clauses, altered(wanted, had)))
    found.first.append(Change([sql(up)], [sql(down)], rule=_RULE, why=why))


def _told(sequence: Any, wanted: Numbering, had: Numbering) -> Numbering:
    """What the models say; where they leave it to the database, that is what it has."""
    if getattr(sequence, "data_type", None) is None and wanted.type != had.type:
        low, high = bounds(had.type, wanted.increment)
        wanted = wanted._replace(
            type=had.type,
            minimum=low if sequence.minvalue is None else wanted.minimum,
            maximum=high if sequence.maxvalue is None else wanted.maximum,
        )
    if sequence.start is None and wanted.minimum <= had.start <= wanted.maximum:
        wanted = wanted._replace(start=had.start)
    return wanted
