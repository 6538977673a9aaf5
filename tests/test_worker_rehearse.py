"""What the worker finds out about a revision on a scratch database."""

import sqlite3
from contextlib import closing

import pytest
from worker_project import ANYIO, ASYNC, PEOPLE, SYNC, CallFailed, Project

MISSING = "postgresql+{driver}://nobody@localhost:1/not_there"


@pytest.fixture
def make(tmp_path):
    def make(driver="psycopg", **options):
        return Project(tmp_path / "project", MISSING.format(driver=driver), **options)

    return make


def postgresql(database):
    return {"dialect": "postgresql", "params": database.libpq}


def rehearse(project, scratch, target="head", direction="upgrade", **more):
    args = {"prove": True, "converge": False, "trace": True, "skip_downgrade": [], **more}
    return project.call("rehearse", redirect=scratch, direction=direction, target=target, **args)


@pytest.mark.parametrize(
    ("driver", "env"),
    [("psycopg", SYNC), ("psycopg2", SYNC), ("asyncpg", ASYNC), ("psycopg", ASYNC), ("asyncpg", ANYIO)],
    ids=["psycopg", "psycopg2", "asyncpg", "psycopg-async", "anyio-thread"],
)
def test_every_driver_is_led_to_the_scratch_database_and_measured(make, database, driver, env):
    project = make(driver, env=env)
    project.people()
    project.revision("r2", 'op.add_column("people", sa.Column("age", sa.Integer))', 'op.drop_column("people", "age")')
    found = rehearse(project, postgresql(database))
    for state in found["revisions"].values():
        assert [state[key] for key in ("upgraded", "downgraded", "restored", "reupgraded")] == [True] * 4
    assert found["in_one_go"] is True
    assert found["heads_after"] == ["r2"]
    (statement,) = found["revisions"]["r2"]["upgrade"]["statements"]
    assert statement["operation"] == "AddColumnOp"
    assert statement["line"] == project.line("r2", "add_column")
    assert statement["measured"]["locks"] == [{"mode": "AccessExclusiveLock", "table": "people"}]
    assert statement["measured"]["complete"] is True
    (operation,) = found["revisions"]["r2"]["downgrade"]["operations"]
    assert (operation["kind"], operation["table"], operation["column"]) == ("drop_column", "people", "age")
    (dropped,) = found["revisions"]["r2"]["downgrade"]["statements"]
    assert dropped["measured"]["dropped"] == [{"kind": "table column", "name": "people.age"}]


def test_a_rehearsal_uses_the_index_and_imports_only_what_it_runs(make, database):
    project = make()
    project.people()
    project.revision("r2", 'op.add_column("people", sa.Column("age", sa.Integer))', 'op.drop_column("people", "age")')
    project.revision("r3").write_text("this is no Python", "utf-8")
    found = rehearse(project, postgresql(database), "r2", indexed=True)
    assert found["revisions"]["r2"]["reupgraded"] is True
    with pytest.raises(CallFailed) as failed:
        rehearse(project, postgresql(database), "r3", indexed=True)
    assert (failed.value.kind, failed.value.error["line"]) == ("user_code", 1)
    assert failed.value.error["path"].endswith("r3.py")


def test_autocommit_statements_are_flagged_and_stand_in_no_transaction_with_others(make, database):
    project = make()
    project.people()
    project.revision(
        "r2",
        """
        op.add_column("people", sa.Column("age", sa.Integer))
        with op.get_context().autocommit_block():
            op.create_index("ix_people_name", "people", ["name"], postgresql_concurrently=True)
        op.execute("COMMENT ON TABLE people IS 'them'")
        """,
        'op.drop_index("ix_people_name", "people")\nop.drop_column("people", "age")',
    )
    found = rehearse(project, postgresql(database))["revisions"]["r2"]
    assert found["restored"] is True
    statements = found["upgrade"]["statements"]
    assert [statement["autocommit"] for statement in statements] == [False, True, False]
    assert len({statement["transaction"] for statement in statements}) == 3
    assert statements[1]["measured"]["created"] == [["index", "ix_people_name"]]
    index = found["upgrade"]["operations"][1]
    assert (index["kind"], index["concurrently"], index["autocommit"]) == ("create_index", True, True)


