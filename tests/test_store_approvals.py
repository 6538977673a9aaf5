"""An approval in the store is a signature that is checked when it is used; a row that says so is nothing."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory
from approval_desk import QUICK

from alembic_mcp import approvals
from alembic_mcp.audit import BEGINNING, canonical, entry_hash
from alembic_mcp.errors import Failed, Refused
from alembic_mcp.store import Details, Outcome, Store, tables
from alembic_mcp.store.tables import APPROVERS, AUDIT, HEAD, KNOWN, PLANS

PASSPHRASES = {"Ada": "blue tractor winter seven", "Eve": "green window summer nine", "Bob": "red harbour autumn two"}
DETAILS = Details(action="upgrade", target="head", level="person", identity="postgresql:1:app")


class Clock:
    def __init__(self, now=1_800_000_000.0):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, own_folders):
    if request.param == "sqlite":
        return f"sqlite:///{own_folders / 'state.sqlite'}"
    return request.getfixturevalue("database").url()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(url, clock):
    store = Store(url, clock=clock)
    yield store
    store.close()


@pytest.fixture
def tamper(url):
    """Write to the store's tables as whoever has the file or the database could."""
    engine = sa.create_engine(url)

    def execute(statement):
        with engine.begin() as connection:
            return connection.execute(statement)

    yield execute
    engine.dispose()


def person(name):
    return approvals.enroll(name, PASSPHRASES[name], scrypt=QUICK)


def enrolled(store, name="Ada", by=None):
    new = person(name)
    evidence = approvals.sign(by, PASSPHRASES[by.name], approvals.enrolment(new)) if by else None
    store.add_approver(new, by.fingerprint if by else None, evidence)
    return new


def opened(store, digest="d", lifetime=900, wish="upgrade head"):
    return store.open_plan(digest, wish, {"digest": digest}, lifetime, DETAILS)


def signed(store, plan_id, who):
    plan = store.get(plan_id)
    statement = plan.to_sign
    return approvals.sign(who, PASSPHRASES[who.name], statement), statement


def approved(store, plan_id, who, pins=None):
    evidence, statement = signed(store, plan_id, who)
    return store.approve(plan_id, who.fingerprint, evidence, statement, pins)


def test_an_approved_plan_is_used_once(store):
    ada, plan = enrolled(store), opened(store)
    assert store.consume(plan, "d", "person") is False
    assert approved(store, plan, ada) is Outcome.APPROVED
    assert store.get(plan).state == "approved"
    assert opened(store) == plan
    assert store.consume(plan, "d", "person") is True
    assert store.consume(plan, "d", "person") is False
    assert approved(store, plan, ada) is Outcome.NOT_OPEN
    assert store.verify_audit() == []


def test_an_approval_is_of_one_digest(store):
    ada, plan = enrolled(store), opened(store)
    approved(store, plan, ada)
    assert store.consume(plan, "e", "person") is False
    other = opened(store, digest="e")
    assert other != plan
    assert store.consume(other, "e", "person") is False


def test_the_signature_of_one_plan_is_none_of_another(store):
    ada, plan, other = enrolled(store), opened(store), opened(store, digest="e", wish="downgrade -1")
    evidence, statement = signed(store, other, ada)
    assert store.approve(plan, ada.fingerprint, evidence, statement) is Outcome.DRIFT
    _, own = signed(store, plan, ada)
    assert store.approve(plan, ada.fingerprint, evidence, own) is Outcome.BAD_SIGNATURE


def test_a_row_that_says_approved_is_not(store, tamper):
    ada, plan = enrolled(store), opened(store)
    _, statement = signed(store, plan, ada)
    forged = {"kind": "passphrase", "signature": approvals.encode(b"0" * 64)}
    values = {"approver": ada.fingerprint, "evidence": forged, "statement": statement.decode(), "approved": 1.0}
    tamper(PLANS.update().values(state="approved", **values))
    assert store.consume(plan, "d", "person") is False
    assert any(plan in problem for problem in store.verify_audit())


