"""What a person is shown is what the server finds: whoever can write the store can't make a loss look harmless."""

import copy

import pytest
import sqlalchemy as sa
from approval_desk import desk_at

from alembic_mcp.report import ChangeReport
from alembic_mcp.store import Outcome, tables
from alembic_mcp.store.records import default_file
from alembic_mcp.workflows import approve, shown

pytestmark = pytest.mark.anyio


@pytest.fixture
async def desk(opened, tmp_path, db):
    async with desk_at(opened, tmp_path / "shop", db) as desk:
        yield desk


def write(plan, details):
    """As whoever has the file could."""
    engine = sa.create_engine(f"sqlite:///{default_file()}")
    with engine.begin() as connection:
        connection.execute(tables.PLANS.update().where(tables.PLANS.c.id == plan).values(details=details))
    engine.dispose()


async def details_of(desk, plan):
    return copy.deepcopy(vars((await approve.plan(desk.app, plan)).stored.details))


def loss(report):
    [finding] = [one for one in report["findings"] if one["rule"] == "drop-column"]
    return finding


def harmless_prose(report):
    loss(report)["problem"] = "Nothing of value is lost."


def another_number(report):
    finding = loss(report)
    assert "1 value" in finding["problem"], finding
    finding["problem"] = finding["problem"].replace("1 value", "0 values")


def another_count(report):
    for key, value in loss(report)["evidence"].items():
        if isinstance(value, int) and not isinstance(value, bool):
            loss(report)["evidence"][key] = 0


def proven_way_back(report):
    report["rehearsal"]["restored"] = not report["rehearsal"]["restored"]


def nothing_dropped(report):
    for line in report["statements"]:
        line["dropped"] = ["table column person.nothing"]


def another_reason(report):
    report["escalations"][0]["why"] = "A formality."


def another_message(report):
    report["revisions"][0]["message"] = "harmless"


def another_host(report):
    report["database"]["host"] = "test.example.org"


def another_summary(report):
    report["summary"] = "Tidies up."


def no_report(report):
    report.clear()


HARM = [
    pytest.param(harmless_prose, "drop-column reads otherwise", id="prose of a finding"),
    pytest.param(another_number, "0 was shown, and it is 1 now", id="number in its prose"),
    pytest.param(another_count, "was shown as 0, and is 1 now", id="count"),
    pytest.param(proven_way_back, "the rehearsal ended otherwise", id="way back"),
    pytest.param(another_reason, "reads otherwise", id="reason"),
    pytest.param(another_message, "the path is another one", id="message of a revision"),
    pytest.param(another_host, "the database's host is another one", id="host"),
    pytest.param(another_summary, "the summary reads otherwise", id="summary"),
    pytest.param(no_report, "the report in the store is none", id="no report"),
]


@pytest.mark.parametrize(("harm", "said"), HARM)
async def test_what_was_made_to_look_otherwise_before_the_approval_is_not_run(harm, said, desk):
    plan = await desk.plan()
    details = await details_of(desk, plan)
    harm(details["report"])
    write(plan, details)
    assert await desk.sign(plan) is Outcome.APPROVED, "the person saw what the row says"
    report = await desk.ask()
    assert (report.status, report.applied) == ("needs_approval", False)
    assert said in report.summary
    assert desk.emails == [("ada@example.org",)]
    assert await desk.state(plan) == "expired"
    assert report.plan.id != plan
    assert (await approve.plan(desk.app, report.plan.id)).tampered == ()


async def test_what_was_put_back_after_the_approval_is_not_run_either(desk):
    plan = await desk.plan()
    true = await details_of(desk, plan)
    false = copy.deepcopy(true)
    harmless_prose(false["report"])
    write(plan, false)
    assert await desk.sign(plan) is Outcome.APPROVED
    write(plan, true)
    report = await desk.ask()
    assert (report.status, report.applied) == ("needs_approval", False)
    assert "its signature is not one of an approver that counts" in report.summary
    assert desk.emails == [("ada@example.org",)]


