"""Build the MCP server from the table of tools, and run it over stdio or HTTP until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mcp.server import MCPServer

from . import __version__, listener
from .approvals import is_fingerprint
from .errors import NotDone
from .logs import log_to_stderr
from .prompts import offer_prompts
from .resources import offer_resources
from .tools.context import Served
from .tools.reporting import ReportingTool
from .tools.table import TOOLS

if TYPE_CHECKING:
    from .workflows.app import App

__all__ = ["build_server", "main"]

logger = logging.getLogger(__name__)

PATIENCE = 600.0

INSTRUCTIONS = """\
Changes the schema of a database through the project's Alembic, safely. How to work:
1. Edit the models, then call generate: it writes the revision and proves it on a scratch database.
2. Call review, read the findings, edit the revision file by hand where a remedy says so, review again.
3. Call upgrade. Where the policy wants a person's yes, the server asks the person itself; no argument approves.
4. Call current. After a failure call it first: it says where the database stands.
Never run alembic, psql or create_all yourself, and never edit a revision that was applied: write a new one.
Tell the developer what a report says would be lost or locked, in its own words. Follow next_steps."""


def build_server(app: App, *, patience: float = PATIENCE) -> MCPServer[Served]:
    """The server over *app*; a read-only app gets only the tools that change nothing.

    Args:
        app: what the tools work on; opened and closed by the caller.
        patience: seconds that a question to the client may stay unanswered.
    """

    @asynccontextmanager
    async def lifespan(_: MCPServer[Served]) -> AsyncIterator[Served]:
        yield Served(app, patience)

    server = MCPServer[Served](
        "alembic-mcp",
        title="Alembic",
        description="The migration engineer a coding agent calls.",
        instructions=INSTRUCTIONS,
        version=__version__,
        tools=[ReportingTool.of(*entry) for entry in TOOLS if entry.read_only or not app.read_only],
        lifespan=lifespan,
        log_level="WARNING",
    )
    offer_resources(server, app)
    offer_prompts(server)
    return server


def main(arguments: Sequence[str] | None = None) -> int:
    """``alembic-mcp serve``: returns the exit code."""
    options = _options().parse_args(arguments)
    log_to_stderr()
    try:
        asyncio.run(_serve(options))
    except NotDone as error:
        print(error, file=sys.stderr)  # noqa: T201 - before the protocol starts, and not on its stream
        return 3 if error.status == "refused" else 1
    except KeyboardInterrupt:
        return 130
    return 0


async def _serve(options: argparse.Namespace) -> None:
    from .approval_page import ApprovalPage
    from .workflows.app import App

    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_, stopped.set)
    opened = listener.listen(options.host, options.port, options.allow_host) if options.http else None
    async with (
        App.open(
            options.project, read_only=options.read_only, interpreter=options.python, pins=tuple(options.approver)
        ) as app,
        ApprovalPage(app, port=options.approval_port) as app.page,
    ):
        server = build_server(app, patience=options.patience)
        gc.freeze()
        gc.enable()
        if opened:
            await listener.run(server, opened, stopped)
            return
        ended = await _serve_stdio(server, stopped)
    if not ended:
        # A thread is waiting for the next line on stdin, and only the client could end that.
        sys.stderr.flush()
        os._exit(0)


async def _serve_stdio(server: MCPServer[Served], stopped: asyncio.Event) -> bool:
    """Serve until the client is gone (True), or *stopped* is set (False)."""
    serving = asyncio.ensure_future(server.run_stdio_async())
    stopping = asyncio.ensure_future(stopped.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not serving.done():
        serving.cancel()
        return False
    stopping.cancel()
    try:
        await serving
    except* BrokenPipeError:
        logger.info("The client went away before its answer.")
    return True


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="alembic-mcp serve",
        description="Serve MCP over stdio, or over streamable HTTP with --http.",
        epilog=f"Over HTTP, clients must send the bearer token in {listener.TOKEN_VARIABLE} if that is set; "
        "without one, only loopback addresses are served.",
    )
    parser.add_argument("--http", action="store_true", help="serve streamable HTTP at /mcp instead of stdio")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8765, help="port; 0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="further name by which clients reach it"
    )
    parser.add_argument("--read-only", action="store_true", help="offer only the tools that change nothing")
    parser.add_argument(
        "--project", type=_path, default=Path.cwd(), metavar="PATH", help="project folder (default: here)"
    )
    parser.add_argument("--python", type=_path, metavar="PATH", help="the project's interpreter (default: its .venv)")
    parser.add_argument(
        "--approval-port",
        type=int,
        default=0,
        metavar="PORT",
        help="port of the approval page, on this machine only (default: a free one)",
    )
    parser.add_argument(
        "--approver",
        type=_fingerprint,
        action="append",
        default=[],
        metavar="SHA256:...",
        help="fingerprint of an approver; with it, no other one counts (may be repeated)",
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=PATIENCE,
        metavar="SECONDS",
        help="how long a question to the person may stay unanswered (default: %(default)g)",
    )
    return parser


def _fingerprint(text: str) -> str:
    if not is_fingerprint(text):
        raise argparse.ArgumentTypeError(f"{text} is no fingerprint; alembic-mcp approver list shows them")
    return text


def _path(text: str) -> Path:
    path = Path(text).expanduser().absolute()
    if not path.exists():
        raise argparse.ArgumentTypeError(f"{text} does not exist")
    return path
