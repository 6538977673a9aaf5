"""The schema that the models define, as the database itself would have it: made on a scratch copy at head."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from ..errors import NotDone
from . import copies
from .app import REHEARSE_SECONDS, App, Located

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..revisions import Revisions

__all__ = ["models_schema"]

_KEPT = 4
_DIALECTS = ("postgresql", "sqlite")
_known: OrderedDict[tuple[Any, ...], dict[str, Any]] = OrderedDict()


async def models_schema(app: App, located: Located, index: Revisions) -> tuple[dict[str, str] | None, list[str]]:
    """What the calls ``compare`` and ``render`` take as ``models``, and warnings; None if it can't be found out.

    A scratch copy of the target is made for it, unless neither the database nor a file that the models come from has
    changed since the last time.
    """
    target = located.target
    if target.dialect not in _DIALECTS:
        return None, []
    key = _key(located, index)
    reply = _known.get(key) if key else None
    if reply is None or not await anyio.to_thread.run_sync(_unchanged, reply["sources"]):
        try:
            async with copies.at_head(app, located, index) as copy:
                made = await app.call(
                    located.project,
                    "models",
                    {"redirect": copy.redirect},
                    database=target.database,
                    timeout=REHEARSE_SECONDS,
                    revisions=index,
                )
        except NotDone as error:
            return None, [f"What autogenerate can't see was not looked for: {error.message}"]
        reply = made.result
        if key:
            _known[key] = reply
            _known.move_to_end(key)
            while len(_known) > _KEPT:
                _known.popitem(last=False)
    return reply["schema"], [_unmade(item) for item in reply["unmade"]]


def _key(located: Located, index: Revisions) -> tuple[Any, ...] | None:
    """What tells one state of a database from another; None where that is not known well enough."""
    target = located.target
    known = all(head in index.by_id for head in target.heads)
    if target.fingerprint is None or not target.reachable or not known or index.pending(list(target.heads)):
        return None
    project = located.project
    return str(project.root), project.name, target.database, target.identity, target.server_version, target.fingerprint


def _unchanged(sources: Mapping[str, list[int]]) -> bool:
    for name, (modified, size) in sources.items():
        try:
            status = Path(name).stat()
        except OSError:
            return False
        if [status.st_mtime_ns, status.st_size] != [modified, size]:
            return False
    return True


def _unmade(item: Mapping[str, str | None]) -> str:
    what = f"The table {item['table']} of the models" if item["table"] else "Something that the models define"
    return f"{what} could not be made on a scratch database, and was not compared in depth: {item['why']}"