def test_what_a_do_block_and_a_helper_drop_is_named_with_the_line_of_the_revision(make, database):
    project = make()
    (project.folder / "helper.py").write_text(
        "from alembic import op\n\n\ndef tidy():\n    op.get_bind().exec_driver_sql('DROP TABLE pets')\n", "utf-8"
    )
    project.people()
    project.revision("r2", 'op.create_table("pets", sa.Column("id", sa.Integer))', 'op.drop_table("pets")')
    project.revision(
        "r3",
        """
        op.execute("DO $$ BEGIN EXECUTE 'DROP TABLE people'; END $$")
        tidy()
        """,
        None,
        top="from helper import tidy",
    )
    state = rehearse(project, postgresql(database))["revisions"]["r3"]
    block, helper = state["upgrade"]["statements"]
    assert {"kind": "table", "name": "people"} in block["measured"]["dropped"]
    assert helper["operation"] is None
    assert helper["line"] == project.line("r3", "tidy()")
    assert {"kind": "table", "name": "pets"} in helper["measured"]["dropped"]
    assert state["downgrade_missing"] is True
    assert state["downgraded"] is False


def test_what_only_a_driver_cursor_does_is_seen(make, database):
    project = make()
    project.people()
    project.revision("r2", """op.get_bind().connection.cursor().execute("DELETE FROM people")""", "pass")

    [hidden] = rehearse(project, postgresql(database))["revisions"]["r2"]["upgrade"]["statements"]
    assert {lock["table"] for lock in hidden["measured"]["locks"]} == {"people"}


def test_statements_of_a_session_and_of_a_driver_cursor_are_seen(make, database):
    project = make()
    project.people()
    project.revision(
        "r2",
        """
        session = Session(bind=op.get_bind())
        session.execute(sa.text("UPDATE people SET name = 'x' WHERE name LIKE 'a%'"))
        session.flush()
        op.get_bind().connection.cursor().execute("CREATE TABLE hidden (id int)")
        """,
        'op.drop_table("hidden")',
        top="from sqlalchemy.orm import Session",
    )
    update, hidden = rehearse(project, postgresql(database))["revisions"]["r2"]["upgrade"]["statements"]
    assert update["sql"] == "UPDATE people SET name = 'x' WHERE name LIKE 'a%'"
    assert update["rows"] == 0
    assert update["measured"]["scanned"] == ["people"]
    assert hidden["measured"]["created"] == [["table", "hidden"]]


def test_a_rewrite_is_told_with_its_table_and_the_indexes_built_anew(make, database):
    project = make()
    project.people()
    project.revision(
        "r2",
        'op.alter_column("people", "id", type_=sa.BigInteger(), existing_type=sa.Integer())',
        'op.alter_column("people", "id", type_=sa.Integer(), existing_type=sa.BigInteger())',
    )
    state = rehearse(project, postgresql(database))["revisions"]["r2"]
    measured = state["upgrade"]["statements"][0]["measured"]
    assert measured["rewritten"] == ["people"]
    assert measured["indexes_built"] == [["people_pkey", "people"]]
    assert measured["scanned"] == ["people"]
    operation = state["upgrade"]["operations"][0]
    assert (operation["type"], operation["existing_type"]) == ("BIGINT", "INTEGER")


