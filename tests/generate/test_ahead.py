"""Calls that begin ahead: the models are loaded once for looking and rendering, and early for the rehearsal."""

import os
import sys
from functools import partial
from pathlib import Path

import anyio
import pytest
from generating import open_shop

from alembic_mcp.errors import Refused
from alembic_mcp.worker_client import Worker, WorkerFailed
from alembic_mcp.workflows.app import App

CALLS = Path(__file__).parents[1] / "worker_calls" / "in_two_parts.py"

USERS = 'users = Table("users", metadata, Column("id", Integer, primary_key=True))\n'
WITH_NAME = 'users = Table("users", metadata, Column("id", Integer, primary_key=True), Column("name", String(20)))\n'
# What a table is added to is not made anew with env.py, which can run only once in a process for that.
ONLY_ONCE = (
    '\nfrom sqlalchemy import Column, Integer, Table\nTable("extra", Base.metadata, Column("id", Integer))\n\nrun()'
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def calls(monkeypatch):
    """The worker's calls, as they begin."""
    made = []
    call = App.call

    async def noting(self, project, name, args, **options):
        made.append(name)
        return await call(self, project, name, args, **options)

    monkeypatch.setattr(App, "call", noting)
    return made


@pytest.fixture(params=[True, False], ids=["fork", "once"])
def start(request):
    return partial(Worker, Path(sys.executable), fork=request.param, calls=CALLS)


async def test_one_process_looks_and_renders_and_another_rehearses(app, tmp_path, place, calls):
    shop = open_shop(app, tmp_path / "shop", place, before=USERS, after=WITH_NAME)
    report = await shop.generate()
    assert (report.status, report.ready_to_commit) == ("done", True)
    assert (report.rehearsal.status, report.rehearsal.restored, report.rehearsal.converged) == ("passed", True, True)
    assert sorted(calls) == ["look", "models", "rehearse"]


async def test_an_env_py_that_can_run_only_once_in_a_process_is_given_processes_of_its_own(app, tmp_path, place, calls):
    shop = open_shop(app, tmp_path / "shop", place, before=USERS, after=WITH_NAME)
    env = shop.folder / "alembic" / "env.py"
    env.write_text(env.read_text(encoding="utf-8").replace("\nrun()", ONLY_ONCE), encoding="utf-8")
    report = await shop.generate()
    assert calls.count("render") == 1
    assert [file for file in shop.files if '"extra"' in file.replace("'", '"') and "name" in file]
    assert report.files


async def test_what_began_ahead_comes_to_nothing_when_there_are_questions(app, tmp_path, place):
    rows = ["INSERT INTO users (id, name) VALUES (1, 'Ada')"]
    after = WITH_NAME.replace('"name"', '"title"')
    shop = open_shop(app, tmp_path / "shop", place, before=WITH_NAME, after=after, rows=rows)
    report = await shop.generate()
    assert (report.status, shop.files) == ("needs_answer", [])
    again = await shop.generate(renames=[{"table": "users", "from": "name", "to": "title"}])
    assert (again.status, again.ready_to_commit) == ("done", True)


async def test_what_refuses_is_raised_as_it_is(app, tmp_path, place):
    shop = open_shop(app, tmp_path / "shop", place, before=USERS, after="")
    with pytest.raises(Refused, match="Nothing was written"):
        await shop.generate()


async def test_models_that_change_while_it_waits_are_never_taken_for_those_that_were_rehearsed(
    app, tmp_path, place, monkeypatch
):
    shop = open_shop(app, tmp_path / "shop", place, before=USERS, after=WITH_NAME)
    models = shop.folder / "models.py"
    call = App.call

    async def changing(self, project, name, args, **options):
        if name == "rehearse":
            models.write_text(
                models.read_text(encoding="utf-8").replace('"name", String(20)', '"name", String(30)'),
                encoding="utf-8",
            )
        return await call(self, project, name, args, **options)

    monkeypatch.setattr(App, "call", changing)
    report = await shop.generate()
    assert report.rehearsal.converged is not True
    assert not report.ready_to_commit


async def test_the_second_part_of_a_request_goes_to_the_process_that_had_the_first(start):
    heard = []

    async def more(said):
        heard.append(said["heard"])
        return {"number": 3}

    async with start() as worker:
        reply = await worker.call("sum_up", {}, {"number": 4}, timeout=60, on_waiting=more)
        assert (reply.result, heard) == ({"sum": 7}, [4])
        reply = await worker.call("whole", {}, {}, timeout=60)
        assert reply.result == {"waits": False}


async def test_a_call_that_fails_before_it_waits_says_so(start):
    async def more(said):
        raise AssertionError(said)

    async with start() as worker:
        with pytest.raises(WorkerFailed, match="does not come that far") as caught:
            await worker.call("give_up", {}, {}, timeout=60, on_waiting=more)
        assert caught.value.kind == "user_code"


async def test_a_call_that_waits_ends_when_nobody_wants_it_any_more(start):
    pids = []

    async with start() as worker, anyio.create_task_group() as tasks:

        async def more(said):
            pids.append(said["pid"])
            tasks.cancel_scope.cancel()
            await anyio.sleep_forever()
            raise AssertionError

        tasks.start_soon(partial(worker.call, "sum_up", {}, {"number": 4}, timeout=60, on_waiting=more))
    [pid] = pids
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
