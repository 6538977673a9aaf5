"""Who may talk to the page: this computer's browsers, by its own name, from the page itself, and not too often."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import deque
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Guard", "Tokens"]

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: browsers then send "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "publickey-credentials-get=(self), publickey-credentials-create=(self)",
    "Cache-Control": "no-store",
}
LONGEST_BODY = 64 * 1024
ATTEMPTS = 20
WINDOW = 60.0


class Guard:
    """Turns away what does not come from a page of ours, before anything else sees it, and seals all answers.

    A browser that was led here by another site, through a name that was made to point here (DNS rebinding) or
    through another port, sends a Host or an Origin that is not ours.
    """

    def __init__(self, app: ASGIApp, port: int, *, attempts: int = ATTEMPTS, window: float = WINDOW) -> None:
        self._app = app
        self._hosts = (f"localhost:{port}", f"127.0.0.1:{port}")
        self._attempts, self._window = attempts, window
        self._recent: deque[float] = deque()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] != "http":
            return
        refusal = self._refusal(scope["method"], Headers(scope=scope))

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        await (refusal or self._app)(scope, receive, sealed)

    def _refusal(self, method: str, headers: Headers) -> Response | None:
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return PlainTextResponse("Not the name of this page.", 421)
        own = f"http://{hosts[0].lower()}"
        reads = method in ("GET", "HEAD")
        elsewhere = not reads and headers.get("sec-fetch-site", "same-origin") != "same-origin"
        if elsewhere or any(origin != own for origin in origins) or (not reads and len(origins) != 1):
            return PlainTextResponse("Only this page itself may do that.", 403)
        return None if reads else self._refused_body(headers) or self._too_often()

    def _refused_body(self, headers: Headers) -> Response | None:
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) <= LONGEST_BODY:
            return None
        return PlainTextResponse("Too long, or of unknown length.", 413)

    def _too_often(self) -> Response | None:
        now = time.monotonic()
        while self._recent and self._recent[0] <= now - self._window:
            self._recent.popleft()
        if len(self._recent) >= self._attempts:
            wait = int(self._recent[0] + self._window - now) + 1
            return PlainTextResponse(f"Too many answers. Try again in {wait} s.", 429, {"Retry-After": str(wait)})
        self._recent.append(now)
        return None


class Tokens:
    """Form tokens: each is good for one browser session and one thing, for as long as this server runs."""

    def __init__(self, port: int) -> None:
        self._key = secrets.token_bytes(32)
        # Cookies don't know ports: another server of ours must not overwrite this one's.
        self._cookie = f"alembic-mcp-{port}"

    def session(self, request: Request) -> str:
        """The browser session of a request; a new one if it has none."""
        return request.cookies.get(self._cookie) or secrets.token_urlsafe(24)

    def keep(self, response: Response, session: str) -> None:
        """Have the browser send *session* along, from this page only."""
        response.set_cookie(self._cookie, session, httponly=True, samesite="strict", path="/")

    def token(self, session: str, what: str) -> str:
        """The token of *session* for *what*."""
        return hmac.new(self._key, f"{session}\0{what}".encode(), hashlib.sha256).hexdigest()

    def valid(self, request: Request, what: str, token: str) -> bool:
        """True if *token* is that of the request's session for *what*."""
        session = request.cookies.get(self._cookie)
        return session is not None and hmac.compare_digest(self.token(session, what).encode(), token.encode())