def test_a_failing_upgrade_stops_the_path_with_its_statement_and_line(make, database):
    project = make()
    project.people()
    project.revision("r2", 'op.create_index("ix", "people", ["name"])\nop.drop_column("people", "nope")')
    project.revision("r3")
    found = rehearse(project, postgresql(database))
    error = found["revisions"]["r2"]["upgrade_error"]
    assert error["sql"] == "ALTER TABLE people DROP COLUMN nope"
    assert error["line"] == project.line("r2", "drop_column")
    assert error["sqlstate"] == "42703"
    assert "nope" in error["message"]
    assert found["revisions"]["r2"]["upgraded"] is False
    assert found["revisions"]["r3"]["upgraded"] is None
    assert found["revisions"]["r2"]["upgrade"]["statements"][1]["error"]
    assert found["heads_after"] == ["r1"]


@pytest.mark.parametrize(
    ("downgrade", "expected"),
    [
        ("pass", {"downgraded": True, "downgrade_empty": True, "restored": False, "reupgraded": False}),
        ('raise NotImplementedError("no way back")', {"downgraded": False, "downgrade_empty": False, "restored": None}),
        (None, {"downgraded": False, "downgrade_missing": True, "restored": None, "reupgraded": None}),
        ("op.drop_constraint(None, 'people')", {"downgraded": False, "restored": None}),
    ],
    ids=["pass", "raises", "missing", "unnamed"],
)
@pytest.mark.parametrize("last", [True, False], ids=["last", "in-the-middle"])
def test_a_downgrade_that_does_nothing_is_told_and_does_not_stop_the_rehearsal(
    make, database, downgrade, expected, last
):
    project = make()
    project.people()
    project.revision("r2", 'op.add_column("people", sa.Column("age", sa.Integer))', downgrade)
    if not last:
        project.revision(
            "r3", 'op.add_column("people", sa.Column("size", sa.Integer))', "op.drop_column('people', 'size')"
        )
    found = rehearse(project, postgresql(database))
    state = found["revisions"]["r2"]
    assert {key: state[key] for key in expected} == expected
    assert found["tainted"] is None
    assert found["heads_after"] == ["r2" if last else "r3"]
    assert "column people.age" in found["delta"]
    if not last:
        assert found["revisions"]["r3"]["restored"] is True


def test_a_downgrade_that_forgets_something_is_told_in_plain_words(make, database):
    project = make()
    project.people()
    project.revision("r2", 'op.create_index("ix_a", "people", ["name"])', 'op.drop_index("ix_a")')
    project.revision(
        "r3",
        """
        op.drop_index("ix_a")
        op.execute("CREATE TYPE mood AS ENUM ('glad')")
        """,
        'op.execute("DROP TYPE mood")',
    )
    found = rehearse(project, postgresql(database))
    state = found["revisions"]["r3"]
    assert state["restored"] is False
    assert state["not_restored"] == ["index ix_a on people is missing"]
    assert found["delta"]["type mood"] == [None, "enum 'glad'"]


def test_a_downgrade_that_spoils_the_clone_asks_for_a_fresh_one(make, make_database):
    project = make()
    project.people()
    project.revision("r2", 'op.add_column("people", sa.Column("age", sa.Integer))', 'op.drop_table("people")')
    project.revision("r3", 'op.add_column("people", sa.Column("size", sa.Integer))', 'op.drop_column("people", "size")')
    found = rehearse(project, postgresql(make_database()))
    assert found["tainted"] == "r2"
    assert found["revisions"]["r2"]["restored"] is False
    again = rehearse(project, postgresql(make_database()), skip_downgrade=["r2"])
    assert again["tainted"] is None
    assert again["revisions"]["r2"]["downgraded"] is None
    assert again["revisions"]["r3"]["restored"] is True


