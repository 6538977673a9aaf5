"""The commands of a person who approves: plans, approve, approver, mark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from ..report import CurrentReport, Report
from ..target import Environment
from .commands import commands, run_command
from .options import DatabaseOptions, JsonOption, folded
from .terminal import Progress
from .tty import Terminal, open_terminal

if TYPE_CHECKING:
    from ..approvals import Approver, Evidence
    from ..workflows.app import App
    from ..workflows.approve import WaitingPlan
    from ..workflows.mark import Marking

__all__ = ["approver"]

T = TypeVar("T")

approver = typer.Typer(help="Those whose signature counts.", no_args_is_help=True)
commands.add_typer(approver, name="approver")
AsOption = Annotated[str | None, typer.Option("--as", metavar="SHA256:...", help="Which approver you are.")]


@commands.command()
def plans(*, json: JsonOption = False) -> None:
    """List the plans that wait for an approval, or whose approval was not used yet."""

    async def work(app: App, _name: str | None, _progress: Progress) -> Report:
        import anyio

        store = await app.store()
        found = await anyio.to_thread.run_sync(store.listed, "open", "approved")
        lines = [f"{one.id}  {one.state}  until {_time(one.expires)}  {one.details.summary}" for one in found]
        return Report(status="done", summary="\n".join(lines) or "No plan waits.")

    run_command(Report, work, as_json=json)


@commands.command()
def approve(
    plan: Annotated[str, typer.Argument(help="The plan's id.")],
    *,
    decline: Annotated[
        str | None, typer.Option("--decline", metavar="REASON", help="Say no; the agent is told.")
    ] = None,
    who: AsOption = None,
) -> None:
    """Show a plan, and approve it with your passphrase, or with your passkey in a browser.

    Needs a terminal: the passphrase is read there, and from nowhere else.
    """

    async def work(app: App, _name: str | None, progress: Progress) -> Report:
        from ..workflows import approve as workflow

        progress.hide()
        with open_terminal() as terminal:
            waiting = await workflow.plan(app, plan)
            if decline is not None:
                done = await workflow.decline(app, plan, decline)
                return _told("Declined." if done else "This plan waits for nobody.", done=done)
            _show(terminal, waiting)
            return await _approve(app, terminal, waiting, who)

    run_command(Report, work)


async def _approve(app: App, terminal: Terminal, waiting: WaitingPlan, who: str | None) -> Report:
    from ..store import Outcome
    from ..workflows import approve as workflow

    if waiting.tampered or waiting.stored.state != "open":
        outcome = await workflow.approve(app, waiting.id, who or "", "")
        return _told(" ".join([outcome.message, *waiting.tampered]), done=False)
    person = await _choose(terminal, list(waiting.approvers), who)
    typed = None
    if waiting.type_name:
        typed = await terminal.ask(f"Data is lost. Type the name of the database ({waiting.database_name}): ")
    if person.kind == "passkey":
        lines = (f"Plan {waiting.id}, digest {waiting.stored.digest}, as the terminal shows it.",)
        what = _Statement("Approve a plan", lines, waiting.statement)
        _, evidence = await _signed(app, terminal, [person], None, what)
        outcome = await workflow.approve(app, waiting.id, person.fingerprint, evidence, typed)
        return _told(outcome.message, done=outcome is Outcome.APPROVED)
    while True:
        passphrase = await terminal.secret(f"Passphrase of {person.name}, to approve: ")
        outcome = await workflow.approve(app, waiting.id, person.fingerprint, passphrase, typed)
        if outcome is not Outcome.WRONG_PASSPHRASE:
            return _told(outcome.message, done=outcome is Outcome.APPROVED)
        terminal.say(outcome.message)


@approver.command()
def enroll(
    name: Annotated[str, typer.Argument(help="Your name, as the audit trail will show it.")],
    *,
    by: AsOption = None,
    passkey: Annotated[bool, typer.Option("--passkey", help="A passkey, in your browser, and no passphrase.")] = False,
) -> None:
    """Enrol an approver by a passphrase, from which a key is stretched; only its public half is kept."""

    async def work(app: App, _name: str | None, progress: Progress) -> Report:
        import anyio

        from .. import approvals
        from ..workflows import approve as workflow

        progress.hide()
        with open_terminal() as terminal:
            there = [one for one in await workflow.approvers(app) if one.revoked is None]
            if passkey:
                from ..approval_page import enrol_passkey

                return _enrolled(await enrol_passkey(app, name, terminal.say), there)
            passphrase = await _new_passphrase(terminal, name)
            new = await anyio.to_thread.run_sync(approvals.enroll, name, passphrase)
            if not there:
                return _enrolled(await workflow.add_approver(app, new), there)
            lines = (f"{name} ({new.fingerprint}) will be able to approve, with a passphrase.",)
            what = _Statement(f"let {name} in", lines, approvals.enrolment(new))
            signer, evidence = await _signed(app, terminal, there, by, what)
            return _enrolled(await workflow.add_approver(app, new, signer.fingerprint, evidence), there)

    run_command(Report, work)


def _enrolled(new: Approver, there: list[Approver]) -> Report:
    """The report on a new approver, among those who were *there* before."""
    signer = next((one.name for one in there if one.fingerprint == new.added_by), None)
    note = "You are the first, and were taken at your word: check the fingerprint where you pin it."
    return Report(
        status="done",
        summary=f"{new.name} is enrolled: {new.fingerprint}\n{f'Signed in by {signer}.' if signer else note}",
        next_steps=[
            f"Pin it in the database: alembic-mcp mark production --approver {new.fingerprint}",
            f"Or on the server's command line: alembic-mcp serve --approver {new.fingerprint}",
        ],
    )


@approver.command("list")
def list_(*, json: JsonOption = False) -> None:
    """List who is enrolled."""

    async def work(app: App, _name: str | None, _progress: Progress) -> Report:
        import anyio

        store = await app.store()
        trusted = await anyio.to_thread.run_sync(store.trusted, None)
        lines = [
            f"{one.fingerprint}  {one.kind}  {one.name}  since {_time(one.created)}  {_standing(one, trusted)}"
            for one in await anyio.to_thread.run_sync(store.approvers)
        ]
        return Report(status="done", summary="\n".join(lines) or "Nobody is enrolled: alembic-mcp approver enroll NAME")

    run_command(Report, work, as_json=json)


@approver.command()
def revoke(
    fingerprint: Annotated[str, typer.Argument(help="Whose approvals do not count any more.")], *, by: AsOption = None
) -> None:
    """End an approver, by the signature of one that counts: what they approved and nobody used is void too."""

    async def work(app: App, _name: str | None, progress: Progress) -> Report:
        from .. import approvals
        from ..workflows import approve as workflow

        progress.hide()
        with open_terminal() as terminal:
            there = [one for one in await workflow.approvers(app) if one.revoked is None]
            name = next((one.name for one in there if one.fingerprint == fingerprint), "an approver")
            lines = (f"{name} ({fingerprint}) will not count any more.",)
            what = _Statement(f"revoke {fingerprint}", lines, approvals.revocation(fingerprint))
            signer, evidence = await _signed(app, terminal, there, by, what)
            await workflow.revoke(app, fingerprint, signer.fingerprint, evidence)
            return Report(status="done", summary=f"{fingerprint} is revoked.")

    run_command(Report, work)


@commands.command()
@folded
def mark(
    environment: Annotated[Environment, typer.Argument(help="What the database is for.")],
    *,
    approver: Annotated[
        list[str] | None, typer.Option("--approver", metavar="SHA256:...", help="Pin this approver (repeatable).")
    ] = None,
    nobody: Annotated[bool, typer.Option("--no-approver", help="Take all pins away.")] = False,
    who: AsOption = None,
    place: DatabaseOptions,
) -> None:
    """Mark the database itself with its environment, and pin whose approval counts.

    With --approver those given are the only ones that count. What loosens a mark needs the signature of one.
    """

    async def work(app: App, name: str | None, progress: Progress) -> CurrentReport:
        from ..workflows import mark as workflow

        with open_terminal() as terminal:
            pins = tuple(approver) if approver else () if nobody else None
            marking = await workflow.prepare(app, environment, pins, project=name, database=place.database)
            progress.hide()
            for line in _marks(marking):
                terminal.say(line)
            if not marking.signers:
                word = marking.located.target.name
                if await terminal.ask(f"Type the name of the database ({word}) to mark it: ") != word:
                    return CurrentReport(status="refused", summary="Nothing was changed.", next_steps=["Try again."])
                return await workflow.mark(app, marking, None, None)
            what = _Statement(
                f"loosen the marks of {marking.located.target.name}", tuple(_marks(marking)), marking.statement
            )
            person, evidence = await _signed(app, terminal, list(marking.signers), who, what)
            return await workflow.mark(app, marking, person, evidence)

    run_command(CurrentReport, work, place)


def _show(terminal: Terminal, waiting: WaitingPlan) -> None:
    """Everything that is signed, and what it would do."""
    from ..tools.text import readable

    stored, described = waiting.stored, waiting.stored.payload
    if waiting.report is not None:
        terminal.say(readable(waiting.report.model_copy(update={"next_steps": []})))
    database = described.get("database") or {}
    terminal.say(f"\nThe plan {stored.id}, {stored.state}, until {_time(stored.expires)}")
    terminal.say(f"Database: {database.get('name')} ({database.get('environment')}), {database.get('identity')}")
    heads = [", ".join(described.get(key) or []) or "base" for key in ("heads_before", "heads_after")]
    terminal.say(f"{str(described.get('action', '')).capitalize()} from {heads[0]} to {heads[1]}")
    for line in described.get("statements") or []:
        terminal.say(f"  {line.get('revision')}: {line.get('sql')}")
    terminal.say(f"Digest: {stored.digest}\n")


def _marks(marking: Marking) -> list[str]:
    target = marking.located.target
    return [
        f"{target.name} on {target.host or 'this machine'} ({target.identity})",
        f"It counts as {marking.located.environment}: {marking.located.reason}.",
        f"It will be marked {marking.environment}, approvers: {', '.join(marking.approvers) or 'not pinned'}",
        *(f"This loosens it: {why}." for why in marking.why),
    ]


@dataclass(frozen=True)
class _Statement:
    """What is about to be signed: to do what, in full, and the bytes."""

    purpose: str
    lines: tuple[str, ...]
    statement: bytes


async def _signed(
    app: App, terminal: Terminal, people: list[Approver], who: str | None, what: _Statement
) -> tuple[Approver, Evidence]:
    """Who of *people* signed, and the evidence: with the passphrase here, or with a passkey in the browser.

    Raises:
        Refused: nobody could, or nobody did; WrongPassphrase likewise.
    """
    import anyio

    from .. import approvals

    person = await _choose(terminal, people, who)
    if person.kind == "passphrase":
        secret = await terminal.secret(f"Passphrase of {person.name}, to {what.purpose}: ")
        return person, await anyio.to_thread.run_sync(approvals.sign, person, secret, what.statement)
    from ..approval_page import Signing, sign_by_passkey

    title = what.purpose[:1].upper() + what.purpose[1:]
    return await sign_by_passkey(app, Signing(title, what.lines, what.statement, (person,)), terminal.say)


async def _choose(terminal: Terminal, people: list[Approver], who: str | None) -> Approver:
    """The approver who sits at the terminal. Raises Refused if there is none."""
    from ..errors import Refused

    able = [one for one in people if who is None or one.fingerprint == who]
    if not able:
        raise Refused(
            "Nobody who could sign this is enrolled and counts here. Nothing was done.",
            "alembic-mcp approver list shows who is enrolled, alembic-mcp approver enroll adds somebody.",
        )
    if len(able) == 1:
        return able[0]
    for number, one in enumerate(able, 1):
        terminal.say(f"{number}  {one.name}  {one.kind}  {one.fingerprint}")
    chosen = (await terminal.ask("Who are you? Number: ")).strip()
    if not chosen.isdigit() or not 1 <= int(chosen) <= len(able):
        raise Refused("That is none of the numbers. Nothing was done.", "Try again, or use --as.")
    return able[int(chosen) - 1]


async def _new_passphrase(terminal: Terminal, name: str) -> str:
    from ..approvals import strength

    terminal.say("Four or more words that have nothing to do with each other make a good passphrase.")
    while True:
        first = await terminal.secret(f"A passphrase for {name}: ")
        weak = strength(first)
        if weak is not None:
            terminal.say(f"Too weak: {weak}.")
        elif await terminal.secret("Once more: ") != first:
            terminal.say("They differ.")
        else:
            return first


def _standing(one: Approver, trusted: dict[str, Any]) -> str:
    if one.revoked is not None:
        return "revoked"
    if one.fingerprint not in trusted:
        return "DOES NOT COUNT: nobody who counts has signed this one in"
    return f"signed in by {one.added_by}" if one.added_by else "the first, taken at their word"


def _told(text: str, *, done: bool) -> Report:
    return Report(status="done" if done else "refused", summary=text)


def _time(seconds: float) -> str:
    from datetime import datetime

    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
