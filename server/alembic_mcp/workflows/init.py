"""Make a project an Alembic project: configuration, an env.py that finds the models, and the first revision."""

from __future__ import annotations

import os
import tempfile
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

import anyio

from ..errors import NeedsAnswer, NotDone, Refused
from ..preflight import tables_with_rows
from ..project import discover
from ..project.database_url import Address, addresses, is_asynchronous, parse_address
from ..project.models import Models, Origin, find_models
from ..project.source import Source
from ..report import UNREACHABLE, Difference, InitReport
from ..target import Environment
from . import copies
from .app import LOOK_SECONDS, App, Located, Progress, silent
from .found import by_the_worker
from .generate import Wish, generate
from .scaffold import Plan, files, place, refuse_existing
from .writing import prove_and_write

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ..project import Project
    from ..revisions import Revisions

__all__ = ["Config", "Template", "init"]

Template = Literal["sync", "async", "sqlmodel", "pyproject"]
Config = Literal["ini", "pyproject"]

DEFAULT_VARIABLE = "DATABASE_URL"


async def init(
    app: App,
    *,
    template: Template | None = None,
    config: Config | None = None,
    models: str | None = None,
    url: str | None = None,
    folder: str = ".",
    scripts: str = "migrations",
    progress: Progress = silent,
) -> InitReport:
    """Write what a project needs for Alembic, and its first revision; what is there already is never overwritten.

    Args:
        app: the app; projects below its folder can be made, and nowhere else.
        template: ``sync``, ``async``, ``sqlmodel``, or ``pyproject`` (short for ``config="pyproject"``); chosen by
            what the project's files say if left out.
        config: alembic.ini or the pyproject.toml.
        models: ``module:Name`` of the declarative base, SQLModel or MetaData; several with commas.
        url: the NAME of an environment variable, or ``module:expression``.
        folder: where the configuration goes, relative to the app's folder.
        scripts: where env.py and the revisions go, relative to *folder*.
        progress: told of each step.

    Raises:
        Refused: there is an Alembic project already, a path leads outside, or an argument names nothing.
        NeedsAnswer: several bases or several addresses are possible; the next steps are the answers.
        Failed: the files can't be written; nothing is left behind.
    """
    app.allow_changes()
    root, explicit = _root(app, folder)
    _refuse_second(root, explicit=explicit)
    await progress(0, 3, "Reading the project's files")
    source = Source(root)
    found = find_models(source)
    origins = _origins(source, found, models)
    address = _address(source, url)
    asynchronous = template == "async" or (template != "sync" and is_asynchronous(source, address))
    plan = Plan(
        root=root,
        scripts=_scripts(root, scripts),
        origins=origins,
        modules=tuple(dict.fromkeys(model.module for model in found.models if model.origin in origins)),
        address=address,
        asynchronous=asynchronous,
        pyproject=config == "pyproject" or (config is None and template == "pyproject"),
        import_root="src" if len(source.roots) > 1 else "",
    )
    if template == "sqlmodel" and not plan.sqlmodel:
        raise Refused(
            f"{', '.join(origin.reference for origin in origins)} is no SQLModel. Nothing was written.",
            "Leave template out, or name the models: models='sqlmodel:SQLModel'.",
        )
    refuse_existing(plan)
    await progress(1, 3, "Writing the files")
    written = place(plan, files(plan))
    report = _report(app, plan, found, written)
    await progress(2, 3, "Writing the first revision")
    await _first_revision(app, plan, report, progress)
    return report


def _root(app: App, folder: str) -> tuple[Path, bool]:
    """The folder for the configuration, and whether it was named."""
    top = (app.start if app.start.is_dir() else app.start.parent).resolve()
    root = (top / folder).resolve()
    if not root.is_relative_to(top):
        raise Refused(
            f"{folder} is outside of {top}, where this server works. Nothing was written.",
            "Name a folder inside it, or start the server with --project there.",
        )
    if not root.is_dir():
        raise Refused(f"There is no folder {folder} in {top}. Nothing was written.", "Name a folder that exists.")
    return root, root != top


