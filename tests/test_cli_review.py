"""The command ``review``: code lines and carets, formats, exit codes by severity, what a branch adds."""

import json
import os
import pty
import subprocess
import sys

import pytest
import sitting
from sitting import COMMAND, SECONDS
from tiny_projects import AT_B2, make, on_sqlite

from alembic_mcp.cli.exits import exit_code_of_findings
from alembic_mcp.operations import Direction
from alembic_mcp.report import Decision, Finding, ReviewReport, Severity

REVIEW = ["review", "--python", sys.executable]
REVISION = '''"""{message}"""
from alembic import op
import sqlalchemy as sa

revision = "{revision}"
down_revision = "{down}"


def upgrade():
    {upgrade}


def downgrade():
    pass
'''
DROP = 'op.execute("ALTER TABLE person DROP COLUMN email")'


@pytest.fixture
def folder(tmp_path):
    """A project whose database has both of its revisions and a row."""
    db = on_sqlite(tmp_path)
    folder = make(tmp_path / "shop", url=db.url)
    db.run(*AT_B2)
    return folder


def write(folder, revision, down, upgrade):
    file = folder / "alembic" / "versions" / f"{revision}.py"
    file.write_text(REVISION.format(message=revision, revision=revision, down=down, upgrade=upgrade))


def run(*arguments, **more):
    return sitting.run(*REVIEW, *arguments, **more)


def git(folder, *arguments):
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_a_finding_is_shown_with_its_line_of_code_and_what_it_means(folder):
    write(folder, "c3", "b2", f"{DROP}  # gone")
    shown = run(cwd=folder)
    lines = shown.stdout.splitlines()
    start = lines.index("alembic/versions/c3.py:10: danger: drop-column (in upgrade)")
    assert lines[start + 1] == f"  10 |     {DROP}  # gone"
    assert lines[start + 2] == f"     |     {'^' * len(DROP)}"
    assert "person.email" in lines[start + 3]
    assert lines[start + 4].startswith("  Instead: ")
    assert lines[start + 5] == "  (read, not measured)"
    assert "Decision: ask" in lines
    assert "\x1b" not in shown.stdout
    assert shown.returncode == 4


def test_a_terminal_gets_colours(folder):
    write(folder, "c3", "b2", DROP)
    controller, terminal = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *REVIEW],
        cwd=folder,
        stdin=terminal,
        stdout=terminal,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm"},
    ) as running:
        os.close(terminal)
        shown = b""
        while True:
            try:
                shown += os.read(controller, 4096)
            except OSError:  # how Linux says that the other end is closed
                break
        running.wait(timeout=SECONDS)
    os.close(controller)
    assert b"\x1b[" in shown
    assert b"drop-column" in shown


@pytest.mark.parametrize(("fail_on", "code"), [("blocker", 0), ("danger", 6), ("info", 6)])
def test_the_exit_code_can_depend_on_the_findings(folder, fail_on, code):
    write(folder, "c3", "b2", DROP)
    assert run("--fail-on", fail_on, cwd=folder).returncode == code


@pytest.mark.parametrize(
    ("report", "fail_on", "code"),
    [
        pytest.param({"decision": Decision.ASK}, None, 4, id="the policy without it"),
        pytest.param({"decision": Decision.REFUSE}, Severity.BLOCKER, 0, id="the findings with it"),
        pytest.param({"status": "failed"}, Severity.INFO, 1, id="a failure stays one"),
        pytest.param({"status": "refused"}, Severity.INFO, 3, id="a refusal too"),
    ],
)
def test_what_was_not_done_is_not_judged_by_findings(report, fail_on, code):
    assert exit_code_of_findings(ReviewReport(**{"status": "done", "summary": "", **report}), fail_on) == code


def test_every_severity_counts_from_itself_on():
    for severity in Severity:
        found = Finding(
            rule="x",
            severity=severity,
            revision="r",
            direction=Direction.UPGRADE,
            problem="It breaks.",
            remedy="Mend it.",
        )
        report = ReviewReport(status="done", summary="", findings=[found])
        codes = [exit_code_of_findings(report, fail_on) for fail_on in Severity]
        assert codes == [6 if severity.rank <= fail_on.rank else 0 for fail_on in Severity]


def test_formats_are_for_programs(folder):
    write(folder, "c3", "b2", DROP)
    log = json.loads(run("--format", "sarif", cwd=folder).stdout)
    rules = {result["ruleId"] for result in log["runs"][0]["results"]}
    assert "drop-column" in rules
    shown = run("--format", "github", cwd=folder).stdout
    assert "::error file=alembic/versions/c3.py,line=10,title=danger%3A drop-column (upgrade)::" in shown
    assert run("--format", "markdown", cwd=folder).stdout.startswith("### Migration review")
    assert json.loads(run("--format", "json", cwd=folder).stdout).keys() >= {"findings", "statements"}


def test_since_reviews_what_a_branch_adds(folder):
    write(folder, "c3", "b2", 'op.execute("DELETE FROM person")')
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "alembic", "alembic.ini", "models.py")
    git(folder, "commit", "-q", "-m", "start")
    git(folder, "checkout", "-q", "-b", "branch")
    nothing = run("--since", "main", cwd=folder)
    assert nothing.returncode == 0
    assert nothing.stdout.startswith("Nothing to review: no revision was added since main.\n")
    write(folder, "d4", "c3", DROP)
    git(folder, "add", "alembic")
    git(folder, "commit", "-q", "-m", "drop")
    write(folder, "e5", "d4", 'op.execute("DROP TABLE person")')
    report = json.loads(run("--since", "main", "--json", cwd=folder).stdout)
    assert [line["revision"] for line in report["revisions"]] == ["c3", "d4", "e5"]
    assert {finding["revision"] for finding in report["findings"]} == {"d4", "e5"}
    assert {line["revision"] for line in report["statements"]} == {"d4", "e5"}
    staged = {**os.environ, "GIT_DIR": str(folder / ".git"), "GIT_INDEX_FILE": ".git/index"}
    report = json.loads(run("--since", "HEAD", "--json", cwd=folder, env=staged).stdout)
    assert {finding["revision"] for finding in report["findings"]} == {"e5"}


@pytest.mark.parametrize("ref", ["no-such-branch", "--upload-pack=x"])
def test_since_something_that_is_not_there_is_refused(folder, ref):
    git(folder, "init", "-q", "-b", "main")
    shown = run(f"--since={ref}", cwd=folder)
    assert shown.returncode == 3
    assert "Next:" in shown.stdout


def test_since_and_revisions_are_too_much(folder):
    assert run("head", "--since", "main", cwd=folder).returncode == 2


def test_a_comment_lowers_what_nobody_is_asked_about_and_nothing_else(folder):
    write(
        folder,
        "c3",
        "b2",
        "op.execute(\"UPDATE person SET name = 'x'\")  # alembic-mcp: ignore[update-all-rows, writes-data] three rows\n"
        "    # alembic-mcp: ignore[drop-column] nobody reads it\n"
        f"    {DROP}",
    )
    report = json.loads(run("--json", cwd=folder).stdout)
    (kept,) = [one for one in report["findings"] if one["rule"] == "drop-column"]
    assert kept["severity"] == "danger"
    assert any("drop-column can't be ignored" in warning for warning in report["warnings"])
    assert report["decision"] == "ask"
    (lowered,) = [one for one in report["findings"] if one["rule"] == "update-all-rows"]
    assert (lowered["severity"], lowered["evidence"]["ignored"]) == ("info", "three rows")
