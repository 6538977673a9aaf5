"""A stretch of a revision's operations that finds those of a kind, on a table, of a name without reading it all."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, overload

from ..operations import AlterColumn, Harmless, Operation

__all__ = ["Reads", "Renames", "Window"]

_Op = TypeVar("_Op", bound=Operation)
_Key = tuple[type[Operation], str | None, str | None]


class Renames(AlterColumn):
    """Stands for those AlterColumn that give a column another name."""


class Reads(Harmless):
    """Stands for those Harmless that read rows."""


@dataclass(frozen=True)
class _Index:
    """All operations of one direction, and where those of each type, on each table and of each name stand."""

    operations: tuple[Operation, ...]
    places: dict[_Key, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, operations: Sequence[Operation]) -> _Index:
        index = cls(tuple(operations))
        for place, op in enumerate(index.operations):
            for kind in _kinds(op):
                for table in {None, *op.tables}:
                    for name in {None, _name(op)}:
                        index.places.setdefault((kind, table, name), []).append(place)
        return index


def _kinds(op: Operation) -> tuple[type[Operation], ...]:
    if isinstance(op, AlterColumn) and op.rename_to is not None:
        return AlterColumn, Renames
    if isinstance(op, Harmless) and op.what == "read":
        return Harmless, Reads
    return (type(op),)


def _name(op: Operation) -> str | None:
    """What it is about: a column, a constraint, an index."""
    found = getattr(op, "column", None)
    return getattr(found, "name", found) or getattr(op, "name", None)


class Window(Sequence[Operation]):
    """Operations *start* to *stop* (exclusive) of a direction."""

    def __init__(self, operations: Sequence[Operation] | _Index = (), start: int = 0, stop: int | None = None) -> None:
        self._index = operations if isinstance(operations, _Index) else _Index.of(operations)
        self._start = start
        self._stop = len(self._index.operations) if stop is None else stop

    def of(self, *types: type[_Op], table: str | None = None, name: str | None = None) -> list[_Op]:
        """Those of these types, on *table* and about *name* (a column, a constraint) if given, in order."""
        found: list[int] = []
        for kind in types:
            places = self._index.places.get((kind, table, name), ())
            found += places[bisect_left(places, self._start) : bisect_left(places, self._stop)]
        if len(types) > 1:
            found.sort()
        return [self._index.operations[place] for place in found]  # type: ignore[misc]

    def about(
        self, tables: Collection[str], *types: type[Operation], anywhere: tuple[type[Operation], ...] = ()
    ) -> list[Operation]:
        """Those of *types* on one of *tables*, and those of *anywhere* whatever they are about, in order."""
        keys: list[_Key] = [(kind, table, None) for kind in types for table in tables]
        found: set[int] = set()
        for key in (*keys, *((kind, None, None) for kind in anywhere)):
            places = self._index.places.get(key, ())
            found.update(places[bisect_left(places, self._start) : bisect_left(places, self._stop)])
        return [self._index.operations[place] for place in sorted(found)]

    def has(self, *types: type[Operation], table: str | None = None, name: str | None = None) -> bool:
        """True if there is one."""
        for kind in types:
            places = self._index.places.get((kind, table, name), ())
            at = bisect_left(places, self._start)
            if at < len(places) and places[at] < self._stop:
                return True
        return False

    def before(self, index: int) -> Window:
        """Everything of the direction that stands before the one at *index*."""
        return Window(self._index, 0, min(self._start + index, self._stop))

    def after(self, index: int) -> Window:
        """Everything behind the one at *index*."""
        return Window(self._index, min(self._start + index + 1, self._stop), self._stop)

    def __len__(self) -> int:
        return self._stop - self._start

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._index.operations[self._start : self._stop])

    def __reversed__(self) -> Iterator[Operation]:
        return (self._index.operations[place] for place in range(self._stop - 1, self._start - 1, -1))

    @overload
    def __getitem__(self, index: int) -> Operation: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Operation, ...]: ...

    def __getitem__(self, index: int | slice) -> Operation | tuple[Operation, ...]:
        if isinstance(index, int):
            return self._index.operations[range(self._start, self._stop)[index]]
        return self._index.operations[self._start : self._stop][index]
