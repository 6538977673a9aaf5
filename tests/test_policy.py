"""What runs, what is asked about and whom, and what is refused whatever anyone says."""

import pytest

from alembic_mcp.locks import LockMode
from alembic_mcp.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    AlterObject,
    Column,
    ConstraintKind,
    CreateIndex,
    CreateObject,
    CreateTable,
    Delete,
    Direction,
    DropColumn,
    DropConstraint,
    DropObject,
    Dropped,
    DropTable,
    Harmless,
    Insert,
    Lock,
    Measured,
    Rehearsed,
    RenameTable,
    Revision,
    Statement,
    Truncate,
    Unrecognised,
    Update,
)
from alembic_mcp.policy import decide, environment
from alembic_mcp.report import Decision, Level
from alembic_mcp.review.context import Outside
from alembic_mcp.review.engine import review
from alembic_mcp.review.questions import Answer, Facts, NonNullCount, RowCount
from alembic_mcp.settings import NamedDatabase, Settings
from alembic_mcp.target import Connect, Environment, Target

RAN = Rehearsed(upgraded=True, downgraded=True, restored=True, reupgraded=True)
LARGE, SMALL = 100_001, 100
FACTS = Facts(
    {
        RowCount("large"): Answer(LARGE),
        RowCount("small"): Answer(SMALL),
        RowCount("empty"): Answer(0),
        RowCount("unknown"): Answer(None),
        NonNullCount("large", "c"): Answer(LARGE),
        NonNullCount("small", "c"): Answer(SMALL),
        NonNullCount("small", "nulls"): Answer(0),
    }
)


def verdict(*ops, down=(), action="upgrade", rehearsed=RAN, settings=Settings(), outside=(), **more):  # noqa: B008
    revision = Revision("r1", "r1.py", upgrade=ops, downgrade=tuple(down), rehearsed=rehearsed)
    running = Direction.DOWNGRADE if action == "downgrade" else Direction.UPGRADE
    findings = review([revision], FACTS, "postgresql", running=running, outside=outside)
    values = {"environment": Environment.DEVELOPMENT, "environment_reason": "it is on this machine", **more}
    return decide(findings, [revision], FACTS, settings=settings, action=action, **values)


def seen(**measured):
    return (Statement("...", measured=Measured(complete=True, **measured), transaction=1),)


PRIMARY_KEY = AddConstraint(table="small", name="pk", kind=ConstraintKind.PRIMARY_KEY)
COLUMN = AddColumn(table="large", column=Column("n"))


@pytest.mark.parametrize(
    "op",
    [
        pytest.param(COLUMN, id="a nullable column"),
        pytest.param(CreateTable(table="n"), id="a table"),
        pytest.param(CreateIndex(table="small", name="i"), id="an index"),
        pytest.param(CreateIndex(table="large", name="i", concurrently=True), id="an index, concurrently"),
        pytest.param(AddConstraint(table="empty", name="f", kind=ConstraintKind.FOREIGN_KEY, references="large"),
                     id="a foreign key on an empty table"),
        pytest.param(AlterColumn(table="small", column="a", rename_to="b"), id="renaming a column"),
        pytest.param(DropTable(table="empty"), id="dropping what is empty"),
        pytest.param(DropObject(kind="schema", name="s", statements=seen()), id="dropping an empty schema"),
        pytest.param(DropColumn(table="small", column="nulls"), id="dropping a column without values"),
        pytest.param(Update(table="small"), id="changing few rows"),
        pytest.param(Insert(table="large"), id="inserting"),
        pytest.param(Harmless(what="read"), id="reading"),
    ],
)  # fmt: skip
def test_what_loses_nothing_and_blocks_nobody_runs_without_asking(op):
    found = verdict(op)

    assert (found.decision, found.escalations, found.level) == (Decision.RUN, (), None)