def test_an_approver_written_into_the_table_does_not_count(store, tamper):
    enrolled(store)
    eve, plan = person("Eve"), opened(store)
    row = {name: getattr(eve, name) for name in ("fingerprint", "name", "kind", "public_key", "salt", "created")}
    tamper(APPROVERS.insert().values(**row, scrypt=list(QUICK)))
    assert approved(store, plan, eve) is Outcome.UNKNOWN_APPROVER
    assert store.trusted() == {}, "with two first ones nobody knows who was"
    assert any(eve.fingerprint in problem for problem in store.verify_audit())


def test_an_approver_who_claims_to_be_signed_in_does_not_count(store, tamper):
    ada = enrolled(store)
    eve, plan = person("Eve"), opened(store)
    row = {name: getattr(eve, name) for name in ("fingerprint", "name", "kind", "public_key", "salt", "created")}
    evidence = approvals.sign(eve, PASSPHRASES["Eve"], approvals.enrolment(eve))
    tamper(APPROVERS.insert().values(**row, scrypt=list(QUICK), added_by=ada.fingerprint, evidence=evidence))
    assert approved(store, plan, eve) is Outcome.UNKNOWN_APPROVER
    assert list(store.trusted()) == [ada.fingerprint]


def test_replacing_all_approvers_does_not_help_where_one_is_pinned(store, tamper):
    ada, plan = enrolled(store), opened(store)
    for table in (APPROVERS, AUDIT, HEAD):
        tamper(table.delete())
    eve = enrolled(store, "Eve")
    assert approved(store, plan, eve, (ada.fingerprint,)) is Outcome.NOT_PINNED
    assert approved(store, plan, eve) is Outcome.APPROVED, "without a pin, whoever is first is taken at their word"
    assert store.consume(plan, "d", "person", (ada.fingerprint,)) is False


def test_replacing_the_first_approver_alone_does_not_help(store, tamper):
    enrolled(store)
    tamper(APPROVERS.delete())
    eve = enrolled(store, "Eve")
    assert store.trusted() == {}
    assert approved(store, opened(store), eve) is Outcome.UNKNOWN_APPROVER


def test_further_approvers_need_the_signature_of_one_that_counts(store):
    ada = enrolled(store)
    with pytest.raises(Refused, match="signed in by one of them"):
        enrolled(store, "Eve")
    bob = enrolled(store, "Bob", by=ada)
    eve = enrolled(store, "Eve", by=bob)
    assert set(store.trusted()) == {ada.fingerprint, bob.fingerprint, eve.fingerprint}
    store.revoke(
        bob.fingerprint, ada.fingerprint, approvals.sign(ada, PASSPHRASES["Ada"], approvals.revocation(bob.fingerprint))
    )
    assert bob.fingerprint not in store.trusted()


def test_revoking_needs_a_signature_and_ends_what_was_approved(store, tamper):
    ada, plan = enrolled(store), opened(store)
    approved(store, plan, ada)
    with pytest.raises(Refused, match="signature"):
        store.revoke(ada.fingerprint, ada.fingerprint, {"kind": "passphrase", "signature": "AAAA"})
    store.revoke(
        ada.fingerprint, ada.fingerprint, approvals.sign(ada, PASSPHRASES["Ada"], approvals.revocation(ada.fingerprint))
    )
    assert store.consume(plan, "d", "person") is False
    tamper(APPROVERS.update().values(revoked=None))
    assert store.consume(plan, "d", "person") is False, "the trail still says so"


def test_five_wrong_passphrases_lock_the_plan(store):
    ada, plan = enrolled(store), opened(store)
    assert [store.failed_attempt(plan) for _ in range(6)] == [4, 3, 2, 1, 0, 0]
    assert store.get(plan).state == "locked"
    assert approved(store, plan, ada) is Outcome.LOCKED
    assert store.open_plan("d", "another wish for the same", {"digest": "d"}, 900, DETAILS) == plan