def _refuse_second(root: Path, *, explicit: bool) -> None:
    """Raises Refused if the project uses Alembic already: here or above, or below where no folder was named."""
    there = [
        project
        for project in discover(root)
        if not explicit or root.is_relative_to((project.config_file or project.toml_file or root).parent)
    ]
    if there:
        names = ", ".join(project.name for project in there)
        raise Refused(
            f"This project uses Alembic already: {names}. Nothing was written.",
            "Call current to see where it stands, and generate for the next revision.",
            "For another application in the same repository name its folder: folder='backend'.",
        )


def _scripts(root: Path, scripts: str) -> str:
    path = (root / scripts).resolve()
    if not path.is_relative_to(root) or path == root or not scripts.replace("\\", "/").strip("/"):
        raise Refused(
            f"The scripts can't go to {scripts}: that is not inside of {root}. Nothing was written.",
            "Name a folder in the project: scripts='migrations'.",
        )
    return PurePosixPath(path.relative_to(root)).as_posix()


def _origins(source: Source, found: Models, named: str | None) -> tuple[Origin, ...]:
    """What the models hang on: as it was named, or the only one. Raises NeedsAnswer where there are several."""
    if named is not None:
        return tuple(_origin(source, found, one.strip()) for one in named.split(",") if one.strip())
    used = [origin for origin in found.origins if found.of(origin)] or list(found.origins)
    if not used:
        raise NeedsAnswer(
            f"No declarative base, SQLModel or MetaData was found in {source.root}. Nothing was written.",
            "Name it: models='app.models:Base' (the module, a colon, the name).",
            "Or write the models first, class Base(DeclarativeBase) and its tables, then call init again.",
        )
    if len(used) > 1:
        options = [
            f"models={origin.reference!r}: {len(found.of(origin))} "
            f"table{'s' if len(found.of(origin)) != 1 else ''} ({_where(source, origin)})"
            for origin in used
        ]
        every = ",".join(origin.reference for origin in used)
        raise NeedsAnswer(
            f"The models hang on {len(used)} different bases. Which of them are this database's? Nothing was written.",
            *options,
            f"models={every!r}: all of them in one database.",
        )
    return (used[0],)


def _origin(source: Source, found: Models, reference: str) -> Origin:
    known = {origin.reference: origin for origin in found.origins}
    if reference in ("SQLModel", "sqlmodel", "sqlmodel:SQLModel"):
        return Origin("sqlmodel", "sqlmodel", "SQLModel")
    module, _, name = reference.partition(":")
    if reference not in known and source.full(f"{module}.{name}").rpartition(".")[0] != module:
        home, _, last = source.full(f"{module}.{name}").rpartition(".")  # an import of something defined elsewhere
        reference = f"{home}:{last}"
    if reference in known:
        return known[reference]
    raise Refused(
        f"There is no declarative base, SQLModel or MetaData {reference!r} in the project's files. "
        "Nothing was written.",
        f"Those that were found: {', '.join(known) or 'none'}.",
    )


def _where(source: Source, origin: Origin) -> str:
    return f"{os.path.relpath(origin.path, source.root)}:{origin.line}" if origin.path else "SQLModel's own"


def _address(source: Source, named: str | None) -> Address:
    """Where the address comes from. Raises NeedsAnswer where there are several possibilities."""
    if named is not None:
        address = parse_address(named)
        if address is None:
            # It is not repeated: it may be an address with a password.
            raise Refused(
                "url is neither the name of an environment variable nor module:expression. Nothing was written.",
                "Give the NAME of a variable (url='DATABASE_URL') or what the application uses "
                "(url='app.config:settings.database_url'). An address itself goes into no file.",
            )
        if address.variable is None and source.file(address.module) is None:
            raise Refused(
                f"There is no module {address.module} in the project's files. Nothing was written.",
                "Name the module as the application imports it: url='app.config:settings.database_url'.",
            )
        return address
    found = addresses(source)
    if len(found) > 1:
        raise NeedsAnswer(
            "The application takes addresses of databases from several places. Which is this database's? "
            "Nothing was written.",
            *(f"url={address.reference!r}: {address.why}" for address in found),
        )
    return found[0] if found else Address(DEFAULT_VARIABLE)