@pytest.mark.parametrize(
    ("op", "rules"),
    [
        pytest.param(DropTable(table="small"), {"drops-data": "client"}, id="drop a table"),
        pytest.param(DropTable(table="large"), {"drops-data": "person"}, id="drop a large table"),
        pytest.param(DropTable(table="unknown"), {"drops-data": "client"}, id="unknown counts as data"),
        pytest.param(DropColumn(table="small", column="c"), {"drops-data": "client"}, id="drop a column"),
        pytest.param(DropColumn(table="large", column="c"), {"drops-data": "person"}, id="drop a large column"),
        pytest.param(Truncate(table="small"), {"drops-data": "client"}, id="truncate"),
        pytest.param(Delete(table="small", where="x = 1"), {"drops-data": "client"}, id="delete some"),
        pytest.param(Delete(table="large", where="x = 1"), {"drops-data": "client", "large-data-migration": "client"},
                     id="delete perhaps many"),
        pytest.param(Delete(table="unknown"), {"drops-data": "client"}, id="delete all of what nobody counted"),
        pytest.param(Update(table="large"), {"large-data-migration": "person"}, id="update many"),
        pytest.param(Update(table="large", where="x = 1"), {"large-data-migration": "client"},
                     id="update perhaps many"),
        pytest.param(DropObject(kind="schema", name="s", cascade=True), {"drops-data": "client"},
                     id="drop whatever is in a schema"),
        pytest.param(PRIMARY_KEY, {"changes-primary-key": "client"}, id="add a primary key"),
        pytest.param(DropConstraint(table="small", name="small_pkey"), {"changes-primary-key": "client"},
                     id="drop a primary key"),
        pytest.param(
            DropColumn(table="small", column="nulls",
                       statements=seen(dropped=(Dropped("table constraint", "small.small_pkey"),))),
            {"changes-primary-key": "client"}, id="a column takes the primary key with it",
        ),
        pytest.param(Unrecognised(sql="CALL p()"), {"unrecognised-statement": "client"}, id="not understood"),
        pytest.param(CreateIndex(table="large", name="i"), {"blocks-writers": "client"}, id="blocks writers"),
        pytest.param(
            AlterColumn(table="large", column="a", type="BIGINT", statements=seen(
                locks=(Lock(LockMode.ACCESS_EXCLUSIVE, "large"),), rewritten=("large",))),
            {"blocks-writers": "client"}, id="rewrites a large table",
        ),
    ],
)  # fmt: skip
def test_what_is_asked_about_and_whom(op, rules):
    found = verdict(op)

    assert found.decision is Decision.ASK
    assert {one.rule: one.level.value for one in found.escalations} == rules
    assert all(one.why for one in found.escalations)


@pytest.mark.parametrize(
    ("using", "rules"),
    [
        pytest.param("replace(k::text, 'b', 'a')::kind", {"drops-data"}, id="rows get another value"),
        pytest.param("k::text::kind", set(), id="rows make it fail"),
    ],
)
def test_an_enum_value_that_goes_with_its_rows_is_asked_about(using, rules):
    swap = (
        AlterObject(kind="type", action="rename to", name="kind", text="RENAME TO kind_old", statements=seen()),
        CreateObject(kind="type", name="kind", statements=(Statement("CREATE TYPE kind AS ENUM ('a')"),)),
        AlterColumn(table="small", column="k", type="kind", using=using, statements=seen()),
    )
    back = AlterObject(kind="type", action="add value", name="kind", text="'b'", statements=seen())

    assert {one.rule for one in verdict(*swap, down=[back]).escalations} == rules


@pytest.mark.parametrize("table", ["small", "large"])
def test_what_loses_every_row_of_a_table_for_certain_is_refused(table):
    assert verdict(Delete(table=table)).decision is Decision.REFUSE


def test_a_lock_counts_to_the_end_of_its_transaction():
    taken = seen(locks=(Lock(LockMode.ACCESS_EXCLUSIVE, "large"),))
    read = seen(scanned=("large",))

    found = verdict(
        AddColumn(table="large", column=Column("n"), statements=taken), Harmless(what="read", statements=read)
    )
    assert [one.rule for one in found.escalations] == ["blocks-writers"]


