"""Changes of a MySQL database: who is asked, what is run, and what a failure leaves behind."""

import dataclasses

import pytest
import sqlalchemy as sa
from tiny_projects import make

from alembic_mcp.errors import Refused
from alembic_mcp.workflows import change, inspect, merge, review, run
from alembic_mcp.workflows.change import Answer, Request

pytestmark = pytest.mark.anyio

HEADER = """\
import sqlalchemy as sa
from alembic import op

revision = {revision!r}
down_revision = {down!r}
branch_labels = None
depends_on = None


"""


@dataclasses.dataclass
class Project:
    """A tiny project on MySQL: its app, folder and database."""

    app: object
    folder: object
    place: object

    def write(self, revision, down, upgrade, downgrade="pass"):
        """Add a revision; the functions' lines are separated by semicolons."""
        body = "".join(
            f"def {name}():\n" + "".join(f"    {line.strip()}\n" for line in lines.split(" ; ")) + "\n\n"
            for name, lines in (("upgrade", upgrade), ("downgrade", downgrade))
        )
        file = self.folder / "alembic" / "versions" / f"{revision}.py"
        file.write_text(HEADER.format(revision=revision, down=down) + body, encoding="utf-8")

    async def change(self, action, target, **more):
        """Do it, with a yes to whatever is asked; the question and the report."""
        request = Request(action, target)
        asked = await change.question(self.app, request)
        answer = Answer("yes", asked.plan_id) if asked else Answer("not_asked")
        return asked, await change.change(self.app, request, answer, **more)

    @property
    def version(self):
        return [row[0] for row in self.place.run("SELECT version_num FROM alembic_version")]


@pytest.fixture
def project(app, place, tmp_path):
    """Open a project: ``project("several_heads")``."""

    def opened(*layers):
        folder = make(tmp_path / "shop", *layers, url=place.url)
        return Project(dataclasses.replace(app, start=folder, prepared={}, runs={}), folder, place)

    return opened


@pytest.mark.parametrize("dialect", ["mysql", pytest.param("mariadb", marks=pytest.mark.thorough)])
async def test_nothing_runs_unasked_for_nothing_was_rehearsed(dialect, project):
    shop = project()
    ini = shop.folder / "alembic.ini"
    ini.write_text(ini.read_text(encoding="utf-8").replace("mysql+pymysql:", f"{dialect}+pymysql:"), encoding="utf-8")
    assert (await inspect.current(shop.app)).database.dialect == dialect
    request = Request("upgrade", "head")
    report = await change.change(shop.app, request, Answer("not_asked"))
    assert (report.status, report.decision, report.applied) == ("needs_approval", "ask", False)
    assert [(one.rule, one.level) for one in report.escalations] == [("unclear-rollback", "client")]
    assert shop.place.columns("person") == []
    asked, report = await shop.change("upgrade", "head")
    assert "from base to b2?" in asked.text
    name = {"mysql": "MySQL", "mariadb": "MariaDB"}[dialect]
    assert f"NOT rehearsed: There are no scratch databases for {name}." in asked.text
    assert (report.status, report.before, report.after) == ("done", [], ["b2"])
    assert (report.verified.heads, report.verified.schema_) == (True, None)
    assert shop.place.columns("person") == ["id", "name", "email"]
    assert shop.version == ["b2"]
    _, report = await shop.change("upgrade", "head")
    assert report.summary.startswith("Nothing to do")


async def test_a_downgrade_is_asked_about_with_what_it_loses(project):
    shop = project()
    await shop.change("upgrade", "head")
    shop.place.run("INSERT INTO person (name, email) VALUES ('a', 'b')")
    asked, report = await shop.change("downgrade", "-1")
    assert "from b2 to a1?" in asked.text
    assert "Dropping person.email destroys 1 value" in asked.text
    assert {one.rule for one in report.escalations} == {"drops-data", "unclear-rollback"}
    assert (report.status, report.before, report.after) == ("done", ["b2"], ["a1"])
    assert shop.place.columns("person") == ["id", "name"]


async def test_a_downgrade_that_only_drops_an_index_is_asked_about_too(project):
    shop = project()
    shop.write("c3", "b2", 'op.create_index("ix_name", "person", ["name"])', 'op.drop_index("ix_name", "person")')
    await shop.change("upgrade", "head")
    asked, report = await shop.change("downgrade", "-1")
    assert "The downgrade of c3 was not rehearsed: it is known only by what its file says." in asked.text
    assert report.after == ["b2"]


async def test_a_stamp_takes_a_person(project):
    shop = project()
    request = Request("stamp", "head")
    asked = await change.question(shop.app, request)
    assert (asked.kind, "from base to b2?" in asked.text) == ("page", True)
    report = await change.change(shop.app, request, Answer("yes", asked.plan_id))
    assert (report.status, report.applied) == ("needs_approval", False)


