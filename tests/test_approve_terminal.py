"""Approving at a terminal: a real one, a real passphrase, and nothing that an agent could pass instead."""

import json
import re
import sys

import pytest
from approval_desk import PASSPHRASE, QUICK
from sitting import at_terminal, run
from tiny_projects import Place, make, on_sqlite

from alembic_mcp import approvals
from alembic_mcp.cli.tty import plain

PYTHON = ["--python", sys.executable]


@pytest.fixture
def folder(tmp_path):
    made = make(tmp_path / "shop", url=on_sqlite(tmp_path).url)
    (made / "pyproject.toml").write_text('[tool.alembic-mcp.databases.default]\nenvironment = "production"\n')
    return made


@pytest.fixture
def ada(store):
    person = approvals.enroll("Ada", PASSPHRASE, scrypt=QUICK)
    store.add_approver(person)
    return person


def planned(folder):
    ran = run("plan", "upgrade", "head", "--json", *PYTHON, cwd=folder)
    assert ran.returncode in (0, 4), ran.stdout + ran.stderr
    return json.loads(ran.stdout)["plan"]["id"]


def test_enrol_plan_approve_and_deploy(folder, store):
    with at_terminal("approver", "enroll", "Ada", cwd=folder) as ada:
        ada.until("A passphrase for Ada: ").type("short").until("Too weak: it is shorter")
        ada.until("A passphrase for Ada: ").type(PASSPHRASE).until("Once more: ").type(PASSPHRASE)
        code, shown = ada.end()
    assert code == 0, shown
    [person] = store.approvers()
    assert person.fingerprint in shown
    assert PASSPHRASE not in shown
    assert person.scrypt == (2**17, 8, 1)

    plan = planned(folder)
    listed = run("plans", cwd=folder).stdout
    assert plan in listed
    too_early = run("upgrade", "--plan", plan, *PYTHON, cwd=folder)
    assert too_early.returncode == 4, too_early.stdout

    with at_terminal("approve", plan, cwd=folder) as ada:
        ada.until("CREATE TABLE person").until("Passphrase of Ada, to approve: ").type("no tractor winter seven")
        ada.until("is not the approver's").until("Passphrase of Ada").type(PASSPHRASE)
        code, shown = ada.end()
    assert (code, "Approved" in shown) == (0, True), shown
    assert PASSPHRASE not in shown

    deployed = run("upgrade", "--plan", plan, *PYTHON, cwd=folder)
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    assert f"Approved by Ada ({person.fingerprint})" in deployed.stdout
    again = run("upgrade", "--plan", plan, *PYTHON, cwd=folder)
    assert "Nothing to do" in again.stdout
    trail = run("audit", cwd=folder).stdout
    assert "approved, about to run" in trail
    assert run("audit", "verify", cwd=folder).returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["approve", "@"], id="approve"),
        pytest.param(["approve", "@", "--decline", "no"], id="decline"),
        pytest.param(["approver", "enroll", "Eve"], id="enroll"),
        pytest.param(["approver", "revoke", "SHA256:x"], id="revoke"),
        pytest.param(["mark", "development", *PYTHON], id="mark"),
    ],
)
def test_nothing_is_approved_without_a_terminal(arguments, folder, ada, store):
    plan = store.open_plan("d", "r", {}, 60)
    ran = run(*[plan if one == "@" else one for one in arguments], cwd=folder)
    assert ran.returncode == 3
    assert "terminal" in ran.stdout
    assert store.get(plan).state == "open"
    assert store.approvers() == [store.approvers()[0]]
    assert store.approvers()[0].fingerprint == ada.fingerprint


@pytest.mark.parametrize("option", ["--passphrase", "--yes", "--force", "--confirm"])
def test_there_is_no_argument_that_approves(option, folder):
    ran = run("approve", "p", option, PASSPHRASE, cwd=folder)
    assert ran.returncode == 2
    assert "No such option" in ran.stderr


@pytest.mark.usefixtures("ada")
def test_guessing_locks_the_plan(folder, store):
    plan = planned(folder)
    with at_terminal("approve", plan, cwd=folder) as agent:
        for number in range(5):
            agent.until("Passphrase of Ada, to approve: ").type(f"guess number {number}")
        code, shown = agent.end()
    assert code == 3, shown
    assert "locked" in shown
    assert store.get(plan).state == "locked"
    with at_terminal("approve", plan, cwd=folder) as person:
        code, shown = person.end()
    assert (code, "locked" in shown) == (3, True)


@pytest.mark.usefixtures("ada")
def test_a_decline_at_the_terminal_is_kept_with_its_reason(folder, store):
    plan = planned(folder)
    with at_terminal("approve", plan, "--decline", "not on a Friday", cwd=folder) as person:
        code, shown = person.end()
    assert code == 0, shown
    assert (store.get(plan).state, store.get(plan).reason) == ("declined", "not on a Friday")


def test_a_further_approver_is_let_in_by_a_passphrase(folder, ada, store):
    with at_terminal("approver", "enroll", "Bob", cwd=folder) as bob:
        bob.until("A passphrase for Bob: ").type("red harbour autumn two")
        bob.until("Once more: ").type("red harbour autumn two")
        bob.until("Passphrase of Ada, to let Bob in: ").type(PASSPHRASE)
        code, shown = bob.end()
    assert code == 0, shown
    assert [one.added_by for one in store.approvers()] == [None, ada.fingerprint]
    listed = run("approver", "list", cwd=folder).stdout
    assert f"signed in by {ada.fingerprint}" in listed


def test_nothing_that_a_plan_says_steers_the_terminal():
    assert plain("drop\x1b[2K\rtable\u202ename\n\tend") == "drop<U+001B>[2K<U+000D>table<U+202E>name\n\tend"


