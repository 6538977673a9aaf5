"""The tools as a client sees them: schemas, asking, refusing, failing. What they do to databases, others test."""

import json
import logging
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import anyio
import pytest
from mcp import Client
from mcp.server import request_state
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitResult, PromptReference, ResourceTemplateReference
from stdio_client import ERAS, YES

from alembic_mcp.errors import Failed, NeedsAnswer, Refused
from alembic_mcp.prompts import skills
from alembic_mcp.report import ChangeReport, CurrentReport, HistoryReport, RevisionNode
from alembic_mcp.serve import build_server
from alembic_mcp.tools.table import TOOLS
from alembic_mcp.workflows import change, inspect
from alembic_mcp.workflows.app import App

GOLDEN = Path(__file__).parent / "golden" / "tools"

pytestmark = pytest.mark.anyio


@dataclass
class Desk:
    """Stands in for the change workflow: one plan at a time, gone when it has run."""

    plan: int = 1
    ran: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    changed_while_asking: bool = False

    async def question(self, _, request, progress):
        if request.target == "unknown":
            raise Refused("There is no revision 'unknown'. Nothing was changed.", "Call history.")
        if request.target == "safe":
            return None
        await progress(0, 2, "Rehearsing")
        await progress(1, 2, "Judging")
        return change.Question(plan_id=f"plan-{self.plan}", digest="d", text=f"Drop the table? (plan-{self.plan})")

    async def change(self, _, request, answer, progress):
        await progress(0, 1, "Running")
        self.answers.append(answer.kind)
        if self.changed_while_asking:
            self.plan, self.changed_while_asking = self.plan + 1, False
        asks = request.target != "safe"
        if request.dry_run:
            return ChangeReport(status="done", summary="Dry run: nothing was changed.")
        if asks and (answer.kind != "yes" or answer.plan_id != f"plan-{self.plan}"):
            return ChangeReport(status="needs_approval", summary=f"Not confirmed ({answer.kind}), nothing changed.")
        self.plan += 1
        self.ran.append(request.target)
        return ChangeReport(status="done", summary="Upgraded.", applied=True)


@pytest.fixture
def desk(monkeypatch):
    desk = Desk()
    monkeypatch.setattr(change, "question", desk.question)
    monkeypatch.setattr(change, "change", desk.change)
    return desk


@asynccontextmanager
async def client(mode="auto", *, answer=None, read_only=False, patience=60.0):
    async def callback(context, params):
        return await answer(context, params) if callable(answer) else answer

    app = App(start=Path.cwd(), workers=None, read_only=read_only)
    server = build_server(app, patience=patience)
    async with Client(server, mode=mode, elicitation_callback=callback if answer else None) as connected:
        yield connected


@pytest.mark.parametrize("entry", TOOLS, ids=lambda entry: entry.function.__name__)
async def test_a_tool_is_described_as_its_golden_file_says(entry, golden):
    async with client() as connected:
        tools = {tool.name: tool for tool in (await connected.list_tools()).tools}
    described = tools[entry.function.__name__].model_dump(mode="json", by_alias=True, exclude_none=True)
    described["outputSchema"] = described["outputSchema"]["title"]
    golden(GOLDEN / f"{entry.function.__name__}.json", json.dumps(described, indent=2) + "\n")


async def test_every_golden_file_belongs_to_a_tool():
    assert {path.stem for path in GOLDEN.glob("*.json")} == {entry.function.__name__ for entry in TOOLS}


async def test_every_tool_says_everything_about_itself():
    async with client() as connected:
        tools = (await connected.list_tools()).tools
    for tool in tools:
        hints = tool.annotations.model_dump(exclude_none=True)
        assert {"read_only_hint", "destructive_hint", "idempotent_hint", "open_world_hint"} <= hints.keys(), tool.name
        assert tool.title, tool.name
        assert "ever" in tool.description, f"{tool.name} does not say what it never does"
        assert tool.input_schema["additionalProperties"] is False, tool.name
        for name, schema in tool.input_schema["properties"].items():
            assert schema.get("description"), f"{tool.name}.{name}"
        assert {"status", "summary", "next_steps"} <= tool.output_schema["properties"].keys(), tool.name


