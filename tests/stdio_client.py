"""The real server over stdio and a real MCP client: what the tests of the whole talk to."""

import os
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import ElicitResult

__all__ = ["CANCELLED", "DECLINED", "ERAS", "MARK", "NO", "YES", "Server", "marked", "serve"]

ERAS = [pytest.param("legacy", id="2025-11-25"), pytest.param("auto", id="2026-07-28")]
"""Clients of the older protocol and of the newer one, as `Client` calls their modes."""
YES = ElicitResult(action="accept", content={"approve": "yes, run it"})
NO = ElicitResult(action="accept", content={"approve": "no"})
DECLINED = ElicitResult(action="decline")
CANCELLED = ElicitResult(action="cancel")

MARK = "ALEMBIC_MCP_TEST_MARK"
SECONDS_TO_END = 10.0


@dataclass
class Server:
    """A running server and its client.

    Attributes:
        client: connected; what `call` does not cover is done with it.
        mark: value of the environment variable that all its processes carry.
        log: the file that its stderr goes to.
        asked: the questions that the client was asked, in order.
        progress: messages of progress, in order.
        texts: everything that came back as text or as structured content.
    """

    client: Client
    mark: str
    log: Path
    asked: list[str] = field(default_factory=list)
    progress: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    _waiting: list[tuple[str, anyio.Event]] = field(default_factory=list)

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool; the report. Holds what is true of every report."""

        async def follow(_: float, __: float | None, message: str | None) -> None:
            self.progress.append(message or "")
            for words, seen in self._waiting:
                if words in self.progress[-1]:
                    seen.set()

        result = await self.client.call_tool(tool, arguments, progress_callback=follow)
        report = result.structured_content
        assert report is not None, result
        self.texts += [repr(report), *(getattr(block, "text", "") for block in result.content)]
        assert report["status"] in ("done", "needs_answer", "needs_approval", "refused", "failed")
        assert bool(result.is_error) == (report["status"] in ("refused", "failed")), report
        assert report["summary"]
        if report["status"] != "done":
            assert report["next_steps"], report
        return report

    async def wait_for_progress(self, words: str) -> None:
        """Until a message of progress says *words*; raises TimeoutError after a minute."""
        seen = anyio.Event()
        self._waiting.append((words, seen))
        with anyio.fail_after(60):
            await seen.wait()

    @property
    def stderr(self) -> str:
        """What the server has logged so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def process(self) -> psutil.Process:
        """The server's own process."""
        family = {process.pid: process for process in marked(self.mark)}
        [server] = [process for process in family.values() if process.ppid() == os.getpid()]
        return server

    @property
    def workers(self) -> list[psutil.Process]:
        """Zygotes and their children."""
        return [process for process in self.process.children(recursive=True) if is_worker(process)]


@asynccontextmanager
async def serve(
    folder: Path,
    *arguments: str,
    mode: str = "auto",
    answers: Sequence[ElicitResult | Callable[[], ElicitResult]] | None = None,
    env: dict[str, str] | None = None,
    python: str | None = sys.executable,
    patience: float = 300.0,
) -> AsyncIterator[Server]:
    """Start ``alembic-mcp serve`` in *folder* and connect to it; nothing of it is left afterwards.

    Args:
        folder: the working folder, where projects are looked for.
        arguments: further ones of ``serve``.
        mode: 'legacy' (2025-11-25) or 'auto' (the newest).
        answers: what the person says, one after the other, the last again and again; or what gives it, called
            when it is asked. None: the client can't ask.
        env: further environment variables.
        python: the project's interpreter; None: discovered.
        patience: seconds that a call may take.
    """
    mark = uuid.uuid4().hex
    command = ["-m", "alembic_mcp", "serve", *arguments]
    if python:
        command += ["--python", python]
    parameters = StdioServerParameters(
        command=sys.executable,
        args=command,
        env={**os.environ, MARK: mark, **(env or {})},
        cwd=folder,
    )
    left = list(answers or ())
    asked: list[str] = []

    async def answer(_: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        said = left.pop(0) if len(left) > 1 else left[0]
        return said() if callable(said) else said

    # A failure of the caller's is carried past the client's task groups, which would wrap it up.
    failure: Exception | None = None
    with tempfile.NamedTemporaryFile("w+", suffix=".log") as log:
        try:
            async with Client(
                stdio_client(parameters, errlog=log),
                mode=mode,
                elicitation_callback=answer if answers else None,
                read_timeout_seconds=patience,
            ) as client:
                try:
                    yield Server(client, mark, Path(log.name), asked)
                except Exception as error:  # noqa: BLE001 - raised again below
                    failure = error
        finally:
            gone, alive = psutil.wait_procs(marked(mark), timeout=SECONDS_TO_END)
            for process in alive:
                process.kill()
        if failure is not None:
            raise failure
        assert not alive, f"still running: {alive} (ended: {gone})"


def marked(mark: str) -> list[psutil.Process]:
    """All processes that carry the mark, whoever their parents are; not the embedded PostgreSQL, which is shared."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and not is_postgres(process):
                found.append(process)
        except psutil.Error:
            continue
    return found


def is_postgres(process: psutil.Process) -> bool:
    """True for a process of the embedded server, its keeper included."""
    return "postgres" in process.name() or any("keeper" in part for part in process.cmdline())


def is_worker(process: psutil.Process) -> bool:
    """True for a zygote or its child."""
    try:
        return any("worker" in part for part in process.cmdline())
    except psutil.Error:
        return False
