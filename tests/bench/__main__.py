"""``python -m tests.bench``: measure, print a table, exit 1 if a threshold is missed."""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import anyio
import psutil
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from rich.console import Console
from rich.table import Table

from alembic_mcp.scratch.embedded import EmbeddedPostgres

from ..stdio_client import Server, marked, serve
from .autogenerate import autogenerate
from .databases import Databases
from .measures import Measure, alembic, at_most, faster, timed, within
from .projects import at, many_revisions, ten_tables
from .review import review

FASTER = {"current": 8.0, "history": 10.0, "upgrade head": 5.0}
READY = 1.2
SERVER_MB = 150.0
ZYGOTE_MB = 80.0
GROWTH_MB = 5.0

OUT = Console(width=120, highlight=False)
PROGRESS = Console(stderr=True, highlight=False)

PARTS = ("commands", "autogenerate", "review")
EMPTY = "from mcp.server import MCPServer\nMCPServer('empty').run()\n"


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=11, help="runs of each command (default: %(default)s)")
    parser.add_argument("--calls", type=int, default=1_000, help="calls for the growth (default: %(default)s)")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part; may be given several times")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the measures there too")
    options = parser.parse_args()
    # As in tests/conftest.py: not below a folder that is closed to the user whom PostgreSQL runs as.
    folder = Path(tempfile.mkdtemp(prefix="amcp-bench-", dir="/tmp"))
    folder.chmod(0o711)
    os.environ["ALEMBIC_MCP_CACHE_DIR"] = str(folder / "cache")
    for kind in ("CONFIG", "STATE", "DATA", "CACHE"):
        os.environ[f"XDG_{kind}_HOME"] = str(folder / kind.lower())
    for variable in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[variable]
    try:
        with EmbeddedPostgres() as postgres:
            parts = options.only or PARTS
            measures = anyio.run(_measure, folder, Databases(postgres), options.runs, options.calls, parts)
    finally:
        shutil.rmtree(folder)
    _print(measures)
    if options.json:
        options.json.write_text(json.dumps([asdict(measure) for measure in measures], indent=2), encoding="utf-8")
    missed = [measure.what for measure in measures if measure.ok is False]
    OUT.print(f"Missed: {', '.join(missed)}" if missed else "Every threshold is met.")
    return 1 if missed else 0


async def _measure(folder: Path, databases: Databases, runs: int, calls: int, parts: Collection[str]) -> list[Measure]:
    measures = []
    if "commands" in parts:
        measures += await _commands(folder, databases, runs, calls)
    if "autogenerate" in parts:
        measures += await autogenerate(folder, databases, runs, PROGRESS.print)
    if "review" in parts:
        measures += await review(folder, databases, runs, PROGRESS.print)
    return measures


async def _commands(folder: Path, databases: Databases, runs: int, calls: int) -> list[Measure]:
    """Commands against those of alembic, the start, memory, and what is left behind."""
    measures = []
    small = folder / "ten_tables"
    ten_tables(small, databases.make().url)
    alembic(small, "upgrade", "head")

    place = databases.make()
    long = folder / "revisions_postgresql"
    at(many_revisions(long, place.url)[-1], postgres=place.libpq)

    file = folder / "bench.db"
    light = folder / "revisions_sqlite"
    at(many_revisions(light, f"sqlite:///{file}")[-1], sqlite=file)

    for title, project in (
        ("PostgreSQL, 10 tables", small),
        ("PostgreSQL, 2,000 revisions", long),
        ("SQLite, 2,000 revisions", light),
    ):
        PROGRESS.print(f"{title} ...")
        async with serve(project) as server:
            measures += await _against_alembic(title, project, server, runs)
    PROGRESS.print("ready ...")
    measures.append(await _ready(folder, small, runs))
    PROGRESS.print(f"{calls} calls ...")
    measures += await _size(small, calls)
    measures += await _leftovers(small, databases)
    return measures


async def _against_alembic(title: str, project: Path, server: Server, runs: int) -> list[Measure]:
    """Our call and their command in turn, so that both see the same machine."""
    wishes: dict[str, tuple[str, dict[str, Any]]] = {
        "current": ("current", {}),
        "history": ("history", {"limit": 500}),
        "upgrade head": ("upgrade", {"target": "head"}),
    }
    measures = []
    for command, (tool, arguments) in wishes.items():
        ours, theirs = [], []
        for run in range(runs + 1):

            async def call(tool: str = tool, arguments: dict[str, Any] = arguments) -> None:
                await server.call(tool, **arguments)

            mine = await timed(call)
            stock = alembic(project, *command.split())
            if run:  # the first fills the caches of both
                ours.append(mine)
                theirs.append(stock)
        measures.append(faster(f"{command}: {title}", ours, theirs, FASTER[command]))
    return measures


