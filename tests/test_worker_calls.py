"""How the worker looks at a database, and what it answers when a project stands in its way."""

import hashlib
import socket
import sqlite3
from contextlib import closing

import pytest
from worker_project import ANYIO, ASYNC, PEOPLE, SYNC, CallFailed, Project


@pytest.fixture
def make(tmp_path):
    def make(url="sqlite://", **options):
        return Project(tmp_path / "project", url, **options)

    return make


@pytest.mark.parametrize(
    ("driver", "env"),
    [("psycopg", SYNC), ("psycopg2", SYNC), ("asyncpg", ASYNC), ("psycopg", ASYNC), ("asyncpg", ANYIO)],
    ids=["psycopg", "psycopg2", "asyncpg", "psycopg-async", "anyio-thread"],
)
def test_look_tells_who_the_database_is_and_how_to_reach_it(make, database, driver, env):
    database.run(f"ALTER DATABASE {database.name} SET alembic_mcp.environment = 'staging'")
    project = make(database.url(driver), env=env)
    project.people()
    project.call("run", direction="upgrade", target="r1")
    found = project.call("look", schema=True)
    assert (found["dialect"], found["driver"]) == ("postgresql", driver)
    assert (found["name"], found["host"], found["user"]) == (database.name, "localhost", database.libpq["user"])
    assert found["server_version"].startswith("18.")
    ((system,),) = database.run("SELECT system_identifier FROM pg_control_system()")
    assert found["identity"] == f"postgresql:{system}:{database.name}"
    assert found["marker"] == "staging"
    assert found["heads"] == ["r1"]
    assert (found["version_table"], found["default_schema"]) == ("alembic_version", "public")
    assert found["may_create_databases"] is True
    assert len(found["fingerprint"]) == 64
    assert found["connect"]["complete"] is True
    libpq = found["connect"]["libpq"]
    assert {key: libpq[key] for key in ("host", "port", "user", "dbname")} == {**database.libpq}
    models = project.folder / "models.py"
    assert found["modules"][str(models)] == hashlib.sha256(models.read_bytes()).hexdigest()
    assert str(project.folder / "migrations" / "env.py") in found["modules"]


def test_look_writes_nothing_and_leaves_out_what_env_py_creates_by_habit(make, database):
    project = make(
        database.url(),
        env=SYNC.replace(
            "    context.configure(",
            '    connection.execute(sa.text("CREATE SCHEMA IF NOT EXISTS app"))\n    context.configure(',
        ),
    )
    project.people()
    found = project.call("look", schema=False)
    assert found["heads"] == []
    assert found["fingerprint"] is None
    assert "CREATE SCHEMA IF NOT EXISTS app" in found["warnings"][0]
    assert database.run("SELECT nspname FROM pg_namespace WHERE nspname = 'app'") == []
    assert database.run("SELECT relname FROM pg_class WHERE relname = 'alembic_version'") == []


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_look_does_not_wait_for_ever_for_a_server_that_says_nothing(make, driver):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        project = make(f"postgresql+{driver}://ann@127.0.0.1:{silent.getsockname()[1]}/shop")
        with pytest.raises(CallFailed, match="timeout") as failed:
            project.call("look", patience=2)
    assert (failed.value.kind, failed.value.error["dialect"]) == ("connection", "postgresql")


def test_look_can_not_write(make, database):
    project = make(
        database.url(),
        env=SYNC.replace(
            "    context.configure(", '    connection.execute(sa.text("SELECT lo_create(0)"))\n    context.configure('
        ),
    )
    with pytest.raises(CallFailed) as failed:
        project.call("look")
    assert "read-only transaction" in failed.value.message
    assert (failed.value.kind, failed.value.error["sqlstate"]) == ("user_code", "25006")


@pytest.mark.parametrize(("driver", "env"), [("pysqlite", SYNC), ("aiosqlite", ASYNC)], ids=["pysqlite", "aiosqlite"])
def test_look_at_a_sqlite_file(make, tmp_path, driver, env):
    file = tmp_path / "app.db"
    project = make(f"sqlite+{driver}:///{file}", env=env)
    project.people()
    found = project.call("look", schema=True)
    assert not file.exists()
    folder = tmp_path.stat()
    place = f"sqlite:new:{folder.st_dev}:{folder.st_ino}:app.db"
    assert (found["heads"], found["identity"], found["name"]) == ([], place, "app.db")
    file.touch()
    assert project.call("look")["identity"] == place
    project.call("run", direction="upgrade", target="r1")
    found = project.call("look", schema=True)
    status = file.stat()
    assert found["identity"] == f"sqlite:{status.st_dev}:{status.st_ino}"
    assert (found["heads"], found["host"], found["default_schema"]) == (["r1"], "", None)
    assert found["connect"] == {"libpq": {}, "path": str(file), "complete": True}


