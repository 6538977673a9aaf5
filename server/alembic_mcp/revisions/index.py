"""The revisions of a project: what there is, what somebody's words mean, and what would run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import Refused
from . import targets
from .diagram import mermaid
from .graph import Graph
from .lookup import known, one_head, revision_called, split_branch, step_down
from .script import Problem, ScriptRevision, parse

__all__ = ["Revisions"]


class Revisions(Graph):
    """A project's revision graph and the questions that are asked of it.

    Attributes:
        static: False if something could not be read without running the project's code; then ask the worker for its
            index, and build `from_worker`.
    """

    def __init__(
        self, scripts: Iterable[ScriptRevision], problems: Iterable[Problem] = (), *, static: bool = True
    ) -> None:
        super().__init__(scripts, problems)
        self.static = static

    @classmethod
    def from_worker(cls, answer: Mapping[str, Any]) -> Revisions:
        """From the worker's answer to ``index``: Alembic's own view, with its problems added to those found here."""
        revisions = cls(map(_from_entry, answer["revisions"]))
        seen = {(problem.kind, problem.path) for problem in revisions.problems}
        told = [
            Problem(item["kind"], item["why"], Path(item["path"]) if item.get("path") else None, item.get("line"))
            for item in answer.get("problems", ())
        ]
        revisions.problems = (
            *(problem for problem in told if (problem.kind, problem.path) not in seen),
            *revisions.problems,
        )
        return revisions

    def adding(self, files: Iterable[Path]) -> Revisions:
        """These revisions and those of *files*, which need not lie in the project yet."""
        read = [parse(file, file.read_bytes()) for file in files]
        return Revisions(
            [*self.by_id.values(), *(one for one in read if isinstance(one, ScriptRevision))],
            [*self.problems, *(one for one in read if isinstance(one, Problem))],
            static=self.static,
        )

    def as_worker(self) -> list[dict[str, Any]]:
        """Entries for the worker's ``index``, in Alembic's order."""
        return [
            {
                "revision": script.revision,
                "down_revisions": list(script.down_revisions),
                "depends_on": list(script.depends_on),
                "branch_labels": list(script.branch_labels),
                "message": script.message,
                "path": str(script.path),
            }
            for script in self.by_id.values()
        ]

    def get(self, ref: str) -> ScriptRevision:
        """The one revision that *ref* means: an id, a beginning of one, ``head``, ``branch@head``, ``base``, ...

        Raises:
            Refused: there is none (with similar ones), or there are several (naming them).
        """
        ids = self._ends(ref.strip(), None)
        if len(ids) != 1:
            raise Refused(
                f"{ref!r} stands for {len(ids)} revisions{': ' if ids else '.'}{', '.join(ids)}", "Name one of them."
            )
        return self.by_id[ids[0]]

    def pending(self, current: Iterable[str], target_ids: Iterable[str] | None = None) -> list[ScriptRevision]:
        """What an upgrade from *current* to *target_ids* (all heads unless given) runs, in Alembic's order.

        Ids of *current* that no file knows are left out: `upgrade_target` refuses them.
        """
        return targets.upgrade_path(self, current, self.effective_heads if target_ids is None else target_ids)

    def upgrade_target(self, target: str, current: Iterable[str]) -> str:
        """See `targets.upgrade_target`."""
        return targets.upgrade_target(self, target, current)

    def ids_of(self, target: str) -> tuple[str, ...]:
        """See `targets.ids_of`: what to give to `pending` for a target that `upgrade_target` returned."""
        return targets.ids_of(self, target)

    def downgrade_target(self, target: str, current: Iterable[str]) -> str:
        """See `targets.downgrade_target`."""
        return targets.downgrade_target(self, target, current)

    def downgrade_path(self, current: Sequence[str], target: str) -> list[ScriptRevision]:
        """See `targets.downgrade_path`."""
        return targets.downgrade_path(self, current, target)

    def range(self, text: str, current: Iterable[str] | None = None) -> list[ScriptRevision]:
        """The revisions that *text* means, oldest first (reverse it for a history).

        ``a:b`` with both ends, ``a:``, ``:b``, ``-3:``, ``a:+2``, ``a``, ``head``, ``heads``, ``pending``, ``current``,
        ``current:head``, ``all`` or nothing. *current* is where the database is; None if no database is asked.

        Raises:
            Refused: an end names nothing or several, *b* is not above *a*, or *text* needs a database.
        """
        text = text.strip()
        if text in ("", "all", ":"):
            return list(self.history[::-1])
        if text == "pending":
            return self.pending(self._current(text, current))
        lower_text, colon, upper_text = (part.strip() for part in text.partition(":"))
        if not colon:
            ids = self._ends(text, current)
            return [script for script in self.history[::-1] if script.revision in ids]
        if upper_text.startswith("+"):
            lower = self._ends(lower_text or "base", current) if lower_text not in ("", "base") else []
            upper = [*self.ids_of(self.upgrade_target(upper_text, lower))]
        else:
            upper = self._ends(upper_text or "heads", current)
            lower = self._lower_end(lower_text, upper, current)
        return self._between(lower, upper, text)

    def _lower_end(self, text: str, upper: Sequence[str], current: Iterable[str] | None) -> list[str]:
        if text in ("", "base"):
            return []
        if text.startswith("-") and text[1:].isdigit():
            if len(upper) != 1:
                one_head(self, None)
                raise Refused(f"It is not clear from which of {', '.join(upper)} {text} counts.", "Name one of them.")
            below = step_down(self, upper[0], int(text[1:]))
            return [below] if below else []
        return self._ends(text, current)

    def _ends(self, text: str, current: Iterable[str] | None) -> list[str]:
        if text == "current":
            return self._current(text, current)
        branch, symbol = split_branch(text)
        if symbol == "base":
            lineage = self.lineage(revision_called(self, branch)) if branch else None
            return [base for base in self.bases if lineage is None or base in lineage]
        if text.startswith("-") and text[1:].isdigit():
            text = f"head{text}"
        return list(self.ids_of(text))

    def _current(self, text: str, current: Iterable[str] | None) -> list[str]:
        if current is None:
            raise Refused(f"{text!r} depends on a database, and none is asked here.", "Name revisions instead.")
        return known(self, current)

    def _between(self, lower: Sequence[str], upper: Sequence[str], text: str) -> list[ScriptRevision]:
        required = self.ancestors(upper)
        if outside := [one for one in lower if one not in required]:
            raise Refused(
                f"{', '.join(outside)} is not below {', '.join(upper) or 'base'}, so {text!r} is no range.",
                "Write the older revision first; history shows how they hang together.",
            )
        meant = required
        if lower:
            meant = (required - self.ancestors(lower)).union(lower) & self.descendants(lower, dependencies=False)
        newest_first = self.newest_first(meant, upper)
        if len(newest_first) < len(meant):
            # A dependency leads out of the range and back into it, and Alembic itself gives up.
            newest_first = [one for one in self.newest_first(required, upper) if one.revision in meant]
        return newest_first[::-1]

    def page(
        self, selected: Sequence[ScriptRevision], limit: int, cursor: str | None = None
    ) -> tuple[list[ScriptRevision], str | None]:
        """At most *limit* of *selected* after *cursor*, and the cursor for those that follow, None at the end.

        Raises:
            Refused: *cursor* is not from a page of these revisions.
        """
        start = 0
        if cursor is not None:
            ids = [script.revision for script in selected]
            if cursor not in ids:
                raise Refused(f"{cursor!r} is no cursor of this history.", "Start again without a cursor.")
            start = ids.index(cursor) + 1
        page = list(selected[start : start + max(limit, 1)])
        return page, page[-1].revision if page and start + len(page) < len(selected) else None

    def graph(self, revisions: Sequence[ScriptRevision]) -> str:
        """*revisions* as a Mermaid flowchart."""
        return mermaid(self, revisions)


def _from_entry(entry: Mapping[str, Any]) -> ScriptRevision:
    return ScriptRevision(
        revision=entry["revision"],
        down_revisions=tuple(entry.get("down_revisions") or ()),
        depends_on=tuple(entry.get("depends_on") or ()),
        branch_labels=tuple(entry.get("branch_labels") or ()),
        message=entry.get("message") or "",
        date=entry.get("date"),
        path=Path(entry["path"]),
        sha256=entry.get("sha256") or "",
    )
