"""The addresses where a passkey is enrolled; they do nothing unless a terminal has begun an enrolment."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from .. import approvals
from ..approvals import Approver
from ..errors import NotDone, Refused
from ..workflows import approve as workflow
from . import passkeys
from .guard import Tokens
from .sent import TOKEN_HEADER, sent_json
from .showing import render

if TYPE_CHECKING:
    from ..workflows.app import App
    from .enrolment import Enrolment

__all__ = ["routes"]

PURPOSE = "enrolment"


def routes(app: App, port: int, tokens: Tokens, enrolment: Enrolment | None) -> list[Route]:
    """The addresses below ``/enroll``."""
    desk = _Desk(app, f"http://localhost:{port}", tokens, enrolment)
    return [
        Route("/enroll", desk.page),
        Route("/enroll/begin", desk.begin, methods=["POST"]),
        Route("/enroll/finish", desk.finish, methods=["POST"]),
        Route("/enroll/sign", desk.sign, methods=["POST"]),
    ]


class _Desk:
    """One enrolment: the code, then the passkey, then the signature of who signs it in."""

    def __init__(self, app: App, origin: str, tokens: Tokens, enrolment: Enrolment | None) -> None:
        self.app, self.origin, self.tokens, self.enrolment = app, origin, tokens, enrolment

    async def page(self, request: Request) -> Response:
        """The form."""
        session = self.tokens.session(request)
        under_way = self.enrolment is not None and not self.enrolment.done.is_set()
        page = render(
            "enroll.html",
            enrolment=self.enrolment if under_way else None,
            sponsors=await self._sponsors(),
            token=self.tokens.token(session, PURPOSE),
        )
        response = HTMLResponse(page)
        self.tokens.keep(response, session)
        return response

    async def begin(self, request: Request) -> Response:
        """The code is right: what the browser makes a passkey with."""
        enrolment, _ = await self._open(request)
        known = [one for one in await self._sponsors() if one.kind == "passkey"]
        return JSONResponse(passkeys.registration_options(enrolment.name, enrolment.challenge, known))

    async def finish(self, request: Request) -> Response:
        """The passkey that was made; the first approver is enrolled by that, a further one has to be signed in."""
        enrolment, sent = await self._open(request)
        new = passkeys.registered(enrolment.name, sent.get("credential"), enrolment.challenge, self.origin)
        if not await self._sponsors():
            return await self._add(enrolment, new, None, None)
        enrolment.pending = new
        keys = [one for one in await self._sponsors() if one.fingerprint == sent.get("by") and one.kind == "passkey"]
        options = passkeys.signing_options(approvals.enrolment(new), keys) if keys else None
        return JSONResponse({"enrolled": False, "options": options})

    async def sign(self, request: Request) -> Response:
        """The passphrase, or the signature, of the approver who signs the new one in."""
        enrolment, sent = await self._open(request)
        if enrolment.pending is None:
            raise Refused("No passkey was made yet.", "Start with the code.")
        if sent.get("credential") is not None:
            person, evidence = passkeys.assertion(sent["credential"], await self._sponsors(), self.origin)
            return await self._add(enrolment, enrolment.pending, person.fingerprint, evidence)
        by, passphrase = sent.get("by"), sent.get("passphrase")
        if not isinstance(by, str) or not isinstance(passphrase, str):
            raise Refused("An approver has to sign the new one in.", "Choose one, and give their passphrase.")
        try:
            return await self._add(enrolment, enrolment.pending, by, passphrase)
        except approvals.WrongPassphrase as error:
            enrolment.wrong()
            return _problem(error)

    async def _add(self, enrolment: Enrolment, new: Approver, by: str | None, secret: Any) -> Response:
        added = await workflow.add_approver(self.app, new, by, secret)
        enrolment.finish(added)
        return JSONResponse({"enrolled": True, "fingerprint": added.fingerprint})

    async def _open(self, request: Request) -> tuple[Enrolment, dict[str, Any]]:
        """The enrolment that is under way, and what was sent. Raises Refused without token or code."""
        if not self.tokens.valid(request, PURPOSE, request.headers.get(TOKEN_HEADER, "")):
            raise Refused("The form was too old, or came from somewhere else.", "Reload the page.")
        if self.enrolment is None:
            raise Refused("No enrolment is under way here.", "Run: alembic-mcp approver enroll --passkey")
        sent = await sent_json(request)
        self.enrolment.check(str(sent.get("code", "")))
        return self.enrolment, sent

    async def _sponsors(self) -> list[Approver]:
        return [one for one in await workflow.approvers(self.app) if one.revoked is None]


def _problem(error: NotDone) -> Response:
    return JSONResponse({"enrolled": False, "message": str(error)}, HTTPStatus.FORBIDDEN)
