"""The commands: the same workflows as the tools, for a person at a terminal and for scripts."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from .. import __version__
from ..logs import log_to_stderr
from ..report import (
    ChangeReport,
    CheckReport,
    CurrentReport,
    GenerateReport,
    HistoryReport,
    MergeReport,
    Report,
)
from ..tools.errors import failure
from .exits import EXIT_CODES, INTERRUPTED, exit_code
from .options import ChangeOptions, DatabaseOptions, JsonOption, ProjectOptions, folded
from .terminal import Progress, can_ask, confirm, show

if TYPE_CHECKING:
    from ..workflows.app import App

__all__ = [
    "Action",
    "commands",
    "run_command",
]

Action = Literal["upgrade", "downgrade", "stamp"]
R = TypeVar("R", bound=Report)
Work = Callable[["App", str | None, Progress], Awaitable[R]]
_HERE = ProjectOptions()

commands = typer.Typer(
    help="The migration engineer a coding agent calls, at your own command.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"alembic-mcp {__version__}")
        raise typer.Exit


@commands.callback()
def _main(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    pass


@commands.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def serve(context: typer.Context) -> None:
    """Serve MCP over stdio or HTTP; serve --help lists its options."""
    from ..serve import main as serve_

    raise typer.Exit(serve_(context.args))


@commands.command()
@folded
def current(
    *,
    place: DatabaseOptions,
    json: JsonOption = False,
) -> None:
    """Show where the database stands."""
    from ..workflows import inspect

    async def work(app: App, name: str | None, _: Progress) -> CurrentReport:
        return await inspect.current(app, project=name, database=place.database)

    run_command(CurrentReport, work, place, as_json=json)


@commands.command()
@folded
def history(
    *,
    range: Annotated[str | None, typer.Option("--range", help="'a:b', or one revision.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Revisions per page.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Where the page before ended.")] = None,
    place: ProjectOptions,
    json: JsonOption = False,
) -> None:
    """List the revisions, newest first."""
    from ..workflows import inspect

    async def work(app: App, name: str | None, _: Progress) -> HistoryReport:
        return await inspect.history(app, project=name, range=range, limit=limit, cursor=cursor)

    run_command(HistoryReport, work, place, as_json=json)


@commands.command()
@folded
def check(
    *,
    place: DatabaseOptions,
    json: JsonOption = False,
) -> None:
    """Compare the models with the database."""
    from ..workflows import inspect

    async def work(app: App, name: str | None, _: Progress) -> CheckReport:
        return await inspect.check(app, project=name, database=place.database)

    run_command(CheckReport, work, place, as_json=json)


@commands.command()
@folded
def generate(
    *,
    message: Annotated[str, typer.Option("--message", "-m", help="What the revision does, in a few words.")],
    empty: Annotated[bool, typer.Option("--empty", help="An empty revision, to be written by hand.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="As autogenerate proposes it, without safe rewrites.")] = False,
    rename: Annotated[
        list[str] | None, typer.Option("--rename", help="What was renamed: persons.name=full_name, or persons=people.")
    ] = None,
    fill: Annotated[
        list[str] | None, typer.Option("--fill", help="The value for existing rows, as SQL: users.verified=false.")
    ] = None,
    answer: Annotated[
        list[str] | None, typer.Option("--answer", help="The answer to a question: its id, '=', the choice.")
    ] = None,
    keep_data: Annotated[
        bool, typer.Option("--keep-data", help="Park what is dropped in a side table, for the downgrade.")
    ] = False,
    data: Annotated[str | None, typer.Option("--data", help="A revision that changes rows of this table.")] = None,
    assign: Annotated[
        list[str] | None, typer.Option("--set", help="With --data: column=SQL expression, may be repeated.")
    ] = None,
    where: Annotated[str | None, typer.Option("--where", help="With --data: which rows, as an SQL condition.")] = None,
    undo: Annotated[
        list[str] | None, typer.Option("--undo", help="With --data: column=SQL expression for the downgrade.")
    ] = None,
    place: DatabaseOptions,
    json: JsonOption = False,
) -> None:
    """Write the revisions for a change of the models, and prove them."""
    from ..workflows import generate as workflow

    wish = workflow.Wish(
        message=message,
        kind="empty" if empty else "data" if data is not None else "auto",
        style="plain" if plain else "safe",
        renames=[_rename(each) for each in rename or ()],
        fills=dict(_pair(each, "--fill") for each in fill or ()),
        answers=dict(_pair(each, "--answer") for each in answer or ()),
        keep_data=keep_data,
        table=data,
        set=dict(_pair(each, "--set") for each in assign or ()),
        where=where,
        undo=dict(_pair(each, "--undo") for each in undo or ()),
    )

    async def work(app: App, name: str | None, progress: Progress) -> GenerateReport:
        return await workflow.generate(app, wish, project=name, database=place.database, progress=progress)

    run_command(GenerateReport, work, place, as_json=json)


def _pair(text: str, option: str) -> tuple[str, str]:
    """What stands before and after the first equals sign."""
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise typer.BadParameter(f"{text!r}: give it as name=value", param_hint=option)
    return name, value


def _rename(text: str) -> dict[str, str]:
    """``table.column=name`` or ``table=name``; the table may have a schema before it in the first form."""
    old, new = _pair(text, "--rename")
    table, dot, column = old.rpartition(".")
    return {"table": table, "from": column, "to": new} if dot else {"from": column, "to": new}


@commands.command()
@folded
def merge_heads(
    heads: Annotated[list[str] | None, typer.Argument(help="The heads to join; all of them if left out.")] = None,
    *,
    message: Annotated[str | None, typer.Option("--message", "-m", help="Message of the merge revision.")] = None,
    rebase: Annotated[
        bool, typer.Option("--rebase", help="Put the last of two heads behind the first one, instead of a merge.")
    ] = False,
    place: DatabaseOptions,
    json: JsonOption = False,
) -> None:
    """Join several heads, once every order of the branches is proved."""
    from ..workflows import merge as workflow

    async def work(app: App, name: str | None, progress: Progress) -> MergeReport:
        return await workflow.merge_heads(
            app,
            heads=tuple(heads or ()),
            message=message,
            style="rebase" if rebase else "merge",
            project=name,
            database=place.database,
            progress=progress,
        )

    run_command(MergeReport, work, place, as_json=json)


@commands.command()
@folded
def upgrade(
    target: Annotated[str, typer.Argument(help="'head', a revision, 'branch@head' or '+N'.")] = "head",
    *,
    how: ChangeOptions,
    place: DatabaseOptions,
    json: JsonOption = False,
) -> None:
    """Upgrade the database; may ask for a yes.

    Where the policy wants a yes, it is asked for at the terminal; without a terminal nothing is changed.
    """
    _change("upgrade", target, how, place, as_json=json)


@commands.command(context_settings={"ignore_unknown_options": True})  # so that -1 is a target and no option
@folded
def downgrade(
    target: Annotated[str | None, typer.Argument(help="'-1', a revision, 'base' or 'branch@-1'.")] = None,
    *,
    how: ChangeOptions,
    place: DatabaseOptions,
    json: JsonOption = False,
) -> None:
    """Downgrade the database; may ask for a yes.

    Where the policy wants a yes, it is asked for at the terminal; without a terminal nothing is changed.
    """
    _change("downgrade", target, how, place, as_json=json)


@commands.command()
@folded
def stamp(
    target: Annotated[str | None, typer.Argument(help="A revision, 'head' or 'base'.")] = None,
    *,
    how: ChangeOptions,
    place: DatabaseOptions,
    json: JsonOption = False,
) -> None:
    """Write a revision into the version table only."""
    _change("stamp", target, how, place, as_json=json)


@commands.command()
def demo(
    *,
    no_input: Annotated[bool, typer.Option("--no-input", help="Ask nothing, as if there were no terminal.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the demo's project afterwards.")] = False,
) -> None:
    """Play the main job on a small project of its own."""
    from .. import demo as story

    raise typer.Exit(story.run(no_input=no_input, keep=keep))


def _change(
    action: Action,
    target: str | None,
    how: ChangeOptions,
    place: DatabaseOptions,
    *,
    as_json: bool,
) -> None:
    from ..workflows import change

    if target is None and how.plan is None:
        raise typer.BadParameter("say which revision, or which --plan")

    async def work(app: App, name: str | None, progress: Progress) -> ChangeReport:
        if how.plan is not None:
            planned = await change.planned(app, how.plan, action, project=name)
            return await change.change(app, replace(planned, dry_run=how.dry_run), change.Answer("not_asked"), progress)
        request = change.Request(action, target or "head", database=place.database, project=name, dry_run=how.dry_run)
        question = None if how.dry_run else await change.question(app, request, progress)
        if question is None or question.kind == "page":
            answer = change.Answer("not_asked")
        elif not can_ask():
            answer = change.Answer("unavailable", question.plan_id)
        else:
            preview = await change.change(app, replace(request, dry_run=True), change.Answer("not_asked"), progress)
            progress.hide()
            answer = change.Answer(await confirm(question.text, preview), question.plan_id)
        return await change.change(app, request, answer, progress)

    run_command(ChangeReport, work, place, as_json=as_json)


def run_command(
    report_type: type[R],
    work: Work[R],
    place: ProjectOptions | DatabaseOptions = _HERE,
    *,
    as_json: bool = False,
    shown: Callable[[R], None] | None = None,
    code: Callable[[R], int] = exit_code,
) -> None:
    """Do *work*, print its report (as *shown* does, if given), and end with its exit code."""
    log_to_stderr()
    start, name = _place(place.project)
    try:
        report = asyncio.run(_work(report_type, work, start, name, place.python))
    except (KeyboardInterrupt, asyncio.CancelledError):
        typer.echo("Interrupted. Run alembic-mcp current to see where the database stands.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    if shown is not None:
        shown(report)
    else:
        show(report, as_json=as_json)
    raise typer.Exit(code(report))


async def _work(report_type: type[R], work: Work[R], start: Path, name: str | None, python: Path | None) -> R:
    from ..workflows.app import App

    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with App.open(start, interpreter=python) as app, Progress() as progress:
        try:
            return await work(app, name, progress)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is reported; the unexpected is logged too
            return failure(error, report_type)


def _place(project: str | None) -> tuple[Path, str | None]:
    """Where to look for projects, and the name of the one that is meant: *project* is a path, or else a name."""
    if project is None:
        return Path.cwd(), None
    path = Path(project).expanduser()
    return (path.absolute(), None) if path.exists() else (Path.cwd(), project)