async def _ready(folder: Path, project: Path, runs: int) -> Measure:
    """From the start of the process to the list of tools."""
    script = folder / "empty.py"
    script.write_text(EMPTY, encoding="utf-8")
    program = str(Path(sys.executable).with_name("alembic-mcp"))

    async def start(command: str, *arguments: str) -> None:
        parameters = StdioServerParameters(command=command, args=list(arguments), env=dict(os.environ), cwd=project)
        async with _quiet(parameters) as client:
            await client.list_tools()
            ended.append(time.perf_counter())

    ours, theirs = [], []
    ended: list[float] = []
    for run in range(runs + 1):
        begun = time.perf_counter()
        await start(program, "serve")
        mine = ended.pop() - begun
        begun = time.perf_counter()
        await start(sys.executable, str(script))
        if run:
            ours.append(mine * 1000)
            theirs.append((ended.pop() - begun) * 1000)
        ended.clear()
    return within("ready: tools listed, against an empty server", ours, theirs, READY)


@asynccontextmanager
async def _quiet(parameters: StdioServerParameters) -> AsyncIterator[Client]:
    with tempfile.TemporaryFile("w+") as nowhere:
        async with Client(stdio_client(parameters, errlog=nowhere)) as client:
            yield client


async def _size(project: Path, calls: int) -> list[Measure]:
    """Memory of a server at work, and what grows over many calls."""
    async with serve(project) as server:
        for _ in range(20):
            await server.call("current")
        await server.call("history")
        await server.call("review", revisions="head")
        own, zygote = server.process, _zygote(server)
        before = _footprint(server)
        for _ in range(calls):
            await server.call("current")
        after = _footprint(server)
        sizes = [
            at_most("memory: server process (RSS)", own.memory_info().rss / 2**20, SERVER_MB, "MB"),
            at_most("memory: zygote (RSS)", zygote.memory_info().rss / 2**20, ZYGOTE_MB, "MB"),
            Measure("memory: server process (PSS)", _pss(own), None, None, "", "MB", None),
            Measure("memory: zygote (PSS)", _pss(zygote), None, None, "", "MB", None),
        ]
    names = {"server_mb": (GROWTH_MB, "MB"), "zygote_mb": (GROWTH_MB, "MB"), "files": (0, ""), "processes": (0, "")}
    return sizes + [
        at_most(f"growth over {calls} calls: {name.removesuffix('_mb')}", after[name] - before[name], bound, unit)
        for name, (bound, unit) in names.items()
    ]


async def _leftovers(project: Path, databases: Databases) -> list[Measure]:
    """After a server that rehearsed has gone."""
    async with serve(project) as server:
        await server.call("review", revisions="head")
        mark = server.mark
    left = [name for name in databases.names() if name not in databases.made]
    return [
        at_most("left behind: processes", len(marked(mark)), 0, ""),
        at_most("left behind: scratch databases", len(left), 0, ""),
    ]


def _footprint(server: Server) -> dict[str, float]:
    own, zygote = server.process, _zygote(server)
    return {
        "server_mb": own.memory_info().rss / 2**20,
        "zygote_mb": zygote.memory_info().rss / 2**20,
        "files": own.num_fds() + zygote.num_fds(),
        "processes": len(marked(server.mark)),
    }


def _zygote(server: Server) -> psutil.Process:
    return min(server.workers, key=lambda process: process.create_time())


def _pss(process: psutil.Process) -> float:
    return float(process.memory_full_info().pss) / 2**20


def _print(measures: list[Measure]) -> None:
    table = Table("what", box=None, pad_edge=False)
    for title in ("ours", "compared with", "ratio", "needed", ""):
        table.add_column(title, justify="right", no_wrap=True)
    for one in measures:
        value = f"{one.ours:.1f} {one.unit}" if one.unit else f"{one.ours:.0f}"
        theirs = f"{one.theirs:.1f} {one.unit}" if one.theirs is not None else ""
        ratio = f"{one.ratio:.2f}x" if one.ratio is not None else ""
        verdict = {True: "ok", False: "MISSED", None: ""}[one.ok]
        table.add_row(one.what, value, theirs, ratio, one.bound, verdict)
    OUT.print(table)


if __name__ == "__main__":
    sys.exit(main())