async def test_no_tool_has_an_argument_that_could_approve_something():
    async with client() as connected:
        arguments = {name for tool in (await connected.list_tools()).tools for name in tool.input_schema["properties"]}
    assert arguments == {
        "database", "project", "range", "limit", "cursor", "revisions", "message", "kind", "target", "dry_run", "heads",
        "statements_from",
        "config", "folder", "models", "scripts", "style", "template", "url",
        "answers", "fills", "keep_data", "renames", "set", "table", "undo", "where",
    }  # fmt: skip


async def test_a_read_only_server_offers_only_what_changes_nothing():
    async with client(read_only=True) as connected:
        names = {tool.name for tool in (await connected.list_tools()).tools}
        unknown = await connected.call_tool("upgrade", {})
    assert names == {"current", "history", "review", "check"}
    assert unknown.is_error


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("arguments", [{"confirm": True}, {"approve": "yes, run it"}, {"reply": {"kind": "yes"}}])
async def test_an_argument_that_the_tool_does_not_have_is_refused_and_nothing_runs(mode, arguments, desk):
    async with client(mode) as connected:
        result = await connected.call_tool("upgrade", {"target": "safe", **arguments})
    assert result.is_error
    assert result.structured_content["status"] == "refused"
    assert f"{next(iter(arguments))}: there is no such argument" in result.structured_content["summary"]
    assert desk.ran == []


async def test_a_value_of_the_wrong_type_is_refused_without_repeating_it(desk):
    async with client() as connected:
        result = await connected.call_tool("upgrade", {"target": ["postgresql://me:s3cret@host/db"]})
    assert result.is_error
    assert result.structured_content["status"] == "refused"
    assert "s3cret" not in result.model_dump_json()
    assert desk.ran == []


@pytest.mark.usefixtures("desk")
async def test_a_downgrade_takes_the_number_minus_one():
    async with client() as connected:
        result = await connected.call_tool("downgrade", {"target": -1, "dry_run": True})
    assert result.structured_content["status"] == "done"


@pytest.mark.parametrize("mode", ERAS)
async def test_what_nobody_has_to_be_asked_about_runs(mode, desk):
    async with client(mode, answer=YES) as connected:
        result = await connected.call_tool("upgrade", {"target": "safe"})
    assert result.structured_content["applied"]
    assert not result.is_error
    assert desk.answers == ["not_asked"]


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("tool", ["upgrade", "downgrade", "stamp"])
async def test_a_yes_runs_the_plan_that_was_asked_about(mode, tool, desk):
    asked = []

    async def answer(_, params):
        asked.append(params.message)
        return YES

    async with client(mode, answer=answer) as connected:
        result = await connected.call_tool(tool, {"target": "drop"})
    assert result.structured_content["applied"]
    assert asked == ["Drop the table? (plan-1)"]
    assert desk.ran == ["drop"]


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param(ElicitResult(action="accept", content={"approve": "no"}), "no", id="no"),
        pytest.param(ElicitResult(action="decline"), "no", id="declined"),
        pytest.param(ElicitResult(action="cancel"), "cancelled", id="cancelled"),
        pytest.param(None, "unavailable", id="client that can't ask"),
    ],
)
async def test_anything_but_a_yes_runs_nothing(mode, answer, kind, desk):
    async with client(mode, answer=answer) as connected:
        result = await connected.call_tool("upgrade", {"target": "drop"})
    assert result.structured_content["status"] == "needs_approval"
    assert not result.is_error
    assert desk.answers == [kind]
    assert desk.ran == []


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="accepted without a form"),
        pytest.param({}, id="accepted with an empty form"),
        pytest.param({"approve": True}, id="another type"),
        pytest.param({"approve": "Yes, run it"}, id="nearly the right word"),
    ],
)
async def test_an_answer_that_is_neither_yes_nor_no_runs_nothing(mode, content, desk):
    async with client(mode, answer=ElicitResult(action="accept", content=content)) as connected:
        result = await connected.call_tool("upgrade", {"target": "drop"})
    assert result.structured_content["status"] == "needs_approval"
    assert "neither yes nor no" in result.structured_content["summary"]
    assert desk.ran == []


async def test_a_client_whose_dialog_fails_confirms_nothing(desk):
    async def broken(_, __):
        raise RuntimeError("no window")

    async with client("legacy", answer=broken) as connected:
        result = await connected.call_tool("upgrade", {"target": "drop"})
    assert result.structured_content["status"] == "needs_approval"
    assert "could not ask" in result.structured_content["summary"]
    assert desk.ran == []