THREE_STEPS = (
    'op.add_column("person", sa.Column("age", sa.Integer())) ; '
    "op.execute(\"INSERT INTO person (id, name) VALUES (1, 'x')\") ; "
    'op.create_unique_constraint("uq_name", "person", ["name"]) ; '
    'op.create_index("ix_age", "person", ["age"])'
)


async def test_a_revision_that_fails_half_way_is_reported_with_what_stays(project):
    shop = project()
    await shop.change("upgrade", "head")
    shop.place.run("INSERT INTO person (id, name) VALUES (7, 'x')")
    shop.write("c3", "b2", THREE_STEPS)
    found = await review.review(shop.app)
    assert [line.autocommit for line in found.statements if line.direction == "upgrade"] == [True, False, True, True]
    [warning] = [line for line in found.warnings if "commit at every CREATE" in line]
    assert "If a statement of c3 fails, what ran before it stays" in warning

    asked, report = await shop.change("upgrade", "head")
    assert "If it fails on the way, c3 can stay half applied." in asked.text
    assert (report.status, report.applied, report.after) == ("failed", True, ["b2"])
    assert "Duplicate entry 'x' for key 'uq_name'" in report.summary
    stays = "ALTER TABLE person ADD COLUMN age INTEGER; INSERT INTO person (id, name) VALUES (1, 'x'). "
    assert f"c3 is half applied, for the database commits such statements at once: {stays}" in report.summary
    assert "as before" not in report.summary
    assert report.next_steps[0].startswith("Undo by hand what ran of c3")
    # What was said to stay is there, and the rest is not.
    assert shop.place.columns("person") == ["id", "name", "email", "age"]
    assert shop.place.run("SELECT id FROM person ORDER BY id") == [(1,), (7,)]
    assert shop.place.run("SHOW INDEX FROM person WHERE Key_name <> 'PRIMARY'") == []
    assert shop.version == ["b2"]

    shop.place.run("DELETE FROM person WHERE id = 1")
    _, report = await shop.change("upgrade", "head")
    assert "Duplicate column name 'age'" in report.summary
    assert "c3 commits on its own, so parts of it may be there" in report.summary


ROWS = (
    "CREATE TABLE owner (id INT PRIMARY KEY)",
    "INSERT INTO person (id, name, email) VALUES (1, 'x', NULL), (2, 'x', 'e')",
    "ALTER TABLE person ADD owner_id INT DEFAULT 7",
)
REFUSED = [
    pytest.param('op.create_unique_constraint("uq", "person", ["name"])', "unique-with-duplicates", id="duplicates"),
    pytest.param('op.alter_column("person", "email", existing_type=sa.String(80), nullable=False)',
                 "set-not-null-with-nulls", id="nulls", marks=pytest.mark.thorough),
    pytest.param('op.create_foreign_key("fk", "person", "owner", ["owner_id"], ["id"])', "foreign-key-with-orphans",
                 id="orphans", marks=pytest.mark.thorough),
    pytest.param('op.create_check_constraint("ck", "person", "name LIKE \'y%\'")', "check-with-violators",
                 id="violators", marks=pytest.mark.thorough),
]  # fmt: skip


@pytest.mark.parametrize(("upgrade", "rule"), REFUSED)
async def test_what_the_rows_would_make_fail_is_refused_before_it_is_half_applied(upgrade, rule, project):
    shop = project()
    await shop.change("upgrade", "head")
    shop.place.run(*ROWS)
    shop.write("c3", "b2", f'op.add_column("person", sa.Column("age", sa.Integer())) ; {upgrade}')
    report = await review.review(shop.app)
    [found] = [one for one in report.findings if one.rule == rule]
    assert (report.decision, found.severity) == ("refuse", "blocker"), found
    asked, report = await shop.change("upgrade", "head")
    assert (asked, report.status, report.applied) == (None, "refused", False)
    assert "age" not in shop.place.columns("person")


UPDATE = "UPDATE person SET name = 'z' WHERE id > 1 AND name LIKE '%x%'"
COUNTED = [
    pytest.param('op.drop_column("person", "email")', "drop-column", "destroys 1 value", id="values"),
    pytest.param('op.drop_table("person")', "drop-table", "destroys 2 rows", id="rows", marks=pytest.mark.thorough),
    pytest.param(f'op.execute("{UPDATE}")', "writes-data", "Updates 1 row of person", id="rows that meet a condition"),
    pytest.param(
        'op.execute("DELETE FROM person WHERE nowhere = 1")',
        "delete-rows",
        "Deletes the rows of person where nowhere = 1 (the table has 2 rows)",
        id="a condition that the database can't answer",
    ),
]


@pytest.mark.parametrize(("upgrade", "rule", "said"), COUNTED)
async def test_rows_are_counted_before_they_are_lost(upgrade, rule, said, project):
    shop = project()
    await shop.change("upgrade", "head")
    shop.place.run(*ROWS)
    shop.write("c3", "b2", upgrade)
    [found] = [
        one for one in (await review.review(shop.app)).findings if one.rule == rule and one.direction == "upgrade"
    ]
    assert said in found.problem