def _report(app: App, plan: Plan, found: Models, written: list[Path]) -> InitReport:
    report = InitReport(
        status="done",
        summary="",
        template="sqlmodel" if plan.sqlmodel else "async" if plan.asynchronous else "sync",
        asynchronous=plan.asynchronous,
        configuration=_shown(app, plan.configuration),
        files=[_shown(app, path) for path in written],
        models=[origin.reference for origin in plan.origins],
        modules=list(plan.modules),
        url=plan.address.reference,
    )
    if not plan.address.why:
        report.warnings.append(
            f"Nothing in the project says where its database is: env.py takes the address from {DEFAULT_VARIABLE}."
        )
    if not found.names_constraints:
        where = (
            "env.py has one for what revisions create"
            if len(plan.origins) == 1
            else "with several of them env.py can't set one"
        )
        report.warnings.append(
            f"The models have no naming convention; {where}. Put it into the models, "
            "MetaData(naming_convention=...), so that create_all and autogenerate know the names too."
        )
    return report


async def _first_revision(app: App, plan: Plan, report: InitReport, progress: Progress) -> None:
    """Write the first revision, if that is possible now; say in *report* what came of it and what is next."""
    wrote = f"Wrote {', '.join(report.files)}."
    project = next((one for one in app.projects() if _configures(one, plan)), None)
    if project is None:  # deeper than projects are looked for
        app = replace(app, start=plan.root)
        project = app.project()
    report.project = project.name
    report.warnings += project.warnings
    try:
        index = await app.revisions(project)
        located = await _reachable(app, project)
        if located is not None and located.target.heads:
            report.database = located.report()
            report.summary = (
                f"{wrote} There is no first revision: the database is at {', '.join(located.target.heads)}, so it was "
                "made with revisions that are not here."
            )
            report.next_steps = ["Find those revision files and put them into the versions folder; then call current."]
            return
        compared = await _compared(app, located, index) if located is not None else {}
        if located is not None and compared.get("database_names"):
            await _baseline(app, located, index, compared, report=report, progress=progress)
        else:
            await _create(app, project, report, progress)
    except NotDone as error:
        report.summary = f"{wrote} There is no first revision yet: {error.message}"
        report.next_steps = [*error.next_steps, "Then call generate: it writes the first revision."]
        report.output = getattr(error, "output", None) or None
        return
    report.summary = f"{wrote} {report.summary}"


def _configures(project: Project, plan: Plan) -> bool:
    return plan.configuration.resolve() in {
        path.resolve() for path in (project.config_file, project.toml_file) if path is not None
    }


async def _reachable(app: App, project: Project) -> Located | None:
    """The database, if it can be reached and exists; else generate finds something to stand in for it."""
    try:
        located = await app.look(project, schema=True)
    except NotDone:
        return None
    path = located.target.connect.path
    missing = located.target.dialect == "sqlite" and path is not None and not await anyio.Path(path).exists()
    return None if missing else located


async def _compared(app: App, located: Located, index: Revisions) -> dict[str, Any]:
    async with copies.compared(app, located, index) as (redirect, _):
        reply = await app.call(located.project, "compare", redirect, timeout=LOOK_SECONDS, revisions=index)
    return reply.result