def test_an_expired_plan_is_neither_approved_nor_used(store, clock):
    ada, plan, other = enrolled(store), opened(store), opened(store, digest="e", wish="downgrade -1")
    assert approved(store, plan, ada) is Outcome.APPROVED
    clock.now += 901
    assert store.get(plan).state == "expired"
    assert store.consume(plan, "d", "person") is False
    assert approved(store, other, ada) is Outcome.EXPIRED


def test_a_plan_that_was_replaced_by_a_newer_one_does_not_wait_any_more(store):
    ada, plan, newer = enrolled(store), opened(store), opened(store, digest="e")
    assert [one.id for one in store.waiting()] == [newer]
    assert approved(store, plan, ada) is Outcome.EXPIRED


def test_an_expiry_that_was_moved_in_the_table_voids_the_approval(store, clock, tamper):
    ada, plan = enrolled(store), opened(store)
    approved(store, plan, ada)
    tamper(PLANS.update().values(expires=clock.now + 10**9))
    clock.now += 1000
    assert store.consume(plan, "d", "person") is False


def test_a_plan_for_longer_than_a_week_is_not_approved(store):
    ada, plan = enrolled(store), opened(store, lifetime=8 * 86_400)
    assert approved(store, plan, ada) is Outcome.DRIFT


def test_a_clock_that_goes_back_ends_the_approval(store, clock):
    ada, plan = enrolled(store), opened(store)
    clock.now += 800
    approved(store, plan, ada)
    clock.now -= 700
    assert store.get(plan).state == "expired"
    assert store.consume(plan, "d", "person") is False


def test_a_declined_plan_is_not_approved(store):
    ada, plan = enrolled(store), opened(store)
    assert store.decline(plan, "not on a Friday", "Ada") is True
    assert store.get(plan).reason == "Ada: not on a Friday"
    assert approved(store, plan, ada) is Outcome.NOT_OPEN
    assert store.decline(plan) is False


def test_a_run_without_an_end_is_remembered_until_the_next_one_ends(store, tamper):
    plan = opened(store)
    store.consume(plan, "d")
    assert store.unfinished(DETAILS.identity) == [], "its process lives"
    tamper(PLANS.update().values(runner=None))
    assert [one.id for one in store.unfinished(DETAILS.identity)] == [plan]
    other = opened(store, digest="e")
    store.consume(other, "e")
    store.finish(other, "done", {})
    assert store.unfinished(DETAILS.identity) == []


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
        store = Store(sys.argv[1])
        os.write(1, f"{store.consume(sys.argv[2], 'd', 'person')}\\n".encode())
        store.close()
        os._exit(0)
    racers.append(pid)
os.close(gun)
for pid in racers:
    os.waitpid(pid, 0)
