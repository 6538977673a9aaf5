"""The command line: reports, exit codes, and the question at a terminal."""

import asyncio
import json
import re
import shlex
import signal
import subprocess
import sys

import anyio
import pytest
import sitting
from sitting import SECONDS
from tiny_projects import AT_B2, make

from alembic_mcp import __version__
from alembic_mcp.cli import terminal
from alembic_mcp.cli.exits import exit_code
from alembic_mcp.report import ChangeReport, CheckReport, CurrentReport, Decision, Difference, ReviewReport

DROP_EMAIL = '''"""drop email"""
from alembic import op
import sqlalchemy as sa

revision = "c3"
down_revision = "b2"


def upgrade():
    with op.batch_alter_table("person") as batch:
        batch.drop_column("email")


def downgrade():
    with op.batch_alter_table("person") as batch:
        batch.add_column(sa.Column("email", sa.String(80)))
'''


@pytest.fixture
def folder(tmp_path, db):
    """A project of two revisions; its database is empty."""
    return make(tmp_path / "shop", url=db.url)


@pytest.fixture
def losing_data(folder, db):
    """The project at b2 with a row in it, and a pending revision that drops a column of that row."""
    db.run(*AT_B2)
    (folder / "alembic" / "versions" / "c3_drop_email.py").write_text(DROP_EMAIL)
    models = folder / "models.py"
    models.write_text("".join(line for line in models.read_text().splitlines(keepends=True) if "email" not in line))
    return folder


def run(*arguments, cwd, python=True):
    """Run a command that nobody can be asked by."""
    return sitting.run(*arguments, *(["--python", sys.executable] if python else []), cwd=cwd)


def upgrading(folder):
    """An upgrade at a terminal, whose report is a pipe's."""
    arguments = ("upgrade", "--json", "--python", sys.executable)
    return sitting.at_terminal(*arguments, cwd=folder, stdout=subprocess.PIPE)


def answer(person, word):
    """Wait for the question, type *word* -> (exit code, report, what the terminal showed)."""
    person.until("to run it: ").type(word)
    report = json.load(person.process.stdout)
    return person.process.wait(timeout=SECONDS), report, person.shown


@pytest.mark.parametrize(
    ("report", "code"),
    [
        pytest.param(CurrentReport(status="done", summary=""), 0, id="done"),
        pytest.param(CurrentReport(status="failed", summary=""), 1, id="failed"),
        pytest.param(CurrentReport(status="refused", summary=""), 3, id="refused"),
        pytest.param(ChangeReport(status="needs_approval", summary=""), 4, id="needs approval"),
        pytest.param(CurrentReport(status="needs_answer", summary=""), 4, id="needs an answer"),
        pytest.param(ReviewReport(status="done", summary="", decision=Decision.RUN), 0, id="review: run"),
        pytest.param(ReviewReport(status="done", summary="", decision=Decision.ASK), 4, id="review: ask"),
        pytest.param(ReviewReport(status="done", summary="", decision=Decision.REFUSE), 3, id="review: refuse"),
        pytest.param(ChangeReport(status="done", summary="", decision=Decision.ASK, applied=True), 0, id="approved"),
        pytest.param(ChangeReport(status="done", summary="", decision=Decision.ASK), 4, id="dry run: ask"),
        pytest.param(CheckReport(status="done", summary=""), 0, id="check: no difference"),
        pytest.param(
            CheckReport(status="done", summary="", differences=[Difference(kind="add_table", description="")]),
            5,
            id="check: a difference",
        ),
        pytest.param(
            CheckReport(status="done", summary="", invisible=["one", "two"], stays=["two"]),
            5,
            id="check: a difference that autogenerate can't see",
        ),
        pytest.param(
            CheckReport(status="done", summary="", invisible=["one"], stays=["one"]), 0, id="check: what stays anyway"
        ),
    ],
)
def test_a_report_has_an_exit_code(report, code):
    assert exit_code(report) == code


def test_help_lists_every_command_and_the_exit_codes(tmp_path):
    shown = run("--help", cwd=tmp_path, python=False)
    assert shown.returncode == 0
    for command in (
        "serve", "current", "history", "review", "generate", "upgrade", "downgrade", "merge-heads", "stamp", "check",
        "init", "demo",
    ):  # fmt: skip
        assert f"  {command} " in shown.stdout
    assert "Exit codes:" in shown.stdout
    assert "3  refused" in shown.stdout


def test_serve_explains_itself(tmp_path):
    shown = run("serve", "--help", cwd=tmp_path, python=False)
    assert shown.returncode == 0
    assert "--allow-host" in shown.stdout


def test_the_version_is_told(tmp_path):
    assert run("--version", cwd=tmp_path, python=False).stdout == f"alembic-mcp {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--nonsense"], id="unknown option"),
        pytest.param(["current", "--nonsense"], id="unknown option of a command"),
        pytest.param(["downgrade"], id="missing target"),
        pytest.param(["generate"], id="missing message"),
        pytest.param(["upgrade", "head", "--yes"], id="no option says yes"),
        pytest.param(["serve", "--project", "does/not/exist"], id="serve: no such folder"),
    ],
)
def test_wrong_usage_ends_with_2(arguments, tmp_path):
    shown = run(*arguments, cwd=tmp_path, python=False)
    assert shown.returncode == 2
    assert "Traceback" not in shown.stderr


def test_a_folder_without_a_project_is_refused_in_plain_words(tmp_path):
    shown = run("current", cwd=tmp_path)
    assert shown.returncode == 3
    assert "Next:" in shown.stdout
    assert shown.stderr == ""


