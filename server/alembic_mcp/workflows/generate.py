"""Write a revision: autogenerate against the database at head, prove it on a scratch database, write it whole."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..errors import Failed, NotDone, Refused
from ..operations import Direction
from ..report import (
    Decision,
    Difference,
    File,
    Finding,
    GenerateReport,
    MergeReport,
    RehearsalSummary,
    Severity,
    TwoWays,
)
from . import copies
from .app import LOOK_SECONDS, App, Located, Progress, silent
from .change import refuse_unknown
from .examine import Examined, examine
from .inspect import at_head, models_problem, one_head, problems, shown
from .review import next_steps

if TYPE_CHECKING:
    from ..revisions import Revisions

__all__ = ["generate", "merge_heads"]

LONGEST_MESSAGE = 500


async def generate(
    app: App,
    *,
    message: str,
    kind: Literal["auto", "empty"] = "auto",
    project: str | None = None,
    database: str = "default",
    progress: Progress = silent,
) -> GenerateReport:
    """Write the next revision from the models (``auto``), or an empty one, and rehearse it.

    Raises Refused where a revision would be wrong: several heads, models that are not imported.
    """
    app.allow_changes()
    message = _message(message)
    found = app.project(project)
    index = await app.revisions(found)
    one_head(index.heads)
    located = await app.look(found, database, schema=True)
    refuse_unknown(located, index)
    warnings = [*found.warnings, *located.target.warnings, *problems(index)]
    await progress(0, 4, "Comparing the models with the database")
    with tempfile.TemporaryDirectory(prefix="alembic-mcp-") as folder:
        rendered = await _render(app, located, index, {"message": message, "kind": kind, "out": folder}, warnings)
        differences = [Difference.model_validate(item) for item in rendered.get("differences", [])]
        if kind == "auto":
            why = models_problem(rendered)
            if why:
                raise Refused(
                    f"{why} Nothing was written.",
                    "Import the modules that define the models in env.py, where target_metadata is set; "
                    "then call generate again.",
                    "If these tables really go, call generate with kind='empty' and write the drops by hand.",
                )
            if not rendered["files"]:
                return GenerateReport(
                    status="done",
                    summary="Nothing to generate: models and database agree, as far as autogenerate can see.",
                    next_steps=["If a change is missing, check that the model's file was saved and is imported."],
                    project=found.name,
                    warnings=warnings,
                    database=located.report(),
                )
        written = await _prove_and_write(app, located, index, rendered, folder=Path(folder), progress=progress)
    report = GenerateReport(
        status="done",
        summary="",
        project=found.name,
        warnings=warnings,
        database=located.report(),
        files=written.files,
        differences=differences,
    )
    return _finish(report, written, kind)


async def merge_heads(
    app: App,
    *,
    heads: tuple[str, ...] = (),
    message: str | None = None,
    project: str | None = None,
    database: str = "default",
    progress: Progress = silent,
) -> MergeReport:
    """Write a revision that joins several heads (all of them unless *heads* names some), and rehearse it."""
    app.allow_changes()
    found = app.project(project)
    index = await app.revisions(found)
    chosen = tuple(dict.fromkeys(index.get(head).revision for head in heads)) or index.heads
    strangers = [head for head in chosen if head not in index.heads]
    if strangers:
        raise Refused(
            f"{', '.join(strangers)} is not a head. Nothing was written.",
            f"The heads are: {', '.join(index.heads) or 'none'}.",
        )
    if len(chosen) < 2:  # noqa: PLR2004 - it takes two to merge
        raise Refused(
            f"There is nothing to merge: the only head is {chosen[0]}." if chosen else "There are no revisions yet.",
            "Call history to see the graph.",
        )
    text = _message(message or f"merge {' and '.join(chosen)}")
    located = await app.look(found, database, schema=True)
    refuse_unknown(located, index)
    with tempfile.TemporaryDirectory(prefix="alembic-mcp-") as folder:
        reply = await app.call(
            found,
            "merge",
            {"revisions": list(chosen), "message": text, "out": folder},
            database=database,
            timeout=LOOK_SECONDS,
            revisions=index,
        )
        written = await _prove_and_write(app, located, index, reply.result, folder=Path(folder), progress=progress)
    passed = written.examined is not None and written.examined.rehearsal.status == "passed"
    after = (await app.revisions(found)).heads
    return MergeReport(
        status="done",
        summary=f"Wrote {written.files[0].path}, which joins {' and '.join(chosen)}."
        + ("" if passed else " It did not pass the rehearsal."),
        next_steps=["Commit the file.", "Call upgrade to apply it."]
        if passed
        else ["Look at the rehearsal's details: the branches do not go together as they are."],
        project=found.name,
        warnings=[*found.warnings, *problems(index), *reply.result.get("warnings", [])],
        file=written.files[0],
        heads_before=list(index.heads),
        heads_after=list(after),
        rehearsal=written.examined.rehearsal if written.examined else None,
    )


class _Written:
    """Files that were written, and what is known about them."""

    def __init__(self, files: list[File], examined: Examined | None, trouble: str | None = None) -> None:
        self.files = files
        self.examined = examined
        self.trouble = trouble


async def _render(
    app: App, located: Located, index: Revisions, args: dict[str, Any], warnings: list[str]
) -> dict[str, Any]:
    """Let the project's Alembic render into a folder: against the database at head, else a copy brought there."""

    async def render(extra: dict[str, Any]) -> dict[str, Any]:
        reply = await app.call(
            located.project,
            "render",
            {**args, **extra},
            database=located.target.database,
            timeout=LOOK_SECONDS,
            revisions=index,
        )
        warnings.extend(reply.result.get("warnings", []))
        return reply.result

    if args["kind"] == "empty" or at_head(located, index):
        return await render({})
    warnings.append("The database is not at head: the models were compared with a copy that was upgraded to head.")
    async with copies.at_head(app, located, index) as copy:
        return await render({"redirect": copy.redirect})