@pytest.mark.parametrize(("harm", "_"), [HARM[0]])
async def test_what_was_changed_after_the_approval_is_not_run(harm, _, desk):
    plan = await desk.plan()
    assert await desk.sign(plan) is Outcome.APPROVED
    details = await details_of(desk, plan)
    harm(details["report"])
    write(plan, details)
    assert (await desk.ask()).applied is False
    store = await desk.app.store()
    assert any("void" in entry.kind for entry in store.entries(plan))


@pytest.mark.parametrize(("more", "runs"), [(1, True), (50, False)], ids=["a little more", "much more"])
async def test_an_approval_counts_as_long_as_not_much_more_is_at_stake(more, runs, desk):
    plan = await desk.plan()
    assert await desk.sign(plan) is Outcome.APPROVED
    for number in range(more):
        desk.place.run(f"INSERT INTO person VALUES ({number + 10}, 'Bob', 'bob{number}@example.org')")
    desk.app.prepared.clear()  # as after a quarter of an hour, or in another server: it is counted anew
    report = await desk.ask()
    assert report.applied is runs, report.summary
    if not runs:
        assert f"is {more + 1} now" in report.summary


async def test_the_trail_tells_what_was_shown(desk):
    plan = await desk.plan()
    details = await details_of(desk, plan)
    harmless_prose(details["report"])
    write(plan, details)
    await desk.sign(plan)
    store = await desk.app.store()
    [planned] = [entry.number for entry in store.entries(plan) if entry.kind == "plan"]
    assert any(f"is not what entry {planned} showed" in problem for problem in store.verify_audit())


async def test_times_and_where_it_was_rehearsed_make_no_difference(desk):
    plan = await desk.plan()
    report = (await details_of(desk, plan))["report"]
    other = copy.deepcopy(report)
    for line in other["statements"]:
        line["milliseconds"] += 1000
    other["rehearsal"]["where"] = "another copy"
    other["warnings"] = ["something else"]
    assert shown.differences(other, ChangeReport.model_validate(report)) == []


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        pytest.param("destroys 1 value", "destroys 2 values", True, id="one and two"),
        pytest.param("destroys 0 values", "destroys 2 values", False, id="none and two"),
        pytest.param("destroys 1,200 values", "destroys 2,300 values", True, id="not twice as many"),
        pytest.param("destroys 1,200 values", "destroys 2,500 values", False, id="more than twice as many"),
        pytest.param("destroys 1,200 values", "destroys 3 values", True, id="fewer"),
        pytest.param("12 kB are rewritten", "13 MB are rewritten", False, id="a larger unit"),
        pytest.param("8,192 bytes are rewritten", "16 kB are rewritten", True, id="another unit"),
        pytest.param("took 12 ms", "took 3.4 s", True, id="times"),
        pytest.param("drops person.email2", "drops person.email3", False, id="a number in a name"),
        pytest.param("database alembic_mcp_1a2b_x is gone", "database alembic_mcp_3c4d_y is gone", True, id="scratch"),
        pytest.param("holds SHARE on person", "holds EXCLUSIVE on person", False, id="a word"),
        pytest.param("3 rows and 4 rows", "3 rows", False, id="a number less"),
    ],
)
def test_prose_is_the_same_where_only_what_changes_by_itself_does(old, new, same):
    def report(text):
        return ChangeReport(status="done", summary=text)

    assert (shown.differences(report(old).model_dump(mode="json"), report(new)) == []) is same


@pytest.mark.parametrize("junk", [{}, {"summary": 3}, {"summary": "x", "findings": None}, None, [], "x"])
async def test_what_is_no_report_is_said_to_be_none(junk, desk):
    plan = await desk.plan()
    report = ChangeReport.model_validate((await details_of(desk, plan))["report"])
    assert shown.differences(junk, report)
