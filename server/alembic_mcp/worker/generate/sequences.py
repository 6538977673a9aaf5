"""Sequences of the models: autogenerate does not look at them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, List

from sqlalchemy.schema import CreateSequence

from .changes import Change, Facts
from .directives import sql
from .named_types import quoted
from .sides import Side

if TYPE_CHECKING:
    from .invisible import Invisible

__all__ = ["sequence_changes"]

_START = re.compile(r"^(\w+ )?start -?\d+ ")


def sequence_changes(facts: Facts, metadata: List[Any], here: Side, there: Side, *, found: Invisible) -> None:
    """Note the sequences that the models name and the database lacks, or has otherwise."""
    for each in metadata:
        for sequence in getattr(each, "_sequences", {}).values():
            name = facts.table(sequence.name, sequence.schema)
            wanted, had = (side.others.get(("sequence", name)) for side in (there, here))
            if wanted is None:
                continue
            if had is None:
                spelt = quoted(sequence.name, sequence.schema, facts.dialect)
                make = str(CreateSequence(sequence).compile(dialect=facts.dialect))
                change = Change([sql(make)], [sql(f"DROP SEQUENCE {spelt}")], rule="invisible-to-autogenerate")
                change.why = f"The models number by the sequence {name}, which autogenerate does not see."
                found.first.append(change)
            elif _START.sub("", had) != _START.sub("", wanted):
                found.left.append(
                    f"The sequence {name} is ({had}) in the database and ({wanted}) in the models: write the ALTER "
                    "SEQUENCE by hand (generate with kind='empty')."
                )
