"""Streamable HTTP: who may connect, on which address, and how it ends."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import Failed, Refused

if TYPE_CHECKING:
    from mcp.server import MCPServer
    from mcp.server.transport_security import TransportSecuritySettings
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["TOKEN_VARIABLE", "Listener", "asgi_app", "listen", "run"]

TOKEN_VARIABLE = "ALEMBIC_MCP_TOKEN"  # noqa: S105 - the name of the variable
PATH = "/mcp"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
GRACE_SECONDS = 2


@dataclass(frozen=True)
class Listener:
    """A socket that is listening, and who may use it.

    Attributes:
        names: what a request's Host may be called, without the port.
        token: bearer token that every request must bring; None on loopback only.
    """

    socket: socket.socket
    names: tuple[str, ...]
    token: str | None

    @property
    def address(self) -> str:
        """The URL for clients."""
        host, port = self.socket.getsockname()[:2]
        return f"http://{_bracketed(host)}:{port}{PATH}"


def listen(host: str, port: int, names: Sequence[str] = ()) -> Listener:
    """Open the port. Raises Refused for an open address without a token, Failed if the port can't be had."""
    # Taken out of the environment: the project's own code runs in processes that inherit it.
    token = os.environ.pop(TOKEN_VARIABLE, "").strip() or None
    if token is None and not _is_loopback(host):
        raise Refused(
            f"Not served: on {host} anybody who reaches this machine could change the database.",
            f"Set {TOKEN_VARIABLE} to a long random text and give it to the clients as bearer token.",
            "Or serve on 127.0.0.1.",
        )
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise Failed(
            f"Can't listen on {host}, port {port}: {error.strerror or error}.", "Choose another --port."
        ) from error
    own = () if _is_any(host) else (_bracketed(host),)
    machine = (socket.gethostname(),) if _is_any(host) else ()
    return Listener(listening, tuple(dict.fromkeys((*LOOPBACK, *own, *machine, *names))), token)


def asgi_app(server: MCPServer[Any], listener: Listener) -> ASGIApp:
    """The server as an ASGI application that checks Host, Origin and, where there is one, the token."""
    app = server.streamable_http_app(streamable_http_path=PATH, transport_security=_security(listener.names))
    return _TokenRequired(app, listener.token) if listener.token else app


async def run(server: MCPServer[Any], listener: Listener, stopped: asyncio.Event) -> None:
    """Serve until *stopped* is set; requests that are running then get two seconds."""
    import uvicorn

    class Quiet(uvicorn.Server):
        """Leaves signals to us: uvicorn would end the process before our helpers are closed."""

        def capture_signals(self) -> nullcontext[None]:  # type: ignore[override]
            return nullcontext()

    config = uvicorn.Config(
        asgi_app(server, listener),
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    running = Quiet(config)

    async def stop() -> None:
        await stopped.wait()
        # What is cut off from here on is cut off on purpose.
        for name in ("uvicorn.error", "mcp"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        # Not just should_exit: open event streams end on this call.
        running.handle_exit(signal.SIGTERM, None)

    stopping = asyncio.ensure_future(stop())
    print(f"alembic-mcp serves {listener.address}", file=sys.stderr, flush=True)  # noqa: T201 - for who started it
    try:
        await running.serve(sockets=[listener.socket])
    finally:
        stopping.cancel()
        listener.socket.close()


class _TokenRequired:
    """Answers 401 to every request without the right bearer token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._has_token(scope):
            from starlette.responses import PlainTextResponse

            response = PlainTextResponse("Bearer token missing or wrong.", 401, {"WWW-Authenticate": "Bearer"})
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _has_token(self, scope: Scope) -> bool:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        return len(given) == 1 and hmac.compare_digest(given[0], self._expected)


def _security(names: Sequence[str]) -> TransportSecuritySettings:
    from mcp.server.transport_security import TransportSecuritySettings

    hosts = [pattern for name in names for pattern in (name, f"{name}:*")]
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=hosts,
        allowed_origins=[f"{scheme}://{host}" for host in hosts for scheme in ("http", "https")],
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_any(host: str) -> bool:
    try:
        return ipaddress.ip_address(host or "0.0.0.0").is_unspecified  # noqa: S104 - recognised, not bound
    except ValueError:
        return False


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
