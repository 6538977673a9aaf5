"""The commands that show what is in force and what was done: policy, plan, audit."""

from __future__ import annotations

import json as json_
from typing import TYPE_CHECKING, Annotated

import typer

from ..report import ChangeReport, Report
from .commands import Action, commands, run_command
from .options import DatabaseOptions, JsonOption, folded
from .terminal import Progress

if TYPE_CHECKING:
    from ..audit import Entry
    from ..workflows.app import App

__all__ = ["audit"]

audit = typer.Typer(help="The audit trail.", invoke_without_command=True)
commands.add_typer(audit, name="audit")


@commands.command()
@folded
def policy(
    *,
    place: DatabaseOptions,
    json: JsonOption = False,
) -> None:
    """Show the policy in force, and where each value comes from."""

    async def work(app: App, name: str | None, _: Progress) -> Report:
        from ..workflows.effective import effective

        lines, ignored = await effective(app, project=name, database=place.database)
        width = max(len(line.name) for line in lines)
        text = [f"{line.name:<{width}}  {line.value}  ({line.source})" for line in lines]
        warnings = [f"The project's file tried to loosen something, which has no effect: {line}" for line in ignored]
        return Report(status="done", summary="\n".join(text), warnings=warnings)

    run_command(Report, work, place, as_json=json)


@commands.command(context_settings={"ignore_unknown_options": True})  # so that -1 is a target and no option
@folded
def plan(
    action: Annotated[Action, typer.Argument(help="upgrade, downgrade or stamp.")],
    target: Annotated[str, typer.Argument(help="As for that command.")] = "head",
    *,
    place: DatabaseOptions,
    json: JsonOption = False,
) -> None:
    """Make a plan, to be approved by a person and run later by ACTION --plan ID."""

    async def work(app: App, name: str | None, progress: Progress) -> ChangeReport:
        from ..workflows import change

        request = change.Request(action=action, target=target, database=place.database, project=name)
        return await change.make_plan(app, request, progress)

    run_command(ChangeReport, work, place, as_json=json)


@audit.callback()
def list_(
    context: typer.Context,
    *,
    plan_id: Annotated[str | None, typer.Option("--plan", metavar="ID", help="Only what is about this plan.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many entries.")] = 50,
    json: JsonOption = False,
) -> None:
    """List the audit trail, oldest first."""
    if context.invoked_subcommand is not None:
        return

    async def work(app: App, _name: str | None, _progress: Progress) -> Report:
        import anyio

        store = await app.store()
        entries = await anyio.to_thread.run_sync(store.entries, plan_id, limit)
        if json:
            lines = [
                json_.dumps({"number": one.number, "at": one.at, "kind": one.kind, "plan": one.plan, **one.said})
                for one in entries
            ]
        else:
            lines = [_line(one, entries) for one in entries]
        return Report(status="done", summary="\n".join(lines) or "The trail is empty.")

    run_command(Report, work)


@audit.command()
def verify() -> None:
    """Find every entry that was altered, removed or moved, and every signature that does not verify."""

    async def work(app: App, _name: str | None, _progress: Progress) -> Report:
        import anyio

        store = await app.store()
        problems = await anyio.to_thread.run_sync(store.verify_audit)
        newest = await anyio.to_thread.run_sync(store.entries, None, 1)
        end = f"{newest[-1].number} entries, the last one's hash is {newest[-1].hash}" if newest else "it is empty"
        if problems:
            steps = ["Compare with a copy of the store from before; the signatures in the entries can't be forged."]
            return Report(
                status="failed", summary="The audit trail was tampered with:\n" + "\n".join(problems), next_steps=steps
            )
        return Report(status="done", summary=f"The audit trail is whole: {end}.")

    run_command(Report, work)


def _line(entry: Entry, entries: list[Entry]) -> str:
    from datetime import datetime

    said = entry.said
    at = datetime.fromtimestamp(entry.at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    about = (
        {
            "plan": said.get("summary"),
            "approved": f"by {said.get('name')} ({said.get('proof')}, {said.get('approver')})",
            "consumed": _became(entry, entries),
            "declined": said.get("reason"),
            "answer": f"{said.get('answer')} through the {said.get('through')}",
        }.get(entry.kind)
        or said.get("outcome")
        or said.get("why")
        or said.get("name")
        or ""
    )
    return f"{entry.number}  {at}  {entry.kind}  {entry.plan or '-'}  {about}".rstrip()


def _became(entry: Entry, entries: list[Entry]) -> str:
    ended = any(one.plan == entry.plan and one.kind == "result" for one in entries)
    return "approved, about to run" if ended else "approved, not known to have run"