def test_an_autocommit_block_ends_the_transaction_of_all_revisions():
    taken = seen(locks=(Lock(LockMode.ACCESS_EXCLUSIVE, "large"),))
    alone = (Statement("...", measured=Measured(complete=True), autocommit=True),)
    read = Harmless(what="read", statements=seen(scanned=("large",)))
    column = AddColumn(table="large", column=Column("n"), statements=taken)

    held = verdict(column, read, one_transaction=True)
    freed = verdict(column, Harmless(what="read", statements=alone), read, one_transaction=True)

    assert [one.rule for one in held.escalations] == ["blocks-writers"]
    assert freed.escalations == ()


def test_escalations_of_one_kind_are_one_with_all_their_reasons():
    found = verdict(DropTable(table="small"), DropTable(table="large"), Truncate(table="unknown"))

    (only,) = found.escalations
    assert only.level is Level.PERSON
    assert all(table in only.why for table in ("small", "large", "unknown"))
    assert "100,001 rows" in only.why


PROTECTED = Settings(protected_tables=("acgme_*",), audit_tables=("*AUDIT*",))


@pytest.mark.parametrize(
    ("op", "rule"),
    [
        pytest.param(AddColumn(table="ACGME_scores", column=Column("n")), "protected-table", id="any operation"),
        pytest.param(CreateIndex(table="other.acgme_scores", name="i", concurrently=True), "protected-table",
                     id="in another schema"),
        pytest.param(Insert(table="log_audit"), "audit-trail", id="an audit table"),
        pytest.param(RenameTable(table="x", to="acgme_x"), "protected-table", id="renamed into one"),
        pytest.param(Unrecognised(sql="CALL p()", writes=("audit",)), "audit-trail", id="written to in secret"),
        pytest.param(
            DropTable(table="empty", cascade=True, statements=seen(dropped=(Dropped("trigger", "audit.t"),))),
            "audit-trail", id="its trigger goes by a cascade",
        ),
    ],
)  # fmt: skip
def test_named_tables_need_a_person(op, rule):
    found = verdict(op, settings=PROTECTED)

    assert (rule, Level.PERSON) in {(one.rule, one.level) for one in found.escalations}


@pytest.mark.parametrize(
    ("op", "reached"),
    [
        pytest.param(Delete(table="small", where="id = 1"), True, id="rows that go along"),
        pytest.param(Truncate(table="small", cascade=True), True, id="truncated with it"),
        pytest.param(DropTable(table="small", cascade=True), True, id="loses its key"),
        pytest.param(Truncate(table="small"), False, id="no cascade"),
        pytest.param(Update(table="small", where="id = 1"), False, id="an update"),
    ],
)
def test_what_a_cascade_reaches_is_touched(op, reached):
    schema = {"table small": "", "table acgme_rows": "", "column acgme_rows.of": "bigint",
              "constraint f on acgme_rows": "FOREIGN KEY (of) REFERENCES small(id) ON DELETE CASCADE"}  # fmt: skip
    found = verdict(op, settings=PROTECTED, schema=schema)

    assert ("protected-table" in {one.rule for one in found.escalations}) is reached


def test_a_table_that_is_only_referred_to_or_read_is_not_touched():
    refers = AddConstraint(table="empty", name="f", kind=ConstraintKind.FOREIGN_KEY, references="acgme_x")

    assert verdict(refers, Harmless(what="read"), settings=PROTECTED).decision is Decision.RUN


def test_a_project_can_lower_what_counts_as_large():
    assert verdict(DropTable(table="small"), settings=Settings(large_rows=10)).level is Level.PERSON


def test_only_the_direction_that_runs_loses_data():
    made = CreateTable(table="n")

    assert verdict(made, down=[DropTable(table="n")]).decision is Decision.RUN
    assert verdict(made, down=[DropTable(table="small")], action="downgrade").level is Level.CLIENT


@pytest.mark.parametrize(
    "rehearsed",
    [
        pytest.param(Rehearsed(upgraded=True, downgrade_missing=True), id="no downgrade"),
        pytest.param(Rehearsed(upgraded=True, downgraded=True, downgrade_empty=True), id="pass"),
        pytest.param(Rehearsed(upgraded=True, downgraded=True, restored=False), id="does not restore"),
        pytest.param(Rehearsed(upgraded=True), id="was not tried"),
        pytest.param(None, id="nothing was tried"),
    ],
)
def test_a_way_back_that_is_not_proven_is_asked_about(rehearsed):
    found = verdict(COLUMN, rehearsed=rehearsed)

    assert [(one.rule, one.level) for one in found.escalations] == [("unclear-rollback", Level.CLIENT)]


