"""A plan is opened once and used up once, whoever asks, from however many threads and processes."""

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from alembic_mcp.errors import Failed
from alembic_mcp.store import Store


@pytest.fixture
def file(own_folders):
    return own_folders / "state" / "alembic-mcp" / "state.sqlite"


def test_a_plan_is_consumed_once(store):
    plan = store.open_plan("d", "upgrade head", {"revisions": ["a"]}, 60)
    assert store.consume(plan, "d") is True
    assert store.consume(plan, "d") is False
    assert store.get(plan).state == "consumed"


def test_the_open_plan_is_found_again(store):
    plan = store.open_plan("d", "upgrade head", {"n": 1}, 60)
    assert store.open_plan("d", "upgrade head", {"n": 1}, 60) == plan
    assert store.get(plan).payload == {"n": 1}


@pytest.mark.parametrize(
    ("digest", "request_"), [("other", "upgrade head"), ("d", "downgrade -1")], ids=["digest", "request"]
)
def test_another_plan_has_another_id(store, digest, request_):
    assert store.open_plan("d", "upgrade head", {}, 60) != store.open_plan(digest, request_, {}, 60)


def test_the_id_of_a_plan_is_no_option_of_a_command_line(store):
    assert store.open_plan("d", "upgrade head", {}, 60).isalnum()


def test_a_consumed_plan_is_not_found_again(store):
    plan = store.open_plan("d", "upgrade head", {}, 60)
    store.consume(plan, "d")
    assert store.open_plan("d", "upgrade head", {}, 60) != plan


def test_an_expired_plan_is_not_consumed_and_not_found_again(store):
    plan = store.open_plan("d", "upgrade head", {}, -1)
    assert store.consume(plan, "d") is False
    assert store.get(plan).state == "expired"
    assert store.open_plan("d", "upgrade head", {}, 60) != plan


def test_another_digest_does_not_consume_it(store):
    plan = store.open_plan("d", "upgrade head", {}, 60)
    assert store.consume(plan, "e") is False
    assert store.consume(plan, "d") is True


def test_an_unknown_plan_is_not_consumed(store):
    assert store.consume("no-such-plan", "d") is False
    assert store.get("no-such-plan") is None


def test_twenty_threads_open_one_plan_and_one_consumes_it(store):
    with ThreadPoolExecutor(20) as pool:
        plans = set(pool.map(lambda _: store.open_plan("d", "r", {}, 60), range(20)))
        assert len(plans) == 1
        (plan,) = plans
        assert sum(pool.map(lambda _: store.consume(plan, "d"), range(20))) == 1


RACE = """
import os, sys
import sqlalchemy
from alembic_mcp.store import Store

start, gun = os.pipe()
racers = []
for _ in range(20):
    pid = os.fork()
    if pid == 0:
        os.close(gun)
        os.read(start, 1)
        store = Store(sys.argv[1] or None)
        plan = store.open_plan("d", "r", {}, 60)
        os.write(1, f"{plan} {store.consume(plan, 'd')}\\n".encode())
        store.close()
        os._exit(0)
    racers.append(pid)
os.close(gun)
for pid in racers:
    os.waitpid(pid, 0)
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_twenty_processes_do_not_consume_a_plan_twice(kind, request):
    url = "" if kind == "sqlite" else request.getfixturevalue("database").url()
    race = subprocess.run([sys.executable, "-c", RACE, url], capture_output=True, text=True, check=True)
    outcomes = [line.split() for line in race.stdout.splitlines()]
    assert len(outcomes) == 20, race.stderr
    winners = [plan for plan, consumed in outcomes if consumed == "True"]
    assert len(winners) == len(set(winners)) > 0
    assert {plan for plan, _ in outcomes} == set(winners)


def test_nobody_else_can_read_the_file(store, file):
    store.open_plan("d", "r", {}, 60)
    assert {stat.S_IMODE(each.stat().st_mode) for each in file.parent.iterdir()} == {0o600}
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_broken_store_says_so(store, file):
    file.parent.mkdir(parents=True)
    file.write_bytes(b"this is not a database, whatever its name says" * 100)
    with pytest.raises(Failed, match=r"not a database.*Nothing was changed") as caught:
        store.consume("p", "d")
    assert any("moved away" in step for step in caught.value.next_steps)


def test_a_store_that_cannot_be_written_says_so(store, file):
    file.mkdir(parents=True)
    with pytest.raises(Failed, match="cannot be used"):
        store.open_plan("d", "r", {}, 60)


def test_the_place_is_configured_by_a_variable_and_no_password_is_shown(monkeypatch):
    monkeypatch.setenv("ALEMBIC_MCP_STATE_URL", "postgresql+psycopg://me:geheim@127.0.0.1:1/none")
    with pytest.raises(Failed) as caught:
        Store().open_plan("d", "r", {}, 60)
    assert "geheim" not in str(caught.value)
    assert "127.0.0.1" in caught.value.message