async def test_a_question_that_is_never_answered_ends_and_confirms_nothing(desk):
    async def never(_, __):
        await anyio.sleep_forever()

    async with client("legacy", answer=never, patience=0.05) as connected:
        result = await connected.call_tool("upgrade", {"target": "drop"})
    assert result.structured_content["status"] == "needs_approval"
    assert "not answered within 0.05 seconds" in result.structured_content["summary"]
    assert desk.ran == []


@pytest.mark.parametrize("mode", ERAS)
async def test_a_dry_run_asks_nobody(mode, desk):
    async def answer(_, __):
        pytest.fail("asked")

    async with client(mode, answer=answer) as connected:
        result = await connected.call_tool("downgrade", {"target": "-1", "dry_run": True})
    assert result.structured_content["status"] == "done"
    assert desk.ran == []


async def test_a_replayed_answer_runs_nothing_and_asks_about_the_new_plan(desk):
    async with client("2026-07-28", answer=YES) as connected:

        async def call(**more):
            return await connected.session.call_tool("upgrade", {"target": "drop"}, allow_input_required=True, **more)

        question = await call()
        answers = dict.fromkeys(question.input_requests, YES)
        first = await call(input_responses=answers, request_state=question.request_state)
        replay = await call(input_responses=answers, request_state=question.request_state)
    assert first.structured_content["applied"]
    assert desk.ran == ["drop"]
    assert [request.params.message for request in replay.input_requests.values()] == ["Drop the table? (plan-2)"]


async def test_an_answer_about_another_state_of_things_is_asked_for_again(desk):
    async with client("2026-07-28", answer=YES) as connected:

        async def call(**more):
            return await connected.session.call_tool("upgrade", {"target": "drop"}, allow_input_required=True, **more)

        question = await call()
        desk.plan = 7
        again = await call(
            input_responses=dict.fromkeys(question.input_requests, YES), request_state=question.request_state
        )
    assert [request.params.message for request in again.input_requests.values()] == ["Drop the table? (plan-7)"]
    assert desk.ran == []


@pytest.mark.parametrize("kind", ["expired", "another server's", "another tool's", "another call's", "altered", "none"])
async def test_an_answer_with_a_state_that_is_not_this_calls_own_runs_nothing(kind, desk, monkeypatch):
    async def call(connected, tool="upgrade", target="drop", **more):
        return await connected.session.call_tool(tool, {"target": target}, allow_input_required=True, **more)

    async with client("2026-07-28", answer=YES) as connected, client("2026-07-28", answer=YES) as elsewhere:
        question = await call(connected)
        states = {
            "expired": question.request_state,
            "another server's": (await call(elsewhere)).request_state,
            "another tool's": (await call(connected, tool="downgrade")).request_state,
            "another call's": (await call(connected, target="drop it")).request_state,
            "altered": question.request_state[:-6] + "AAAAAA",
            "none": None,
        }
        if kind == "expired":
            later = time.time() + 3600
            monkeypatch.setattr(request_state.time, "time", lambda: later)
        answers = dict.fromkeys(question.input_requests, YES)
        try:
            again = await call(connected, input_responses=answers, request_state=states[kind])
        except MCPError:
            again = None
    assert desk.ran == []
    assert again is None or again.input_requests, "it is asked again, or told off"


@pytest.mark.parametrize("mode", ERAS)
async def test_what_changed_between_the_answer_and_the_run_runs_nothing(mode, desk):
    desk.changed_while_asking = True
    async with client(mode, answer=YES) as connected:
        result = await connected.call_tool("upgrade", {"target": "drop"})
    assert result.structured_content["status"] == "needs_approval"
    assert desk.ran == []


