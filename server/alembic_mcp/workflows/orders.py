"""Rehearse the branches of a revision graph in several orders, each from their common ancestor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice, permutations
from typing import TYPE_CHECKING, Any

from ..operations import Direction, Revision
from ..report import OrderTried
from ..review.reading import read_path
from ..worker_client import WorkerFailed
from . import copies
from .app import REHEARSE_SECONDS, App, Located, Progress
from .complete import complete

if TYPE_CHECKING:
    from ..revisions import Revisions
    from ..scratch import Scratch

__all__ = ["MOST_ORDERS", "Branches", "Outcome", "Tried", "branches_of", "try_orders"]

MOST_ORDERS = 6


@dataclass(frozen=True)
class Branches:
    """Some heads, and what is below them.

    Attributes:
        heads: at least two.
        own: head -> its revisions that are not below all of the heads.
        tops: the uppermost revisions that all have in common; empty if they share nothing.
    """

    heads: tuple[str, ...]
    own: dict[str, frozenset[str]]
    tops: tuple[str, ...]

    def apart(self, one: str, other: str) -> frozenset[str]:
        """The revisions of *one* that *other* does not have too."""
        return self.own[one] - self.own[other]


@dataclass(frozen=True)
class Outcome:
    """How one order went.

    Attributes:
        order: the heads, first one first.
        failed: the head that did not get through, None if all did.
        revision: the revision that failed, with ``message`` and ``line`` of its failure.
        schema: object -> definition, after all of them.
        heads: what the version table says in the end.
    """

    order: tuple[str, ...]
    where: str
    failed: str | None = None
    revision: str = ""
    message: str = ""
    line: int = 0
    schema: dict[str, str] = field(default_factory=dict)
    heads: tuple[str, ...] = ()

    def reported(self) -> OrderTried:
        """As a report shows it."""
        error = f"{self.revision}: {self.message}" if self.failed else None
        return OrderTried(
            heads=list(self.order), status="failed" if self.failed else "passed", where=self.where, error=error
        )


@dataclass(frozen=True)
class Tried:
    """All orders that were tried.

    Attributes:
        recorded: revision -> what it did, as far as it ran.
        notes: which orders were left out, and why.
    """

    outcomes: tuple[Outcome, ...]
    recorded: dict[str, Revision]
    notes: tuple[str, ...] = ()


def branches_of(index: Revisions, heads: Sequence[str]) -> Branches:
    """What the branches of *heads* have in common, and what each has of its own."""
    below = {head: index.ancestors([head]) for head in heads}
    common = set.intersection(*below.values())
    return Branches(
        heads=tuple(heads),
        own={head: frozenset(below[head] - common) for head in heads},
        tops=tuple(one for one in index.by_id if one in common and not set(index.children[one]) & common),
    )


def orders_of(heads: Sequence[str]) -> list[tuple[str, ...]]:
    """At most `MOST_ORDERS` orders; among them the given one and its reverse, so that each pair goes both ways."""
    given = tuple(heads)
    first = dict.fromkeys([given, given[::-1]])
    rotated = [given[at:] + given[:at] for at in range(1, len(given))]
    return list(islice(dict.fromkeys([*first, *rotated, *islice(permutations(given), MOST_ORDERS)]), MOST_ORDERS))


async def try_orders(
    app: App,
    located: Located,
    index: Revisions,
    branches: Branches,
    progress: Progress,
    *,
    own_server: bool | None = None,
) -> Tried:
    """Run the branches on scratch databases in every order that is possible.

    They start from their common ancestor; branches that the database has already are taken back on the copy first.
    Where they can't be, only what is still to come is put in order.

    Raises:
        Failed: there can be no scratch database, or the revisions below the branches don't run there.
    """
    notes: list[str] = []
    recorded: dict[str, Revision] = {}
    async with copies.copy_of(app, located, own_server=own_server) as scratch:
        runner = _Runner(app, located, index, scratch, recorded)
        applied = index.ancestors(located.target.heads)
        there = [head for head in branches.heads if branches.own[head] & applied]
        back = bool(there) and await runner.can_go_back(branches)
        heads = list(branches.heads)
        if there and not back:
            heads = [head for head in heads if branches.own[head] - applied]
            names = ", ".join(there)
            notes.append(
                f"The database has revisions of {names} already, and they can't be taken back on a copy: only the "
                "orders that are still possible there were rehearsed."
            )
        elif there:
            notes.append(f"The database has revisions of {', '.join(there)} already; on the copy they were taken back.")
        orders = orders_of(heads) if heads else []
        every = math.factorial(len(heads))
        if len(orders) < every:
            notes.append(
                f"{len(orders)} of the {every} orders of {len(heads)} branches were rehearsed; "
                "each pair of them went both ways."
            )
        outcomes = []
        for number, order in enumerate(orders):
            await progress(number, len(orders) + 3, f"Rehearsing {', then '.join(order)}")
            await scratch.fresh()
            await runner.start(branches, applied, back=back)
            outcomes.append(await runner.run(order))
    return Tried(tuple(outcomes), recorded, tuple(notes))


class _Runner:
    """Runs branches on one scratch database, which is put back in between."""

    def __init__(
        self, app: App, located: Located, index: Revisions, scratch: Scratch, recorded: dict[str, Revision]
    ) -> None:
        self._app, self._located, self._index, self._scratch = app, located, index, scratch
        self._recorded = recorded

    async def start(self, branches: Branches, applied: set[str], *, back: bool) -> None:
        """Bring the copy to where the branches part."""
        if back:
            await self._bring("downgrade", _foot(branches))
        for top in branches.tops:
            if top not in applied:
                await self._bring("upgrade", top)

    async def can_go_back(self, branches: Branches) -> bool:
        """Whether the branches' own downgrades lead to their common ancestor, and from there to the same schema."""
        if len(branches.tops) > 1:
            return False
        every = frozenset().union(*branches.own.values(), self._index.ancestors(branches.tops))
        if not branches.tops and not self._index.ancestors(self._located.target.heads) <= every:
            return False  # it would take down what has nothing to do with them
        try:
            reply = await self._rehearse("downgrade", _foot(branches), prove=True)
        except WorkerFailed as error:
            if error.kind not in ("user_code", "alembic", "died", "timed_out"):
                raise
            return False
        return all(
            state["downgraded"] and state["reupgraded"] and state["restored"] and not state["downgrade_empty"]
            for state in reply["revisions"].values()
        )

    async def run(self, order: tuple[str, ...]) -> Outcome:
        """Run the branches in this order."""
        where = self._scratch.where
        reply: dict[str, Any] = {}
        for head in order:
            try:
                reply = await self._rehearse("upgrade", head, prove=False)
            except WorkerFailed as error:
                if error.kind not in ("user_code", "died", "timed_out"):
                    raise
                revision = error.details.get("revision") or head
                line = int(error.details.get("line") or 0)
                return Outcome(order, where, head, revision, error.message, line)
            await self._record(reply)
            for id_, state in reply["revisions"].items():
                if state["upgrade_error"]:
                    error_ = state["upgrade_error"]
                    return Outcome(order, where, head, id_, error_["message"], error_.get("line") or 0)
        return Outcome(order, where, schema=_after(reply), heads=tuple(reply["heads_after"]))

    async def _record(self, reply: dict[str, Any]) -> None:
        """Keep what each revision did; one that did not get through is completed by reading it."""
        target = self._located.target
        path = [one["revision"] for one in reply["path"]]
        through = {id_ for id_ in path if reply["revisions"][id_]["upgraded"]}
        if len(through) < len(path):
            reply = await complete(self._app, self._located, self._index, reply, path=path, direction=Direction.UPGRADE)
        for revision in read_path(reply, target.dialect, target.default_schema):
            if revision.revision in through or revision.revision not in self._recorded:
                self._recorded[revision.revision] = revision

    async def _rehearse(self, direction: str, target: str, *, prove: bool) -> dict[str, Any]:
        reply = await self._app.call(
            self._located.project,
            "rehearse",
            {
                "redirect": self._scratch.redirect,
                "direction": direction,
                "target": target,
                "prove": prove,
                "trace": True,
            },
            database=self._located.target.database,
            timeout=REHEARSE_SECONDS,
            revisions=self._index,
        )
        return reply.result

    async def _bring(self, direction: Any, target: str) -> None:
        await copies.bring(
            self._app,
            self._located.project,
            self._index,
            self._scratch,
            direction=direction,
            target=target,
            database=self._located.target.database,
        )


def _foot(branches: Branches) -> str:
    return branches.tops[0] if branches.tops else "base"


def _after(reply: dict[str, Any]) -> dict[str, str]:
    """The schema that a rehearsal left: the one that it found, with what it changed."""
    schema: dict[str, str] = dict(reply.get("schema") or {})
    for key, (_, definition) in (reply.get("delta") or {}).items():
        if definition is None:
            schema.pop(key, None)
        else:
            schema[key] = definition
    return schema