# Marks


@pytest.fixture
def postgres_folder(tmp_path, database):
    place = Place(database.url(), database.run)
    return make(tmp_path / "shop", url=place.url), database


def marks(database):
    rows = database.run(
        "SELECT unnest(setconfig) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase "
        f"WHERE datname = '{database.name}' AND setrole = 0"
    )
    return dict(row[0].removeprefix("alembic_mcp.").split("=", 1) for row in rows)


def test_a_database_is_marked_pinned_and_loosened_only_with_a_signature(postgres_folder, ada):
    folder, database = postgres_folder
    with at_terminal("mark", "production", "--approver", ada.fingerprint, *PYTHON, cwd=folder) as person:
        person.until("to mark it: ").type(database.name)
        code, shown = person.end()
    assert code == 0, shown
    assert marks(database) == {"environment": "production", "approvers": ada.fingerprint}
    current = json.loads(run("current", "--json", *PYTHON, cwd=folder).stdout)
    assert current["database"]["environment"] == "production"

    with at_terminal("mark", "development", "--no-approver", *PYTHON, cwd=folder) as agent:
        agent.until("This loosens it").until("Passphrase of Ada").type("guess the first one")
        code, shown = agent.end()
    assert code == 3, shown
    assert marks(database)["environment"] == "production"

    with at_terminal("mark", "development", "--no-approver", *PYTHON, cwd=folder) as person:
        person.until("This loosens it").until("Passphrase of Ada").type(PASSPHRASE)
        code, shown = person.end()
    assert code == 0, shown
    assert marks(database) == {"environment": "development"}


def test_a_pinned_database_takes_no_other_approver(postgres_folder, ada, store):
    folder, database = postgres_folder
    other = approvals.enroll("Bob", "red harbour autumn two", scrypt=QUICK).fingerprint
    database.run(
        f"ALTER DATABASE {database.name} SET alembic_mcp.environment = 'production'",
        f"ALTER DATABASE {database.name} SET alembic_mcp.approvers = '{other}'",
    )
    ran = run("upgrade", "--json", *PYTHON, cwd=folder)
    plan = json.loads(ran.stdout)["plan"]["id"]
    stored = store.get(plan)
    statement = stored.to_sign
    assert store.approve(plan, ada.fingerprint, approvals.sign(ada, PASSPHRASE, statement), statement) == "approved"
    ran = run("upgrade", *PYTHON, cwd=folder)
    assert ran.returncode == 4, ran.stdout
    assert "not one of an approver that counts" in ran.stdout
    with at_terminal("mark", "development", "--no-approver", *PYTHON, cwd=folder) as agent:
        code, shown = agent.end()
    assert (code, "no approver who could sign it" in shown) == (3, True), shown


def test_a_mark_in_the_address_of_the_database_does_not_count(tmp_path, database):
    database.run(f"ALTER DATABASE {database.name} SET alembic_mcp.environment = 'production'")
    folder = make(tmp_path / "shop", url=f"{database.url()}&options=-calembic_mcp.environment%3Ddevelopment")
    current = json.loads(run("current", "--json", *PYTHON, cwd=folder).stdout)
    assert current["database"]["environment"] == "production"


def test_without_the_rights_it_says_what_an_administrator_has_to_run(tmp_path, database):
    role = f"poor_{database.name}"
    database.run(f"CREATE ROLE {role} LOGIN", f"ALTER DATABASE {database.name} OWNER TO {role}")
    try:
        url = re.sub(r"//[^@]*@", f"//{role}@", database.url())
        folder = make(tmp_path / "shop", url=url)
        with at_terminal("mark", "production", *PYTHON, cwd=folder) as person:
            person.until("to mark it: ").type(database.name)
            code, shown = person.end()
        assert code == 1, shown
        assert "ALTER DATABASE" in shown
        assert "administrator" in shown
    finally:
        database.run(f"ALTER DATABASE {database.name} OWNER TO CURRENT_USER", f"DROP ROLE {role}")


def test_a_file_cannot_be_marked_and_says_what_to_do(folder):
    with at_terminal("mark", "staging", *PYTHON, cwd=folder) as person:
        code, shown = person.end()
    assert code == 3, shown
    assert "pyproject.toml" in shown


# Policy


def test_the_policy_says_where_each_value_comes_from_and_what_was_ignored(folder, own_folders):
    (folder / "pyproject.toml").write_text(
        "[tool.alembic-mcp]\nlarge_rows = 9000000\naudit_tables = ['*_log']\n"
        "approval_lifetime = '7 days'\nlevels = { drops-data = 'client', blocks-writers = 'person' }\n"
    )
    config = own_folders / "config" / "alembic-mcp"
    config.mkdir(parents=True)
    (config / "config.toml").write_text("approval_lifetime = '8 hours'\n")
    shown = run("policy", *PYTHON, cwd=folder).stdout
    lines = {line.split()[0]: " ".join(line.split()) for line in shown.splitlines() if line.strip()}
    assert lines["large_rows"] == "large_rows 100,000 (default)"
    assert lines["audit_tables"].startswith("audit_tables *_log (") and "pyproject.toml" in lines["audit_tables"]  # noqa: PT018
    assert lines["approval_lifetime"].startswith("approval_lifetime 480 minutes (")
    assert "config.toml" in lines["approval_lifetime"]
    assert "blocks-writers = person" in lines["levels"]
    assert "drops-data" not in lines["levels"]
    for ignored in ("large_rows = 9000000", "approval_lifetime in", "levels of drops-data"):
        assert f"tried to loosen something, which has no effect: {ignored}" in shown