def test_a_revision_of_which_nothing_is_known_is_asked_about():
    rules = {one.rule for one in verdict(rehearsed=None).escalations}

    assert rules == {"unrecognised-statement", "unclear-rollback"}


def test_acting_outside_the_database_is_asked_about():
    found = verdict(COLUMN, outside=[Outside("connects to example.com", "r1", 3)])

    assert [(one.rule, one.level) for one in found.escalations] == [("acts-outside-database", Level.CLIENT)]


@pytest.mark.parametrize("where", [Environment.PRODUCTION, Environment.UNKNOWN])
@pytest.mark.parametrize("action", ["upgrade", "downgrade", "stamp"])
def test_production_and_what_is_not_known_need_a_person(where, action):
    found = verdict(COLUMN, action=action, environment=where, environment_reason="the settings say so")

    assert found.level is Level.PERSON
    assert "production-database" in {one.rule for one in found.escalations}


def test_staging_is_not_guarded():
    assert verdict(COLUMN, environment=Environment.STAGING).decision is Decision.RUN


@pytest.mark.parametrize(
    ("action", "more", "level"),
    [
        ("stamp", {}, Level.PERSON),
        ("downgrade", {"target_is_base": True}, Level.PERSON),
        ("downgrade", {"past_merge": True}, Level.CLIENT),
        ("downgrade", {}, None),
    ],
)
def test_rewriting_history(action, more, level):
    assert verdict(COLUMN, action=action, **more).level is level


def test_a_blocker_is_refused_whatever_anyone_says():
    found = verdict(AddColumn(table="small", column=Column("n", nullable=False)))

    assert found.decision is Decision.REFUSE
    assert "not-null-without-default" in found.refusals[0]


def test_the_callers_own_reasons_refuse_too():
    assert verdict(COLUMN, refusals=["The server is read-only."]).refusals == ("The server is read-only.",)


def test_nothing_to_do_just_runs_even_in_production():
    values = {"environment": Environment.PRODUCTION, "environment_reason": "marked", "settings": Settings()}

    assert decide([], [], Facts(), action="upgrade", **values).decision is Decision.RUN
    assert decide([], [], Facts(), action="stamp", **values).level is Level.PERSON


# The environment


def target(host, marker=None):
    return Target(database="default", dialect="postgresql", driver="psycopg", name="app", host=host,
                  server_version="18", identity="i", connect=Connect(), marker=marker)  # fmt: skip


DEVELOPMENT, STAGING, UNKNOWN, PRODUCTION = Environment


@pytest.mark.parametrize(
    ("host", "marker", "settings", "trusted", "expected"),
    [
        ("localhost", None, None, None, DEVELOPMENT),
        ("/var/run", None, None, None, DEVELOPMENT),
        ("", None, None, None, DEVELOPMENT),
        ("db", None, None, None, UNKNOWN),
        ("db", "development", None, None, DEVELOPMENT),
        ("db", "Staging", None, None, STAGING),
        ("db", None, None, DEVELOPMENT, DEVELOPMENT),
        ("localhost", "production", None, None, PRODUCTION),
        ("localhost", "nonsense", None, None, UNKNOWN),
        ("localhost", None, PRODUCTION, None, PRODUCTION),
        ("localhost", "development", PRODUCTION, DEVELOPMENT, PRODUCTION),
        ("db", "production", None, DEVELOPMENT, PRODUCTION),
        ("db", None, DEVELOPMENT, None, UNKNOWN),
        ("db", None, STAGING, None, UNKNOWN),
        ("db", "development", STAGING, None, STAGING),
    ],
)
def test_the_strictest_says_what_a_database_is_for(host, marker, settings, trusted, expected):
    named = NamedDatabase("default", environment=settings, trusted_environment=trusted)
    found, reason = environment(target(host, marker), named)

    assert found is expected
    assert reason


def test_without_settings_the_host_and_the_marker_decide():
    assert environment(target("db"), None) == (UNKNOWN, "db is another machine, and nothing says what it is for")