def test_the_whole_path_is_run_in_one_transaction_as_the_real_run_will(make, database):
    """Each revision works alone, both in one transaction don't: PostgreSQL forbids the use of a new enum value."""
    project = make()
    project.revision("r1", "op.execute(\"CREATE TYPE mood AS ENUM ('glad')\")", 'op.execute("DROP TYPE mood")')
    project.revision("r2", "op.execute(\"ALTER TYPE mood ADD VALUE 'sad'\")", None)
    project.revision("r3", "op.execute(\"SELECT 'sad'::mood\")")
    found = rehearse(project, postgresql(database), prove=False)
    assert found["in_one_go"] is True  # the type itself is new, so its values are usable
    project.revision("r4", "op.execute(\"ALTER TYPE mood ADD VALUE 'meek'\")", None)
    project.revision("r5", "op.execute(\"SELECT 'meek'::mood\")")
    found = rehearse(project, postgresql(database), prove=False)
    assert found["in_one_go"] is False
    assert found["revisions"]["r5"]["upgraded"] is False
    assert "unsafe use of new value" in found["revisions"]["r5"]["upgrade_error"]["message"]


def test_a_downgrade_that_fails_only_after_those_behind_it_is_told(make, database):
    database.run("CREATE TABLE t (n int CONSTRAINT positive CHECK (n > 0))")
    project = make()
    back = 'op.execute("ALTER TABLE t ADD CONSTRAINT positive CHECK (n > 0)")'
    project.revision("r1", 'op.execute("ALTER TABLE t DROP CONSTRAINT positive")', back)
    project.revision("r2", 'op.execute("INSERT INTO t VALUES (-1)")', 'op.execute("SELECT 1")')
    found = rehearse(project, postgresql(database))["revisions"]
    assert (found["r2"]["downgraded"], found["r2"]["downgrade_error"]) == (True, None)
    assert (found["r1"]["upgraded"], found["r1"]["downgraded"]) == (True, False)
    assert "is violated by some row" in found["r1"]["downgrade_error"]["message"]


def test_an_enum_value_shows_in_the_delta(make, database):
    project = make()
    project.revision("r1", "op.execute(\"CREATE TYPE mood AS ENUM ('glad')\")", 'op.execute("DROP TYPE mood")')
    project.revision("r2", "op.execute(\"ALTER TYPE mood ADD VALUE 'sad'\")", "pass")
    found = rehearse(project, postgresql(database))
    assert found["delta"]["type mood"] == [None, "enum 'glad', 'sad'"]
    assert found["revisions"]["r2"]["not_restored"] == ["type mood was \"enum 'glad'\", is now \"enum 'glad', 'sad'\""]


def test_a_downgrade_is_rehearsed_with_the_way_back(make, database):
    project = make()
    project.people()
    project.revision("r2", 'op.add_column("people", sa.Column("age", sa.Integer))', 'op.drop_column("people", "age")')
    project.call("run", env={"DATABASE": database.url()}, direction="upgrade", target="r2")
    found = rehearse(project, postgresql(database), "r1", "downgrade", expect_heads=["r2"])
    state = found["revisions"]["r2"]
    assert (state["downgraded"], state["reupgraded"], state["restored"]) == (True, True, True)
    assert found["heads_after"] == ["r1"]
    assert found["delta"] == {"column people.age": ["integer", None]}
    assert state["downgrade"]["operations"][0]["kind"] == "drop_column"


