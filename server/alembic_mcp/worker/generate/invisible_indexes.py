"""What autogenerate can't see of indexes: condition, method, included columns, operator classes, validity."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Dict, List, Optional

import sqlalchemy
from alembic.operations import ops

from ..rewrites.index_without_concurrently import built, dropped
from . import catalog
from .changes import Change, Facts, Phase
from .covered import Covered
from .directives import Autocommit, sql
from .quoting import renamed

if TYPE_CHECKING:
    from .invisible import Invisible, Pair

__all__ = ["compare"]

_INDEX = re.compile(r"^(CREATE (?:UNIQUE )?INDEX )")
_NAME = re.compile(r'^(CREATE (?:UNIQUE )?INDEX )(?:"(?:[^"]|"")+"|\S+)( ON )')


def compare(pair: Pair, covered: Covered, found: Invisible, facts: Facts) -> None:
    """Note the indexes that differ."""
    here, there = (dict(side) for side in pair.parts("index"))
    models = {str(index.name): index for index in pair.table.indexes if index.name}
    for name in list(here):
        same = there.get(name) == here[name] or (not facts.postgresql and _bare(there.get(name)) == _bare(here[name]))
        if same or (pair.name, name) in covered.indexes:
            del here[name]
            there.pop(name, None)
    _same_under_other_names(here, there)
    for name in there:
        if (pair.name, name) in covered.indexes:
            continue
        if name not in models:
            found.left.append(
                f"The index {name} on {pair.name}, which the models create, is not in the database: write it by hand "
                "(generate with kind='empty')."
            )
        elif name in here:
            found.changes.append(_replaced(pair, models[name], here.pop(name), facts))
        else:
            create = ops.CreateIndexOp.from_index(models[name])
            found.changes.append(Change([create], [create.reverse()], table=pair.name))
    for name, definition in here.items():
        if not definition.endswith(" INVALID"):
            found.stays.append(
                f"The index {name} on {pair.name} is only in the database, and autogenerate leaves it alone: "
                f"{' '.join(definition.split()) or name}."
            )


def _replaced(pair: Pair, index: Any, definition: str, facts: Facts) -> Change:
    create = ops.CreateIndexOp.from_index(index)
    broken = definition.endswith(" INVALID")
    why = (
        f"The index {index.name} was left invalid by a build that was interrupted: it is built anew."
        if broken
        else f"The index {index.name} changes in what autogenerate does not compare."
    )
    concurrently = facts.postgresql and facts.style == "safe" and facts.live(pair.name)
    if concurrently and not catalog.partitioned(facts, index.table.name, index.table.schema):
        drop = dropped(create.reverse(), facts)
        # An index that is invalid is as good as none.
        before = sql(_INDEX.sub(r"\1CONCURRENTLY ", definition))
        return Change(
            [Autocommit(built(create, facts) if broken else [drop, built(create, facts)[-1]])],
            [Autocommit([drop] if broken else [drop, before])],
            table=pair.name,
            phase=Phase.INDEX,
            rule="index-without-concurrently",
            why=why,
        )
    back = [create.reverse(), *([] if broken else [sql(_made_by(index, definition, facts))])]
    return Change([create.reverse(), create], back, table=pair.name, rule="invisible-to-autogenerate", why=why)


def _made_by(index: Any, definition: str, facts: Facts) -> str:
    if facts.postgresql:
        return definition
    query = sqlalchemy.text("SELECT sql FROM sqlite_master WHERE type = 'index' AND name = :name")
    text = str(facts.context.connection.execute(query, {"name": index.name}).scalar())
    return renamed(text, facts.names_now(index.table.name))


def _bare(definition: Optional[str]) -> Optional[str]:
    """Of SQLite, which keeps an index as it was spelt: without quotes around names."""
    return None if definition is None else definition.replace('"', "")


def _same_under_other_names(here: Dict[str, str], there: Dict[str, str]) -> None:
    """An index that only has another name is the same for the database, and autogenerate's business."""
    by_definition: Dict[str, List[str]] = {}
    for name, definition in here.items():
        by_definition.setdefault(_NAME.sub(r"\1\2", definition), []).append(name)
    for name, definition in list(there.items()):
        twins = by_definition.get(_NAME.sub(r"\1\2", definition))
        if twins and name not in here:
            del there[name], here[twins.pop()]
