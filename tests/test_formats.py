"""A review for other programs: SARIF, GitHub's annotations, Markdown; and a long one in pages."""

import json

import pytest

from alembic_mcp.cli.formats import github, markdown, sarif
from alembic_mcp.locks import LockMode
from alembic_mcp.operations import Direction
from alembic_mcp.report import (
    CurrentReport,
    Decision,
    Escalation,
    Finding,
    Level,
    ReviewReport,
    Severity,
    StatementLine,
    TableLock,
)
from alembic_mcp.tools.paging import PAGE, paged


def finding(**changes):
    values = {
        "rule": "drop-table",
        "severity": Severity.DANGER,
        "revision": "r1",
        "direction": Direction.UPGRADE,
        "path": "alembic/versions/r1.py",
        "line": 7,
        "table": "person",
        "problem": "Dropping person destroys 3 rows, 100%.",
        "remedy": "Rename it | wait.",
        "evidence": {"measured": True},
    }
    return Finding(**{**values, **changes})


def report(*findings, **changes):
    statement = StatementLine(
        revision="r1",
        direction=Direction.UPGRADE,
        sql="DROP TABLE person",
        measured=True,
        locks=[TableLock(mode=LockMode.ACCESS_EXCLUSIVE, table="person")],
    )
    values = {
        "status": "done",
        "summary": "One revision, asked about.",
        "decision": Decision.ASK,
        "escalations": [Escalation(rule="drops-data", why="It drops rows.", level=Level.CLIENT)],
        "statements": [statement],
    }
    return ReviewReport(findings=list(findings), **{**values, **changes})


@pytest.fixture
def root(tmp_path):
    """A project in a subfolder of a repository."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "backend").mkdir()
    return tmp_path / "backend"


# What sarif-schema-2.1.0.json requires of each object that we write.
REQUIRED = {
    "sarifLog": ("version", "runs"),
    "run": ("tool",),
    "tool": ("driver",),
    "toolComponent": ("name",),
    "reportingDescriptor": ("id",),
    "invocation": ("executionSuccessful",),
    "notification": ("message",),
    "result": ("message",),
    "suppression": ("kind",),
}
LEVELS = {"none", "note", "warning", "error"}


def check(kind, value):
    assert set(REQUIRED[kind]) <= value.keys(), kind
    return value


def test_sarif_has_what_its_schema_requires(root):
    ignored = finding(severity=Severity.INFO, evidence={"measured": False, "ignored": "it is small"}, line=0)
    log = check("sarifLog", json.loads(sarif(report(finding(), ignored, finding(rule="truncate")), root)))
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    driver = check("toolComponent", check("tool", check("run", run)["tool"])["driver"])
    assert [check("reportingDescriptor", rule)["id"] for rule in driver["rules"]] == ["drop-table", "truncate"]
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"]
        assert rule["help"]["text"]
        assert rule["defaultConfiguration"]["level"] in LEVELS
    assert [check("invocation", one)["executionSuccessful"] for one in run["invocations"]] == [True]
    for result in run["results"]:
        assert check("result", result)["message"]["text"]
        assert result["level"] in LEVELS
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "backend/alembic/versions/r1.py"
        assert place.get("region", {"startLine": 1})["startLine"] >= 1
    assert [result["level"] for result in run["results"]] == ["error", "note", "error"]
    assert [check("suppression", one) for one in run["results"][1]["suppressions"]] == [
        {"kind": "inSource", "justification": "it is small"}
    ]
    assert "region" not in run["results"][1]["locations"][0]["physicalLocation"]


def test_sarif_of_a_review_that_was_not_done_is_a_run_that_failed():
    failed = ReviewReport(status="failed", summary="postgresql://ada:secret@db/shop does not answer.")
    (run,) = json.loads(sarif(failed, None))["runs"]
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    (notification,) = invocation["toolExecutionNotifications"]
    assert check("notification", notification)["level"] == "error"
    assert "secret" not in notification["message"]["text"]
    assert run["results"] == []


def test_github_gets_a_command_for_each_finding(root):
    shown = github(report(finding(), finding(severity=Severity.INFO, path="a,b:c.py", line=0)), root).splitlines()
    assert shown[0] == (
        "::error file=backend/alembic/versions/r1.py,line=7,title=danger%3A drop-table (upgrade)"
        "::Dropping person destroys 3 rows, 100%25.%0ARename it | wait."
    )
    assert shown[1].startswith("::notice file=backend/a%2Cb%3Ac.py,title=")
    assert shown[2] == "One revision, asked about."


def test_markdown_has_decision_findings_and_statements(root):
    shown = markdown(report(finding()), root)
    assert "**Decision: ask**" in shown
    assert "asked because of `drops-data` (client): It drops rows." in shown
    assert (
        "| danger | `drop-table` | `backend/alembic/versions/r1.py:7` (upgrade) "
        "| Dropping person destroys 3 rows, 100%. | Rename it \\| wait. |"
    ) in shown
    assert "| r1 (upgrade) | `DROP TABLE person` | ACCESS EXCLUSIVE on person |" in shown


def many(count):
    return [StatementLine(revision="r1", direction=Direction.UPGRADE, sql=f"SELECT {n}") for n in range(count)]


def test_a_review_of_a_page_is_given_whole():
    whole = report(statements=many(PAGE))
    assert paged(whole) == whole
    assert paged(CurrentReport(status="done", summary="")) == CurrentReport(status="done", summary="")


def test_a_longer_one_comes_in_pages_and_says_how_to_go_on():
    whole = report(finding(), statements=many(250))
    first, second, last = paged(whole), paged(whole, 100), paged(whole, 200)
    assert [one.sql for one in (*first.statements, *second.statements, *last.statements)] == [
        f"SELECT {n}" for n in range(250)
    ]
    assert first.findings == whole.findings
    assert "statements_from=100" in first.next_steps[-1]
    assert "50 of 250" in second.next_steps[-1]
    assert last.next_steps == []
    assert paged(first) == first