def test_only_differences_that_the_revision_makes_count_against_it(make, database):
    project = make(
        models="import sqlalchemy as sa\nmetadata = sa.MetaData()\n"
        "sa.Table('people', metadata, sa.Column('id', sa.Integer, primary_key=True))\n"
    )
    project.people()
    project.call("run", env={"DATABASE": database.url()}, direction="upgrade", target="r1")
    project.revision("r2", 'op.add_column("people", sa.Column("age", sa.Integer))', 'op.drop_column("people", "age")')
    found = rehearse(project, postgresql(database), converge=True)
    assert found["standing_differences"] == 1
    assert found["converged"] is False
    assert found["new_differences"] == [
        {"kind": "drop_column", "table": "people", "description": "drop column people.age"}
    ]


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("psycopg.connect('host=localhost dbname=other')", "psycopg.connect"),
        ("psycopg.Connection.connect('host=localhost dbname=other')", "psycopg.Connection.connect"),
        ("psycopg2.connect('host=localhost dbname=other')", "psycopg2.connect"),
        ("asyncio.run(asyncpg.connect(host='localhost'))", "asyncpg.connect"),
        ("sqlite3.connect('other.db')", "other.db"),
        ("sa.create_engine('sqlite:///other.db').connect()", "sqlite"),
        ("sa.create_engine('postgresql+psycopg://', creator=lambda: psycopg.connect('')).connect()", "psycopg.connect"),
    ],
    ids=["psycopg", "psycopg-class", "psycopg2", "asyncpg", "sqlite3", "other-dialect", "creator"],
)
@pytest.mark.parametrize("swallowed", [False, True], ids=["", "swallowed"])
def test_a_connection_to_another_database_is_refused(make, database, code, named, swallowed):
    project = make()
    body = f"try:\n    {code}\nexcept Exception:\n    pass" if swallowed else code
    project.revision("r1", body, top="import asyncio, sqlite3\nimport asyncpg, psycopg, psycopg2")
    with pytest.raises(CallFailed) as failed:
        rehearse(project, postgresql(database))
    assert failed.value.kind == "not_redirectable"
    assert named in failed.value.message
    assert failed.value.error["line"] == project.line("r1", code)
    assert not (project.folder / "other.db").exists()


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("socket.create_connection(('127.0.0.1', 9))", "connects to 127.0.0.1:9"),
        ("socket.getaddrinfo('api.example.com', 443)", "looks up api.example.com:443"),
        ("subprocess.run(['touch', 'made.txt'])", "starts a process: touch made.txt"),
        ("os.system('touch made.txt')", "runs a shell command: touch made.txt"),
        ("os.fork()", "forks"),
    ],
    ids=["socket", "name", "process", "shell", "fork"],
)
def test_what_a_revision_does_outside_the_database_is_stopped_and_noted(make, database, code, what):
    project = make()
    project.revision("r1", code, top="import os, socket, subprocess")
    found = rehearse(project, postgresql(database))
    (outside,) = found["outside"]
    assert outside["what"] == what
    assert outside["line"] == project.line("r1", code)
    assert outside["revision"] == "r1"
    assert found["revisions"]["r1"]["upgraded"] is False
    assert not (project.folder / "made.txt").exists()


def test_env_py_may_ask_git_and_a_revision_may_run_an_event_loop(make, database):
    project = make(env="import subprocess\nsubprocess.run(['true'], check=True)\n" + SYNC)
    project.revision("r1", "asyncio.run(asyncio.sleep(0))", top="import asyncio")
    found = rehearse(project, postgresql(database))
    assert found["revisions"]["r1"]["upgraded"] is True
    assert found["outside"] == []


@pytest.mark.parametrize(("driver", "env"), [("pysqlite", SYNC), ("aiosqlite", ASYNC)], ids=["pysqlite", "aiosqlite"])
def test_sqlite_is_rehearsed_on_the_copy_and_batch_operations_keep_their_lines(tmp_path, driver, env):
    real, scratch = tmp_path / "real.db", tmp_path / "scratch.db"
    project = Project(tmp_path / "project", f"sqlite+{driver}:///{real}", env=env)
    project.people()
    project.revision(
        "r2",
        """
        with op.batch_alter_table("people") as batch:
            batch.alter_column("name", nullable=False)
            batch.create_unique_constraint("uq_name", ["name"])
        with op.batch_alter_table("people") as batch:
            batch.add_column(sa.Column("age", sa.Integer))
        """,
        """
        with op.batch_alter_table("people") as batch:
            batch.drop_column("age")
            batch.drop_constraint("uq_name")
            batch.alter_column("name", nullable=True)
        """,
    )
    found = rehearse(project, {"dialect": "sqlite", "path": str(scratch)})
    state = found["revisions"]["r2"]
    assert (state["upgraded"], state["restored"], state["not_restored"]) == (True, True, [])
    first, second, third = state["upgrade"]["operations"]
    assert (first["kind"], first["batch"], first["line"]) == (
        "alter_column",
        True,
        project.line("r2", "nullable=False"),
    )
    assert (second["constraint"], second["batch"]) == ("unique", True)
    assert first["statements"] == second["statements"]
    assert (third["batch"], len(third["statements"])) == (False, 1)
    added = state["upgrade"]["statements"][third["statements"][0]]
    assert (added["operation"], added["line"]) == ("AddColumnOp", project.line("r2", "add_column"))
    assert not real.exists()
    with closing(sqlite3.connect(scratch)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("r2",)]