def test_noise_and_x_arguments_and_command_options_do_not_disturb(make, tmp_path):
    env = f"""
        import logging.config, os, sys
        from alembic import context
        print("noise" * 1000)
        print("to stderr", file=sys.stderr)
        os.system("echo from a shell")
        logging.config.dictConfig({{"version": 1, "disable_existing_loggers": True}})
        assert context.get_x_argument(as_dictionary=True) == {{"tenant": "acme"}}
        assert context.config.cmd_opts.cmd[0].__name__ == "current"
        assert os.path.basename(sys.argv[0]) == "alembic"
        os.environ["DATABASE"] = "sqlite:///{tmp_path}/acme.db"
        """
    project = make()
    text = "\n".join(line.removeprefix("        ") for line in env.splitlines()) + "\n" + SYNC
    project.env(text)
    found = project.call("look", x=["tenant=acme"])
    assert found["name"] == "acme.db"
    assert "from a shell" in found["output"]


def test_two_databases_in_one_run_are_told(make, tmp_path):
    project = make(env=SYNC + f'os.environ["DATABASE"] = "sqlite:///{tmp_path}/second.db"\n' + SYNC)
    found = project.call("look")
    assert found["name"] == ":memory:"
    assert "several databases" in found["warnings"][0]


def test_env_py_may_set_its_version_locations(make, tmp_path):
    other = tmp_path / "project" / "elsewhere"
    project = make(env=SYNC.replace("engine =", f"context.script.version_locations = [{str(other)!r}]\nengine ="))
    other.mkdir()
    project.people()
    (project.versions / "r1.py").rename(other / "r1.py")
    found = project.call("index")
    assert [entry["revision"] for entry in found["revisions"]] == ["r1"]
    assert found["version_locations"] == [str(other)]
    project.url = f"sqlite:///{tmp_path / 'app.db'}"
    assert project.call("run", direction="upgrade", target="head")["after"] == ["r1"]


SWALLOWS_CONNECT = """
import sqlalchemy as sa
try:
    sa.create_engine("postgresql+psycopg://u:hidden@localhost:1/x").connect()
except sa.exc.OperationalError:
    print("never mind")
"""
SETTINGS = "import os\nSECRET = os.environ['NOT_SET_ANYWHERE']\n"


@pytest.mark.parametrize(
    ("env", "kind", "said"),
    [
        ("import settings\n" + SYNC, "user_code", "NOT_SET_ANYWHERE"),
        ("def broken(:\n", "user_code", "SyntaxError"),
        ("x = 1\n", "no_configure", "without configuring"),
        ("import sys\nsys.exit(0)\n", "no_configure", "sys.exit"),
        (SYNC.replace("context.run_migrations()", "pass"), "no_configure", "never ran migrations"),
        (
            SYNC.replace('os.environ["DATABASE"]', '"postgresql+psycopg://u:hidden@localhost:1/x"'),
            "connection",
            "port 1",
        ),
        (
            ASYNC.replace('os.environ["DATABASE"]', '"postgresql+asyncpg://u:hidden@localhost:1/x"'),
            "connection",
            "Errno",
        ),
        (SWALLOWS_CONNECT, "no_configure", "swallowed this: connection"),
    ],
    ids=["settings", "syntax", "nothing", "exit", "no-run", "unreachable", "unreachable-async", "swallowed"],
)
def test_an_env_py_that_fails_says_why(make, env, kind, said):
    project = make(env=env)
    (project.folder / "settings.py").write_text(SETTINGS, "utf-8")
    with pytest.raises(CallFailed) as failed:
        project.call("look")
    assert failed.value.kind == kind
    assert said in failed.value.message
    assert "hidden" not in str(failed.value)
    if "settings" in env:
        assert (failed.value.error["path"], failed.value.error["line"]) == (str(project.folder / "settings.py"), 2)


def test_index_survives_settings_that_fail_and_files_that_are_broken(make):
    project = make(env="import settings\n" + SYNC)
    (project.folder / "settings.py").write_text(SETTINGS, "utf-8")
    project.people()
    broken = project.revision("r2")
    broken.write_text("import nothing_of_the_kind\n", "utf-8")
    project.revision("r3", down="r1")
    project.revision("r4", down="gone")
    (project.versions / "again.py").write_text((project.versions / "r1.py").read_text("utf-8"), "utf-8")
    found = project.call("index")
    assert {entry["revision"]: entry["down_revisions"] for entry in found["revisions"]} == {
        "r1": [],
        "r3": ["r1"],
        "r4": ["gone"],
    }
    problems = {problem["kind"]: problem for problem in found["problems"]}
    assert set(problems) == {"duplicate-revision", "unreadable", "missing-ancestor"}
    assert "nothing_of_the_kind" in problems["unreadable"]["why"]
    assert problems["unreadable"]["path"] == str(broken)