"""


def test_of_twenty_processes_one_uses_the_approval(url):
    store = Store(url)
    ada, plan = enrolled(store), opened(store)
    approved(store, plan, ada)
    race = subprocess.run([sys.executable, "-c", RACE, url, plan], capture_output=True, text=True, check=True)
    assert sorted(race.stdout.split()) == ["False"] * 19 + ["True"], race.stderr
    assert store.verify_audit() == []
    store.close()


# The trail


THIRD = AUDIT.update().where(AUDIT.c.number == 3)


@pytest.fixture
def trail(store):
    for number in range(1, 6):
        store.audit("note", None, {"number": number})
    assert store.verify_audit() == []
    return store


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        pytest.param([THIRD.values(payload="{}")], "entry 3 (note) was altered", id="altered"),
        pytest.param([THIRD.values(at=1.0)], "entry 3 (note) was altered", id="redated"),
        pytest.param([AUDIT.delete().where(AUDIT.c.number == 2)], "entry 2 is missing", id="removed"),
        pytest.param([AUDIT.delete().where(AUDIT.c.number >= 4)], "entries 4 to 5 are missing", id="cut off"),
        pytest.param([AUDIT.delete().where(AUDIT.c.number == 1)], "entry 1 is missing", id="the first"),
        pytest.param(
            [
                AUDIT.update().where(AUDIT.c.number == 2).values(number=9),
                AUDIT.update().where(AUDIT.c.number == 3).values(number=2),
                AUDIT.update().where(AUDIT.c.number == 9).values(number=3),
            ],
            "entry 2 does not follow",
            id="swapped",
        ),
    ],
)  # fmt: skip
def test_harm_to_the_trail_is_found_and_named(trail, tamper, harm, said):
    for statement in harm:
        tamper(statement)
    assert any(problem.startswith(said) for problem in trail.verify_audit()), trail.verify_audit()


def test_a_rebuilt_chain_still_lacks_a_signature(store, tamper):
    ada, plan = enrolled(store), opened(store)
    approved(store, plan, ada)
    entry = next(one for one in store.entries() if one.kind == "approved")
    said = {**entry.said, "digest": "e", "statement": entry.said["statement"].replace('"d"', '"e"')}
    tamper(AUDIT.update().where(AUDIT.c.number == entry.number).values(payload=json.dumps(said)))
    assert f"entry {entry.number}: the signature of Ada does not verify" in store.verify_audit()


def rewritten(store, tamper, kind, **changes):
    """Write an entry anew, as whoever rebuilds the whole chain could; its number."""
    entry = [one for one in store.entries() if one.kind == kind][-1]
    payload = canonical({**entry.said, **changes})
    tamper(AUDIT.update().where(AUDIT.c.number == entry.number).values(payload=payload))
    previous = BEGINNING
    for one in store.entries():
        values = {"number": one.number, "at": one.at, "kind": one.kind, "plan": one.plan, "payload": one.payload}
        hash_ = entry_hash(**values, previous=previous)
        tamper(AUDIT.update().where(AUDIT.c.number == one.number).values(previous=previous, hash=hash_))
        tamper(HEAD.update().values(number=one.number, hash=hash_))
        previous = hash_
    return entry.number


def marked(store, who, environment="development", **more):
    """The entry of a mark that *who* has signed."""
    statement = approvals.marking("postgresql:1:app", environment, (), 1.0)
    evidence = approvals.sign(who, PASSPHRASES[who.name], statement)
    said = {"identity": "postgresql:1:app", "environment": environment, "approvers": [], "loosens": ["x"]}
    said |= {"signed": True, "by": who.fingerprint, "statement": statement.decode(), "evidence": evidence}
    store.audit("mark", None, {**said, **more})


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        pytest.param("approver enrolled", {"name": "Eve"}, "counted has signed Eve in", id="enrolment"),
        pytest.param("approver enrolled", {"added_by": None}, "has signed Bob in", id="enrolment by nobody"),
        pytest.param("approver enrolled", {"public_key": "AAAA"}, "not the one of the fingerprint", id="another key"),
        pytest.param("approver revoked", {"fingerprint": "SHA256:x"}, "signed the end of SHA256:x", id="revocation"),
        pytest.param("approver revoked", {"evidence": None}, "no approver that counted", id="revocation by nobody"),
        pytest.param("mark", {"environment": "staging"}, "has signed the marks", id="mark"),
        pytest.param("mark", {"evidence": {}}, "has signed the marks", id="mark by nobody"),
        pytest.param("mark", {"by": "SHA256:x", "signed": False}, "has signed the marks", id="mark by somebody"),
        pytest.param("approved", {"digest": "e"}, "the signature of Ada does not verify", id="approval"),
        pytest.param("approved", {"evidence": {}}, "the signature of Ada does not verify", id="approval by nobody"),
    ],
)  # fmt: skip
def test_a_whole_chain_that_was_rebuilt_lacks_the_signature(store, tamper, kind, changes, said):
    ada, plan = enrolled(store), opened(store)
    approved(store, plan, ada)
    marked(store, ada)
    bob = enrolled(store, "Bob", by=ada)
    end = approvals.revocation(bob.fingerprint)
    if kind == "approver revoked":
        store.revoke(bob.fingerprint, ada.fingerprint, approvals.sign(ada, PASSPHRASES["Ada"], end))
    assert store.verify_audit() == []
    number = rewritten(store, tamper, kind, **changes)
    found = [problem for problem in store.verify_audit() if problem.startswith(f"entry {number}:")]
    assert any(said in problem for problem in found), store.verify_audit()
    assert not any("altered" in problem for problem in store.verify_audit()), "the chain itself is whole"


def test_an_approval_by_somebody_who_was_revoked_by_then_is_found(store):
    ada = enrolled(store)
    bob = enrolled(store, "Bob", by=ada)
    plan = opened(store)
    approved(store, plan, bob)
    end = approvals.revocation(bob.fingerprint)
    store.revoke(bob.fingerprint, ada.fingerprint, approvals.sign(ada, PASSPHRASES["Ada"], end))
    assert store.verify_audit() == [], "he counted when he approved"
    entry = next(one for one in store.entries() if one.kind == "approved")
    store.audit("approved", plan, entry.said)
    assert any("Bob was no approver by then" in problem for problem in store.verify_audit())


def test_a_mark_that_loosens_without_anybody_who_could_sign_is_no_problem(store):
    store.audit("mark", None, {"identity": "i", "environment": "development", "loosens": ["x"], "signed": False})
    assert store.verify_audit() == []


def test_no_password_comes_into_the_trail(store):
    store.audit("note", None, {"why": "postgresql://me:geheim@db/app", "deep": [{"sql": "password='geheim'"}]})
    assert "geheim" not in store.entries()[-1].payload


# Faults


def test_a_store_of_a_newer_version_is_refused(store, tamper):
    opened(store)
    store.close()
    tamper(sa.text("UPDATE alembic_mcp_version SET version_num = 'from_the_future'"))
    with pytest.raises(Refused, match=r"newer version.*from_the_future") as caught:
        opened(store)
    assert any("Update" in step for step in caught.value.next_steps)


def test_a_locked_store_says_so(own_folders):
    url = f"sqlite:///{own_folders / 'state.sqlite'}"
    store = Store(url, busy_seconds=0.1)
    opened(store)
    with closing(sqlite3.connect(own_folders / "state.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Failed, match="locked"):
            opened(store, digest="e")
    store.close()


FULL = """
import resource, signal, sys
from alembic_mcp.errors import Failed
from alembic_mcp.store import Store

