"""The one place that asks a person; neither the model nor a replay can supply the answer.

The question stands in a resolver, whose result is no argument of the tool: the model can't see it. Resolvers run
again in each round of a call, so they change nothing and ask the same question about the same plan. A plan is
consumed when it runs: a replayed answer belongs to a plan that is gone, and the new one is asked about anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import anyio
from mcp.server.mcpserver import AcceptedElicitation, DeclinedElicitation, Elicit, ElicitationResult
from mcp.shared.exceptions import MCPError
from mcp_types.version import is_version_at_least
from pydantic import BaseModel, ConfigDict, Field

from . import page
from .context import Call, Reporter, app_of

if TYPE_CHECKING:
    from ..report import ChangeReport
    from ..workflows.change import Question, Request

__all__ = ["Asked", "Confirmation", "Reply", "ask", "carry_out", "prepare"]

YES = "yes, run it"
NO = "no"
ANSWERED_BY_CALLING_AGAIN = "2026-07-28"  # from this version on, a client answers by calling the tool again


class Confirmation(BaseModel):
    """The form. Its one field is required and has no default: a client that accepts empty forms confirms nothing."""

    approve: Literal["yes, run it", "no"] = Field(title="Run it?", description="Nothing runs unless you say yes.")


@dataclass(frozen=True)
class Asked:
    """A requested change, and the question about it; None when nobody needs to be asked."""

    request: Request
    question: Question | None
    progress: Reporter


class Reply(BaseModel):
    """What came back. *note* says in what way it is no answer."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["not_asked", "unavailable", "yes", "no", "cancelled"]
    note: str = ""


async def prepare(ctx: Call, request: Request) -> Asked:
    """Find out whether somebody has to be asked. Raises NotDone."""
    from ..workflows import change

    progress = Reporter(ctx)
    question = None if request.dry_run else await change.question(app_of(ctx), request, progress)
    return Asked(request, question, progress)


async def ask(ctx: Call, asked: Asked) -> Elicit[Confirmation] | Reply:
    """Ask, in the way that the policy is content with and that the client can; or say why not.

    Raises PageQuestion where the client is to open the approval page and to call again.
    """
    question = asked.question
    if question is None:
        return Reply(kind="not_asked")
    if question.kind == "form" and _can_show_forms(ctx):
        if _calls_again(ctx):
            return Elicit(question.text, Confirmation)
        return await _ask_and_wait(ctx, question.text)
    if not page.can_open(ctx):
        return Reply(kind="unavailable")
    address = question.url or await app_of(ctx).approval_address(question.plan_id)
    if address is None:
        return Reply(kind="unavailable")
    opened = await page.point_to(ctx, question, address, asked.progress, calls_again=_calls_again(ctx))
    return Reply(kind=opened.kind, note=opened.note)


async def carry_out(ctx: Call, asked: Asked, outcome: ElicitationResult[Confirmation]) -> ChangeReport:
    """Do what was asked for, if it may be done. Raises NotDone."""
    from ..workflows import change

    reply = _reply(outcome)
    plan_id = asked.question.plan_id if asked.question else None
    answer = change.Answer(kind=reply.kind, plan_id=plan_id)
    report = await change.change(app_of(ctx), asked.request, answer, asked.progress)
    if reply.note and not report.applied:
        report = report.model_copy(update={"summary": f"{reply.note} {report.summary}"})
    return report


def _calls_again(ctx: Call) -> bool:
    return is_version_at_least(ctx.protocol_version or "", ANSWERED_BY_CALLING_AGAIN)


def _can_show_forms(ctx: Call) -> bool:
    """A bare ``elicitation: {}`` means forms, as it did before there were modes."""
    capabilities = ctx.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


async def _ask_and_wait(ctx: Call, text: str) -> Reply:
    patience = ctx.request_context.lifespan_context.patience
    try:
        with anyio.fail_after(patience):
            return _reply(await ctx.elicit(text, Confirmation))
    except TimeoutError:
        return Reply(kind="cancelled", note=f"The question was not answered within {patience:g} seconds.")
    except MCPError as error:
        return Reply(kind="cancelled", note=f"The client could not ask the question ({error.error.message}).")
    except ValueError:
        return Reply(kind="cancelled", note="The client's answer was neither yes nor no.")


def _reply(outcome: ElicitationResult[Confirmation] | AcceptedElicitation[Reply]) -> Reply:
    match outcome:
        case AcceptedElicitation(data=Reply() as reply):
            return reply
        case AcceptedElicitation(data=Confirmation(approve="yes, run it")):
            return Reply(kind="yes")
        case AcceptedElicitation() | DeclinedElicitation():
            return Reply(kind="no")
    return Reply(kind="cancelled")
