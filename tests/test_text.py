"""What a model and a person read of a report."""

import pytest

from alembic_mcp.report import (
    ChangeReport,
    CheckReport,
    CurrentReport,
    Database,
    Decision,
    Difference,
    Escalation,
    File,
    Finding,
    GenerateReport,
    HistoryReport,
    Level,
    MergeReport,
    RehearsalSummary,
    RevisionLine,
    RevisionNode,
    Severity,
    Verified,
)
from alembic_mcp.tools.text import readable, structured


def finding(severity, rule="drop-column"):
    return Finding(
        rule=rule,
        severity=severity,
        revision="b2",
        direction="upgrade",
        path="versions/b2.py",
        line=12,
        problem="Dropping users.email loses 3 values.",
        remedy="Keep it for one release.",
    )


CHANGE = ChangeReport(
    status="needs_approval",
    summary="Not confirmed, and nothing was changed.",
    next_steps=["Tell the developer."],
    warnings=["The models print."],
    database=Database(dialect="postgresql", name="app", host="", environment="development"),
    before=["a1"],
    after=["a1"],
    decision=Decision.ASK,
    escalations=[Escalation(rule="drops-data", why="3 values are lost.", level=Level.CLIENT)],
    rehearsal=RehearsalSummary(status="passed", where="the embedded PostgreSQL 18.4", details=["b2: slow"]),
    findings=[finding(Severity.INFO, "note"), finding(Severity.BLOCKER), finding(Severity.INFO, "note")],
)

CHANGE_TEXT = """\
Not confirmed, and nothing was changed.
Database: app (postgresql, development)
Heads: a1 -> a1
Decision: ask
Asked because of drops-data (level client): 3 values are lost.
Rehearsal: passed (the embedded PostgreSQL 18.4)
  b2: slow
Findings: 1 blocker, 2 info
- blocker drop-column at versions/b2.py:12 (upgrade): Dropping users.email loses 3 values.
  Remedy: Keep it for one release.
- info note at versions/b2.py:12 (upgrade): Dropping users.email loses 3 values.
  Remedy: Keep it for one release.
- info note at versions/b2.py:12 (upgrade): Dropping users.email loses 3 values.
  Remedy: Keep it for one release.
Warning: The models print.
Next:
- Tell the developer."""


def test_a_change_is_told_with_its_decision_its_reasons_and_the_worst_first():
    assert readable(CHANGE) == CHANGE_TEXT


def test_many_findings_are_counted_and_the_worst_are_told():
    report = CHANGE.model_copy(update={"findings": [finding(Severity.WARNING)] * 9 + [finding(Severity.DANGER)]})
    lines = readable(report).splitlines()
    assert "Findings: 1 danger, 9 warning" in lines
    assert [line for line in lines if line.startswith("- danger")] != []
    assert "- and 5 more" in lines


@pytest.mark.parametrize(
    ("report", "told"),
    [
        pytest.param(
            CurrentReport(status="done", summary="s", pending=[RevisionLine(revision="b2", message="add email")]),
            "- pending: b2 add email",
            id="current",
        ),
        pytest.param(
            HistoryReport(
                status="done",
                summary="s",
                revisions=[RevisionNode(revision="b2", down_revisions=["a1"], message="add email", is_head=True)],
            ),
            "- b2 (head) after a1: add email",
            id="history",
        ),
        pytest.param(
            HistoryReport(status="done", summary="s", problems=["Two files say a1."]),
            "Problem: Two files say a1.",
            id="history with a problem",
        ),
        pytest.param(
            GenerateReport(
                status="done", summary="s", files=[File(path="versions/b2.py", revision="b2", message="add age")]
            ),
            "Revision: b2 (versions/b2.py): add age",
            id="generate",
        ),
        pytest.param(
            MergeReport(status="done", summary="s", file=File(path="versions/m.py", revision="m")),
            "Revision: m",
            id="merge",
        ),
        pytest.param(
            CheckReport(
                status="done", summary="s", differences=[Difference(kind="add_column", description="Add users.age.")]
            ),
            "- difference: Add users.age.",
            id="check",
        ),
        pytest.param(CheckReport(status="failed", summary="s", output="Loading ...\n"), "Loading ...", id="output"),
    ],
)
def test_a_report_tells_what_it_is_about(report, told):
    assert told in readable(report).splitlines()


def test_the_structured_form_is_plain_json_under_the_names_of_the_contract():
    report = CHANGE.model_copy(update={"verified": Verified(heads=True, schema=False)})
    assert structured(report)["verified"] == {"heads": True, "schema": False, "details": []}
    assert structured(report)["decision"] == "ask"


def test_what_alembic_logs_of_every_run_is_left_out_of_what_was_printed():
    logged = "INFO  [alembic.autogenerate.compare.types] Detected type change on 'users.email'\n"
    noisy, silent = (CheckReport(status="failed", summary="s", output=text) for text in (f"{logged}Why.\n", logged))

    assert readable(noisy) == "s\nWhat the project's code printed:\nWhy."
    assert readable(silent) == "s"