@pytest.mark.parametrize("mode", ERAS)
async def test_a_refusal_before_the_question_is_a_report(mode, desk):
    async with client(mode, answer=YES) as connected:
        result = await connected.call_tool("upgrade", {"target": "unknown"})
    assert result.is_error
    assert result.structured_content["status"] == "refused"
    assert result.structured_content["next_steps"] == ["Call history."]
    assert result.content[0].text == "There is no revision 'unknown'. Nothing was changed.\nNext:\n- Call history."
    assert desk.answers == []


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize(
    ("error", "status", "is_error"),
    [
        pytest.param(Refused("No.", "Do this."), "refused", True, id="refused"),
        pytest.param(Failed("Broken.", "Do this."), "failed", True, id="failed"),
        pytest.param(NeedsAnswer("Which?", "Do this."), "needs_answer", False, id="needs an answer"),
    ],
)
async def test_what_was_not_done_is_a_report(mode, error, status, is_error, monkeypatch):
    async def fail(*_, **__):
        raise error

    monkeypatch.setattr(inspect, "current", fail)
    async with client(mode) as connected:
        result = await connected.call_tool("current", {})
    assert result.is_error is is_error
    report = CurrentReport.model_validate(result.structured_content)
    assert (report.status, report.summary, report.next_steps) == (status, error.message, ["Do this."])


async def test_a_fault_of_ours_is_a_report_without_secrets_and_without_a_traceback(monkeypatch, caplog):
    async def crash(*_, **__):
        raise RuntimeError("postgresql://me:s3cret@host/db")

    monkeypatch.setattr(inspect, "current", crash)
    with caplog.at_level(logging.ERROR):
        async with client() as connected:
            result = await connected.call_tool("current", {})
    assert result.is_error
    assert result.structured_content["status"] == "failed"
    assert "RuntimeError: postgresql://me:***@host/db" in result.structured_content["summary"]
    assert "s3cret" not in result.model_dump_json()
    assert "Traceback" not in result.model_dump_json()
    assert caplog.records


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("mode", ERAS)
async def test_progress_only_goes_forward(mode):
    told = []

    async def follow(progress, total, message):
        told.append((progress, total, message))

    async with client(mode, answer=YES) as connected:
        await connected.call_tool("upgrade", {"target": "drop"}, progress_callback=follow)
    by_call = [told] if mode == "legacy" else [told[:2], told[2:]]
    for one_call in by_call:
        values = [progress for progress, _, _ in one_call]
        assert values == sorted(set(values))
        assert all(total is None or progress <= total for progress, total, _ in one_call)
    assert [message for _, _, message in told][:2] == ["Rehearsing", "Judging"]
    assert told[-1][2] == "Running"


NODE = RevisionNode(revision="a1", down_revisions=[], message="first", is_head=True)


@pytest.fixture
def one_revision(monkeypatch):
    async def history(_, *, project=None, range=None, limit=50, cursor=None):  # noqa: ARG001
        if range not in (None, "a1"):
            raise Refused(f"There is no revision {range!r}.", "Call history.")
        return HistoryReport(status="done", summary="1 revision, head a1.", revisions=[NODE], heads=["a1"], total=1)

    async def revisions(*_):
        return SimpleNamespace(by_id={"a1": NODE, "b2": NODE})

    monkeypatch.setattr(inspect, "history", history)
    monkeypatch.setattr(App, "project", lambda *_: None)
    monkeypatch.setattr(App, "revisions", revisions)


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.usefixtures("one_revision")
async def test_history_and_revisions_are_resources(mode):
    async with client(mode) as connected:
        history = json.loads((await connected.read_resource("alembic://history")).contents[0].text)
        revision = json.loads((await connected.read_resource("alembic://revision/a1")).contents[0].text)
        with pytest.raises(Exception, match="There is no revision 'zz'"):
            await connected.read_resource("alembic://revision/zz")
    assert history["heads"] == ["a1"]
    assert revision["message"] == "first"


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.usefixtures("one_revision")
async def test_revision_ids_are_completed(mode):
    template = ResourceTemplateReference(uri="alembic://revision/{revision}")
    async with client(mode) as connected:
        some = await connected.complete(template, {"name": "revision", "value": "b"})
        none = await connected.complete(PromptReference(name="x"), {"name": "revision", "value": "b"})
    assert some.completion.values == ["b2"]
    assert none.completion.values == []


@pytest.mark.parametrize("mode", ERAS)
async def test_every_skill_is_a_prompt(mode):
    async with client(mode) as connected:
        prompts = {prompt.name: prompt for prompt in (await connected.list_prompts()).prompts}
        assert prompts.keys() == {skill.name for skill in skills()}
        for skill in skills():
            given = await connected.get_prompt(skill.name)
            assert given.messages[0].content.text == skill.text
            assert prompts[skill.name].description == skill.description
