"""The graph of revisions: heads, bases, branches, ancestors, and the order in which Alembic goes through them.

It stays usable whatever the files say: what is missing or circular is a problem, and the edges that make it so are
left out. Where Alembic distinguishes ``down_revision`` from ``depends_on``, so does this: heads, bases, branches and
relative steps follow the former, ancestors and order both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property

from .script import Problem, ScriptRevision

__all__ = ["Graph"]

_Edges = dict[str, tuple[str, ...]]


class Graph:
    """Revisions and how they hang together.

    Attributes:
        by_id: in Alembic's order, which is the order of folders and file names.
        labels: branch label -> id of the revision that declares it.
        down: id -> those it revises and that exist.
        requires: id -> the same and, after them, those it depends on.
        children: id -> those that revise it.
        dependents: id -> those that revise it or depend on it.
        heads: revisions that nothing revises.
        effective_heads: of these, the ones that nothing depends on either: what ``heads`` means as a target, and what
            the version table holds when all is applied.
        bases: revisions that revise nothing.
        branch_points: revised by several.
        merges: revise several.
        problems: in the order of the files.
    """

    def __init__(self, scripts: Iterable[ScriptRevision], problems: Iterable[Problem] = ()) -> None:
        self.by_id: dict[str, ScriptRevision] = {}
        found = list(problems)
        for script in scripts:
            if (other := self.by_id.get(script.revision)) is not None:
                found.append(_duplicate(script, other))
            self.by_id[script.revision] = script
        self.labels: dict[str, str] = {}
        for script in self.by_id.values():
            found += self._declare_labels(script)
        revises: _Edges = {}
        depends: _Edges = {}
        for script in self.by_id.values():
            revises[script.revision] = tuple(self._present(script, script.down_revisions, "revises", found, self.by_id))
            depends[script.revision] = tuple(self._present(script, script.depends_on, "depends on", found, self.labels))
        found += self._cut_cycles(revises, depends)
        self._connect(revises, depends)
        self.problems = tuple(found)

    @cached_property
    def _position(self) -> dict[str, int]:
        return {revision: index for index, revision in enumerate(self.by_id)}

    def ancestors(self, ids: Iterable[str], *, dependencies: bool = True) -> set[str]:
        """*ids* and everything below them, through ``depends_on`` too unless told otherwise."""
        return _reached(ids, self.requires if dependencies else self.down)

    def descendants(self, ids: Iterable[str], *, dependencies: bool = True) -> set[str]:
        """*ids* and everything above them, through ``depends_on`` too unless told otherwise."""
        return _reached(ids, self.dependents if dependencies else self.children)

    def lineage(self, revision: str) -> set[str]:
        """The branch of *revision*: itself, all that is above and all that is below, not through ``depends_on``."""
        return self.ancestors([revision], dependencies=False) | self.descendants([revision], dependencies=False)

    def branches_of(self, revision: str) -> tuple[str, ...]:
        """Labels of the branches that *revision* is on."""
        lineage = self.lineage(revision)
        return tuple(label for label, labelled in self.labels.items() if labelled in lineage)

    def newest_first(self, revisions: Collection[str], tops: Iterable[str]) -> list[ScriptRevision]:
        """*revisions* in the order in which Alembic goes down from *tops*.

        Every revision comes before those it requires; branches are walked one after the other as far as that allows.
        *revisions* must be closed: with two of them, all that is between them.
        """
        todo = set(revisions)
        tips = sorted({top for top in tops if top in todo}, key=self._position.__getitem__)
        below = [self.ancestors([tip]) for tip in tips]
        output: list[ScriptRevision] = []
        at = 0
        while tips:
            tip = tips[at]
            blocking = next((i for i, ids in enumerate(below) if i != at and tip in ids), None)
            if blocking is not None:
                at = blocking
                continue
            if tip in todo:
                output.append(self.by_id[tip])
                todo.remove(tip)
            following = [one for one in self.requires[tip] if one in todo and one not in tips]
            if not following:
                del tips[at], below[at]
                at = max(at - 1, 0)
                continue
            if len(self.requires[tip]) == 1:
                below[at].discard(tip)
            else:
                below[at] = self.ancestors(following[:1])
                below += [self.ancestors([one]) for one in following[1:]]
            tips[at] = following[0]
            tips += following[1:]
        return output

    @cached_property
    def history(self) -> tuple[ScriptRevision, ...]:
        """All revisions, newest first."""
        return tuple(self.newest_first(self.by_id, self.effective_heads))

    def _declare_labels(self, script: ScriptRevision) -> Iterator[Problem]:
        for label in script.branch_labels:
            taken = self.labels.get(label) or (label if label in self.by_id else None)
            if taken is None:
                self.labels[label] = script.revision
            else:
                yield Problem(
                    "duplicate-label",
                    f"its branch label {label!r} is already used by revision {taken}; give it another",
                    script.path,
                    revisions=(script.revision, taken),
                )

    def _present(
        self,
        script: ScriptRevision,
        names: Sequence[str],
        verb: str,
        found: list[Problem],
        labels: Collection[str],
    ) -> Iterator[str]:
        for name in names:
            if name in self.by_id:
                yield name
            elif name in labels:
                yield self.labels[name]
            else:
                found.append(
                    Problem(
                        "missing-ancestor",
                        f"revision {script.revision} {verb} {name!r}, which no file declares; "
                        "restore that file or correct the id",
                        script.path,
                        revisions=(script.revision,),
                    )
                )

    def _cut_cycles(self, revises: _Edges, depends: _Edges) -> Iterator[Problem]:
        both = {revision: revises[revision] + depends[revision] for revision in self.by_id}
        for members in _cycles(both):
            inside = set(members)
            for revision in members:
                revises[revision] = tuple(one for one in revises[revision] if one not in inside)
                depends[revision] = tuple(one for one in depends[revision] if one not in inside)
            yield Problem(
                "cycle",
                f"revision {members[0]} revises or depends on itself"
                if len(members) == 1
                else f"revisions {', '.join(members)} revise or depend on each other in a circle",
                self.by_id[members[0]].path,
                revisions=members,
            )

    def _connect(self, revises: _Edges, depends: _Edges) -> None:
        self.down = revises
        self.children = _inverse(revises)
        self.dependents = _inverse({one: (*revises[one], *depends[one]) for one in self.by_id})
        self.requires = self._without_inherited(depends)
        self.heads = tuple(one for one in self.by_id if not self.children[one])
        self.effective_heads = tuple(one for one in self.by_id if not self.dependents[one])
        self.bases = tuple(one for one, script in self.by_id.items() if not script.down_revisions)
        self.branch_points = tuple(one for one in self.by_id if len(self.children[one]) > 1)
        self.merges = tuple(one for one in self.by_id if len(revises[one]) > 1)

    def _without_inherited(self, depends: _Edges) -> _Edges:
        """Like Alembic, leave out dependencies that a revision below declares too: they say nothing new."""
        if not any(depends.values()):
            return self.down
        requires: _Edges = {}
        for revision, direct in depends.items():
            own = direct
            if own:
                below = self.ancestors([revision], dependencies=False) - {revision}
                inherited = {one for other in below for one in depends[other]}
                own = tuple(one for one in direct if one not in inherited)
            requires[revision] = tuple(dict.fromkeys(self.down[revision] + own))
        return requires


def _duplicate(script: ScriptRevision, other: ScriptRevision) -> Problem:
    return Problem(
        "duplicate-revision",
        f"revision {script.revision} is declared by {other.path} too; give one of them another id",
        script.path,
        revisions=(script.revision,),
    )


def _inverse(edges: _Edges) -> _Edges:
    inverse: dict[str, list[str]] = {one: [] for one in edges}
    for one, others in edges.items():
        for other in dict.fromkeys(others):
            inverse[other].append(one)
    return {one: tuple(others) for one, others in inverse.items()}


def _reached(starts: Iterable[str], edges: _Edges) -> set[str]:
    seen: set[str] = set()
    todo = list(starts)
    while todo:
        one = todo.pop()
        if one not in seen:
            seen.add(one)
            todo.extend(edges[one])
    return seen


def _cycles(edges: _Edges) -> Iterator[tuple[str, ...]]:
    """Sets of revisions that reach themselves: first what is in no circle is peeled off from both ends, to be quick."""
    rest = _peeled(edges, edges)
    if rest:
        rest = _peeled(rest, _inverse(edges))
    while rest:
        start = next(iter(rest))
        inverse = _inverse({one: tuple(other for other in others if other in rest) for one, others in rest.items()})
        circle = _reached([start], rest) & _reached([start], inverse)
        members = tuple(one for one in rest if one in circle)
        if len(members) > 1 or start in rest[start]:
            yield members
        rest = {
            one: tuple(other for other in others if other not in circle)
            for one, others in rest.items()
            if one not in circle
        }


def _peeled(kept: _Edges, edges: _Edges) -> _Edges:
    """*kept* without those that have nothing left to lead to, over and over."""
    left = {one: sum(other in kept for other in set(edges[one])) for one in kept}
    backwards = _inverse(edges)
    todo = [one for one, count in left.items() if count == 0]
    while todo:
        one = todo.pop()
        del left[one]
        for other in backwards[one]:
            if other in left:
                left[other] -= 1
                if left[other] == 0:
                    todo.append(other)
    return {one: tuple(other for other in kept[one] if other in left) for one in left}
