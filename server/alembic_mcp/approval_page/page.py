"""The page as a server: started when it is first needed, on this computer's own addresses, stopped with the rest."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import socket
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Self

import anyio

from ..errors import Failed, Refused
from .enrolment import Enrolment

if TYPE_CHECKING:
    import uvicorn

    from ..approvals import Approver, Evidence
    from ..workflows.app import App
    from .signing import Signing

__all__ = ["ApprovalPage", "enrol_passkey", "sign_by_passkey"]

logger = logging.getLogger(__name__)

TRIES = 20
GRACE_SECONDS = 2
ENROLMENT_SECONDS = 600.0


class ApprovalPage:
    """Serves the page from the running event loop. Use as an async context manager, or call `close`."""

    def __init__(
        self, app: App, *, port: int = 0, enrolment: Enrolment | None = None, signing: Signing | None = None
    ) -> None:
        """Nothing is opened yet; *port* 0 takes a free one."""
        self._app = app
        self._port = port
        self._enrolment = enrolment
        self._signing = signing
        self._once = anyio.Lock()
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._unavailable = False

    async def __aenter__(self) -> Self:
        """Still opens nothing."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.close()

    async def address(self, plan_id: str) -> str | None:
        """Where *plan_id* is answered; None if the page can't be served, which the log then explains."""
        origin = await self.origin()
        return None if origin is None else f"{origin}/plans/{plan_id}"

    async def origin(self) -> str | None:
        """``http://localhost:PORT``, started if it is not; None if it can't be."""
        async with self._once:
            if self._serving is None and not self._unavailable:
                await self._start()
        return None if self._serving is None else f"http://localhost:{self._port}"

    async def close(self) -> None:
        """Stop serving; requests that are running get two seconds."""
        server, serving, self._serving = self._server, self._serving, None
        self._unavailable = True
        if server is None or serving is None:
            return
        server.handle_exit(signal.SIGTERM, None)
        await asyncio.wait({serving}, timeout=GRACE_SECONDS + 1)
        serving.cancel()

    async def _start(self) -> None:
        try:
            sockets = _listen(self._port)
        except OSError as error:
            self._unavailable = True
            logger.warning(
                "No approval page: port %s can't be had (%s). Approve at a terminal (alembic-mcp approve), or start "
                "the server with another --approval-port.",
                self._port or "of any number",
                error.strerror or error,
            )
            return
        self._port = sockets[0].getsockname()[1]
        ready = asyncio.Event()
        server = self._server = _server(self._app, self._port, self._enrolment, self._signing, ready)
        self._serving = asyncio.create_task(server.serve(sockets=sockets), name="approval page")
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({self._serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()


async def enrol_passkey(app: App, name: str, tell: Callable[[str], None]) -> Approver:
    """Enrol a passkey through a page of its own, which *tell* names to the person, with the code to type there.

    Raises:
        Failed: no page can be served.
        Refused: it was not done within ten minutes, or the code or passphrase was wrong too often.
    """
    enrolment = Enrolment(name)
    async with ApprovalPage(app, enrolment=enrolment) as page:
        origin = await page.origin()
        if origin is None:
            raise Failed("No page can be served here, and a passkey needs one.", "Enrol a passphrase instead.")
        tell(f"Open {origin}/enroll in your browser, and type this code there: {enrolment.code}")
        with anyio.move_on_after(ENROLMENT_SECONDS):
            await enrolment.done.wait()
    if enrolment.approver is None:
        raise Refused("No passkey was enrolled.", "Start again: alembic-mcp approver enroll NAME --passkey")
    return enrolment.approver


async def sign_by_passkey(app: App, signing: Signing, tell: Callable[[str], None]) -> tuple[Approver, Evidence]:
    """Have a passkey sign, through a page of its own that *tell* names to the person; by whom, and the evidence.

    Raises:
        Failed: no page can be served.
        Refused: it was not signed within ten minutes.
    """
    async with ApprovalPage(app, signing=signing) as page:
        origin = await page.origin()
        if origin is None:
            raise Failed("No page can be served here, and a passkey needs one.", "Use a passphrase instead.")
        tell(f"Open {origin}/sign in your browser, and sign there with your passkey.")
        with anyio.move_on_after(ENROLMENT_SECONDS):
            await signing.done.wait()
    if signing.signed is None:
        raise Refused("Nothing was signed, and nothing was done.", "Start again.")
    return signing.signed


def _server(
    app: App, port: int, enrolment: Enrolment | None, signing: Signing | None, ready: asyncio.Event
) -> uvicorn.Server:
    import uvicorn  # half a second that a server whose changes nobody is asked about does without

    from .app import asgi_app

    class Quiet(uvicorn.Server):
        """Leaves signals to the server that this is a part of."""

        def capture_signals(self) -> nullcontext[None]:  # type: ignore[override]
            return nullcontext()

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready.set()

    config = uvicorn.Config(
        asgi_app(app, port, enrolment, signing),
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return Quiet(config)


def _listen(port: int) -> list[socket.socket]:
    """Sockets on *port* of both loopback addresses, where both are there. Raises OSError if it can't be had.

    A browser may try ``::1`` first for ``localhost``: whoever listened there would be taken for this page.
    """
    for attempt in range(TRIES):
        first = socket.create_server(("127.0.0.1", port))
        taken = first.getsockname()[1]
        try:
            return [first, socket.create_server(("::1", taken), family=socket.AF_INET6)]
        except OSError as error:
            if error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                return [first]
            first.close()
            if port or attempt == TRIES - 1:
                raise
    raise AssertionError("unreachable: the last try returns or raises")
