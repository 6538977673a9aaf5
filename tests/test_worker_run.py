"""How the worker changes the real database: locked, checked before, checked after."""

import psycopg
import pytest
from worker_project import ASYNC, SYNC, CallFailed, Project

ADD = 'op.add_column("people", sa.Column("age", sa.Integer))'


@pytest.fixture
def project(tmp_path, database):
    made = Project(tmp_path / "project", database.url())
    made.people()
    made.revision("r2", ADD, 'op.drop_column("people", "age")')
    return made


def heads(database):
    return [row[0] for row in database.run("SELECT version_num FROM alembic_version")]


def upgrade(project, target="r2", direction="upgrade", **args):
    return project.call("run", direction=direction, target=target, **args)


@pytest.mark.parametrize(("driver", "env"), [("psycopg", SYNC), ("psycopg2", SYNC), ("asyncpg", ASYNC)])
def test_a_run_tells_each_revision_and_what_changed(project, database, driver, env):
    project.url = database.url(driver)
    project.env(env)
    found = upgrade(
        project, expect_heads=[], expect_path=["r1", "r2"], lock_timeout_ms=2000, lock_key=-5, holder="alembic-mcp"
    )
    assert (found["before"], found["after"]) == ([], ["r2"])
    assert [step["revision"] for step in found["steps"]] == ["r1", "r2"]
    assert found["delta"]["column people.age"] == [None, "integer"]
    assert [(each["revision"], each["state"], each["of"]) for each in project.progress] == [
        ("r1", "running", 2),
        ("r1", "done", 2),
        ("r2", "running", 2),
        ("r2", "done", 2),
    ]
    assert found["fingerprint_after"] == project.call("look", schema=True)["fingerprint"]
    assert heads(database) == ["r2"]


def test_the_rehearsal_foretells_the_fingerprint_of_the_run(project, make_database):
    scratch = {"dialect": "postgresql", "params": make_database().libpq}
    rehearsed = project.call("rehearse", redirect=scratch, direction="upgrade", target="r2", prove=True, trace=True)
    assert upgrade(project)["fingerprint_after"] == rehearsed["fingerprint_after"]


@pytest.mark.parametrize(
    "expected", [{"expect_heads": ["r1"]}, {"expect_path": ["r2"]}], ids=["other-heads", "other-path"]
)
def test_drift_stops_everything_before_anything_runs(project, database, expected):
    with pytest.raises(CallFailed) as failed:
        upgrade(project, **expected)
    assert failed.value.kind == "drift"
    assert database.run("SELECT relname FROM pg_class WHERE relname IN ('people', 'alembic_version')") == []


def test_a_second_change_is_told_who_holds_the_lock(project, database):
    with psycopg.connect(**database.libpq, application_name="alembic-mcp of ann") as other:
        other.execute("SELECT pg_advisory_lock(77)")
        with pytest.raises(CallFailed) as failed:
            upgrade(project, lock_key=77)
    assert failed.value.kind == "locked"
    assert "alembic-mcp of ann" in failed.value.message
    assert "alembic-mcp of ann" in failed.value.error["holder"]
    assert upgrade(project, lock_key=77)["after"] == ["r2"]


def test_a_lock_that_is_not_to_be_had_ends_in_time_and_says_where_things_stand(project, database):
    upgrade(project, "r1")
    with psycopg.connect(**database.libpq) as other:
        other.execute("LOCK TABLE people IN ACCESS SHARE MODE")
        with pytest.raises(CallFailed) as failed:
            upgrade(project, lock_timeout_ms=200)
    error = failed.value.error
    assert (failed.value.kind, error["sqlstate"]) == ("lock_timeout", "55P03")
    assert (error["revision"], error["done"], error["heads"]) == ("r2", [], ["r1"])
    assert error["line"] == project.line("r2", "add_column")
    assert error["sql"] == "ALTER TABLE people ADD COLUMN age INTEGER"


SWALLOWS = SYNC.replace(
    "        context.run_migrations()",
    "        try:\n            context.run_migrations()\n        except Exception:\n            print('never mind')",
)


@pytest.mark.parametrize("env", [SYNC, SWALLOWS], ids=["raises", "swallows"])
def test_a_failure_is_reported_with_the_heads_that_the_database_has(project, env):
    project.env(env)
    project.revision("r3", 'op.drop_column("people", "nope")')
    with pytest.raises(CallFailed) as failed:
        upgrade(project, "r3")
    error = failed.value.error
    assert error["revision"] == "r3"
    assert error["done"] == ["r1", "r2"]
    assert error["heads"] == []
    assert error["path"].endswith("r3.py")


def test_what_was_committed_on_the_way_stays_and_is_told(project, database):
    project.env(SYNC.replace("target_metadata=metadata", "target_metadata=metadata, transaction_per_migration=True"))
    project.revision("r3", "raise RuntimeError('stop here')")
    with pytest.raises(CallFailed) as failed:
        upgrade(project, "r3")
    assert failed.value.error["heads"] == ["r2"] == heads(database)
    assert "stop here" in failed.value.message


def test_a_downgrade_and_a_stamp(project, database):
    upgrade(project)
    down = upgrade(project, "r1", "downgrade", expect_path=["r2"])
    assert (down["after"], down["delta"]) == (["r1"], {"column people.age": ["integer", None]})
    stamped = upgrade(project, "r2", "stamp", expect_heads=["r1"])
    assert (stamped["before"], stamped["after"], stamped["delta"]) == (["r1"], ["r2"], {})
    assert upgrade(project, "base", "stamp")["after"] == []
    assert heads(database) == []


def test_an_env_py_that_leaves_without_doing_it_is_caught(project):
    project.env("import sys\ntry:\n    raise ValueError\nexcept ValueError:\n    sys.exit(0)\n")
    with pytest.raises(CallFailed) as failed:
        upgrade(project)
    assert failed.value.kind == "no_configure"
    assert failed.value.error["done"] == []
