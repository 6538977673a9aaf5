"""A person's yes through the real server: real clients of both eras, restarts, interruptions, and the trail of it."""

import json
import signal
import subprocess
import sys

import pytest
from approval_desk import PASSPHRASE, QUICK, guarded
from mcp.client.session import ClientSession
from mcp_types import ElicitationCapability, ElicitResult, FormElicitationCapability, UrlElicitationCapability
from sitting import run
from stdio_client import ERAS, YES, serve

from alembic_mcp import approvals
from alembic_mcp.store import Outcome

pytestmark = pytest.mark.anyio

PYTHON = ["--python", sys.executable]
OPENED = ElicitResult(action="accept")


@pytest.fixture
def folder(tmp_path, db):
    return guarded(tmp_path / "shop", db)


@pytest.fixture
def ann(store):
    person = approvals.enroll("Ann", PASSPHRASE, scrypt=QUICK)
    store.add_approver(person)
    return person


@pytest.fixture
def declares(monkeypatch):
    """Have clients say that they can do so much and no more."""
    build = ClientSession._build_capabilities  # noqa: SLF001 - the client has no option for it

    def declare(**modes):
        def built(session, version):
            return build(session, version).model_copy(update={"elicitation": ElicitationCapability(**modes)})

        monkeypatch.setattr(ClientSession, "_build_capabilities", built)

    return declare


def sign(store, who, plan):
    evidence = approvals.sign(who, PASSPHRASE, store.get(plan).to_sign)
    return store.approve(plan, who.fingerprint, evidence, store.get(plan).to_sign)


def emails(db):
    return db.run("SELECT email FROM person")


@pytest.mark.parametrize("mode", ERAS)
async def test_a_client_that_opens_addresses_is_given_one_and_the_call_goes_on(
    *, mode, folder, db, store, ann, declares
):
    declares(url=UrlElicitationCapability())

    def open_it():
        address = server.asked[-1].split()[-1]
        assert address.startswith("http://localhost:")
        assert "?" not in address
        assert sign(store, ann, address.rpartition("/")[2]) is Outcome.APPROVED
        return OPENED

    async with serve(folder, mode=mode, answers=[open_it]) as server:
        report = await server.call("downgrade", target="-1")
        assert (report["status"], report["applied"]) == ("done", True), report
        assert f"Approved by Ann ({ann.fingerprint})" in report["summary"]
        assert len(server.asked) == 1
        assert "Downgrade app.db" in server.asked[0]
    assert "email" not in db.columns("person")


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.usefixtures("ann")
async def test_a_client_that_only_shows_forms_is_not_asked_what_only_a_person_can_answer(mode, folder, db, declares):
    declares(form=FormElicitationCapability())
    async with serve(folder, mode=mode, answers=[YES]) as server:
        report = await server.call("downgrade", target="-1")
        assert (report["status"], report["applied"]) == ("needs_approval", False)
        assert server.asked == []
        steps = " ".join(report["next_steps"])
        assert "http://localhost:" in steps
        assert f"alembic-mcp approve {report['plan']['id']}" in steps
        assert f"alembic-mcp approve {report['plan']['id']}" in server.stderr
    assert emails(db) == [("ada@example.org",)]


@pytest.mark.parametrize("mode", ERAS)
async def test_a_server_that_was_started_anew_finds_what_was_signed_in_between(*, mode, folder, db, store, ann):
    async with serve(folder, mode=mode) as server:
        plan = (await server.call("downgrade", target="-1"))["plan"]["id"]
    assert sign(store, ann, plan) is Outcome.APPROVED
    assert emails(db) == [("ada@example.org",)]
    async with serve(folder, mode=mode) as server:
        assert (await server.call("downgrade", target="-1"))["applied"] is True
        assert (await server.call("upgrade"))["applied"] is False, "one approval, one run"


async def test_a_server_that_pins_approvers_takes_no_other(folder, db, store, ann):
    other = approvals.enroll("Bob", "red harbour autumn two", scrypt=QUICK).fingerprint
    async with serve(folder, "--approver", other) as server:
        plan = (await server.call("downgrade", target="-1"))["plan"]["id"]
        assert sign(store, ann, plan) is Outcome.APPROVED
        report = await server.call("downgrade", target="-1")
        assert (report["status"], report["applied"]) == ("needs_approval", False)
        assert "not one of an approver that counts" in report["summary"]
    assert emails(db) == [("ada@example.org",)]
    async with serve(folder, "--approver", other, "--approver", ann.fingerprint) as server:
        assert (await server.call("downgrade", target="-1"))["applied"] is True


def test_a_pin_that_is_no_fingerprint_starts_no_server(folder):
    ran = run("serve", "--approver", "SHA256:short", cwd=folder)
    assert ran.returncode == 2
    assert "no fingerprint" in ran.stderr


INTERRUPTED = """
import os, signal, sys
import anyio
from alembic_mcp.cli import main
from alembic_mcp.workflows import run

async def interrupted(*_):
    os.kill(os.getpid(), signal.SIGINT)
    await anyio.sleep_forever()

run.run = interrupted
sys.exit(main())
"""


def test_a_run_that_was_interrupted_is_told_by_current_and_by_the_trail(folder, db, store, ann):
    made = json.loads(run("plan", "downgrade", "-1", "--json", *PYTHON, cwd=folder).stdout)
    plan = made["plan"]["id"]
    assert sign(store, ann, plan) is Outcome.APPROVED
    deployment = [sys.executable, "-c", INTERRUPTED, "downgrade", "--plan", plan, *PYTHON]
    ran = subprocess.run(deployment, cwd=folder, capture_output=True, text=True, timeout=90, check=False)
    assert ran.returncode == 128 + signal.SIGINT, ran.stdout + ran.stderr
    assert emails(db) == [("ada@example.org",)]

    warned = json.loads(run("current", "--json", *PYTHON, cwd=folder).stdout)["warnings"]
    assert any(f"Plan {plan} " in line and "is not known to have run" in line for line in warned), warned
    assert "approved, not known to have run" in run("audit", "--plan", plan, cwd=folder).stdout
    listed = run("audit", "--json", "--plan", plan, cwd=folder)
    entries = [json.loads(line) for line in listed.stdout.splitlines()]
    assert [entry["kind"] for entry in entries] == ["plan", "approved", "consumed", "interrupted"]
    assert {entry["plan"] for entry in entries} == {plan}
    assert (entries[1]["name"], entries[1]["proof"]) == ("Ann", "passphrase")
    assert entries[1]["at"] == pytest.approx(store.get(plan).approved)

    again = run("downgrade", "--plan", plan, *PYTHON, cwd=folder)
    assert again.returncode == 4, again.stdout
    assert "was used already, and is not known to have run" in " ".join(again.stdout.split())
    assert emails(db) == [("ada@example.org",)]
    assert store.verify_audit() == []