def test_one_broken_file_does_not_blind_the_rest_where_an_index_is_given(make, tmp_path):
    project = make(f"sqlite:///{tmp_path / 'app.db'}")
    project.people()
    project.revision("r2", 'op.create_table("pets", sa.Column("id", sa.Integer))')
    project.revision("r3").write_text("this is no Python", "utf-8")
    assert project.call("run", indexed=True, direction="upgrade", target="r2")["after"] == ["r2"]
    assert project.call("look", indexed=True)["heads"] == ["r2"]


DRIFTED = """
import sqlalchemy as sa
metadata = sa.MetaData()
sa.Table("people", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("age", sa.Integer))
sa.Table("pets", metadata, sa.Column("id", sa.Integer, primary_key=True))
"""


def test_compare_lists_the_differences_in_plain_words(make, database):
    project = make(database.url(), models=DRIFTED)
    project.people()
    project.call("run", direction="upgrade", target="r1")
    found = project.call("compare")
    assert found["heads"] == ["r1"]
    assert (found["metadata_tables"], found["database_tables"]) == (2, 1)
    assert found["metadata_names"] == ["people", "pets"]
    assert [each["description"] for each in found["differences"]] == [
        "add table pets",
        "add column people.age INTEGER",
        "drop column people.name",
    ]


@pytest.mark.parametrize(
    ("models", "kind", "said"),
    [
        ("metadata = None\n", "alembic", "no target_metadata"),
        (
            DRIFTED
            + "first = metadata\nsecond = sa.MetaData()\nsa.Table('pets', second)\nmetadata = [first, second]\n",
            "ambiguous_metadata",
            "pets",
        ),
    ],
    ids=["none", "twice"],
)
def test_models_that_can_not_be_compared_say_why(make, tmp_path, models, kind, said):
    project = make(f"sqlite:///{tmp_path / 'app.db'}", models=models)
    project.people()
    project.call("run", direction="upgrade", target="r1")
    with pytest.raises(CallFailed) as failed:
        project.call("compare")
    assert failed.value.kind == kind
    assert said in failed.value.message


def test_several_metadata_are_compared_together(make, tmp_path):
    models = DRIFTED + "other = sa.MetaData()\nsa.Table('cars', other, sa.Column('id', sa.Integer))\n"
    project = make(f"sqlite:///{tmp_path / 'app.db'}", models=models + "metadata = [metadata, other]\n")
    project.people()
    project.call("run", direction="upgrade", target="r1")
    assert project.call("compare")["metadata_names"] == ["cars", "people", "pets"]


def test_a_database_that_is_behind_can_not_be_compared(make, database):
    project = make(database.url())
    project.people()
    with pytest.raises(CallFailed) as failed:
        project.call("compare")
    assert (failed.value.kind, failed.value.message) == ("alembic", "Target database is not up to date.")
    assert database.run("SELECT relname FROM pg_class WHERE relname = 'alembic_version'") == []


HOOKS = """
[post_write_hooks]
hooks = missing, stamp
missing.type = exec
missing.executable = no-such-program-anywhere
stamp.type = exec
stamp.executable = sh
stamp.options = -c "echo '# hooked' >> REVISION_SCRIPT_FILENAME"
"""


def test_render_writes_what_alembic_would_write_but_not_into_the_project(make, database, tmp_path):
    project = make(database.url(), models=DRIFTED, ini="file_template = %%(year)d/%%(rev)s_%%(slug)s\n" + HOOKS)
    project.people()
    with (project.folder / "alembic.ini").open("a") as ini:
        ini.write("")
    project.call("run", direction="upgrade", target="r1")
    before = sorted(project.folder.rglob("*"))
    out = tmp_path / "out"
    found = project.call("render", message="Pets & age, now", kind="auto", rows={}, out=str(out), rev_id="abc123")
    (file,) = found["files"]
    assert file["name"] == "abc123_pets_age_now.py"
    assert file["directory"].startswith(str(project.versions))
    assert (file["revision"], file["down_revisions"]) == ("abc123", ["r1"])
    text = (out / file["name"]).read_text("utf-8")
    assert "op.create_table('pets'" in text
    assert text.endswith("# hooked\n")
    assert "no-such-program-anywhere" in found["warnings"][0]
    assert found["drops"] == []
    assert len(found["differences"]) == 3
    assert [path for path in sorted(project.folder.rglob("*")) if "__pycache__" not in path.parts] == [
        path for path in before if "__pycache__" not in path.parts
    ]


