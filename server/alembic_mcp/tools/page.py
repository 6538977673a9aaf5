"""Asks through the approval page: the client is given its address, the answer is read from the store alone.

Whatever the client says about the page proves nothing, not even that a person saw it: a yes is a signature that the
store holds and that is verified when it is used up. What the client says only tells how long to wait.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import anyio
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitRequest, ElicitRequestURLParams, ElicitResult, InputRequiredResult

from .context import Call, Reporter, app_of

if TYPE_CHECKING:
    from ..workflows.change import Question

__all__ = ["Opened", "PageQuestion", "can_open", "point_to"]

KEY = "approval_page"
LONGEST_WAIT = 45.0
"""Seconds: many clients give a call a minute. The approval outlives it, and the next call finds it."""
LOOK_EVERY = 0.4
TELL_EVERY = 5.0


class PageQuestion(Exception):
    """Ends this round of a call: the client opens the page, then calls again.

    A resolver can only ask forms, and a tool with resolvers can return no question of its own: the tool that wraps
    ours gives this one instead of a report.
    """

    def __init__(self, message: str, address: str, plan_id: str) -> None:
        super().__init__(message)
        params = ElicitRequestURLParams(message=message, url=address)
        self.question = InputRequiredResult(
            input_requests={KEY: ElicitRequest(params=params)}, request_state=json.dumps({"plan": plan_id})
        )


@dataclass(frozen=True)
class Opened:
    """How pointing to the page ended: ``not_asked`` means that only the store knows the answer."""

    kind: Literal["not_asked", "no", "cancelled"]
    note: str = ""


def can_open(ctx: Call) -> bool:
    """True if the client declared that it opens addresses."""
    capabilities = ctx.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    return elicitation is not None and elicitation.url is not None


async def point_to(ctx: Call, question: Question, address: str, progress: Reporter, *, calls_again: bool) -> Opened:
    """Have the client open *address*, and wait, for as long as the server is patient, until the plan is answered.

    Raises:
        PageQuestion: in the first round of a client that answers by calling again.
    """
    text = f"{question.text}\nAnswer it on the approval page: {address}"
    patience = _patience(ctx)
    if not calls_again:
        return await _ask_and_wait(ctx, question, text, address, progress)
    action = _action(ctx, question.plan_id)
    if action is None:
        raise PageQuestion(text, address, question.plan_id)
    if action != "accept":
        return _not_opened(action)
    with anyio.move_on_after(patience):
        await _answered(ctx, question.plan_id, address, progress)
        return Opened("not_asked")
    return _nobody(patience)


async def _ask_and_wait(ctx: Call, question: Question, text: str, address: str, progress: Reporter) -> Opened:
    """The client's answer and the person's are waited for at the same time: some clients answer when all is over."""
    plan_id, patience = question.plan_id, _patience(ctx)
    ended: list[Opened] = []

    async with anyio.create_task_group() as tasks:

        async def show() -> None:
            try:
                said = (await ctx.elicit_url(text, address, plan_id)).action
            except MCPError as error:
                ended.append(Opened("cancelled", f"The client could not open the page ({error.error.message})."))
                tasks.cancel_scope.cancel()
                return
            if said != "accept":
                ended.append(_not_opened(said))
                tasks.cancel_scope.cancel()

        tasks.start_soon(show)
        with anyio.move_on_after(patience):
            await _answered(ctx, plan_id, address, progress)
            ended.append(Opened("not_asked"))
        tasks.cancel_scope.cancel()
    if not ended:
        return _nobody(patience)
    if ended[0].kind == "not_asked":
        await ctx.session.send_elicit_complete(plan_id)
    return ended[0]


async def _answered(ctx: Call, plan_id: str, address: str, progress: Reporter) -> None:
    """Until the plan waits for nobody any more, whatever became of it."""
    store = await app_of(ctx).store()
    waited = 0.0
    while True:
        stored = await anyio.to_thread.run_sync(store.get, plan_id)
        if stored is None or stored.state != "open":
            return
        if waited % TELL_EVERY < LOOK_EVERY:
            await progress(waited, None, f"Waiting for a person's answer at {address}")
        await anyio.sleep(LOOK_EVERY)
        waited += LOOK_EVERY


def _action(ctx: Call, plan_id: str) -> str | None:
    """What the client says became of the page of this very plan; None if it was not told of it yet."""
    answer = (ctx.input_responses or {}).get(KEY)
    try:
        asked = json.loads(ctx.request_state or "{}").get("plan")
    except (ValueError, AttributeError):
        asked = None
    return answer.action if isinstance(answer, ElicitResult) and asked == plan_id else None


def _not_opened(action: str) -> Opened:
    if action == "decline":
        return Opened("no", "The client did not open the approval page.")
    return Opened("cancelled", "The client closed the question without opening the approval page.")


def _patience(ctx: Call) -> float:
    patience: float = ctx.request_context.lifespan_context.patience
    return min(patience, LONGEST_WAIT)


def _nobody(patience: float) -> Opened:
    return Opened("not_asked", f"Nobody answered on the approval page within {patience:g} seconds.")
