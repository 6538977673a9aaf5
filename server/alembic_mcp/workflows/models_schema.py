"""The schema that the models define, as the database itself would have it: made on a scratch copy at head."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import anyio

from ..errors import NotDone
from . import copies
from .app import REHEARSE_SECONDS, App, Located

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..revisions import Revisions
    from .ahead import Ahead

__all__ = ["ModelsSchema"]

_KEPT = 4
_DIALECTS = ("postgresql", "sqlite")
_UNSEEN = (
    "On {} only what autogenerate compares is compared. Nothing looks for other differences: server defaults (unless "
    "env.py sets compare_server_default), CHECK constraints, primary keys, collations, generated columns, views, "
    "functions and triggers."
)


class ModelsSchema:
    """What is known of that schema, and what it takes to know all of it.

    Nothing is made if neither the database nor a file that the models come from has changed since the last time. If
    only files have, the tables that are defined otherwise now are made; else all are.

    Attributes:
        known: what tells a call that makes the models which of them have changed; None: none, or all must be made.
        soon: it does not take long.
    """

    def __init__(self, app: App, located: Located, index: Revisions) -> None:
        self.known: dict[str, Any] | None = None
        self.soon = False
        self._where = app, located, index
        self._key = _key(located, index)
        self._before: dict[str, Any] | None = None
        self._reply: dict[str, Any] | None = None

    @classmethod
    async def of(cls, app: App, located: Located, index: Revisions) -> Self:
        """That of the project at a database."""
        self = cls(app, located, index)
        reply = app.models.get(self._key) if self._key else None
        if reply is not None and await anyio.to_thread.run_sync(_unchanged, reply["sources"]):
            self._reply, self.soon = reply, True
        elif reply is not None and reply["rest"] is not None:
            signatures = {name: each["signature"] for name, each in reply["tables"].items()}
            self._before, self.known, self.soon = reply, {"rest": reply["rest"], "tables": signatures}, True
        return self

    async def read(self, begun: Ahead | None = None) -> tuple[dict[str, str] | None, list[str]]:
        """What the calls ``compare`` and ``render`` take as ``models``, and warnings; None if it can't be found out.

        What has to be made is made by the rehearsal that has *begun*, where it can, or on a scratch copy.
        """
        dialect = self._where[1].target.dialect
        if dialect not in _DIALECTS:
            return None, [_UNSEEN.format(dialect)]
        if self._reply is None:
            try:
                made = await begun.models() if begun and self.known else None
                if made is None:
                    made = await _made(*self._where, self.known)
            except NotDone as error:
                return None, [f"What autogenerate can't see was not looked for: {error.message}"]
            self._reply = self._keep(made)
        return _schema(self._reply), [_unmade(item) for item in self._reply["unmade"]]

    def _keep(self, made: dict[str, Any]) -> dict[str, Any]:
        before = self._before
        if made["partial"] and before is not None:
            made = {
                **made,
                "tables": {**before["tables"], **made["tables"]},
                "others": {**made["others"], **before["others"]},  # the copy has, beside tables, what the database has
            }
        if self._key:
            known = self._where[0].models
            known[self._key] = made
            known.move_to_end(self._key)
            while len(known) > _KEPT:
                known.popitem(last=False)
        return made


async def _made(app: App, located: Located, index: Revisions, known: dict[str, Any] | None) -> dict[str, Any]:
    async with copies.at_head(app, located, index) as copy:
        reply = await app.call(
            located.project,
            "models",
            {"redirect": copy.redirect, "known": known},
            database=located.target.database,
            timeout=REHEARSE_SECONDS,
            revisions=index,
        )
    return reply.result


def _schema(reply: Mapping[str, Any]) -> dict[str, str] | None:
    if reply["tables"] is None:
        return None
    parts = [each["objects"] for each in reply["tables"].values()]
    return {key: definition for part in (*parts, reply["others"]) for key, definition in part.items()}


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
