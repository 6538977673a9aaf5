"""The page's addresses: the plans that wait, each plan with its answers, and the enrolment of a passkey.

Nothing is decided here: what a person sends goes to `workflows.approve`, which checks all of it again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from ..errors import NotDone, Refused
from ..store import Outcome
from ..workflows import approve as workflow
from . import enrolling, passkeys, signatures
from .guard import Guard, Tokens
from .presentation import present
from .sent import TOKEN_HEADER, sent_form, sent_json
from .showing import plan_context, render, situation

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from ..workflows.app import App
    from .enrolment import Enrolment
    from .signing import Signing

__all__ = ["asgi_app"]

TYPES = {"style.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
STALE = "The form was too old, or came from somewhere else. Nothing was done; look at the plan again, then answer."
STATUS = {
    Outcome.WRONG_PASSPHRASE: HTTPStatus.FORBIDDEN,
    Outcome.WRONG_NAME: HTTPStatus.UNPROCESSABLE_ENTITY,
    Outcome.BAD_SIGNATURE: HTTPStatus.FORBIDDEN,
    Outcome.NOT_PINNED: HTTPStatus.FORBIDDEN,
    Outcome.UNKNOWN_APPROVER: HTTPStatus.FORBIDDEN,
    Outcome.LOCKED: HTTPStatus.LOCKED,
}


def asgi_app(app: App, port: int, enrolment: Enrolment | None = None, signing: Signing | None = None) -> ASGIApp:
    """The page of *app* on *port*, behind its guard.

    It enrols a passkey only where *enrolment* says so, and has one sign something else only where *signing* does.
    """
    desk = _Desk(app, port)
    routes = [
        Route("/", desk.plans),
        Route("/plans/{plan}", desk.plan),
        Route("/plans/{plan}/state", desk.state),
        Route("/plans/{plan}/approve", desk.approve, methods=["POST"]),
        Route("/plans/{plan}/decline", desk.decline, methods=["POST"]),
        Route("/plans/{plan}/passkey/options", desk.passkey_options, methods=["POST"]),
        Route("/plans/{plan}/passkey", desk.passkey, methods=["POST"]),
        *enrolling.routes(app, port, desk.tokens, enrolment),
        *signatures.routes(port, desk.tokens, signing),
        *(Route(f"/{name}", _file(name)) for name in TYPES),
    ]
    return Guard(Starlette(routes=routes, exception_handlers={NotDone: _not_done, 404: _nothing_here}), port)


class _Desk:
    """The plans, as a browser sees and answers them."""

    def __init__(self, app: App, port: int) -> None:
        self.app = app
        self.tokens = Tokens(port)
        self.origin = f"http://localhost:{port}"

    async def plans(self, _: Request) -> Response:
        """Everything that waits."""
        waiting = await workflow.waiting(self.app)
        listed = [
            {"plan": one.stored, "shown": present(one.report, one.stored.details.action)}
            for one in waiting
            if one.report is not None
        ]
        return HTMLResponse(render("plans.html", plans=listed))

    async def plan(self, request: Request) -> Response:
        """One plan, whole."""
        if request.headers["host"].startswith("127."):
            # Passkeys have no IP addresses for names.
            return RedirectResponse(f"{self.origin}{request.url.path}")
        return await self._show(request, request.path_params["plan"])

    async def state(self, request: Request) -> Response:
        """Where it stands, for the page's script."""
        plan = await workflow.plan(self.app, request.path_params["plan"])
        return JSONResponse(situation(self.app, plan, await workflow.approvers(self.app)).as_json())

    async def approve(self, request: Request) -> Response:
        """The form with the passphrase."""
        plan_id = request.path_params["plan"]
        form = await sent_form(request)
        if not self.tokens.valid(request, plan_id, form.get("token", "")):
            return await self._show(request, plan_id, error=STALE, status=HTTPStatus.FORBIDDEN)
        fingerprint = form.get("approver", "")
        outcome = await workflow.approve(
            self.app, plan_id, fingerprint, form.get("passphrase", ""), form.get("database")
        )
        if outcome is Outcome.APPROVED:
            return RedirectResponse(f"/plans/{plan_id}", HTTPStatus.SEE_OTHER)
        return await self._show(
            request,
            plan_id,
            error=outcome.message,
            chosen=fingerprint,
            status=STATUS.get(outcome, HTTPStatus.CONFLICT),
        )

    async def decline(self, request: Request) -> Response:
        """The form with the reason."""
        plan_id = request.path_params["plan"]
        form = await sent_form(request)
        if not self.tokens.valid(request, plan_id, form.get("token", "")):
            return await self._show(request, plan_id, error=STALE, status=HTTPStatus.FORBIDDEN)
        await workflow.decline(self.app, plan_id, form.get("reason", "").strip(), "the approval page")
        return RedirectResponse(f"/plans/{plan_id}", HTTPStatus.SEE_OTHER)

    async def passkey_options(self, request: Request) -> Response:
        """What the browser has an authenticator sign: this plan's statement."""
        plan_id = request.path_params["plan"]
        self._check(request, plan_id)
        plan = await workflow.plan(self.app, plan_id)
        return JSONResponse(passkeys.signing_options(plan.statement, plan.approvers))

    async def passkey(self, request: Request) -> Response:
        """The authenticator's signature."""
        plan_id = request.path_params["plan"]
        self._check(request, plan_id)
        sent = await sent_json(request)
        plan = await workflow.plan(self.app, plan_id)
        person, evidence = passkeys.assertion(sent.get("credential"), plan.approvers, self.origin)
        typed = sent.get("database")
        outcome = await workflow.approve(
            self.app, plan_id, person.fingerprint, evidence, typed if isinstance(typed, str) else None
        )
        status = HTTPStatus.OK if outcome is Outcome.APPROVED else STATUS.get(outcome, HTTPStatus.CONFLICT)
        return JSONResponse({"approved": outcome is Outcome.APPROVED, "message": outcome.message}, status)

    async def _show(self, request: Request, plan_id: str, *, status: int = 200, **more: Any) -> Response:
        plan = await workflow.plan(self.app, plan_id)
        session = self.tokens.session(request)
        context = await plan_context(self.app, plan, await workflow.approvers(self.app))
        context |= {"token": self.tokens.token(session, plan_id), **more}
        response = HTMLResponse(render("plan.html", **context), status)
        self.tokens.keep(response, session)
        return response

    def _check(self, request: Request, what: str) -> None:
        if not self.tokens.valid(request, what, request.headers.get(TOKEN_HEADER, "")):
            raise Refused(STALE, "Reload the page.")


def _not_done(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotDone)  # noqa: S101 - it is registered for nothing else
    unknown = error.status == "refused" and request.method == "GET"
    status = HTTPStatus.NOT_FOUND if unknown else HTTPStatus.FORBIDDEN if error.status == "refused" else 500
    if request.method == "POST" and request.headers.get("content-type", "").startswith("application/json"):
        return JSONResponse({"approved": False, "message": str(error)}, status)
    page = render("message.html", heading="Not done", text=error.message, next_steps=error.next_steps, back=None)
    return HTMLResponse(page, status)


def _nothing_here(_: Request, __: Exception) -> Response:
    text = "There is nothing at this address."
    return HTMLResponse(render("message.html", heading="Nothing here", text=text, next_steps=[], back=None), 404)


@cache
def _content(name: str) -> bytes:
    return files("alembic_mcp.approval_page").joinpath(name).read_bytes()


def _file(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def serve(_: Request) -> Response:
        return Response(_content(name), media_type=TYPES[name])

    return serve