async def test_rows_that_a_failure_takes_back_are_not_said_to_stay(project):
    shop = project()
    await shop.change("upgrade", "head")
    insert = "op.execute(\"INSERT INTO person (id, name) VALUES (1, 'x')\")"
    shop.write("c3", "b2", f"{insert} ; {insert}")
    asked, report = await shop.change("upgrade", "head")
    assert "half applied" not in asked.text
    assert (report.status, report.applied) == ("failed", False)
    assert report.summary.endswith("is at b2, as before.")
    assert shop.place.run("SELECT id FROM person") == []


async def test_a_table_that_is_in_use_is_waited_for(project, monkeypatch):
    shop = project()
    await shop.change("upgrade", "a1")
    monkeypatch.setattr(run, "LOCK_TIMEOUT_MS", 1000)
    engine = sa.create_engine(shop.place.url, poolclass=sa.NullPool)
    told = []
    with engine.connect() as other:
        other.execute(sa.text("SELECT * FROM person"))

        async def follow(_done, _total, message):
            if "waits for a lock" in message:
                told.append(message)
                other.rollback()

        _, report = await shop.change("upgrade", "head", progress=follow)
    assert (report.status, report.after) == ("done", ["b2"]), report
    assert told == ["b2 waits for a lock; attempt 2 of 5 follows"]


async def test_a_second_change_of_the_same_database_is_refused(project, place):
    """Another machine's: it shares no folder for locks with this one, only the server."""
    shop = project()
    asked = await change.question(shop.app, Request("upgrade", "head"))
    engine = sa.create_engine(place.url, poolclass=sa.NullPool)
    with engine.connect() as other:
        key = int(run.plan.digest((await shop.app.look(shop.app.project())).target.identity)[:15], 16)
        assert other.execute(sa.text("SELECT GET_LOCK(:name, 0)"), {"name": f"alembic-mcp:{key}"}).scalar() == 1
        report = await change.change(shop.app, Request("upgrade", "head"), Answer("yes", asked.plan_id))
    assert report.status == "refused"
    assert "Another change of this database is in progress: connection" in report.summary
    assert place.columns("person") == []


async def test_a_plan_is_void_when_the_database_has_changed_since(project, place):
    shop = project()
    asked = await change.question(shop.app, Request("upgrade", "head"))
    place.run("CREATE TABLE stray (id INT)")
    report = await change.change(shop.app, Request("upgrade", "head"), Answer("yes", asked.plan_id))
    assert (report.status, report.applied) == ("needs_approval", False)
    assert place.columns("person") == []


async def test_an_env_py_that_swallows_the_error_is_found_out(project, place):
    shop = project("swallows_errors")
    place.run("CREATE TABLE person (id INT)")
    request = Request("upgrade", "head")
    asked = await change.question(shop.app, request)
    report = await change.change(shop.app, request, Answer("yes", asked.plan_id))
    assert report.status == "failed"
    assert shop.version == []


async def test_branches_are_merged_by_what_their_files_say(project):
    shop = project("several_heads")
    report = await merge.merge_heads(shop.app, message="join")
    assert report.status == "done", report
    assert "No order of the branches could be rehearsed." in report.summary
    assert "The merge itself was not rehearsed" in report.summary
    assert any("compared by what their files say" in line for line in report.warnings)
    assert len(report.heads_after) == 1
    _, report = await shop.change("upgrade", "head")
    assert (report.status, report.verified.heads) == ("done", True)
    assert set(shop.place.columns("person")) == {"id", "name", "email", "age", "city"}


async def test_where_it_stands_is_told_without_a_change(project, place):
    shop = project()
    report = await inspect.current(shop.app)
    assert [line.revision for line in report.pending] == ["a1", "b2"]
    assert place.run("SHOW TABLES") == []
    assert [node.revision for node in (await inspect.history(shop.app)).revisions] == ["b2", "a1"]


async def test_a_database_with_an_unknown_revision_is_left_alone(project, place):
    shop = project()
    await shop.change("upgrade", "head")
    place.run("UPDATE alembic_version SET version_num = 'gone'")
    with pytest.raises(Refused, match="has revision gone, which no file here knows"):
        await shop.change("upgrade", "head")


async def test_an_unreachable_server_is_told_of_without_its_password(project, place):
    shop = project()
    ini = shop.folder / "alembic.ini"
    url = "mysql+pymysql://root:s3cret-word@127.0.0.1:1/app"
    ini.write_text(ini.read_text().replace(place.url.replace("%", "%%"), url))
    for call in (inspect.current(shop.app), review.review(shop.app), shop.change("upgrade", "head")):
        with pytest.raises(Exception, match="can't be reached") as stopped:
            await call
        assert "s3cret-word" not in str(stopped.value)
        assert stopped.value.next_steps