def test_render_without_differences_writes_nothing(make, database, tmp_path):
    project = make(database.url())
    project.people()
    project.call("run", direction="upgrade", target="r1")
    found = project.call("render", message="x", kind="auto", rows={}, out=str(tmp_path / "out"))
    assert (found["files"], found["differences"]) == ([], [])


def test_render_names_the_tables_it_would_drop_and_honours_directives(make, database, tmp_path):
    env = SYNC.replace(
        "target_metadata=metadata",
        "target_metadata=metadata, process_revision_directives=lambda c, r, d: setattr(d[0], 'message', 'changed')",
    )
    project = make(database.url(), env=env, models="import sqlalchemy as sa\nmetadata = sa.MetaData()\n")
    project.people()
    project.call("run", direction="upgrade", target="r1")
    found = project.call("render", message="x", kind="auto", rows={}, out=str(tmp_path / "out"))
    assert found["drops"] == ["people"]
    assert found["metadata_tables"] == 0
    assert found["files"][0]["message"] == "changed"


def test_an_empty_revision_needs_no_database(make, tmp_path):
    project = make("postgresql+psycopg://nobody@localhost:1/x")
    project.people()
    project.revision("r2a", down="r1")
    project.revision("r2b", down="r1")
    with pytest.raises(CallFailed) as failed:
        project.call("render", message="x", kind="empty", out=str(tmp_path / "out"))
    assert "Multiple heads" in failed.value.message
    found = project.call("render", message="x", kind="empty", out=str(tmp_path / "out"), head="r2a")
    assert found["files"][0]["down_revisions"] == ["r2a"]
    merged = project.call("merge", revisions=["r2a", "r2b"], message="both", out=str(tmp_path / "out"), indexed=True)
    assert sorted(merged["files"][0]["down_revisions"]) == ["r2a", "r2b"]
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_render_on_a_scratch_database(make, database, tmp_path):
    project = make("postgresql+psycopg://nobody@localhost:1/x", models=DRIFTED)
    project.people()
    project.call("run", env={"DATABASE": database.url()}, direction="upgrade", target="r1")
    scratch = {"dialect": "postgresql", "params": database.libpq}
    found = project.call("render", message="x", kind="auto", rows={}, out=str(tmp_path / "out"), redirect=scratch)
    assert len(found["files"]) == 1
    assert len(project.call("compare", redirect=scratch)["differences"]) == 3


def test_the_index_serves_alembic_in_all_it_asks(make, tmp_path):
    """Two branches, a merge, a dependency: built from the index, no file is imported until it runs."""
    project = make(f"sqlite:///{tmp_path / 'app.db'}")
    project.revision("r1", PEOPLE)
    project.revision("a2", down="r1")
    project.revision("b2", down="r1")
    project.revision("m3", down=["a2", "b2"])
    project.revision("x1", down=None, depends_on="a2")
    for name in ("a2", "b2", "m3", "x1"):
        (project.versions / f"{name}.py").write_text(
            (project.versions / f"{name}.py").read_text("utf-8") + f"print('imported {name}')\n", "utf-8"
        )
    probe = """
        from alembic import context
        script = context.script
        print("heads", script.get_heads(), script.get_bases())
        print([each.revision for each in script.walk_revisions()][-1], script.get_revision("m3").doc)
        print(script.get_revision("m3").log_entry, str(script.get_revision("b2")), script.get_revision("a2").longdoc)
        print("stamps", script._stamp_revs("m3", ()))
        """
    lines = [line.removeprefix("        ") for line in probe.splitlines()]
    project.env(SYNC + "\n".join(lines))
    output = project.call("look", indexed=True)["output"]
    assert "heads ['m3', 'x1'] ['r1', 'x1']" in output
    assert "m3 message" in output
    assert "imported" not in output
    found = project.call("run", indexed=True, direction="upgrade", target="heads")
    assert found["after"] == ["m3", "x1"]
    assert "imported m3" in found["output"]
    found = project.call("run", indexed=True, direction="downgrade", target="r1")
    assert found["after"] == ["r1"]
    with closing(sqlite3.connect(tmp_path / "app.db")) as connection:
        assert connection.execute("SELECT count(*) FROM people").fetchone() == (0,)
