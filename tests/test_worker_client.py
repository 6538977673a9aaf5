"""Whatever the project's code does to its process, the call ends, says so, and leaves nothing behind."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import anyio
import pytest

from alembic_mcp.worker_client import Worker, WorkerFailed, Workers, zygote

CALLS = Path(__file__).parent / "worker_calls" / "misbehaving.py"
DOOMED = Path(__file__).parent / "worker_calls" / "doomed_server.py"
PYTHON = Path(sys.executable)
LONG = 60

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[True, False], ids=["fork", "once"])
def start(request):
    """Makes a worker; each test runs with forks of a warm process, and with a process for each call."""
    return partial(Worker, PYTHON, fork=request.param, calls=CALLS)


@pytest.fixture
def start_forking():
    return partial(Worker, PYTHON, fork=True, calls=CALLS)


def is_gone(pid, seconds=20):
    """Whether the process ends within *seconds*."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], seconds)[0])
    finally:
        os.close(process)


async def failure(worker, call, args=None, **options):
    with pytest.raises(WorkerFailed) as caught:
        await worker.call(call, {}, args or {}, **{"timeout": LONG, **options})
    return caught.value


async def test_a_call_brings_its_result(start):
    async with start() as worker:
        reply = await worker.call("echo", {}, {"a": [1, "ä", None]}, timeout=LONG)
        assert reply.result == {"args": {"a": [1, "ä", None]}}
        assert reply.output == ""


