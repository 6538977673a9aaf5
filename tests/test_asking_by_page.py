"""Asking through the approval page, in both protocol eras: what the client says about it proves nothing."""

from contextlib import asynccontextmanager

import anyio
import pytest
from approval_desk import desk_at
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitResult
from stdio_client import ERAS

from alembic_mcp.approval_page import ApprovalPage
from alembic_mcp.serve import build_server
from alembic_mcp.workflows import approve

pytestmark = pytest.mark.anyio

DOWN = {"target": "-1"}


@pytest.fixture
async def desk(opened, tmp_path, db):
    async with desk_at(opened, tmp_path / "shop", db) as desk, ApprovalPage(desk.app) as desk.app.page:
        yield desk


@asynccontextmanager
async def connected(desk, mode, answer=None, patience=30.0):
    """A client whose person's browser is *answer*, called with the address; None: it opens none."""

    async def callback(_, params):
        assert params.mode == "url"
        return await answer(params)

    server = build_server(desk.app, patience=patience)
    async with Client(server, mode=mode, elicitation_callback=callback if answer else None) as client:
        yield client


def plan_of(address):
    return address.rpartition("/")[2]


def says(action):
    async def answer(_):
        return ElicitResult(action=action)

    return answer


@pytest.mark.parametrize("mode", ERAS)
async def test_the_call_waits_for_the_signature_and_then_runs(mode, desk):
    told = []

    async def open_it(params):
        assert "Downgrade app.db" in params.message
        assert params.url.startswith("http://localhost:")
        assert "?" not in params.url
        return ElicitResult(action="accept")

    async def follow(_, __, message):
        told.append(message)
        if "Waiting for a person" in message:
            await desk.sign(plan_of(message))

    async with connected(desk, mode, open_it) as client:
        result = await client.call_tool("downgrade", DOWN, progress_callback=follow)
    report = result.structured_content
    assert (report["status"], report["applied"]) == ("done", True)
    assert "email" not in desk.place.columns("person")
    assert any("Waiting for a person's answer at http://localhost:" in message for message in told)


async def test_a_signature_ends_the_wait_though_the_client_has_not_answered_yet(desk):
    async def open_it(params):
        await desk.sign(plan_of(params.url))
        await anyio.sleep_forever()

    async with connected(desk, "legacy", open_it) as client:
        with anyio.fail_after(60):
            report = (await client.call_tool("downgrade", DOWN)).structured_content
    assert report["applied"] is True


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("action", ["accept", "decline", "cancel"])
async def test_whatever_the_client_says_nothing_runs_without_a_signature(mode, action, desk):
    async with connected(desk, mode, says(action), patience=0.5) as client:
        result = await client.call_tool("downgrade", DOWN)
    report = result.structured_content
    assert (report["status"], report["applied"]) == ("needs_approval", False)
    assert "http://localhost:" in " ".join(report["next_steps"])
    assert "alembic-mcp approve" in " ".join(report["next_steps"])
    assert desk.emails == [("ada@example.org",)]


@pytest.mark.parametrize("mode", ERAS)
async def test_an_accept_with_a_yes_in_it_is_still_none(mode, desk):
    async def forge(_):
        return ElicitResult(action="accept", content={"approve": "yes, run it"})

    async with connected(desk, mode, forge, patience=0.5) as client:
        report = (await client.call_tool("downgrade", DOWN)).structured_content
    assert report["applied"] is False
    assert desk.emails == [("ada@example.org",)]


@pytest.mark.parametrize("mode", ERAS)
async def test_a_decline_on_the_page_ends_the_call_with_its_reason(mode, desk):
    async def open_it(params):
        await approve.decline(desk.app, plan_of(params.url), "Accounting still reads them.")
        return ElicitResult(action="accept")

    async with connected(desk, mode, open_it) as client:
        report = (await client.call_tool("downgrade", DOWN)).structured_content
    assert (report["status"], report["applied"]) == ("needs_approval", False)
    assert "Accounting still reads them." in report["summary"]


@pytest.mark.parametrize("mode", ERAS)
async def test_a_client_that_opens_nothing_is_given_address_and_command_and_finds_the_approval(mode, desk):
    async with connected(desk, mode) as client:
        report = (await client.call_tool("downgrade", DOWN)).structured_content
        assert (report["status"], report["applied"]) == ("needs_approval", False)
        plan = report["plan"]["id"]
        assert f"/plans/{plan}" in " ".join(report["next_steps"])
        await desk.sign(plan)
        report = (await client.call_tool("downgrade", DOWN)).structured_content
        assert (report["status"], report["applied"]) == ("done", True)


@pytest.mark.parametrize("mode", ERAS)
async def test_a_call_that_is_cancelled_while_it_waits_runs_nothing(mode, desk):
    async with connected(desk, mode, says("accept")) as client:
        waiting = anyio.Event()

        async def follow(_, __, message):
            if "Waiting for a person" in message:
                waiting.set()

        async with anyio.create_task_group() as tasks:

            async def call():
                await client.call_tool("downgrade", DOWN, progress_callback=follow)

            tasks.start_soon(call)
            await waiting.wait()
            tasks.cancel_scope.cancel()
        [plan] = await approve.waiting(desk.app)
        await desk.sign(plan.id)
        report = (await client.call_tool("current", {})).structured_content
        assert report["heads"] == ["b2"]
    assert desk.emails == [("ada@example.org",)]


async def rounds(client, **more):
    return await client.session.call_tool("downgrade", DOWN, allow_input_required=True, **more)


async def test_a_used_answer_that_is_replayed_asks_about_another_plan(desk):
    async with connected(desk, "auto", says("accept"), patience=0.5) as client:
        asked = await rounds(client)
        [(key, request)] = asked.input_requests.items()
        answer = {key: ElicitResult(action="accept")}
        await desk.sign(plan_of(request.params.url))
        done = await rounds(client, input_responses=answer, request_state=asked.request_state)
        assert done.structured_content["applied"] is True
        await client.call_tool("upgrade", {"target": "b2"})
        for plan in await approve.waiting(desk.app):
            await desk.sign(plan.id)
        await client.call_tool("upgrade", {"target": "b2"})
        desk.place.run("UPDATE person SET email = 'ada@example.org'")
        again = await rounds(client, input_responses=answer, request_state=asked.request_state)
        assert again.input_requests[key].params.url != request.params.url
    assert desk.emails == [("ada@example.org",)]


async def test_an_answer_without_its_state_or_with_a_forged_one_is_asked_for_again(desk):
    async with connected(desk, "auto", says("accept"), patience=0.5) as client:
        asked = await rounds(client)
        [(key, request)] = asked.input_requests.items()
        answer = {key: ElicitResult(action="accept")}
        again = await rounds(client, input_responses=answer)
        assert again.input_requests[key].params.url == request.params.url
        for forged in ('{"plan": "x"}', asked.request_state[:-4] + "AAAA"):
            with pytest.raises(MCPError):
                await rounds(client, input_responses=answer, request_state=forged)
    assert desk.emails == [("ada@example.org",)]


async def test_a_server_that_was_started_anew_asks_again_and_finds_what_was_signed(desk):
    async with connected(desk, "auto", says("accept"), patience=0.5) as client:
        asked = await rounds(client)
    [(_, request)] = asked.input_requests.items()
    await desk.sign(plan_of(request.params.url))
    async with connected(desk, "auto", says("accept"), patience=0.5) as client:
        report = (await client.call_tool("downgrade", DOWN)).structured_content
    assert report["applied"] is True
