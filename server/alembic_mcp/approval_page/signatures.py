"""The addresses where a passkey signs what a terminal has begun: a revocation, a mark, an enrolment, a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from .. import approvals
from ..errors import Refused
from . import passkeys
from .sent import TOKEN_HEADER, sent_json
from .showing import render

if TYPE_CHECKING:
    from .guard import Tokens
    from .signing import Signing

__all__ = ["routes"]

PURPOSE = "signing"


def routes(port: int, tokens: Tokens, signing: Signing | None) -> list[Route]:
    """The addresses below ``/sign``; they do nothing without *signing*."""
    desk = _Desk(f"http://localhost:{port}", tokens, signing)
    return [
        Route("/sign", desk.page),
        Route("/sign/options", desk.options, methods=["POST"]),
        Route("/sign/finish", desk.finish, methods=["POST"]),
    ]


class _Desk:
    """One signature."""

    def __init__(self, origin: str, tokens: Tokens, signing: Signing | None) -> None:
        self.origin, self.tokens, self.signing = origin, tokens, signing

    async def page(self, request: Request) -> Response:
        """What is to be signed, and the button."""
        session = self.tokens.session(request)
        waits = self.signing is not None and not self.signing.done.is_set()
        page = render("sign.html", signing=self.signing if waits else None, token=self.tokens.token(session, PURPOSE))
        response = HTMLResponse(page)
        self.tokens.keep(response, session)
        return response

    async def options(self, request: Request) -> Response:
        """What the browser has an authenticator sign."""
        signing = self._open(request)
        return JSONResponse(passkeys.signing_options(signing.statement, signing.signers))

    async def finish(self, request: Request) -> Response:
        """The authenticator's signature: the terminal gets it, and checks it again."""
        signing = self._open(request)
        sent = await sent_json(request)
        person, evidence = passkeys.assertion(sent.get("credential"), signing.signers, self.origin)
        if not approvals.verify(person, signing.statement, evidence):
            raise Refused("The signature is not one of this approver. Nothing was done.", "Try again.")
        signing.signed = person, evidence
        signing.done.set()
        return JSONResponse({"signed": True, "name": person.name})

    def _open(self, request: Request) -> Signing:
        if not self.tokens.valid(request, PURPOSE, request.headers.get(TOKEN_HEADER, "")):
            raise Refused("The form was too old, or came from somewhere else.", "Reload the page.")
        if self.signing is None or self.signing.done.is_set():
            raise Refused("Nothing waits for a signature here.", "Start again at the terminal.")
        return self.signing
