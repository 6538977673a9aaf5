"""Comments that lower findings: which ones count, which findings they reach, and what they can't reach."""

import pytest

from alembic_mcp.operations import Direction
from alembic_mcp.report import Finding, Severity
from alembic_mcp.review.suppress import suppress

SOURCE = """
def upgrade():
    {}
    op.drop_index(
        "ix_person_name",
        table_name="person",{}
    )
"""


def finding(line=4, rule="index-without-concurrently", severity=Severity.DANGER):
    return Finding(
        rule=rule,
        severity=severity,
        revision="r1",
        direction=Direction.UPGRADE,
        line=line,
        problem="Nobody can write.",
        remedy="Wait.",
        evidence={"measured": True},
    )


def lower(above="", within="", *, finding=finding(), escalates=False):  # noqa: B008 - never changed
    found = suppress([finding], {"r1": SOURCE.format(above, within)}, escalates=lambda _: escalates)
    return found.findings[0], found.warnings


COUNTS = [
    pytest.param("# alembic-mcp: ignore[index-without-concurrently] it is small", "", id="line above"),
    pytest.param("", "  # alembic-mcp: ignore[index-without-concurrently] it is small", id="within the statement"),
    pytest.param("#alembic-mcp:ignore[drop-index,index-without-concurrently]: it is small", "", id="several rules"),
]


@pytest.mark.parametrize(("above", "within"), COUNTS)
def test_a_comment_with_a_reason_lowers_the_finding_and_shows_the_reason(above, within):
    lowered, warnings = lower(above, within)
    assert lowered.severity is Severity.INFO
    assert lowered.problem == "Nobody can write. Ignored here: it is small"
    assert lowered.evidence == {"measured": True, "ignored": "it is small", "severity": "danger"}
    assert [warning for warning in warnings if "drop-index" not in warning] == []


@pytest.mark.parametrize(
    "above",
    [
        pytest.param("x = '# alembic-mcp: ignore[index-without-concurrently] it is small'", id="in a string"),
        pytest.param("# alembic-mcp: ignore[index-without-concurrently] it is small\n", id="an empty line between"),
        pytest.param("# alembic-mcp: ignore[drop-table] it is small", id="another rule"),
        pytest.param("# ignore[index-without-concurrently] it is small", id="not for us"),
        pytest.param("# alembic-mcp: ignore[*] it is small", id="no names"),
    ],
)
def test_other_comments_lower_nothing(above):
    assert lower(above)[0] == finding()


def test_a_comment_reaches_no_further_than_the_next_statement():
    above = "# alembic-mcp: ignore[index-without-concurrently] it is small\n    pass"
    assert lower(above, finding=finding(line=5))[0] == finding(line=5)


def test_without_a_reason_it_does_not_count_and_says_so():
    kept, warnings = lower("# alembic-mcp: ignore[index-without-concurrently]")
    assert kept == finding()
    assert warnings == (
        "r1, line 3: the comment that ignores index-without-concurrently gives no reason, so it does not count.",
    )


@pytest.mark.parametrize(
    ("above", "warning"),
    [
        ("# alembic-mcp: ignore please", "r1, line 3: this comment is not understood"),
        ("# alembic-mcp: ignore[no-such-rule] because", "r1, line 3: there is no rule no-such-rule"),
    ],
    ids=["not understood", "no such rule"],
)
def test_a_comment_that_is_wrong_is_told(above, warning):
    assert lower(above)[1][0].startswith(warning)


def test_a_blocker_stays():
    kept, warnings = lower(COUNTS[0].values[0], finding=finding(severity=Severity.BLOCKER))
    assert kept.severity is Severity.BLOCKER
    assert warnings == ("r1, line 3: index-without-concurrently can't be ignored: it is a blocker.",)


def test_what_somebody_is_asked_about_stays():
    kept, warnings = lower(COUNTS[0].values[0], escalates=True)
    assert kept.severity is Severity.DANGER
    assert "can't be ignored: a person is asked about it" in warnings[0]


@pytest.mark.parametrize("text", ["def (:  # alembic-mcp: ignore[x] y\n  'open", "# alembic-mcp:\n\x00"])
def test_text_that_is_no_python_has_no_comments(text):
    assert suppress([finding()], {"r1": text}, escalates=lambda _: False).findings == [finding()]
