"""What needs a person runs only on a person's signature, once, and only as long as nothing changes."""

import signal
import subprocess
import sys

import anyio
import pytest
import sqlalchemy as sa
from approval_desk import PASSPHRASE, QUICK
from tiny_projects import make, on_sqlite

from alembic_mcp import approvals
from alembic_mcp.errors import Refused
from alembic_mcp.store import Outcome, tables
from alembic_mcp.store.records import default_file
from alembic_mcp.workflows import approve, change, inspect
from alembic_mcp.workflows.change import Answer, Request

pytestmark = pytest.mark.anyio

UPGRADE = Request("upgrade", "head")
NOT_ASKED = Answer("not_asked")


@pytest.fixture
def folder(tmp_path, db):
    """A project whose database counts as production."""
    made = make(tmp_path / "shop", url=db.url)
    environment(made, "production")
    return made


def environment(folder, value, more=""):
    (folder / "pyproject.toml").write_text(
        f'[tool.alembic-mcp]\n{more}\n[tool.alembic-mcp.databases.default]\nenvironment = "{value}"\n'
    )


async def enrolled(app, name="Ada"):
    return await approve.add_approver(app, approvals.enroll(name, PASSPHRASE, scrypt=QUICK))


async def upgrade(app, answer=NOT_ASKED, request=UPGRADE):
    return await change.change(app, request, answer)


async def say_yes(app, report, who, typed=None):
    return await approve.approve(app, report.plan.id, who.fingerprint, PASSPHRASE, typed)


async def test_it_runs_once_on_a_signature_and_says_whose(opened, folder, db):
    async with opened(folder) as app:
        ada = await enrolled(app)
        report = await upgrade(app)
        assert (report.status, report.applied) == ("needs_approval", False)
        assert any(f"alembic-mcp approve {report.plan.id}" in step for step in report.next_steps)
        assert [one.id for one in await approve.waiting(app)] == [report.plan.id]
        assert await say_yes(app, report, ada) is Outcome.APPROVED
        report = await upgrade(app)
        assert (report.status, report.applied) == ("done", True)
        assert f"Approved by Ada ({ada.fingerprint})" in report.summary
        assert "email" in db.columns("person")
        store = await app.store()
        kinds = [entry.kind for entry in store.entries(report.plan.id)]
        assert kinds == ["plan", "refusal", "approved", "consumed", "result"]
        assert store.verify_audit() == []
        assert app.runs[report.plan.id].report.applied


@pytest.mark.parametrize("kind", ["yes", "no", "cancelled", "unavailable"])
async def test_no_answer_of_a_client_is_enough(opened, kind, folder, db):
    async with opened(folder) as app:
        await enrolled(app)
        question = await change.question(app, UPGRADE)
        assert question.kind == "page"
        report = await upgrade(app, Answer(kind, question.plan_id))
        assert (report.status, report.applied) == ("needs_approval", False)
        assert db.columns("person") == []


async def test_an_approval_is_found_after_a_restart_and_by_no_second_run(opened, folder):
    async with opened(folder) as app:
        ada = await enrolled(app)
        report = await upgrade(app)
        await say_yes(app, report, ada)
    reports = []

    async def run_in_own_server():
        async with opened(folder) as app:
            try:
                reports.append(await upgrade(app))
            except Refused as error:  # the other one is running
                reports.append(error)

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(run_in_own_server)
    assert [getattr(report, "applied", False) for report in reports].count(True) == 1, reports


def edit_revision(folder, _db):
    [path] = folder.rglob("versions/*email*.py")
    path.write_text(path.read_text() + "\n# edited\n")


def edit_env(folder, _db):
    path = folder / "alembic" / "env.py"
    path.write_text(path.read_text() + "\n# edited\n")


def edit_models(folder, _db):
    path = folder / "models.py"
    path.write_text(path.read_text() + "\n# edited\n")


def change_schema(_folder, db):
    db.run("CREATE TABLE stray (id INTEGER)")


def change_policy(folder, _db):
    environment(folder, "production", "large_rows = 5")


