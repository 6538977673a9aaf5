"""Puts changes into revisions that follow each other: one for each phase, each with a title and its reasons."""

from __future__ import annotations

import re
from itertools import groupby
from typing import Any, Dict, List, Optional, Set, Tuple

from alembic import util
from alembic.operations import ops

from .changes import Change, Facts, Phase
from .directives import Code
from .rebuilding import rebuilt

__all__ = ["Stage", "stages", "titled"]

_TITLES = {
    Phase.EXPAND: "expand",
    Phase.BACKFILL: "backfill",
    Phase.INDEX: "indexes",
    Phase.VALIDATE: "validate",
    Phase.CONTRACT: "contract",
}


_NOTHING = {
    Phase.BACKFILL: "Nothing to undo: the values go with their column.",
    Phase.VALIDATE: "Nothing to undo: the constraint goes with the revision that added it.",
}


_STAYS = "What was written stays: it is not known any more what was there before."


class Stage:
    """A revision to be written.

    Attributes:
        script: Alembic's directive for it.
        notes: the paragraphs of its docstring, below the message.
        loses: what its downgrade can't bring back, sentence by sentence.
    """

    def __init__(self, script: Any, notes: List[str], loses: List[str]) -> None:
        self.script = script
        self.notes = notes
        self.loses = loses


def stages(changes: List[Change], script: Any, facts: Facts) -> List[Stage]:
    """The revisions that *changes* make, the first of them in place of *script*.

    A single phase keeps the message; of several, each says in its message which one it is.
    """
    phases = sorted({change.phase for change in changes})
    found: List[Stage] = []
    for phase in phases:
        own = [change for change in changes if change.phase is phase]
        up = [op for change in own for op in change.up]
        down = [op for change in reversed(own) for op in change.down]
        if not down:
            stays = any(change.loses for change in own)
            down = [Code(f"pass  # {_STAYS if stays else _NOTHING.get(phase, 'Nothing to undo.')}")]
        message = script.message if len(phases) == 1 else f"{script.message}: {_TITLES[phase]}"
        first = not found
        directive = ops.MigrationScript(
            rev_id=script.rev_id if first else _following(found[-1].script.rev_id, facts),
            message=message,
            imports=set(script.imports),
            upgrade_ops=ops.UpgradeOps(_grouped(up, facts), upgrade_token=script.upgrade_ops.upgrade_token),
            downgrade_ops=ops.DowngradeOps(_grouped(down, facts), downgrade_token=script.downgrade_ops.downgrade_token),
            head=script.head if first else found[-1].script.rev_id,
            splice=script.splice if first else False,
            branch_label=script.branch_label if first else None,
            version_path=script.version_path,
            depends_on=script.depends_on if first else None,
        )
        directive._needs_render = True
        found.append(Stage(directive, *_notes(own)))
    return found


def titled(message: Optional[str], longest: int) -> Optional[str]:
    """A message so short that the file name made of it, *longest* characters of it, still says which phase it is."""
    start, colon, title = (message or "").rpartition(": ")
    if not colon or title not in _TITLES.values():
        return message
    words = re.findall(r"\w+", start)
    while len(words) > 1 and len("_".join([*words, title])) > longest:
        words.pop()
    return " ".join([*words, title])


def _following(rev_id: str, facts: Facts) -> str:
    """An id for the revision after *rev_id*: of the same kind where env.py gives ids of its own, say ``0042``."""
    known = _known_ids(facts)
    while True:
        number = re.search(r"\d+$", rev_id)
        if re.fullmatch(r"[0-9a-f]{12}", rev_id) and not rev_id.isdigit():
            rev_id = util.rev_id()
        elif number is not None:
            rev_id = rev_id[: number.start()] + str(int(number[0]) + 1).zfill(len(number[0]))
        else:
            rev_id = f"{rev_id}_2"
        if rev_id not in known:
            return rev_id


def _known_ids(facts: Facts) -> Set[str]:
    script = getattr(getattr(facts.context, "environment_context", None), "script", None)
    return set() if script is None else {str(each) for each in script.revision_map._revision_map if each}


def _notes(changes: List[Change]) -> Tuple[List[str], List[str]]:
    why = list(dict.fromkeys(change.why for change in changes if change.why))
    loses = list(dict.fromkeys(change.loses for change in changes if change.loses))
    return [*why, *(f"Downgrade: {text}" for text in loses)], loses


def _grouped(directives: List[Any], facts: Facts) -> List[Any]:
    """Neighbours that alter one table go into one container, as batch mode needs it."""

    def of(op: Any) -> Any:
        inside = not isinstance(op, (ops.CreateTableOp, ops.DropTableOp)) and type(op).__module__.startswith("alembic.")
        name = getattr(op, "table_name", None) or getattr(op, "source_table", None)
        schema = getattr(op, "schema", None) or getattr(op, "source_schema", None)
        return (name, schema) if inside and name else None

    found: List[Any] = []
    for key, group in groupby(directives, of):
        if key is None or not facts.context.opts.get("render_as_batch"):
            found += group
        elif key[1] is None:
            found += rebuilt(key[0], list(group), facts)
        else:
            found.append(ops.ModifyTableOps(key[0], list(group), schema=key[1]))
    return found


def listed(stage: Stage) -> Dict[str, Any]:
    """What a stage is, for the report."""
    return {"revision": stage.script.rev_id, "message": stage.script.message, "loses": stage.loses}
