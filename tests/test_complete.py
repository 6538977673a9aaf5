"""What a rehearsal could not reach is read from the files, and a review of it says that it was read."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from tiny_projects import make

from alembic_mcp.operations import Direction
from alembic_mcp.review.reading import read_path
from alembic_mcp.workflows import complete, examine, review
from alembic_mcp.workflows.app import App
from alembic_mcp.workflows.statements import statement_lines

pytestmark = pytest.mark.anyio

REVISION = '''"""third"""
from alembic import op
import sqlalchemy as sa

revision = "c3"
down_revision = "b2"


def upgrade():
{upgrade}


def downgrade():
{downgrade}
'''
TAKES_AWAY = 'op.execute("DELETE FROM not_there")\nop.drop_column("person", "email")\nop.drop_table("letter")'


@pytest.fixture
async def reviewed(tmp_path, database):
    """Review a third revision on a database that has the first two, and rows -> report."""

    async def reviewed(upgrade, downgrade="pass", *, env=None):
        folder = make(tmp_path / "shop", url=database.url())
        database.run(
            "CREATE TABLE person (id SERIAL PRIMARY KEY, name VARCHAR(50) NOT NULL, email VARCHAR(80))",
            "CREATE TABLE letter (id SERIAL PRIMARY KEY)",
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
            "INSERT INTO alembic_version VALUES ('b2')",
            "INSERT INTO person (name, email) VALUES ('Ada', 'ada@example.org')",
            "INSERT INTO letter DEFAULT VALUES",
        )
        if env:
            (folder / "alembic" / "env.py").write_text(env((folder / "alembic" / "env.py").read_text()))
        indented = [text.replace("\n", "\n    ") for text in (f"    {upgrade}", f"    {downgrade}")]
        file = folder / "alembic" / "versions" / "c3_third.py"
        file.write_text(REVISION.format(upgrade=indented[0], downgrade=indented[1]))
        async with App.open(folder, interpreter=Path(sys.executable)) as app:
            return await review.review(app)

    return reviewed


def found(report):
    return {(one.rule, one.table, one.direction.value): one for one in report.findings}


async def test_what_follows_a_statement_that_fails_is_judged_by_reading(reviewed):
    report = await reviewed(TAKES_AWAY)
    findings = found(report)
    assert report.rehearsal.status == "failed"
    assert findings["drop-column", "person", "upgrade"].evidence["measured"] is False
    assert findings["drop-column", "person", "upgrade"].evidence["values"] == 1
    assert findings["drop-table", "letter", "upgrade"].line == 12
    assert [(one.sql, one.measured) for one in report.statements if one.direction is Direction.UPGRADE][1:] == [
        ("ALTER TABLE person DROP COLUMN email", False),
        ("DROP TABLE letter", False),
    ]
    assert [[f"{lock.mode} {lock.table}" for lock in one.locks] for one in report.statements[1:3]] == [
        ["ACCESS EXCLUSIVE person"], ["ACCESS EXCLUSIVE letter"],
    ]  # fmt: skip


async def test_the_downgrade_of_a_revision_that_fails_is_judged_by_reading(reviewed):
    report = await reviewed('op.execute("DELETE FROM not_there")', 'op.drop_column("person", "email")')
    assert [one.sql for one in report.statements if one.direction is Direction.DOWNGRADE] == [
        "ALTER TABLE person DROP COLUMN email"
    ]
    report_of_nothing = found(report)
    assert ("lossy-downgrade", "person", "downgrade") in report_of_nothing


async def test_a_downgrade_that_gives_up_is_found_though_nothing_was_run(reviewed):
    report = await reviewed(TAKES_AWAY, 'raise NotImplementedError("no way back")')
    (finding,) = [one for one in report.findings if one.rule == "irreversible-downgrade"]
    assert finding.line == 16
    assert "no way back" in finding.problem


async def test_a_project_that_can_not_be_redirected_is_judged_by_reading(reviewed, database):
    def by_hand(text):
        return f"import psycopg\npsycopg.connect({database.url().replace('+psycopg', '')!r}).close()\n{text}"

    report = await reviewed('op.drop_column("person", "email")', env=by_hand)
    finding = found(report)["drop-column", "person", "upgrade"]
    assert report.rehearsal.status == "not_possible"
    assert (finding.evidence["measured"], finding.evidence["values"]) == (False, 1)
    assert {escalation.rule for escalation in report.escalations} >= {"drops-data", "unclear-rollback"}


async def test_constraints_that_were_only_read_are_called_as_the_models_name_them(reviewed):
    def with_names(text):
        assert "Base.metadata" in text
        named = "type(Base.metadata)(naming_convention={'uq': 'uq_%(table_name)s'})"
        return text.replace("Base.metadata", named)

    report = await reviewed('op.execute("DELETE FROM not_there")\nop.create_unique_constraint(None, "letter", ["id"])',
                            env=with_names)  # fmt: skip
    assert report.statements[1].sql == "ALTER TABLE letter ADD CONSTRAINT uq_letter UNIQUE (id)"


async def test_a_revision_that_never_ends_is_still_read(reviewed, monkeypatch):
    monkeypatch.setattr(examine, "REHEARSE_SECONDS", 4.0)
    monkeypatch.setattr(complete, "STATIC_SECONDS", 4.0)
    report = await reviewed('op.drop_column("person", "email")\nwhile True:\n    pass')
    assert ("drop-column", "person", "upgrade") in found(report)
    assert report.decision == "refuse"


def entry(table, line, *, statements=(), kind="drop_table"):
    return {"kind": kind, "table": table, "line": line, "statements": list(statements)}


def sent(sql, line, **more):
    return {"sql": sql, "line": line, "measured": None, **more}


def test_the_reading_takes_over_after_the_last_statement_that_was_run():
    ran = {
        "operations": [entry("a", 1, statements=[0])],
        "statements": [sent("DROP TABLE a", 1, measured={}), sent("DELETE FROM b", 2, error="no b")],
    }
    read = {
        "operations": [entry("a", 1, statements=[0]), entry("c", 3, statements=[2])],
        "statements": [sent("DROP TABLE a", 1), sent("DELETE  FROM b", 2), sent("DROP TABLE c", 3)],
    }
    nothing = {"operations": [], "statements": []}
    whole = complete.merged(
        {"upgraded": False, "upgrade": ran}, {"upgrade": read, "downgrade": nothing}, Direction.UPGRADE
    )
    assert [item["sql"] for item in whole["upgrade"]["statements"]] == ["DROP TABLE a", "DELETE FROM b", "DROP TABLE c"]
    assert [item["measured"] for item in whole["upgrade"]["statements"]] == [{}, None, None]
    assert [item["statements"] for item in whole["upgrade"]["operations"]] == [[0], [2]]
    assert whole["downgrade_empty"] is True


def test_in_a_loop_the_reading_takes_over_at_the_same_round():
    names = ["a", "b", "c"]
    read = {"operations": [entry("same", 5, statements=[number]) for number in range(3)],
            "statements": [sent(f"DROP {name}", 5) for name in names]}  # fmt: skip
    ran = {"operations": [entry("same", 5, statements=[0]), entry("same", 5, statements=[1])],
           "statements": [sent("DROP a", 5), sent("DROP b", 5)]}  # fmt: skip
    nothing = {"operations": [], "statements": []}
    whole = complete.merged(
        {"upgraded": False, "upgrade": ran}, {"upgrade": read, "downgrade": nothing}, Direction.UPGRADE
    )
    assert [item["sql"] for item in whole["upgrade"]["statements"]] == ["DROP a", "DROP b", "DROP c"]


def test_locks_that_were_gone_before_they_could_be_seen_are_those_of_the_book_and_count_as_read():
    concurrently = sent("CREATE INDEX CONCURRENTLY ix ON a (b)", 3, autocommit=True)
    concurrently["measured"] = {"locks": [], "indexes_built": [["ix", "a"]], "complete": True}
    plain = sent("ALTER TABLE a ADD c int", 4)
    plain["measured"] = {"locks": [{"mode": "AccessExclusiveLock", "table": "a"}], "complete": True}
    both = {"operations": [], "statements": [concurrently, plain]}
    reply = {"path": [{"revision": "r"}], "revisions": {"r": {"upgraded": True, "upgrade": both}}}
    located = SimpleNamespace(target=SimpleNamespace(dialect="postgresql"))

    lines = statement_lines(located, reply, SimpleNamespace(by_id={}), read_path(reply, "postgresql", "public"))

    assert [(one.measured, [(str(lock.mode), lock.table) for lock in one.locks]) for one in lines] == [
        (False, [("SHARE UPDATE EXCLUSIVE", "a")]),
        (True, [("ACCESS EXCLUSIVE", "a")]),
    ]