def test_a_revision_that_opens_another_sqlite_file_is_refused(tmp_path):
    project = Project(tmp_path / "project", f"sqlite:///{tmp_path / 'real.db'}")
    project.revision("r1", f"sqlite3.connect({str(tmp_path / 'real.db')!r})", top="import sqlite3")
    with pytest.raises(CallFailed) as failed:
        rehearse(project, {"dialect": "sqlite", "path": str(tmp_path / "scratch.db")})
    assert failed.value.kind == "not_redirectable"
    assert not (tmp_path / "real.db").exists()


def test_a_heap_of_equal_statements_is_one_entry(make, database):
    project = make()
    project.revision("r1", PEOPLE + "\nfor _ in range(500):\n    op.execute(\"UPDATE people SET name = 'x'\")")
    statements = rehearse(project, postgresql(database))["revisions"]["r1"]["upgrade"]["statements"]
    assert [statement.get("times", 1) for statement in statements] == [1, 500]


def test_tables_outside_the_default_schema_are_named_with_it(make, database):
    project = make()
    project.revision(
        "r1",
        """
        op.execute("CREATE SCHEMA other")
        op.create_table("things", sa.Column("id", sa.Integer), schema="other")
        op.create_table("here", sa.Column("id", sa.Integer), schema="public")
        """,
        'op.execute("DROP SCHEMA other CASCADE")\nop.drop_table("here")',
    )
    state = rehearse(project, postgresql(database))["revisions"]["r1"]
    assert [operation["table"] for operation in state["upgrade"]["operations"][1:]] == ["other.things", "here"]
    dropped = state["downgrade"]["statements"][0]["measured"]["dropped"]
    assert {"kind": "table", "name": "other.things"} in dropped
    assert state["restored"] is True


def test_a_revision_may_write_temporary_files_only(make, database, tmp_path):
    (tmp_path / "temporary").mkdir()
    project = make()
    project.revision(
        "r1",
        """
        with tempfile.TemporaryFile() as file:
            file.write(b"x")
        open("backup.csv", "w")
        """,
        top="import tempfile",
    )
    found = rehearse(project, postgresql(database), env={"TMPDIR": str(tmp_path / "temporary")})
    assert [each["what"] for each in found["outside"]] == [f"writes {project.folder / 'backup.csv'}"]
    assert not (project.folder / "backup.csv").exists()


