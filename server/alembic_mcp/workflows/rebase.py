"""Put a branch that no database has yet behind another head, by re-pointing its first revision."""

from __future__ import annotations

import difflib
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..errors import Failed, NeedsAnswer, NotDone, Refused
from ..operations import Direction
from ..report import File, MergeReport
from ..revisions import Revisions
from ..revisions.repointing import repointed
from ..revisions.script import ScriptRevision, parse
from .app import App, Located, Progress
from .examine import examine
from .inspect import problems, shown

__all__ = ["rebase"]


@dataclass(frozen=True)
class _Move:
    """*moves*'s branch, from its first revision *root* on, goes behind the head *stays*."""

    stays: str
    moves: str
    root: ScriptRevision


async def rebase(
    app: App, located: Located, index: Revisions, heads: tuple[str, ...], *, named: bool, progress: Progress
) -> MergeReport:
    """Re-point the first revision of one of two branches onto the other head, after rehearsing that order.

    Args:
        app: the app.
        located: the database that the rehearsal starts from.
        index: the revisions.
        heads: two; where *named*, the first one stays and the second one moves.
        named: the caller said which is which.
        progress: told of each step.

    Raises:
        Refused: no branch can move, or the moved one does not run there; nothing was written.
        NeedsAnswer: either can move.
    """
    project = located.project
    if not (project.static and index.static):
        raise Refused(
            "A branch can only be moved where all revision files can be read without running them. "
            "Nothing was written.",
            "Mend the files that history names as problems, or set down_revision by hand and call review.",
        )
    if len(heads) != 2:  # one that stays and one that moves
        raise Refused(
            f"There are {len(heads)} heads ({', '.join(heads)}), and a rebase is about two. Nothing was written.",
            f"Call merge_heads with style='rebase' and heads={[*heads[:2]]!r}: the first one stays, the second one "
            "moves behind it.",
        )
    applied, warnings = await _applied(app, located, index)
    move = _choose(index, heads, applied, named=named)
    old = move.root.path.read_bytes()
    new = repointed(move.root.path, old, move.stays)
    with tempfile.TemporaryDirectory(prefix="alembic-mcp-") as folder:
        moved = Path(folder) / move.root.path.name
        moved.write_bytes(new)
        after = _with(index, moved)
        pending = [one.revision for one in after.pending(list(located.target.heads), (move.moves,))]
        examined = await examine(
            app,
            located,
            after,
            direction=Direction.UPGRADE,
            target=move.moves,
            path=pending,
            progress=progress,
        )
    if examined.rehearsal.status != "passed":
        why = "; ".join(examined.rehearsal.details) or examined.rehearsal.where
        raise Refused(
            f"{move.moves} does not run behind {move.stays}: {why}. Nothing was written.",
            f"Mend the branch of {move.moves}, or move the other one: heads={[move.moves, move.stays]!r}.",
        )
    _exchange(move.root.path, old, new)
    path = shown(project, move.root.path)
    parent = move.root.down_revisions[0]
    return MergeReport(
        status="done",
        style="rebase",
        summary=f"Moved the branch of {move.moves} behind {move.stays}: {path} revises {move.stays} now, no longer "
        f"{parent}. It was rehearsed on {examined.rehearsal.where} in that order.",
        next_steps=[
            "Commit the file.",
            "Call upgrade to apply it.",
            f"Whoever has applied {move.root.revision} elsewhere has to go down to {parent} before they fetch this.",
        ],
        project=project.name,
        warnings=[*project.warnings, *located.target.warnings, *problems(index), *warnings, *examined.warnings],
        file=File(path=path, revision=move.root.revision, down_revision=[move.stays], message=move.root.message),
        diff=_diff(path, old, new),
        heads_before=list(index.heads),
        heads_after=list((await app.revisions(project)).heads),
        rehearsal=examined.rehearsal,
    )


