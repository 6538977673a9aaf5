"""Completes a rehearsal by reading: what it did not reach, or all of it where none was possible."""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..direction import Direction
from ..errors import NotDone
from ..worker_client import WorkerFailed
from .app import App, Located
from .unseen import unseen

if TYPE_CHECKING:
    from ..revisions import Revisions

__all__ = ["complete", "merged"]

STATIC_SECONDS = 20.0
_CHANGES_SCHEMA = re.compile(
    r"\b(?:op|batch_op|batch)\.(?!execute\b|bulk_insert\b|get_)\w+\(|\b(?:DROP|ALTER|TRUNCATE|CREATE|RENAME|GRANT)\s",
    re.IGNORECASE,
)

_Item = dict[str, Any]
_Entry = tuple[_Item | None, list[_Item]]


async def complete(
    app: App, located: Located, index: Revisions, rehearsed: _Item, *, path: list[str], direction: Direction
) -> _Item:
    """The recording of *path*, with what a rehearsal left open or went past read from the files; itself if nothing is.

    What was read has no measurements. A revision that does not come back when its functions run without a database is
    read as source only; one that can't be read at all stays as it is. Never raises for what the project's code does.

    Args:
        app: the app.
        located: the database, whose dialect spells the statements.
        index: the revisions.
        rehearsed: the worker's answer to ``rehearse``; empty if there is none.
        path: ids in the order in which they run.
        direction: what is about to run.
    """
    order = [entry["revision"] for entry in rehearsed.get("path", ())] or path
    recorded: dict[str, _Item] = rehearsed.get("revisions", {})
    open_ = [id_ for id_ in order if _directions(recorded.get(id_, {}), direction)]
    hidden = {id_: _hidden(index, id_, recorded[id_], direction) for id_ in order if id_ in recorded}
    wanted = [id_ for id_ in order if id_ in open_ or hidden.get(id_)]
    answer = await _read(app, located, index, wanted) if wanted else {}
    if not answer:
        return rehearsed
    read: dict[str, _Item] = answer["revisions"]
    seen = rehearsed.get("outside", [])
    return {
        **rehearsed,
        "outside": [*seen, *(act for act in answer["outside"] if act not in seen)],
        "path": rehearsed.get("path") or [_entry(index, id_) for id_ in order],
        "revisions": {
            id_: merged(supplemented(recorded.get(id_, {}), read[id_], hidden.get(id_, {})), read[id_], direction)
            if id_ in read
            else recorded.get(id_, {})
            for id_ in order
        },
    }


def supplemented(recorded: Mapping[str, Any], read: Mapping[str, Any], hidden: Mapping[str, list[range]]) -> _Item:
    """One revision's recording, with what was *read* of the lines that an empty copy could not reach, in their places.

    What can't be read there stays away if it changes rows: that a loop writes unseen is a finding of its own.
    """
    found = dict(recorded)
    for direction, blocks in hidden.items():
        entries = list(_entries(recorded.get(direction) or {}))
        for entry in _entries(read[direction]):
            item, sent = entry
            line = _line(entry)
            if not any(line in block for block in blocks):
                continue
            if item is not None and item["kind"] == "unreadable" and not _CHANGES_SCHEMA.search(item["op"]):
                continue
            # Its transaction is not known, and the numbers of another run mean nothing here.
            item = None if item is None else {**item, "line": line}
            sent = [{**statement, "transaction": 0} for statement in sent]
            place = next((at for at, other in enumerate(entries) if _line(other) > line), len(entries))
            entries.insert(place, (item, sent))
        found[direction] = _recording(entries)
    return found


def _hidden(index: Revisions, id_: str, recorded: _Item, running: Direction) -> dict[str, list[range]]:
    """Direction -> the lines that hang on rows, where the direction ran to its end without reaching them."""
    known = index.by_id.get(id_)
    if known is None:
        return {}
    try:
        with tokenize.open(known.path) as file:
            source = file.read()
    except (OSError, SyntaxError, UnicodeDecodeError):
        return {}  # it can't be read, which is a finding of its own
    ran = {"upgrade", "downgrade"} - set(_directions(recorded, running))
    found = {direction: unseen(source, direction, recorded.get(direction) or {}) for direction in sorted(ran)}
    return {direction: blocks for direction, blocks in found.items() if blocks}