EVERYTHING = """
CREATE SCHEMA app
CREATE TYPE app.mood AS ENUM ('glad')
CREATE DOMAIN app.age AS int CHECK (VALUE > 0)
CREATE TYPE app.pair AS (a int, b text)
CREATE SEQUENCE app.seq
CREATE TABLE app.t (id int PRIMARY KEY, m app.mood, "Odd Name" text, n int GENERATED ALWAYS AS IDENTITY)
CREATE TABLE app.part (id int, d date) PARTITION BY RANGE (d)
CREATE TABLE app.part1 PARTITION OF app.part FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')
CREATE VIEW app.v AS SELECT id FROM app.t
CREATE MATERIALIZED VIEW app.mv AS SELECT id FROM app.t
REFRESH MATERIALIZED VIEW app.mv
CREATE INDEX ON app.t (m) WHERE id > 3
CREATE FUNCTION app.f(x int) RETURNS int LANGUAGE sql AS 'SELECT 1'
CREATE FUNCTION app.g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'
CREATE TRIGGER trg BEFORE INSERT ON app.t FOR EACH ROW EXECUTE FUNCTION app.g()
ALTER TABLE app.t DISABLE TRIGGER trg
ALTER TABLE app.t ENABLE ROW LEVEL SECURITY
CREATE POLICY pol ON app.t USING (id > 0)
CREATE RULE r AS ON DELETE TO app.t DO INSTEAD NOTHING
CREATE STATISTICS app.st ON id, m FROM app.t
COMMENT ON TABLE app.t IS 'x'
GRANT SELECT ON app.t TO PUBLIC
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO PUBLIC
CREATE TABLE app.copy AS SELECT * FROM app.t
SELECT id INTO app.into_table FROM app.t
SET session_replication_role = replica
CREATE TABLE app.unseen (id int)
SET session_replication_role = origin
ALTER TABLE app.t ADD CONSTRAINT ex EXCLUDE USING btree (id WITH =)
ALTER TABLE app.t ALTER m TYPE text
TRUNCATE app.t
"""


def test_every_kind_of_object_can_be_watched_and_compared(make, database):
    project = make()
    statements = [line for line in EVERYTHING.splitlines() if line]
    project.revision(
        "r1",
        "\n".join(f"op.get_bind().exec_driver_sql({each!r})" for each in statements),
        'op.execute("DROP SCHEMA app CASCADE")',
    )
    found = rehearse(project, postgresql(database))
    state = found["revisions"]["r1"]
    assert (state["upgrade_error"], state["restored"], state["not_restored"]) == (None, True, [])
    measured = {each["sql"]: each["measured"] for each in state["upgrade"]["statements"]}
    assert measured["CREATE TABLE app.unseen (id int)"]["created"] == [["table", "app.unseen"]]
    assert measured["ALTER TABLE app.t ALTER m TYPE text"]["rewritten"] == ["app.t"]
    assert measured["TRUNCATE app.t"]["rewritten"] == []
    dropped = {(each["kind"], each["name"]) for each in state["downgrade"]["statements"][0]["measured"]["dropped"]}
    assert {("table", "app.t"), ("view", "app.v"), ("type", "app.mood"), ("policy", "app.t.pol")} <= dropped
    delta = found["delta"]
    assert delta["type app.mood"] == [None, "enum 'glad'"]
    assert delta["table app.t"] == [None, "row level security"]
    assert delta["column app.t.Odd Name"] == [None, "text"]
    assert set(delta) >= {
        "schema app",
        "domain app.age",
        "type app.pair",
        "sequence app.seq",
        "view app.v",
        "materialized view app.mv",
        "function app.f(x integer)",
        "trigger trg on app.t",
        "policy pol on app.t",
        "rule r on app.t",
        "constraint ex on app.t",
        "table app.part1",
    }