async def _prove_and_write(
    app: App, located: Located, index: Revisions, rendered: dict[str, Any], *, folder: Path, progress: Progress
) -> _Written:
    """Rehearse the new files from where they were rendered, then put them into the project, whole or not at all."""
    places = [(folder / item["name"], Path(item["directory"]) / item["name"], item) for item in rendered["files"]]
    static = located.project.static and index.static
    examined, trouble = None, None
    if not static:
        _place(places)
        index = await app.revisions(located.project)
    else:
        index = index.adding([source for source, _, _ in places])
    new = [item["revision"] for _, _, item in places]
    try:
        examined = await _examine_new(app, located, index, new, progress)
    except NotDone as error:
        trouble = error.message
    if static:
        _place(places)
    files = [
        File(
            path=shown(located.project, final),
            revision=item["revision"],
            down_revision=list(item["down_revisions"]),
            message=item["message"],
        )
        for _, final, item in places
    ]
    if examined is not None:
        moved = {str(source): shown(located.project, final) for source, final, _ in places}
        findings = [
            finding.model_copy(update={"path": moved.get(finding.path, finding.path)}) for finding in examined.findings
        ]
        examined = Examined(**{**vars(examined), "findings": tuple(findings)})
    return _Written(files, examined, trouble)


async def _examine_new(app: App, located: Located, index: Revisions, new: list[str], progress: Progress) -> Examined:
    """Examine the path from the database to the last new revision, and keep what concerns the new ones."""
    pending = [revision.revision for revision in index.pending(list(located.target.heads), (new[-1],))]
    examined = await examine(
        app,
        located,
        index,
        direction=Direction.UPGRADE,
        target=new[-1],
        path=pending,
        progress=progress,
    )
    return Examined(
        **{
            **vars(examined),
            "findings": tuple(finding for finding in examined.findings if finding.revision in new),
            "statements": tuple(line for line in examined.statements if line.revision in new),
        }
    )


def _place(places: list[tuple[Path, Path, dict[str, Any]]]) -> None:
    """Put each file into its folder under its name, whole or not at all; an existing file is never replaced."""
    for _, final, _ in places:
        if final.exists():
            raise Refused(
                f"{final} exists already. Nothing was written.", "Use another message, or another file_template."
            )
    done: list[Path] = []
    try:
        for source, final, _ in places:
            final.parent.mkdir(parents=True, exist_ok=True)
            done.append(part := final.with_name(f".{final.name}.part"))
            part.write_bytes(source.read_bytes())
            part.replace(final)
            done.append(final)
    except OSError as error:
        for path in done:
            path.unlink(missing_ok=True)
        raise Failed(
            f"The revision could not be written: {error.strerror or error} ({error.filename}). "
            "Nothing was left behind.",
            "Make the versions folder writable, then call generate again.",
        ) from error