async def test_a_call_runs_where_alembic_would(start, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("VIRTUAL_ENV", "/somewhere/else")
    monkeypatch.setenv("INHERITED", "yes")
    names = ["PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "INHERITED", "DATABASE_URL"]
    async with start() as worker:
        reply = await worker.call(
            "surroundings", {"root": str(tmp_path)}, {"names": names}, env={"DATABASE_URL": "sqlite://"}, timeout=LONG
        )
    found = reply.result
    assert found["cwd"] == str(tmp_path)
    assert found["argv"] == ["alembic"]
    assert not [entry for entry in found["path"] if "worker" in entry]
    assert found["env"] == {
        "PYTHONDONTWRITEBYTECODE": None,
        "VIRTUAL_ENV": str(PYTHON.parent.parent),
        "INHERITED": "yes",
        "DATABASE_URL": "sqlite://",
    }
    assert found["stdin"] == ""
    assert found["leads_its_group"]
    assert found["main_thread"]
    assert len(found["connections"]) <= 4, "the channel or stdin and stdout, and the output twice"


async def test_what_is_withheld_is_in_no_process_from_then_on(start, monkeypatch):
    monkeypatch.setenv("WITHHELD_LATER", "a secret")
    withheld = set()
    async with start(withheld=withheld) as worker:
        asked = {"names": ["WITHHELD_LATER"]}
        before = await worker.call("surroundings", {}, asked, timeout=LONG)
        withheld.add("WITHHELD_LATER")
        after = await worker.call("surroundings", {}, asked, timeout=LONG)
        handed_over = await worker.call("surroundings", {}, asked, env={"WITHHELD_LATER": "given"}, timeout=LONG)
    found = [reply.result["env"]["WITHHELD_LATER"] for reply in (before, after, handed_over)]
    assert found == ["a secret", None, "given"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux can hide a process")
def test_a_server_that_withholds_something_is_hidden_from_its_own_user():
    code = """
import ctypes, anyio
from alembic_mcp.worker_client import Workers

def is_open():
    return ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)

async def main():
    async with Workers() as workers:
        workers.withhold([])
        before = is_open()
        workers.withhold(["SECRET"])
        print(before, is_open())

anyio.run(main)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "0"]


async def test_twenty_calls_run_at_once(start):
    async with start() as worker:
        results = {}

        async def one(number):
            results[number] = (await worker.call("echo", {}, {"number": number}, timeout=LONG)).result

        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(one, number)
    assert results == {number: {"args": {"number": number}} for number in range(20)}


async def test_progress_comes_in_order(start):
    seen = []

    async def note(step):
        seen.append(step["number"])

    async with start() as worker:
        await worker.call("count", {}, {"to": 500}, timeout=LONG, on_progress=note)
    assert seen == list(range(500))


async def test_an_error_in_the_progress_callback_ends_the_call_and_comes_out_as_it_is(start):
    async def fail(step):
        pids.append(step["pid"])
        raise LookupError("the client is gone")

    pids = []
    async with start() as worker:
        with pytest.raises(LookupError, match="the client is gone"):
            await worker.call("hangs", {}, {}, timeout=LONG, on_progress=fail)
    assert is_gone(pids[0])


async def test_requests_and_results_of_many_megabytes_get_through(start):
    async with start() as worker:
        big = "y" * 20_000_000
        reply = await worker.call("echo", {}, {"big": big}, timeout=LONG)
        assert reply.result == {"args": {"big": big}}


async def test_prints_of_every_kind_are_output_and_not_answers(start):
    async with start() as worker:
        output = (await worker.call("print_everywhere", {}, {}, timeout=LONG)).output
    for text in (
        "from print\n",
        "no line break, ",
        "from os.write, ",
        "from C\n",
        "from a shell\n",
        "and its stderr\n",
        "snow ☃, half a character \\udcff\n",
        "\ufffd\ufffd no UTF-8\n",
    ):
        assert text in output


async def test_megabytes_of_output_are_cut_in_the_middle(start):
    async with start() as worker:
        output = (await worker.call("print_megabytes", {}, {}, timeout=LONG)).output
    assert len(output) < 70_000
    assert output.startswith("the beginning\n")
    assert output.endswith("the end\n")
    assert "bytes left out ..." in output
    kept = sum(len(line) + 1 for line in output.splitlines() if not line.startswith("..."))
    cut = int(output.split("... ")[1].split(" bytes")[0].replace(",", ""))
    assert kept + cut == len("the beginning\n") + 5_000_000 + len("the end\n")


@pytest.mark.parametrize(
    ("call", "kind", "message", "details"),
    [
        ("raises", "user_code", "KeyError: 'DATABASE_URL'", {"path": str(CALLS), "exception": "builtins.KeyError"}),
        ("exits", "user_code", "sys.exit(3)", {"path": str(CALLS)}),
        ("call_error", "locked", "Somebody else is at it.", {"holder": "another server"}),
        ("exits_hard", "died", "exit status 3", {"status": 3}),
        ("kills_itself", "died", "SIGKILL", {"status": -9}),
        ("crashes", "died", "SIGSEGV", {"status": -11}),
        ("leaves_a_fork_and_dies", "died", "exit status 4", {"status": 4}),
        ("scribbles_and_dies", "garbage", "rubbish", {"status": 0}),
        ("scribbles_for_ever", "garbage", "rubbish", {}),
        ("closes_everything", "died", "exit status", {}),
    ],
)
async def test_a_call_that_goes_wrong_says_how(start, call, kind, message, details):
    async with start() as worker:
        error = await failure(worker, call)
        assert error.kind == kind
        assert message in error.message
        assert error.next_steps
        assert details.items() <= error.details.items()
        assert (await worker.call("echo", {}, {}, timeout=LONG)).result == {"args": {}}


async def test_what_was_printed_before_a_death_is_told(start):
    async with start() as worker:
        error = await failure(worker, "exits_hard")
    assert error.output == "about to go\n"
    assert "The last thing it printed: about to go" in error.message


async def test_a_failure_has_a_trimmed_traceback_of_the_projects_code(start):
    async with start() as worker:
        error = await failure(worker, "raises")
    lines = error.details["traceback"].splitlines()
    assert lines[0].startswith(f'  File "{CALLS}"')
    assert lines[-1] == "KeyError: 'DATABASE_URL'"


async def test_next_steps_of_the_worker_replace_those_of_the_kind(start):
    async with start() as worker:
        error = await failure(worker, "call_error")
    assert error.next_steps == ["Wait."]
    assert "next_steps" not in error.details


async def test_secrets_are_in_neither_message_nor_output_nor_details(start):
    env = {"DATABASE_URL": "postgresql://app:hunter22@db/app", "THE_TOKEN": "abcdef123456"}
    async with start() as worker:
        error = await failure(worker, "prints_a_secret_and_dies", env=env)
    told = json.dumps([error.message, error.output, error.details])
    assert "hunter22" not in told
    assert "abcdef123456" not in told
    assert "postgresql://app:***@db/app" in error.message


@pytest.mark.parametrize("call", ["hangs", "hangs_for_good", "hangs_with_family"])
async def test_a_call_that_hangs_is_stopped_with_all_it_started(start, call):
    pids = []

    async def note(step):
        pids.append(step["pid"])

    async with start() as worker:
        await worker.about()
        began = time.monotonic()
        error = await failure(worker, call, timeout=2, on_progress=note)
        assert time.monotonic() - began < 20
        assert error.kind == "timed_out"
        assert "2 s" in error.message
        assert error.output == "before the hang\n"
        assert pids
        assert all(is_gone(pid) for pid in pids)


async def test_a_call_that_is_stopped_says_where_it_was(start):
    async with start() as worker:
        error = await failure(worker, "hangs", timeout=2)
    assert error.details["path"] == str(CALLS)
    assert "signal.pause()" in error.details["traceback"]


async def test_a_call_that_finishes_while_it_is_stopped_has_finished(start):
    async with start() as worker:
        assert (await worker.call("finishes_when_interrupted", {}, {}, timeout=2)).result == {"finished": True}


@pytest.mark.parametrize("call", ["hangs", "hangs_with_family"])
async def test_a_cancelled_call_leaves_no_process(start, call):
    pids = []
    async with start() as worker, anyio.create_task_group() as tasks:

        async def cancel(step):
            pids.append(step["pid"])
            if len(pids) == (2 if call == "hangs_with_family" else 1):
                tasks.cancel_scope.cancel()

        await worker.call(call, {}, {}, timeout=LONG, on_progress=cancel)
    assert pids
    assert all(is_gone(pid) for pid in pids)


@pytest.mark.parametrize("call", ["leaves_a_sleeper", "leaves_a_fork"])
async def test_what_a_call_leaves_running_neither_delays_it_nor_stays(start, call):
    async with start() as worker:
        await worker.about()
        began = time.monotonic()
        reply = await worker.call(call, {}, {}, timeout=LONG)
        assert time.monotonic() - began < 20
        assert is_gone(reply.result["pid"])


async def test_a_daemon_that_escapes_and_goes_on_printing_does_not_delay_the_call(start):
    async with start() as worker:
        reply = await worker.call("leaves_a_noisy_daemon", {}, {}, timeout=LONG)
    assert is_gone(reply.result["pid"]), "nobody reads its output any more, which ends it"


async def test_threads_that_are_left_do_not_delay_the_call(start):
    async with start() as worker:
        assert (await worker.call("leaves_threads", {}, {}, timeout=LONG)).result == {}


async def test_rubbish_on_the_channel_does_not_hide_the_answer(start):
    async with start() as worker:
        assert (await worker.call("scribbles_and_answers", {}, {}, timeout=LONG)).result == {"done": True}


async def test_a_call_may_close_its_output(start):
    async with start() as worker:
        assert (await worker.call("closes_its_output", {}, {}, timeout=LONG)).result == {"done": True}


async def test_a_result_that_is_not_quite_json_still_comes(start):
    async with start() as worker:
        assert (await worker.call("strange_types", {}, {}, timeout=LONG)).result["bytes"] == "b'1'"


async def test_a_folder_that_is_not_there_is_named(start, tmp_path):
    async with start() as worker:
        with pytest.raises(WorkerFailed, match="can't be entered") as caught:
            await worker.call("echo", {"root": str(tmp_path / "gone")}, {}, timeout=LONG)
    assert str(tmp_path / "gone") in caught.value.message


@pytest.mark.parametrize("mode", ["fork", "once"])
def test_a_server_that_is_killed_leaves_no_process(mode):
    with subprocess.Popen([PYTHON, DOOMED, mode, CALLS], stdout=subprocess.PIPE) as server:
        pids = json.loads(server.stdout.readline())["pids"]
        pids += parents(pids)
        server.kill()
        assert all(is_gone(pid) for pid in pids)


def parents(pids):
    """The parent processes, which are a zygote if they are not the server."""
    found = set()
    for pid in pids:
        status = Path(f"/proc/{pid}/status").read_text()
        found.add(int(status.split("PPid:")[1].split()[0]))
    return sorted(found)


async def test_closing_kills_what_is_running(start):
    pids, ends = [], []
    async with anyio.create_task_group() as tasks, start() as worker:
        running = anyio.Event()

        async def note(step):
            pids.append(step["pid"])
            running.set()

        async def call():
            ends.append(await failure(worker, "hangs", on_progress=note))

        tasks.start_soon(call)
        await running.wait()
    assert [error.kind for error in ends] == ["died"]
    assert is_gone(pids[0])


async def test_a_closed_worker_refuses(start):
    async with start() as worker:
        pass
    assert "stopping" in (await failure(worker, "echo")).message


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "terminated"])
async def test_a_zygote_that_was_killed_between_calls_is_replaced(start_forking, number):
    async with start_forking() as worker:
        first = (await worker.about()).pid
        os.kill(first, number)
        assert is_gone(first)
        second = (await worker.call("parent", {}, {}, timeout=LONG)).result["parent"]
        assert second != first
        assert (await worker.about()).pid == second


async def test_a_zygote_that_is_stuck_is_replaced(start_forking, monkeypatch):
    monkeypatch.setattr(zygote, "FORK_SECONDS", 1.0)
    async with start_forking() as worker:
        first = (await worker.about()).pid
        os.kill(first, signal.SIGSTOP)
        assert (await worker.call("parent", {}, {}, timeout=LONG)).result["parent"] != first
        assert is_gone(first)


async def test_a_call_that_is_cancelled_while_its_process_starts_spoils_nothing(start):
    before = children(os.getpid())
    async with start() as worker:
        with anyio.move_on_after(0.05) as limit:
            await worker.call("echo", {}, {}, timeout=LONG)
        assert limit.cancelled_caught
        assert (await worker.call("echo", {}, {}, timeout=LONG)).result == {"args": {}}
    assert children(os.getpid()) == before


async def test_an_error_in_the_body_comes_out_as_it_is(start):
    async def body():
        async with start() as worker:
            await worker.about()
            raise LookupError("of the caller's own")

    with pytest.raises(LookupError, match="of the caller's own"):
        await body()


async def test_a_zygote_that_is_killed_takes_its_calls_with_it(start_forking):
    pids = []

    async def kill(step):
        pids.append(step["pid"])
        if len(pids) == 2:
            os.kill(pid, signal.SIGKILL)

    async with start_forking() as worker:
        pid = (await worker.about()).pid
        error = await failure(worker, "hangs_with_family", on_progress=kill)
        assert error.kind == "died"
        assert all(is_gone(pid) for pid in pids)


async def test_a_zygote_is_kept_until_something_is_installed(tmp_path):
    python = environment_with(tmp_path, "link to our packages")
    async with Worker(python, fork=True, calls=CALLS) as worker:
        first = (await worker.about()).pid
        assert (await worker.about()).pid == first
        running, done = anyio.Event(), []

        async def note(_):
            running.set()

        async def call():
            done.append(await worker.call("finishes_when_interrupted", {}, {}, timeout=4, on_progress=note))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await running.wait()
            (site_packages(python) / "new_library").mkdir()
            assert (await worker.about()).pid != first
            assert not done, "the call under the old zygote goes on"
        assert done[0].result == {"finished": True}
        assert is_gone(first)


def environment_with(folder, what):
    """A virtual environment: its Python."""
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    packages = site_packages(python)
    if what == "link to our packages":
        (packages / "ours.pth").write_text(str(site_packages(PYTHON)) + "\n")
    elif what == "a plugin that runs a thread":
        (packages / "ours.pth").write_text(f"{site_packages(PYTHON)}\nimport runs_a_thread\n")
        (packages / "runs_a_thread.py").write_text(
            "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        )
    elif what != "nothing":
        for name, version in what.items():
            (packages / f"{name}.py").write_text(f"__version__ = {version!r}\n" if version else "1 / 0\n")
    return python


def site_packages(python):
    return next((python.parent.parent / "lib").glob("python3*/site-packages"))


async def test_where_threads_run_nothing_is_forked(tmp_path):
    python = environment_with(tmp_path, "a plugin that runs a thread")
    async with Worker(python, fork=True, calls=CALLS) as worker:
        assert (await worker.call("parent", {}, {}, timeout=LONG)).result["parent"] == os.getpid()
        assert (await worker.about()).alembic


@pytest.mark.parametrize("fork", [True, False], ids=["fork", "once"])
@pytest.mark.parametrize(
    ("installed", "expected"),
    [
        ("nothing", ("no_alembic", "Alembic is not installed", "-m pip install alembic")),
        ({"alembic": "1.13.0"}, ("no_alembic", "SQLAlchemy is not installed", "-m pip install")),
        ({"alembic": None, "sqlalchemy": "2.0.1"}, ("no_alembic", "Alembic can't be imported", "-m pip install")),
        ({"alembic": "1.10.4", "sqlalchemy": "2.0.1"}, ("too_old", "has Alembic 1.10.4; 1.11", "alembic>=1.11")),
        ({"alembic": "1.11.0", "sqlalchemy": "1.3.24"}, ("too_old", "has SQLAlchemy 1.3.24; 1.4", "sqlalchemy>=1.4")),
    ],
    ids=["nothing", "no sqlalchemy", "broken alembic", "old alembic", "old sqlalchemy"],
)
async def test_an_environment_that_will_not_do_is_named_with_the_cure(tmp_path, fork, installed, expected):
    kind, message, step = expected
    python = environment_with(tmp_path, installed)
    async with Worker(python, fork=fork, calls=CALLS) as worker:
        for error in (await failure(worker, "echo"), await failure(worker, "echo")):
            assert error.kind == kind
            assert message in error.message
            assert str(python) in error.message
            assert step in error.next_steps[0]
        with pytest.raises(WorkerFailed) as caught:
            await worker.about()
        assert caught.value.kind == kind


@pytest.mark.parametrize("fork", [True, False], ids=["fork", "once"])
@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        (None, 0o755, "There is no Python at"),
        ("#!/bin/sh\necho broken >&2; exit 3\n", 0o644, "is not executable"),
        ("#!/bin/sh\necho 'it is broken' >&2; exit 3\n", 0o755, "It printed: it is broken"),
        ("#!/no/such/interpreter\n", 0o755, "does not work as a Python"),
    ],
    ids=["missing", "not executable", "fails", "can't be started"],
)
async def test_an_interpreter_that_is_none_is_named(tmp_path, fork, content, mode, message):
    python = tmp_path / "python"
    if content is not None:
        python.write_text(content)
        python.chmod(mode)
    async with Worker(python, fork=fork, calls=CALLS) as worker:
        error = await failure(worker, "echo")
        assert error.kind == "no_interpreter"
        assert message in error.message
        assert str(python) in error.message
        assert "interpreter =" in error.next_steps[0]
        with pytest.raises(WorkerFailed) as caught:
            await worker.about()
        assert caught.value.kind == "no_interpreter"


async def test_an_installation_that_is_repaired_works_at_once(tmp_path):
    python = environment_with(tmp_path, "nothing")
    async with Worker(python, fork=True, calls=CALLS) as worker:
        assert (await failure(worker, "echo")).kind == "no_alembic"
        (site_packages(python) / "ours.pth").write_text(str(site_packages(PYTHON)) + "\n")
        assert (await worker.call("echo", {}, {}, timeout=LONG)).result == {"args": {}}


async def test_the_worker_says_which_versions_it_has(start):
    async with start() as worker:
        about = await worker.about()
    assert about.python == ".".join(map(str, sys.version_info[:3]))
    assert about.alembic.startswith("1.")
    assert about.sqlalchemy.startswith("2.")


async def test_there_is_one_worker_for_each_interpreter():
    async with Workers(calls=CALLS) as workers:
        one, other = await workers.get(PYTHON), await workers.get(PYTHON)
        assert one is other
        assert (await one.call("echo", {}, {}, timeout=LONG)).result == {"args": {}}


async def test_a_hundred_calls_leave_nothing_open(start_forking):
    async with start_forking() as worker:
        await worker.call("echo", {}, {}, timeout=LONG)
        pid = (await worker.about()).pid
        before = [open_files(os.getpid()), open_files(pid)]
        for _ in range(100):
            await worker.call("echo", {}, {}, timeout=LONG)
        assert [open_files(os.getpid()), open_files(pid)] == before
        assert not children(pid)


def open_files(pid):
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