def test_the_report_is_printed_as_text_or_as_json(folder):
    text = run("current", cwd=folder)
    assert text.returncode == 0
    assert "- pending: a1 create person" in text.stdout
    report = CurrentReport.model_validate(json.loads(run("current", "--json", cwd=folder).stdout))
    assert [line.revision for line in report.pending] == ["a1", "b2"]


@pytest.mark.parametrize("by", ["path", "configuration file"])
def test_a_project_elsewhere_is_named_by_its_path(by, folder, tmp_path):
    project = folder if by == "path" else folder / "alembic.ini"
    shown = run("history", "--project", str(project), "--json", cwd=tmp_path)
    assert shown.returncode == 0, shown.stdout
    assert json.loads(shown.stdout)["heads"] == ["b2"]


def test_a_database_that_is_not_named_is_refused(folder):
    shown = run("current", "--database", "nowhere", cwd=folder)
    assert shown.returncode == 3
    assert "nowhere" in shown.stdout


def test_upgrade_and_downgrade_by_steps(folder, db):
    assert run("upgrade", "--dry-run", cwd=folder).returncode == 0
    assert db.columns("person") == []
    assert run("upgrade", "+1", cwd=folder).returncode == 0
    assert db.columns("person") == ["id", "name"]
    assert run("upgrade", cwd=folder).returncode == 0
    assert db.columns("person") == ["id", "name", "email"]
    assert run("downgrade", "-1", "--json", cwd=folder).returncode == 0
    assert db.columns("person") == ["id", "name"]


def test_a_revision_is_generated_reviewed_and_found_missing_by_check(folder):
    assert run("upgrade", cwd=folder).returncode == 0
    assert run("check", cwd=folder).returncode == 0
    models = folder / "models.py"
    models.write_text(models.read_text() + "    age: Mapped[int | None] = mapped_column()\n")
    assert run("check", cwd=folder).returncode == 5
    generated = run("generate", "-m", "add age", "--json", cwd=folder)
    assert generated.returncode == 0, generated.stdout
    assert len(json.loads(generated.stdout)["files"]) == 1
    assert run("review", cwd=folder).returncode == 0


def test_without_a_terminal_nothing_is_lost(losing_data, db):
    assert run("review", cwd=losing_data).returncode == 4
    shown = run("upgrade", "--json", cwd=losing_data)
    assert shown.returncode == 4, shown.stdout
    report = json.loads(shown.stdout)
    assert (report["status"], report["applied"]) == ("needs_approval", False)
    assert db.run("SELECT email FROM person") == [("ada@example.org",)]


def test_a_question_of_generate_is_answered_by_the_options_that_it_names(losing_data):
    (losing_data / "alembic" / "versions" / "c3_drop_email.py").unlink()
    asked = run("generate", "-m", "drop email", cwd=losing_data)
    assert asked.returncode == 4, asked.stdout
    [line] = [line for line in asked.stdout.splitlines() if line.startswith("- drop: --")]
    answered = run("generate", "-m", "drop email", *shlex.split(line.removeprefix("- drop: ")), cwd=losing_data)
    assert answered.returncode == 0, answered.stdout


def test_a_percent_sign_that_the_ini_cannot_have_shows_nothing_of_the_password(folder):
    ini = folder / "alembic.ini"
    url = "sqlalchemy.url = postgresql://ann:hunter%40s3cret@localhost/shop"
    ini.write_text(re.sub(r"(?m)^sqlalchemy\.url = .*$", url, ini.read_text()))
    env = folder / "alembic" / "env.py"
    env.write_text(f"from alembic import context\ncontext.config.get_main_option('sqlalchemy.url')\n{env.read_text()}")
    shown = run("current", cwd=folder)
    assert shown.returncode == 1
    assert "sqlalchemy.url in [alembic]" in shown.stdout
    assert "%40 in a URL as %%40" in shown.stdout
    assert "s3cret" not in shown.stdout + shown.stderr


@pytest.mark.parametrize("word", ["yes", "no", ""])
def test_losing_data_takes_more_than_a_yes(word, losing_data, db):
    with upgrading(losing_data) as person:
        code, report, shown = answer(person, word)
    assert (code, report["status"]) == (4, "needs_approval")
    assert "drops-data" in shown
    assert "name of the database" in shown
    assert "ry run" not in shown
    assert db.run("SELECT email FROM person") == [("ada@example.org",)]


def test_the_name_of_the_database_is_the_yes_to_losing_its_data(losing_data, db):
    with upgrading(losing_data) as person:
        name = json.loads(run("current", "--json", cwd=losing_data).stdout)["database"]["name"]
        code, report, _ = answer(person, name)
    assert (code, report["status"], report["applied"]) == (0, "done", True)
    assert db.columns("person") == ["id", "name"]


def test_a_question_that_is_interrupted_changes_nothing(losing_data, db):
    with upgrading(losing_data) as person:
        person.until("to run it: ").process.send_signal(signal.SIGINT)
        assert person.process.wait(timeout=SECONDS) == 130
    assert db.run("SELECT email FROM person") == [("ada@example.org",)]


@pytest.mark.anyio
async def test_what_takes_longer_is_told_in_lines_where_nobody_watches(capsys, monkeypatch):
    monkeypatch.setattr(terminal, "PATIENCE_SECONDS", 0.0)
    async with terminal.Progress() as progress:
        await progress(0, 2, "Rehearsing")
        shown = anyio.Event()
        asyncio.get_running_loop().call_later(0.0, shown.set)
        await shown.wait()
        await progress(1, None, "Judging")
        progress.hide()
        await progress(2, 2, "not shown")
    assert capsys.readouterr().err == "... Rehearsing (0/2)\n... Judging\n"


@pytest.mark.anyio
async def test_what_is_quick_is_not_told(capsys):
    async with terminal.Progress() as progress:
        await progress(0, 2, "Rehearsing")
    assert capsys.readouterr().err == ""