def become_unknown(folder, _db):
    environment(folder, "unknown")


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        pytest.param(edit_revision, "revision b2's file has changed", id="a revision's file"),
        pytest.param(edit_env, "alembic/env.py has changed", id="env.py"),
        pytest.param(edit_models, "models.py has changed", id="the models"),
        pytest.param(change_schema, "the database's schema has changed", id="the schema"),
        pytest.param(change_policy, "the policy", id="the policy"),
        pytest.param(become_unknown, "counted as production and now counts as unknown", id="the environment"),
    ],
)
async def test_what_changes_after_the_approval_voids_it_and_is_named(opened, harm, why, folder, db):
    async with opened(folder) as app:
        ada = await enrolled(app)
        report = await upgrade(app)
        await say_yes(app, report, ada)
        harm(folder, db)
        again = await upgrade(app)
        assert (again.status, again.applied) == ("needs_approval", False)
        assert why in again.summary
        assert again.plan.id != report.plan.id
        assert "person" not in {row[0] for row in db.run("SELECT name FROM sqlite_master")}


async def test_another_database_behind_the_same_address_voids_it(opened, folder, db, tmp_path):
    async with opened(folder) as app:
        ada = await enrolled(app)
        db.run("CREATE TABLE mine (id INTEGER)")
        report = await upgrade(app)
        await say_yes(app, report, ada)
        file = tmp_path / "data" / "app.db"
        file.rename(file.with_suffix(".old"))
        db.run("CREATE TABLE mine (id INTEGER)")
        again = await upgrade(app)
        assert (again.status, again.applied) == ("needs_approval", False)
        assert "for another database" in again.summary


async def test_an_approval_for_staging_is_none_for_production(opened, folder, tmp_path, monkeypatch):
    (folder / "alembic" / "env.py").write_text(
        (folder / "alembic" / "env.py")
        .read_text()
        .replace("from alembic import context\n", "import os\n\nfrom alembic import context\n", 1)
        .replace(
            "def run():\n", "def run():\n    config.set_main_option('sqlalchemy.url', os.environ['SHOP_URL'])\n", 1
        )
    )
    places = {}
    for name in ("staging", "production"):
        (tmp_path / name).mkdir()
        places[name] = on_sqlite(tmp_path / name)
        monkeypatch.setenv(f"{name.upper()}_URL", places[name].url)
    (folder / "pyproject.toml").write_text(
        "".join(
            f'[tool.alembic-mcp.databases.{name}]\nenvironment = "production"\n'
            f'env = {{ SHOP_URL = "{name.upper()}_URL" }}\n'
            for name in places
        )
    )
    async with opened(folder) as app:
        ada = await enrolled(app)
        staging, production = (Request("upgrade", "head", database=name) for name in places)
        made = await upgrade(app, request=staging)
        assert await say_yes(app, made, ada) is Outcome.APPROVED
        other = await upgrade(app, request=production)
        assert (other.status, other.applied) == ("needs_approval", False)
        assert other.plan.id != made.plan.id
        monkeypatch.setenv("STAGING_URL", places["production"].url)
        with pytest.raises(Refused, match="another database"):
            await upgrade(app, request=Request("upgrade", "head", database="staging", plan=made.plan.id))
        assert places["production"].columns("person") == []
        monkeypatch.setenv("STAGING_URL", places["staging"].url)
        assert (await upgrade(app, request=staging)).applied
        assert places["production"].columns("person") == []


async def test_a_decline_is_told_with_its_reason_and_the_next_call_asks_anew(opened, folder):
    async with opened(folder) as app:
        await enrolled(app)
        first = await upgrade(app)
        await approve.decline(app, first.plan.id, "not on a Friday", "Ada")
        told = await upgrade(app)
        assert told.status == "needs_approval"
        assert "Ada: not on a Friday" in told.summary
        anew = await upgrade(app)
        assert anew.plan.id != first.plan.id


async def test_what_would_be_shown_and_is_not_the_plan_cannot_be_approved(opened, folder):
    async with opened(folder) as app:
        ada = await enrolled(app)
        report = await upgrade(app)
        store = await app.store()
        details = {**vars(store.get(report.plan.id).details)}
        details["report"]["statements"] = []
        engine = sa.create_engine(f"sqlite:///{default_file()}")
        with engine.begin() as connection:
            connection.execute(tables.PLANS.update().values(details=details))
        engine.dispose()
        assert (await approve.plan(app, report.plan.id)).tampered
        assert await say_yes(app, report, ada) is Outcome.DRIFT


async def test_a_server_that_pins_an_approver_takes_no_other(opened, folder):
    async with opened(folder) as app:
        ada = await enrolled(app)
        report = await upgrade(app)
        await say_yes(app, report, ada)
    other = approvals.enroll("Bob", "red harbour autumn two", scrypt=QUICK).fingerprint
    async with opened(folder, pins=(other,)) as app:
        report = await upgrade(app)
        assert (report.status, report.applied) == ("needs_approval", False)
        assert "not one of an approver that counts" in report.summary
        assert await say_yes(app, report, ada) is Outcome.NOT_OPEN