async def _create(app: App, project: Project, report: InitReport, progress: Progress) -> None:
    """The first revision for a database that has nothing yet."""
    made = await generate(app, Wish(message="create the first tables"), project=project.name, progress=progress)
    report.database = made.database
    report.warnings += [warning for warning in made.warnings if warning not in report.warnings]
    report.rehearsal = made.rehearsal
    if made.status != "done" or not made.files:
        report.summary = f"There is no first revision yet: {made.summary}"
        report.next_steps = made.next_steps
        return
    report.revision = made.files[0]
    report.files += [file.path for file in made.files]
    report.summary = made.summary
    report.next_steps = ["Commit the files.", *(step for step in made.next_steps if "files_to_commit" not in step)]
    if made.database and (made.database.dialect, made.database.environment_reason) == ("sqlite", UNREACHABLE):
        report.next_steps[-1] = "Call upgrade: it makes the SQLite file and its tables."


async def _baseline(
    app: App,
    located: Located,
    index: Revisions,
    compared: dict[str, Any],
    *,
    report: InitReport,
    progress: Progress,
) -> None:
    """The first revision for a database that has tables: what makes a new database, and is stamped in this one."""
    report.database = located.report()
    report.differences = [Difference.model_validate(item) for item in compared["differences"]]
    async with _empty(app, located) as empty:
        with tempfile.TemporaryDirectory(prefix="alembic-mcp-") as folder:
            args = {"message": "the tables as they are", "kind": "auto", "style": "safe", "out": folder}
            rows = await tables_with_rows(empty.target)
            redirect = empty.scratch.redirect if empty.scratch else None
            rendered = await app.call(
                located.project,
                "render",
                {**args, "rows": rows, "redirect": redirect},
                timeout=LOOK_SECONDS,
                revisions=index,
            )
            if not rendered.result["files"]:
                raise Refused(
                    "the models define no tables, and the database has some.",
                    "Import the modules that define the models in env.py.",
                )
            made = await prove_and_write(app, empty, index, rendered.result, progress=progress)
    report.rehearsal = made.rehearsal
    report.revision = made.files[0]
    report.files += [file.path for file in made.files]
    _say_next(located, compared, report)


@asynccontextmanager
async def _empty(app: App, located: Located) -> AsyncIterator[Located]:
    """An empty scratch database in the place of one that has tables."""
    async with copies.blank(app, located) as made:
        scratch = copies.filling(made, ())
        args = {"redirect": scratch.redirect, "schema": True}
        reply = await app.call(located.project, "look", args, timeout=LOOK_SECONDS)
        target = replace(
            by_the_worker(located.target.database, reply.result),
            identity=f"empty:{located.project.root}",
            reachable=False,
        )
        yield Located(located.project, target, Environment.UNKNOWN, "it is a scratch database", scratch=scratch)


def _say_next(located: Located, compared: dict[str, Any], report: InitReport) -> None:
    """What to do with a first revision whose tables the database may have already."""
    assert report.revision is not None  # noqa: S101 - it was just written
    name, revision = located.target.name, report.revision.revision
    wanted = set(compared["metadata_names"])
    there = wanted & set(compared["database_names"])
    if not there:
        report.summary = f"{report.revision.path} creates the tables of the models; {name} has none of them yet."
        report.next_steps = ["Commit the files.", "Call review, then upgrade to create the tables."]
        return
    report.summary = (
        f"{name} has tables already, so {report.revision.path} is a baseline: it makes them in a new database, and "
        f"{name} is to be stamped with it, not upgraded."
    )
    report.next_steps = [
        "Commit the files.",
        f"Call stamp with target={revision!r}: it says that {name} has these tables, changes none, and asks a person.",
    ]
    if report.differences:
        many = len(report.differences)
        report.summary += f" Models and database differ in {many} point{'s' if many != 1 else ''}."
        report.next_steps.append("Read `differences`; after the stamp, generate writes them into a second revision.")


def _shown(app: App, path: Path) -> str:
    top = (app.start if app.start.is_dir() else app.start.parent).resolve()
    return str(path).removeprefix(f"{top}{os.sep}")