def merged(recorded: Mapping[str, Any], read: Mapping[str, Any], running: Direction) -> _Item:
    """One revision's recording, completed by what was *read* of it: after what was recorded last, or altogether."""
    found = dict(recorded)
    for direction in _directions(recorded, running):
        found[direction] = _joined(recorded.get(direction) or {}, read[direction])
    if "downgrade" in _directions(recorded, running) and recorded.get("downgraded") is None:
        error = read.get("downgrade_error")
        says_nothing = not any(read["downgrade"].values())
        does = any((found.get("upgrade") or read["upgrade"]).values())
        found["read"] = True
        found["downgrade_missing"] = bool(read.get("downgrade_missing"))
        found["downgrade_empty"] = says_nothing and error is None and does and not found["downgrade_missing"]
        # It raises before it does anything: that takes no database to know.
        found["downgrade_error"] = error if says_nothing else None
    return found


def _directions(recorded: Mapping[str, Any], running: Direction) -> list[str]:
    """The directions that were not run to their end; a downgrade that runs is judged by itself."""
    found = []
    went_up = recorded.get("upgraded") is True or recorded.get("reupgraded") is True
    if running is Direction.UPGRADE and not went_up:
        found.append("upgrade")
    if recorded.get("downgraded") is not True and not recorded.get("downgrade_missing"):
        found.append("downgrade")
    return found


async def _read(app: App, located: Located, index: Revisions, revisions: list[str]) -> _Item:
    arguments = {
        "revisions": revisions,
        "paths": {id_: str(index.by_id[id_].path) for id_ in revisions if id_ in index.by_id},
        "dialect": located.target.dialect,
        "default_schema": located.target.default_schema,
        "naming_convention": located.target.naming_convention,
    }
    for run in (True, False):
        try:
            reply = await app.call(
                located.project,
                "static",
                {**arguments, "run": run},
                database=located.target.database,
                timeout=STATIC_SECONDS,
                revisions=index,
            )
        except WorkerFailed:
            continue  # it does not come back, or kills its process: the source alone can still be read
        except NotDone:
            break
        return reply.result
    return {}


def _entry(index: Revisions, id_: str) -> _Item:
    known = index.by_id.get(id_)
    return {
        "revision": id_,
        "message": known.message if known else "",
        "path": str(known.path) if known else "",
        "down_revisions": list(known.down_revisions) if known else [],
    }


def _joined(recorded: Mapping[str, Any], read: Mapping[str, Any]) -> _Item:
    """What was recorded, and of what was read all that comes after its last entry."""
    ran, rest = list(_entries(recorded)), list(_entries(read))
    if ran:
        keys = [_key(entry) for entry in rest]
        last = _key(ran[-1])
        nth = sum(_key(entry) == last for entry in ran)
        places = [place for place, key in enumerate(keys) if key == last]
        if places:
            rest = rest[places[min(nth, len(places)) - 1] + 1 :]
        else:
            rest = [entry for entry in rest if _line(entry) > _line(ran[-1])]
    return _recording([*ran, *rest])


def _entries(recording: Mapping[str, Any]) -> Iterator[_Entry]:
    """Operations with their statements, and the statements that belong to none, in order."""
    statements: list[_Item] = list(recording.get("statements") or ())
    operations: list[_Item] = list(recording.get("operations") or ())
    owned = {number for item in operations for number in item.get("statements") or ()}
    loose = [number for number in range(len(statements)) if number not in owned]
    for item in operations:
        numbers = [number for number in item.get("statements") or () if number < len(statements)]
        # One that sent nothing stands where its line is.
        while loose and (loose[0] < numbers[0] if numbers else _before(statements[loose[0]], item)):
            yield None, [statements[loose.pop(0)]]
        yield item, [statements[number] for number in numbers]
    for number in loose:
        yield None, [statements[number]]


def _before(statement: _Item, item: _Item) -> bool:
    return 0 < (statement.get("line") or 0) < (item.get("line") or 0)


def _recording(entries: list[_Entry]) -> _Item:
    operations: list[_Item] = []
    statements: list[_Item] = []
    numbers: dict[int, int] = {}
    for item, sent in entries:
        for statement in sent:
            if id(statement) not in numbers:  # several operations of a batch share theirs
                numbers[id(statement)] = len(statements)
                statements.append(statement)
        if item is not None:
            operations.append({**item, "statements": [numbers[id(statement)] for statement in sent]})
    return {"operations": operations, "statements": statements}


def _key(entry: _Entry) -> tuple[Any, ...]:
    item, sent = entry
    if item is None:
        return ("statement", sent[0].get("line"), " ".join(sent[0]["sql"].split()))
    return (item["kind"], item.get("line"), *(str(item.get(name)) for name in ("table", "name", "sql", "column")))


def _line(entry: _Entry) -> int:
    item, sent = entry
    return int((item or sent[0]).get("line") or 0)