async def _applied(app: App, located: Located, index: Revisions) -> tuple[dict[str, set[str]], list[str]]:
    """What each configured database that can be reached has, by its name; and which could not be asked.

    Raises:
        Refused: one has a revision that no file here knows, so that what else it has can't be told.
    """
    found: dict[str, set[str]] = {}
    warnings = []
    if located.target.reachable:
        found[located.target.database] = index.ancestors(located.target.heads)
    else:
        warnings.append(f"Which revisions the database {located.target.database!r} has could not be asked.")
    for name in dict.fromkeys(["default", *located.project.settings.databases]):
        if name == located.target.database:
            continue
        try:
            heads = (await app.look(located.project, name)).target.heads
        except NotDone as error:
            warnings.append(f"The database {name!r} could not be asked which revisions it has: {error.message}")
            continue
        unknown = [head for head in heads if head not in index.by_id]
        if unknown:
            raise Refused(
                f"The database {name!r} has revision {', '.join(unknown)}, which no file here knows, so it can't be "
                "told what else it has. Nothing was written.",
                "Fetch the missing revision files, then call merge_heads again.",
            )
        found[name] = index.ancestors(heads)
    return found, warnings


def _choose(index: Revisions, heads: tuple[str, ...], applied: dict[str, set[str]], *, named: bool) -> _Move:
    """Which branch moves. Raises Refused if none can, NeedsAnswer if either can."""
    pairs = [(heads[0], heads[1])] if named else [(heads[0], heads[1]), (heads[1], heads[0])]
    found = [_move(index, stays, moves, applied) for stays, moves in pairs]
    possible = [move for move in found if isinstance(move, _Move)]
    if not possible:
        raise Refused(
            f"{' '.join(why for why in found if isinstance(why, str))} Nothing was written.",
            "What a database has must not be moved: join the heads by a merge revision, if the project allows one.",
            *([f"Or try the other one: heads={[heads[1], heads[0]]!r}."] if named else []),
        )
    if len(possible) > 1:
        raise NeedsAnswer(
            f"No database has the branch of {heads[0]} or that of {heads[1]} yet, so either can move behind the "
            "other. Nothing was written.",
            *(
                f"Call merge_heads with style='rebase' and heads={[move.stays, move.moves]!r}: {move.stays} stays, "
                f"{move.moves} moves behind it."
                for move in possible
            ),
        )
    return possible[0]


def _move(index: Revisions, stays: str, moves: str, applied: dict[str, set[str]]) -> _Move | str:
    """The move, or why it can't be made."""
    own = index.ancestors([moves], dependencies=False) - index.ancestors([stays], dependencies=False)
    roots = [one for one in index.by_id if one in own and not set(index.down[one]) & own]
    if len(roots) != 1:
        return f"{moves} can't move: its branch has {len(roots)} first revisions ({', '.join(roots)})."
    root = index.by_id[roots[0]]
    if len(root.down_revisions) != 1:
        return f"{moves} can't move: {root.revision} revises {' and '.join(root.down_revisions) or 'nothing'}."
    going = index.descendants([root.revision])
    if stays in going:
        return f"{moves} can't move behind {stays}, which depends on it."
    for name, there in applied.items():
        if taken := [one for one in index.by_id if one in going & there]:
            return f"{moves} can't move: the database {name!r} has {', '.join(taken)} already."
    return _Move(stays, moves, root)


def _with(index: Revisions, moved: Path) -> Revisions:
    """The revisions with one of them as *moved* says."""
    new = parse(moved, moved.read_bytes())
    assert isinstance(new, ScriptRevision)  # noqa: S101 - it was read when it was made
    return Revisions(
        [new if one.revision == new.revision else one for one in index.by_id.values()], static=index.static
    )


def _exchange(path: Path, old: bytes, new: bytes) -> None:
    """Write the file whole or not at all; not over what somebody wrote meanwhile."""
    part = path.with_name(f".{path.name}.part")
    try:
        if path.read_bytes() != old:
            raise Refused(f"{path} was changed meanwhile. Nothing was written.", "Call merge_heads again.")
        part.write_bytes(new)
        part.chmod(path.stat().st_mode & 0o777)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise Failed(
            f"{path} could not be written: {error.strerror or error}. It is as it was.",
            "Make the versions folder writable, then call merge_heads again.",
        ) from error


def _diff(path: str, old: bytes, new: bytes) -> str:
    before, after = (text.decode("utf-8-sig").splitlines() for text in (old, new))
    return "\n".join(difflib.unified_diff(before, after, f"a/{path}", f"b/{path}", lineterm="", n=1)) + "\n"