store = Store(sys.argv[1])
plan = store.open_plan("d", "r", {}, 60)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    for number in range(1000):
        store.open_plan(str(number), "r", {"filling": "x" * 20_000}, 60)
except Failed as error:
    print(error)
"""


def test_a_full_disk_says_so_and_loses_nothing(own_folders):
    url = f"sqlite:///{own_folders / 'state.sqlite'}"
    ran = subprocess.run([sys.executable, "-c", FULL, url], capture_output=True, text=True, check=True)
    assert "cannot be used" in ran.stdout, ran.stdout + ran.stderr
    assert "Nothing was changed" in ran.stdout
    store = Store(url)
    assert store.verify_audit() == []
    store.close()


def test_a_postgresql_that_may_not_be_written_says_so(database):
    store = Store(database.url())
    opened(store)
    store.close()
    database.run(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    with pytest.raises(Failed, match="read-only"):
        opened(store, digest="e")
    store.close()


def test_the_revisions_of_the_store_make_the_tables_that_it_reads(url, store):
    opened(store)
    engine = sa.create_engine(url)
    found = sa.inspect(engine)
    for table in (PLANS, APPROVERS, AUDIT, HEAD):
        assert [column["name"] for column in found.get_columns(table.name)] == [column.name for column in table.columns]
    engine.dispose()


def test_the_store_knows_its_own_revisions():
    config = Config()
    config.set_main_option("script_location", str(Path(tables.__file__).parent / "revisions"))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    assert [one.revision for one in script.walk_revisions()][::-1] == list(KNOWN)