def _finish(report: GenerateReport, written: _Written, kind: str) -> GenerateReport:
    examined = written.examined
    names = ", ".join(file.path for file in report.files)
    report.files_to_commit = [file.path for file in report.files]
    if examined is None:
        report.rehearsal = RehearsalSummary(status="not_possible", where=written.trouble or "")
        report.summary = f"Wrote {names}. It could not be rehearsed: {written.trouble}"
        report.next_steps = ["Mend what the rehearsal stumbled over, then call review."]
        return report
    report.rehearsal = examined.rehearsal
    report.warnings += examined.warnings
    report.findings = list(examined.findings)
    report.statements = TwoWays(
        upgrade=[line.sql for line in examined.statements if line.direction is Direction.UPGRADE],
        downgrade=[line.sql for line in examined.statements if line.direction is Direction.DOWNGRADE],
    )
    grave = [finding for finding in examined.findings if finding.severity in (Severity.BLOCKER, Severity.DANGER)]
    passed = examined.rehearsal.status == "passed"
    report.ready_to_commit = (
        kind != "empty"
        and passed
        and not any(finding.severity is Severity.BLOCKER for finding in grave)
        and examined.rehearsal.converged is not False
        and examined.rehearsal.restored is not False
    )
    report.files_to_commit += [path for path in changed_files(examined.modules) if path not in report.files_to_commit]
    report.summary = f"Wrote {names}. " + _verdict(examined, grave, kind=kind, passed=passed)
    steps = [] if kind != "empty" else ["Write upgrade() and downgrade() in the new file, then call review."]
    if report.ready_to_commit:
        steps.append("Commit files_to_commit together.")
    report.next_steps = [*steps, *next_steps(examined)] if kind != "empty" else steps
    if examined.verdict.decision is Decision.REFUSE:
        report.next_steps = [step for step in report.next_steps if not step.startswith("Call upgrade")]
    return report


def _verdict(examined: Examined, grave: list[Finding], *, kind: str, passed: bool) -> str:
    if kind == "empty":
        return "It is empty: write its upgrade() and downgrade()."
    if not passed:
        return f"It failed in the rehearsal on {examined.rehearsal.where}: mend it before it is committed."
    if grave:
        return f"The rehearsal passed, and the review found: {grave[0].problem}"
    restored = "and its downgrade restores the schema" if examined.rehearsal.restored else "its downgrade does not"
    return f"It was rehearsed on {examined.rehearsal.where}: it applies, {restored}."


def changed_files(modules: dict[str, str]) -> list[str]:
    """Those of the project's files *modules* (path -> SHA-256) that git has not committed in this state."""
    if not modules:
        return []
    folder = Path(os.path.commonpath([str(Path(path).parent) for path in modules]))
    try:
        found = subprocess.run(
            ["git", "-C", str(folder), "status", "--porcelain", "-z", "--", *sorted(modules)],
            capture_output=True,
            timeout=10,
            check=True,
        )
        top = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "--show-toplevel"], capture_output=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []  # no git, or no repository: then nobody commits
    root = Path(os.fsdecode(top.stdout).rstrip("\n"))
    names = [os.fsdecode(entry[3:]) for entry in found.stdout.split(b"\0") if len(entry) > 3]  # noqa: PLR2004 - "XY name"
    return [str(root / name) for name in names if (root / name).suffix == ".py"]


def _message(message: str) -> str:
    """One line that can stand in a docstring. Raises Refused if there is nothing left of it, or too much."""
    clean = " ".join(message.replace('"', "'").replace("\\", "/").split())
    clean = "".join(letter for letter in clean if letter.isprintable())
    if not clean:
        raise Refused("The message is empty. Nothing was written.", "Say in a few words what the revision does.")
    if len(clean) > LONGEST_MESSAGE:
        raise Refused(
            f"The message has {len(clean)} characters; {LONGEST_MESSAGE} are allowed. Nothing was written.",
            "Say in a few words what the revision does; details belong into the file.",
        )
    return clean
