"""What happens in the demo, step by step, and what each answer must say."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

from mcp import Client, MCPError, StdioServerParameters
from mcp.client import ClientRequestContext
from mcp.client.stdio import stdio_client
from mcp_types import ElicitRequestFormParams, ElicitRequestParams, ElicitResult, TextContent

from .project import Project
from .stage import Stage

__all__ = ["Unexpected", "play"]

CALL_SECONDS = 100.0
NAME = "    name: Mapped[str] = mapped_column(String(200))\n"
MIDDLE_NAME = "    middle_name: Mapped[str | None] = mapped_column(String(200))\n"
EMAIL = "    email: Mapped[str | None] = mapped_column(String(320))\n"

Answer = dict[str, Any]


class Unexpected(Exception):
    """A step did not do what it should; the message says which and what."""


class Person:
    """Who is asked: the person at the keyboard, or nobody, in which case the client declines.

    Attributes:
        questions: how often somebody was to be asked.
        agreed: the last answer was yes.
    """

    def __init__(self, stage: Stage, *, present: bool) -> None:
        self._stage = stage
        self._present = present
        self.questions = 0
        self.agreed = False

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:  # noqa: ARG002
        """Answer a form of one field, whose choices the server names."""
        self.questions += 1
        typed = await self._stage.asks(params.message, person=self._present)
        self.agreed = typed.lower() in ("y", "yes")
        if not self.agreed or not isinstance(params, ElicitRequestFormParams):
            return ElicitResult(action="decline")
        ((field, described),) = params.requested_schema["properties"].items()
        yes = next(choice for choice in described["enum"] if choice.startswith("yes"))
        return ElicitResult(action="accept", content={field: yes})


class Agent:
    """Calls tools, shows what comes back, and says what must hold of it."""

    def __init__(self, client: Client, stage: Stage) -> None:
        self._client = client
        self._stage = stage
        self._step = ""

    async def call(self, tool: str, **arguments: str | bool) -> Answer:
        """The structured report of one call."""
        self._step = tool
        self._stage.calls(tool, arguments)
        try:
            with self._stage.waiting():
                result = await self._client.call_tool(
                    tool, arguments, read_timeout_seconds=CALL_SECONDS, progress_callback=self._stage.progress
                )
        except MCPError as error:
            raise Unexpected(f"{tool}: {error.error.message}") from error
        text = "\n".join(part.text for part in result.content if isinstance(part, TextContent))
        self._stage.answers(text, error=result.is_error)
        if result.structured_content is None:
            raise Unexpected(f"{tool}: the answer has no structured report.")
        return dict(result.structured_content)

    def expect(self, holds: object, what: str) -> None:
        """Raises Unexpected unless *holds*."""
        if not holds:
            raise Unexpected(f"{self._step}: expected: {what}.")
        self._stage.checks(what)


async def play(project: Project, stage: Stage, *, asks: bool) -> None:
    """Start the server on *project* and play the story.

    Raises:
        Unexpected: a step did not behave.
    """
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))  # both end the running call and then the server
    person = Person(stage, present=asks)
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "alembic_mcp", "serve", "--project", str(project.root)],
        env=project.server_environment,
        cwd=project.root,
    )
    failure: Unexpected | None = None  # raised outside of the client, whose task groups would wrap it
    with project.server_log.open("w", encoding="utf-8") as log:
        try:
            async with Client(stdio_client(server, errlog=log), elicitation_callback=person) as client:
                try:
                    await _story(Agent(client, stage), project, stage, person)
                except Unexpected as error:
                    failure = error
        except* MCPError as errors:
            failure = failure or Unexpected(f"the server did not start, or ended: {_first(errors)}")
    if failure is not None:
        raise failure


async def _story(agent: Agent, project: Project, stage: Stage, person: Person) -> None:
    await _begin(agent, project, stage)
    added = await _add_middle_name(agent, project, stage, person)
    dropped = await _drop_email(agent, project, stage, person, added)
    await _take_back(agent, project, stage, person, dropped=dropped)


async def _begin(agent: Agent, project: Project, stage: Stage) -> None:
    stage.scene("The project as it is: one revision, not applied yet")
    report = await agent.call("upgrade", target="head")
    agent.expect(report["status"] == "done" and report["applied"], "creating a table runs without a question")
    agent.expect(report["after"] == [project.FIRST], "the database is at the first revision")
    project.fill()
    agent.expect(project.values("email") == project.PERSONS, f"{project.PERSONS:,} persons are inserted")


async def _add_middle_name(agent: Agent, project: Project, stage: Stage, person: Person) -> str:
    """Returns the revision that adds the column."""
    stage.scene('1. "Add a middle name to Person"')
    _edit(project, stage, NAME, NAME + MIDDLE_NAME)
    report = await agent.call("generate", message="add middle_name to person")
    revision = _written(agent, report)
    stage.shows(report["files"][0]["path"], _functions(project, report))
    agent.expect(report["rehearsal"]["restored"], "the downgrade was proven to restore the schema")
    agent.expect(report["ready_to_commit"], "it is ready to commit")

    report = await agent.call("review", revisions="pending")
    agent.expect(report["decision"] == "run" and not report["escalations"], "it may run without asking anybody")

    report = await agent.call("upgrade", target="head")
    agent.expect(report["status"] == "done" and report["applied"], "it ran")
    agent.expect(person.questions == 0, "nobody was asked")
    _verified(agent, report)

    report = await agent.call("current")
    agent.expect(report["at_head"] and report["heads"] == [revision], f"the database is at {revision}, the head")
    return revision


async def _drop_email(agent: Agent, project: Project, stage: Stage, person: Person, added: str) -> bool:
    """Returns True if the person agreed."""
    stage.scene('2. "Remove email from Person": 100,000 values would be lost')
    _edit(project, stage, EMAIL, "")
    report = await agent.call("generate", message="drop email from person")
    agent.expect(report["status"] == "needs_answer" and not report["files"], "it asks first, and writes nothing")
    [question] = report["questions"]
    agent.expect("100,000 values" in question["question"], "the question says how many values would go")

    stage.tells("The developer says that it shall go.")
    [how] = [option["how"] for option in question["options"] if option["choice"] == "drop"]
    report = await agent.call("generate", message="drop email from person", **how)
    revision = _written(agent, report)
    path = project.root / report["files"][0]["path"]
    agent.expect("drop-column" in _rules(report["findings"]), "the loss is found when the revision is written")

    report = await agent.call("review", revisions="pending")
    agent.expect(report["decision"] == "ask", "it does not run without a yes")
    why = [item["why"] for item in report["escalations"] if (item["rule"], item["level"]) == ("drops-data", "client")]
    agent.expect(why, "it is escalated as drops-data, to be asked through the client")
    agent.expect("100,000" in why[0], "the values that would be lost are counted on the live data")

    stage.tells("The agent tries to say yes by itself.")
    report = await agent.call("upgrade", target="head", approve="yes, run it")
    agent.expect(report["status"] == "refused" and not report["applied"], "there is no such argument")

    report = await agent.call("upgrade", target="head")
    agent.expect(person.questions == 1, "the server asked, once")
    if person.agreed:
        agent.expect(report["status"] == "done" and report["applied"], "it ran after the yes")
        _verified(agent, report)
        agent.expect(project.values("email") is None, "the column is gone, as agreed")
        await _expect_at(agent, revision)
        return True
    agent.expect(report["status"] == "needs_approval", "it is not confirmed")
    agent.expect(not report["applied"], "nothing was changed")
    agent.expect(project.values("email") == project.PERSONS, f"all {project.PERSONS:,} values are still there")
    await _expect_at(agent, added)
    stage.tells("The agent takes its change back: the model gets email again, the revision that ran nowhere goes.")
    _edit(project, stage, NAME + MIDDLE_NAME, NAME + MIDDLE_NAME + EMAIL)
    path.unlink()
    return False


async def _take_back(agent: Agent, project: Project, stage: Stage, person: Person, *, dropped: bool) -> None:
    stage.scene("3. Back to the first revision")
    before, asked = (await agent.call("current"))["heads"], person.questions
    report = await agent.call("downgrade", target=project.FIRST)
    if person.questions > asked and not person.agreed:
        agent.expect(report["status"] == "needs_approval" and not report["applied"], "nothing ran without a yes")
        await _expect_at(agent, *before)
        return
    agent.expect(report["status"] == "done" and report["applied"], "it ran: middle_name holds no values")
    _verified(agent, report)
    await _expect_at(agent, project.FIRST)
    agent.expect(project.values("middle_name") is None, "middle_name is gone")
    left = 0 if dropped else project.PERSONS
    agent.expect(project.values("email") == left, f"email holds {left:,} values")
    agent.expect(project.values("id") == project.PERSONS, f"all {project.PERSONS:,} persons are there")


def _edit(project: Project, stage: Stage, old: str, new: str) -> None:
    before = project.models.read_text(encoding="utf-8")
    after = before.replace(old, new)
    project.models.write_text(after, encoding="utf-8")
    stage.edits(project.models.name, before, after)


def _written(agent: Agent, report: Answer) -> str:
    agent.expect(report["status"] == "done" and len(report["files"]) == 1, "one revision was written")
    agent.expect(report["rehearsal"]["status"] == "passed", "it passed the rehearsal on a scratch database")
    return str(report["files"][0]["revision"])


def _verified(agent: Agent, report: Answer) -> None:
    verified = report["verified"] or {}
    agent.expect(verified.get("heads") and verified.get("schema"), "heads and schema are as rehearsed")


async def _expect_at(agent: Agent, *heads: str) -> None:
    report = await agent.call("current")
    agent.expect(report["heads"] == list(heads), f"the database is at {', '.join(heads)}")


def _rules(findings: list[Answer]) -> set[str]:
    return {finding["rule"] for finding in findings}


def _functions(project: Project, report: Answer) -> str:
    """The file that was written, from upgrade() on."""
    text = Path(project.root, report["files"][0]["path"]).read_text(encoding="utf-8")
    return text[text.index("def upgrade") :]


def _first(error: BaseException) -> BaseException:
    """The first exception in a group of groups."""
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