async def test_where_data_is_lost_the_name_has_to_be_typed(opened, folder, db):
    environment(folder, "development")
    async with opened(folder) as app:
        await upgrade(app)
        db.run("INSERT INTO person (name, email) VALUES ('Ada', 'ada@example.org')")
        environment(folder, "production")
        ada = await enrolled(app)
        report = await upgrade(app, request=Request("downgrade", "-1"))
        assert report.status == "needs_approval"
        assert (await approve.plan(app, report.plan.id)).type_name
        assert await say_yes(app, report, ada) is Outcome.WRONG_NAME
        assert await say_yes(app, report, ada, "another") is Outcome.WRONG_NAME
        assert await say_yes(app, report, ada, "app.db") is Outcome.APPROVED


async def test_wrong_passphrases_lock_the_plan_whatever_is_called_next(opened, folder):
    async with opened(folder) as app:
        ada = await enrolled(app)
        report = await upgrade(app)
        outcomes = [
            await approve.approve(app, report.plan.id, ada.fingerprint, f"blue tractor winter {number}")
            for number in range(5)
        ]
        assert outcomes == [Outcome.WRONG_PASSPHRASE] * 4 + [Outcome.LOCKED]
        assert await say_yes(app, report, ada) is Outcome.LOCKED
        again = await upgrade(app)
        assert again.plan.id == report.plan.id
        assert "locked" in again.summary


KILLED = """
import os, signal, sys
from pathlib import Path
import anyio
from alembic_mcp.workflows import change, run
from alembic_mcp.workflows.app import App

async def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    async with App.open(Path.cwd(), interpreter=Path(sys.executable)) as app:
        run.run = die
        await change.change(app, change.Request("upgrade", "head"), change.Answer("not_asked"))

anyio.run(main)
"""


async def test_a_process_that_is_killed_before_it_runs_is_told_about(opened, folder):
    async with opened(folder) as app:
        ada = await enrolled(app)
        report = await upgrade(app)
        await say_yes(app, report, ada)
    killed = await anyio.to_thread.run_sync(
        lambda: subprocess.run([sys.executable, "-c", KILLED], cwd=folder, capture_output=True, check=False)
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    async with opened(folder) as app:
        said = [line for line in (await inspect.current(app)).warnings if report.plan.id in line]
        assert "approved, and is not known to have run" in said[0]
        again = await upgrade(app)
        assert (again.status, again.applied) == ("needs_approval", False), "its approval is used up"
        assert any(report.plan.id in line for line in again.warnings)
        await say_yes(app, again, ada)
        assert (await upgrade(app)).applied
        assert not any(report.plan.id in line for line in (await inspect.current(app)).warnings)


async def test_a_plan_is_made_approved_and_run_by_its_id(opened, folder):
    async with opened(folder) as app:
        ada = await enrolled(app)
        made = await change.make_plan(app, UPGRADE)
        assert made.status == "done"
        assert made.plan.digest in made.summary
    async with opened(folder) as app:
        request = await change.planned(app, made.plan.id, "upgrade")
        assert (await upgrade(app, request=request)).status == "needs_approval"
        assert await say_yes(app, made, ada) is Outcome.APPROVED
        edit_models(folder, None)
        with pytest.raises(Refused, match=r"models\.py has changed"):
            await upgrade(app, request=request)
        models = folder / "models.py"
        models.write_text(models.read_text().replace("\n# edited\n", ""))
        report = await upgrade(app, request=request)
        assert (report.status, report.applied) == ("done", True)
        with pytest.raises(Refused, match="upgrade to head"):
            await change.planned(app, made.plan.id, "downgrade")


async def test_what_nobody_is_asked_about_is_in_the_trail_too(opened, folder):
    environment(folder, "development")
    async with opened(folder) as app:
        report = await upgrade(app)
        assert report.applied
        store = await app.store()
        run, result = store.entries()
        assert (run.kind, result.kind) == ("run", "result")
        assert any("CREATE TABLE person" in sql for sql in run.said["statements"])
        assert result.said["after"] == ["b2"]


async def test_without_a_store_nothing_runs(opened, folder, db, own_folders):
    environment(folder, "development")
    (own_folders / "state" / "alembic-mcp" / "state.sqlite").mkdir(parents=True)
    async with opened(folder) as app:
        with pytest.raises(Exception, match="cannot be used"):
            await upgrade(app)
    assert db.columns("person") == []