OPERATIONS = {
    'op.create_primary_key("pk", "a", ["x", "y"])': {
        "kind": "add_constraint",
        "constraint": "primary key",
        "name": "pk",
        "table": "a",
        "columns": ["x", "y"],
    },
    'op.create_unique_constraint("uq", "a", ["x"])': {"constraint": "unique", "columns": ["x"]},
    'op.create_foreign_key("fk", "b", "a", ["x"], ["x"], ondelete="CASCADE", postgresql_not_valid=True)': {
        "constraint": "foreign key",
        "table": "b",
        "references": "a",
        "referenced_columns": ["x"],
        "on_delete": "CASCADE",
        "not_valid": True,
    },
    'op.create_check_constraint("ck", "a", sa.column("x") > 3)': {"constraint": "check", "expression": "x > 3"},
    'op.create_exclude_constraint("ex", "a", ("x", "="), using="btree")': {"constraint": "exclude", "columns": ["x"]},
    'op.drop_constraint("ex", "a")': {"kind": "drop_constraint", "name": "ex", "constraint": None},
    'op.drop_constraint("ck", "a", type_="check")': {"kind": "drop_constraint", "constraint": "check"},
    'op.create_index("ix", "a", [sa.text("lower(z)"), "y"], unique=True)': {
        "kind": "create_index",
        "columns": ["lower(z)", "y"],
        "unique": True,
        "concurrently": False,
    },
    'op.drop_index("ix", "a")': {"kind": "drop_index", "name": "ix", "table": "a"},
    'op.alter_column("a", "z", server_default="it\'s", nullable=False)': {
        "kind": "alter_column",
        "default": "'it''s'",
        "nullable": False,
        "type": None,
        "drops_default": False,
    },
    'op.alter_column("a", "z", server_default=None, nullable=True)': {"drops_default": True, "nullable": True},
    'op.alter_column("a", "z", type_=sa.Integer(), postgresql_using="length(z)")': {
        "type": "INTEGER",
        "using": "length(z)",
    },
    'op.alter_column("a", "z", new_column_name="w")': {"rename_to": "w", "type": None},
    'op.rename_table("b", "c")': {"kind": "rename_table", "table": "b", "to": "c"},
    'op.create_table_comment("a", "text")': {"kind": "comment", "table": "a"},
    'op.bulk_insert(sa.table("c", sa.column("x")), [{"x": None}, {"x": None}])': {
        "kind": "bulk_insert",
        "table": "c",
        "rows": 2,
    },
    'op.execute(sa.update(sa.table("a", sa.column("y", sa.Integer))).values(y=7))': {
        "kind": "execute",
        "sql": "UPDATE a SET y=7",
    },
    "op.execute(sa.text(\"DELETE FROM a WHERE CAST(w AS text) LIKE 'x%'\"))": {
        "kind": "execute",
        "sql": "DELETE FROM a WHERE CAST(w AS text) LIKE 'x%'",
    },
    'op.add_column("a", sa.Column("n", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False))': {
        "kind": "add_column",
        "column": {
            "name": "n",
            "type": "TIMESTAMP WITH TIME ZONE",
            "nullable": False,
            "server_default": "now()",
            "primary_key": False,
            "identity": False,
            "computed": False,
        },
    },
    "op.cluster()": {"kind": "custom", "op": "ClusterOp"},
    'op.drop_table("c")': {"kind": "drop_table", "table": "c", "cascade": False},
}
CUSTOM = """
from alembic.operations import MigrateOperation, Operations

@Operations.register_operation("cluster")
class ClusterOp(MigrateOperation):
    @classmethod
    def cluster(cls, operations):
        return operations.invoke(cls())

@Operations.implementation_for(ClusterOp)
def cluster(operations, operation):
    operations.execute("CREATE TABLE other (id int)")
    operations.drop_table("other")
"""


def test_every_operation_is_described_by_its_fields(make, database):
    project = make()
    database.run("CREATE TABLE a (x int, y int, z text)", "CREATE TABLE b (x int)")
    (project.folder / "plugin.py").write_text(CUSTOM, "utf-8")
    project.revision("r1", "\n".join(OPERATIONS), None, top="import plugin")
    state = rehearse(project, postgresql(database))["revisions"]["r1"]
    assert state["upgrade_error"] is None
    operations = state["upgrade"]["operations"]
    for (call, expected), found in zip(OPERATIONS.items(), operations, strict=True):
        assert {key: found[key] for key in expected} == expected
        assert found["line"] == project.line("r1", call)
        assert found["statements"]
    custom = next(each for each in operations if each["kind"] == "custom")
    assert len(custom["statements"]) == 2
    sent = {index for each in operations for index in each["statements"]}
    assert sent == set(range(len(state["upgrade"]["statements"])))
