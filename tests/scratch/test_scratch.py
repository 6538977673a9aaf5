"""A scratch database has the target's schema, can be made anew, and is gone afterwards; nothing else is touched."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import anyio
import psycopg
import pytest
from targets import sqlite_target

from alembic_mcp.owner import Owner
from alembic_mcp.scratch import ScratchServers, ScratchUnavailable
from alembic_mcp.scratch.databases import Databases, new_name
from alembic_mcp.scratch.embedded import EmbeddedPostgres
from alembic_mcp.target import Connect

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("scratch")]

VERSIONS = "CREATE TABLE alembic_version (version_num varchar(32) CONSTRAINT alembic_version_pkc PRIMARY KEY)"
PEOPLE = "CREATE TABLE people (id serial PRIMARY KEY, name text NOT NULL)"


@pytest.fixture(scope="module")
def postgres(quick_folder):
    """A server of this module's own: databases and roles are counted on it."""
    with tempfile.TemporaryDirectory(prefix="amcp-", dir=quick_folder) as name:
        Path(name).chmod(0o711)
        with EmbeddedPostgres(Path(name)) as server:
            yield server


@pytest.fixture(autouse=True)
def own_cache(postgres, monkeypatch):
    monkeypatch.setenv("ALEMBIC_MCP_CACHE_DIR", str(postgres.folder.parent))


@pytest.fixture(autouse=True)
def slow(monkeypatch):
    """From how many seconds on a copy is made ahead: never, where databases are counted."""
    monkeypatch.setattr("alembic_mcp.scratch.postgres.SLOW", float("inf"))
    return lambda seconds: monkeypatch.setattr("alembic_mcp.scratch.postgres.SLOW", seconds)


@pytest.fixture
async def servers():
    async with ScratchServers() as servers:
        yield servers


@pytest.fixture(autouse=True)
def templates(postgres):
    """The databases on the server; what is left of them is dropped after the test."""
    databases = Databases({**postgres.params, "dbname": "postgres"})
    yield databases
    databases.bound_templates(0)


def names(databases):
    with databases.connect() as connection:
        return {
            name for (name,) in connection.execute("SELECT datname FROM pg_database WHERE datname ~ '^alembic_mcp_'")
        }


def rows(scratch, query):
    with psycopg.connect(**scratch.redirect["params"]) as connection:
        return connection.execute(query).fetchall()


def change(scratch, *statements):
    with psycopg.connect(**scratch.redirect["params"], autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


async def test_it_has_the_schema_and_the_version_rows_but_not_the_rows(servers, database):
    database.run(
        VERSIONS, PEOPLE, "INSERT INTO people (name) VALUES ('a')", "INSERT INTO alembic_version VALUES ('old')"
    )
    async with servers.clone(database.target(), ["a1", "b2"]) as scratch:
        assert rows(scratch, "SELECT count(*) FROM people") == [(0,)]
        assert rows(scratch, "SELECT version_num FROM alembic_version ORDER BY 1") == [("a1",), ("b2",)]
        assert scratch.where == "a copy of the schema on the embedded PostgreSQL 18.4"
        assert scratch.same_version
        assert scratch.warnings == ()
    assert database.run("SELECT version_num FROM alembic_version") == [("old",)]


async def test_everything_that_a_revision_may_meet_is_there(servers, database):
    database.run(
        PEOPLE,
        "CREATE SCHEMA other",
        "CREATE TYPE other.mood AS ENUM ('sad', 'happy')",
        "CREATE TABLE other.moods (id int REFERENCES people, mood other.mood DEFAULT 'sad', CHECK (id > 0))",
        "CREATE INDEX by_name ON people (lower(name)) WHERE id > 10",
        "COMMENT ON TABLE people IS 'who we know'",
        "CREATE VIEW named AS SELECT name FROM people",
        "CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM people",
        "CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end'",
        "CREATE TRIGGER watch BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION spy()",
        "CREATE TABLE parts (id int) PARTITION BY RANGE (id)",
        "CREATE TABLE part PARTITION OF parts FOR VALUES FROM (1) TO (10)",
    )
    query = """
        SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend WHERE refclassid = 'pg_namespace'::regclass
          AND refobjid::regnamespace::text IN ('public', 'other') ORDER BY 1
    """
    async with servers.clone(database.target(), []) as scratch:
        assert rows(scratch, query) == database.run(query)
        assert rows(scratch, "SELECT obj_description('people'::regclass)") == [("who we know",)]
        assert rows(scratch, "SELECT * FROM counted") == [(0,)]


async def test_fresh_puts_it_back(servers, database):
    database.run(PEOPLE)
    async with servers.clone(database.target(), ["a1"]) as scratch:
        with psycopg.connect(**scratch.redirect["params"], autocommit=True) as connection:
            connection.execute("DROP TABLE people")
            await scratch.fresh()  # connected or not
        assert rows(scratch, "SELECT count(*) FROM people") == [(0,)]
        assert rows(scratch, "SELECT * FROM alembic_version") == [("a1",)]


async def test_it_is_gone_afterwards_also_when_the_rehearsal_fails(servers, database, templates):
    with pytest.raises(ZeroDivisionError):
        async with servers.clone(database.target(), []) as scratch:
            raise ZeroDivisionError
    assert scratch.redirect["params"]["dbname"] not in names(templates)


async def test_a_template_serves_until_the_fingerprint_changes(servers, database):
    database.run(PEOPLE)
    async with servers.clone(database.target(fingerprint="one"), []):
        pass
    database.run("ALTER TABLE people ADD COLUMN age int")
    async with servers.clone(database.target(fingerprint="one"), []) as scratch, ScratchServers() as others:
        assert len(rows(scratch, "SELECT FROM pg_attribute WHERE attrelid = 'people'::regclass AND attnum > 0")) == 2
        async with others.clone(database.target(fingerprint="one"), []) as shared:
            query = "SELECT FROM pg_attribute WHERE attrelid = 'people'::regclass AND attnum > 0"
            assert len(rows(shared, query)) == 2
    async with servers.clone(database.target(fingerprint="two"), []) as scratch:
        assert rows(scratch, "SELECT age FROM people") == []


async def test_without_a_fingerprint_the_schema_itself_tells(servers, database, templates):
    database.run(PEOPLE)
    async with servers.clone(database.target(), []):
        pass
    before = names(templates)
    async with servers.clone(database.target(), []) as scratch:
        assert names(templates) - {scratch.redirect["params"]["dbname"]} == before
    database.run("ALTER TABLE people ADD COLUMN age int")
    async with servers.clone(database.target(), []) as scratch:
        assert rows(scratch, "SELECT age FROM people") == []


@pytest.mark.parametrize("own_server", [False, True], ids=["embedded", "own server"])
async def test_templates_do_not_pile_up(servers, database, templates, monkeypatch, own_server):
    monkeypatch.setattr("alembic_mcp.scratch.postgres.TEMPLATES", 2)
    for number in range(3):
        target = database.target(fingerprint=f"{number}", may_create_databases=True)
        async with servers.clone(target, [], own_server=own_server):
            pass
    assert len(names(templates)) == 2


async def test_a_template_that_somebody_dropped_is_made_again(servers, database, templates):
    async with servers.clone(database.target(fingerprint="one"), []) as scratch:
        templates.bound_templates(0)
        await scratch.fresh()
        assert rows(scratch, "SELECT 1") == [(1,)]


async def test_where_copying_takes_long_the_next_copy_is_made_ahead(database, templates, slow):
    slow(0)
    database.run(PEOPLE)
    target = database.target(fingerprint="one")
    async with ScratchServers() as servers:
        async with servers.clone(target, ["a1"]) as scratch:
            used = scratch.redirect["params"]["dbname"]
        with anyio.fail_after(20):
            while not (ahead := {name for name in names(templates) if "_t_" not in name} - {used}):  # noqa: ASYNC110
                await anyio.sleep(0.01)
        async with servers.clone(target, ["a1"]) as first, servers.clone(target, ["a1"]) as second:
            assert {first.redirect["params"]["dbname"]} == ahead
            assert second.redirect["params"]["dbname"] not in ahead
            assert rows(first, "SELECT * FROM alembic_version") == [("a1",)]
            await first.fresh()
            assert rows(first, "SELECT count(*) FROM people") == [(0,)]
        async with servers.clone(database.target(fingerprint="two"), []) as other:
            assert rows(other, "SELECT count(*) FROM people") == [(0,)]
            assert rows(other, "SELECT * FROM pg_tables WHERE tablename = 'alembic_version'") == []
    assert all("_t_" in name for name in names(templates))


async def test_a_development_server_is_used_itself_and_left_as_it_was(database, templates):
    database.run(PEOPLE)
    target = database.target(may_create_databases=True)
    async with ScratchServers() as servers:
        async with servers.clone(target, ["a1"], own_server=True) as scratch:
            assert scratch.where == "a copy of the schema on its own server, PostgreSQL 18.4"
            assert rows(scratch, "SELECT * FROM alembic_version") == [("a1",)]
            assert rows(scratch, "SELECT count(*) FROM people") == [(0,)]
        assert len(names(templates)) == 1
    assert names(templates) == set()


async def test_where_the_own_server_fails_the_embedded_one_helps_out(servers, database):
    database.run("CREATE ROLE cannot LOGIN", "GRANT ALL ON SCHEMA public TO cannot", PEOPLE)
    try:
        database.run("GRANT SELECT ON people TO cannot")
        target = database.target(libpq={"user": "cannot"}, may_create_databases=True)
        async with servers.clone(target, [], own_server=True) as scratch:
            assert "embedded" in scratch.where
            assert "permission denied to create database" in scratch.warnings[0]
    finally:
        database.run("DROP OWNED BY cannot", "DROP ROLE cannot")


async def test_another_version_is_said(servers, database):
    async with servers.clone(database.target(server_version="15.18"), []) as scratch:
        assert not scratch.same_version
        assert scratch.warnings == ("It runs on PostgreSQL 18.4, the database on 15.18.",)


async def test_the_search_path_goes_with_it(servers, database):
    database.run("CREATE SCHEMA app", f"ALTER DATABASE {database.name} SET search_path = app, public")
    database.run(f"ALTER DATABASE {database.name} SET app.tenant = 'it''s us'", "CREATE TABLE here (id int)")
    async with servers.clone(database.target(default_schema="app"), ["a1"]) as scratch:
        await scratch.fresh()
        assert rows(scratch, "SELECT current_schema(), current_setting('app.tenant')") == [("app", "it's us")]
        assert rows(scratch, "SELECT * FROM app.alembic_version") == [("a1",)]


async def test_a_schema_named_after_the_user_is_found(servers, database):
    database.run('CREATE ROLE "odd user" SUPERUSER LOGIN', 'CREATE SCHEMA "odd user"')
    try:
        target = database.target(libpq={"user": "odd user"}, user="odd user", default_schema="odd user")
        async with servers.clone(target, []) as scratch:
            assert rows(scratch, "SELECT current_schema()") == [("odd user",)]
    finally:
        database.run('DROP OWNED BY "odd user" CASCADE', 'DROP ROLE "odd user"')


async def test_the_version_table_may_be_anywhere_and_its_rows_of_any_length(servers, database):
    database.run("CREATE SCHEMA ops", "CREATE TABLE ops.versions (version_num text PRIMARY KEY)")
    async with servers.clone(database.target(version_table="ops.versions"), ["x" * 50]) as scratch:
        assert rows(scratch, "SELECT * FROM ops.versions") == [("x" * 50,)]
    async with servers.clone(database.target(version_table="new"), ["x" * 50]) as scratch:
        assert rows(scratch, "SELECT * FROM new") == [("x" * 50,)]


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
async def test_other_encodings_are_kept(servers, make_database, encoding):
    options = f"ENCODING {encoding} LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    database = make_database(options)
    with psycopg.connect(**database.libpq, client_encoding="UTF8") as connection:
        connection.execute("CREATE TABLE caf\u00e9 (id int)")
    async with servers.clone(database.target(), []) as scratch:
        query = "SELECT pg_encoding_to_char(encoding)::text = %s FROM pg_database WHERE datname = current_database()"
        with psycopg.connect(**scratch.redirect["params"], client_encoding="UTF8") as connection:
            assert connection.execute(query, [encoding]).fetchone() == (True,)
            assert connection.execute("SELECT count(*) FROM caf\u00e9").fetchone() == (0,)


async def test_a_collation_that_it_lacks_has_a_stand_in(servers, database):
    database.run(
        'SET allow_system_table_mods = on; CREATE COLLATION pg_catalog."xx_YY.utf8" FROM pg_catalog."C"',
        'CREATE TABLE sorted (name text COLLATE pg_catalog."xx_YY.utf8")',
    )
    async with servers.clone(database.target(), []) as scratch:
        assert rows(scratch, "SELECT name FROM sorted") == []


EXTENSION = """
    SET allow_system_table_mods = on;
    INSERT INTO pg_extension VALUES (99999, 'shout', 10, 'public'::regnamespace, true, '1.0');
    CREATE DOMAIN loud AS text;
    INSERT INTO pg_depend VALUES
      ('pg_type'::regclass, 'loud'::regtype, 0, 'pg_extension'::regclass, 99999, 0, 'e');
"""


async def test_an_extension_that_it_lacks_is_named(servers, database, templates):
    database.run(EXTENSION, "CREATE TABLE t (name loud)")
    with pytest.raises(ScratchUnavailable, match=r"does not have: shout\."):
        async with servers.clone(database.target(), []):
            pass
    assert names(templates) == set()


async def test_an_extension_that_nothing_needs_is_left_out(servers, database):
    database.run(EXTENSION, PEOPLE)
    async with servers.clone(database.target(), []) as scratch:
        assert rows(scratch, "SELECT count(*) FROM people") == [(0,)]
        assert scratch.warnings == ("It lacks extensions that nothing in the schema needs: shout.",)


async def test_a_role_that_a_rehearsal_makes_is_gone_afterwards(servers, database, templates):
    before = templates.roles()
    async with servers.clone(database.target(), []) as scratch:
        change(scratch, "CREATE ROLE made_by_a_revision")
        await scratch.fresh()
        change(scratch, "CREATE ROLE made_by_a_revision", "CREATE TABLE t ()", "GRANT ALL ON t TO made_by_a_revision")
    assert templates.roles() == before


async def test_an_empty_database_is_empty(servers):
    async with servers.empty() as scratch:
        assert rows(scratch, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace") == []
        change(scratch, "CREATE TABLE t ()")
        await scratch.fresh()
        assert rows(scratch, "SELECT to_regclass('t')") == [(None,)]
    async with servers.clone(None, []) as scratch:
        assert scratch.where == "an empty database on the embedded PostgreSQL 18.4"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"connect": Connect(complete=False)}, "only its own driver"),
        ({"dialect": "mysql"}, "no scratch databases for MySQL"),
        ({"libpq": {"host": "127.0.0.1", "port": "1", "password": "geheim"}}, "could not be"),
    ],
    ids=["not to be followed", "another dialect", "unreachable"],
)
async def test_where_there_can_be_none_the_reason_is_given(servers, database, changes, message):
    with pytest.raises(ScratchUnavailable, match=message) as caught:
        async with servers.clone(database.target(**changes), []):
            pass
    assert "geheim" not in str(caught.value)
    assert caught.value.next_steps


async def test_the_password_is_not_on_the_command_line(servers, database, monkeypatch, tmp_path):
    seen = tmp_path / "seen"
    real = shutil.which("env")
    program = tmp_path / "pg_dump"
    program.write_text(f'#!/bin/sh\nLD_PRELOAD= {real} echo "$@" "PGPASSWORD=$PGPASSWORD" > {seen}\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setattr("alembic_mcp.scratch.dump.programs", lambda: tmp_path)
    with pytest.raises(ScratchUnavailable):
        async with servers.clone(database.target(libpq={"password": "geheim"}), []):
            pass
    arguments, _, password = seen.read_text().partition("PGPASSWORD=")
    assert "geheim" not in arguments
    assert password.strip() == "geheim"


DEAD = """
import sys
from alembic_mcp.scratch.embedded import EmbeddedPostgres
from alembic_mcp.scratch.databases import Databases, new_name
params = dict(item.split("=", 1) for item in sys.argv[1:])
Databases(params).create(new_name(), kind="scratch")
"""


async def test_what_a_killed_process_left_is_swept_and_nothing_else(servers, database, templates):
    mine = new_name()
    stranger = new_name()
    params = [f"{key}={value}" for key, value in templates.params.items()]
    await anyio.run_process([sys.executable, "-c", DEAD, *params])
    templates.create(mine, kind="scratch")
    database.run(f"CREATE DATABASE {stranger}")
    try:
        assert len(names(templates)) == 3
        async with servers.empty():
            assert {mine, stranger} < names(templates)
        assert names(templates) == {mine, stranger}
    finally:
        templates.drop(mine, stranger)


async def test_only_databases_of_ours_are_dropped(database, templates):
    with pytest.raises(ValueError, match=database.name):
        templates.drop(database.name)
    assert database.run("SELECT 1") == [(1,)]


def test_an_owner_is_dead_only_if_that_is_known():
    me = Owner.me()
    assert Owner.read(json.loads(json.dumps(me.as_dict()))) == me
    assert not me.is_dead
    assert Owner(me.host, me.pid, "0").is_dead
    assert not Owner("elsewhere", 1, "0").is_dead
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    assert Owner(me.host, int(child.stdout), "1").is_dead
    assert Owner.read({"host": 1}) is None


# SQLite


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "people 100%.db"
    connection = sqlite3.connect(path)
    connection.executescript("""
        PRAGMA user_version = 7;
        CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY);
        INSERT INTO alembic_version VALUES ('a1');
        CREATE TABLE people (id INTEGER PRIMARY KEY AUTOINCREMENT, name);
        INSERT INTO people (name) VALUES ('a'), ('b');
        CREATE INDEX by_name ON people (name);
        CREATE VIEW named AS SELECT name FROM people;
        CREATE VIRTUAL TABLE words USING fts5(word);
        CREATE TRIGGER watch AFTER INSERT ON people BEGIN SELECT 1; END;
    """)
    yield path
    connection.close()


def look(scratch, query):
    connection = sqlite3.connect(scratch.redirect["path"])
    try:
        found = connection.execute(query).fetchall()
        connection.commit()
        return found
    finally:
        connection.close()


async def test_a_sqlite_file_is_copied_with_its_rows(servers, file):
    before = file.read_bytes()
    async with servers.clone(sqlite_target(file), ["a1"]) as scratch:
        assert scratch.where == "a copy of the SQLite file"
        assert look(scratch, "SELECT name FROM people") == [("a",), ("b",)]
        look(scratch, "DROP TABLE people")
        await scratch.fresh()
        assert look(scratch, "SELECT name FROM people") == [("a",), ("b",)]
        look(scratch, "DROP TABLE people")
        assert look(scratch, "SELECT * FROM alembic_version") == [("a1",)]
    assert not os.path.exists(scratch.redirect["path"])  # noqa: PTH110, ASYNC240 - instantly
    assert file.read_bytes() == before


async def test_a_sqlite_copy_has_the_rows_that_are_still_in_the_log(servers, file):
    writer = sqlite3.connect(file)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("INSERT INTO people (name) VALUES ('c')")
    writer.commit()
    async with servers.clone(sqlite_target(file), ["a1"]) as scratch:
        assert look(scratch, "SELECT count(*) FROM people") == [(3,)]
    writer.close()


async def test_a_large_sqlite_file_gives_its_schema(servers, file, monkeypatch):
    monkeypatch.setattr("alembic_mcp.scratch.sqlite.WHOLE_BELOW", 100)
    async with servers.clone(sqlite_target(file), ["a1", "b2"]) as scratch:
        query = "SELECT name FROM sqlite_master ORDER BY 1"
        connection = sqlite3.connect(file)
        assert look(scratch, query) == connection.execute(query).fetchall()
        connection.close()
        assert look(scratch, "SELECT count(*) FROM people") == [(0,)]
        assert look(scratch, "SELECT * FROM alembic_version ORDER BY 1") == [("a1",), ("b2",)]
        assert look(scratch, "PRAGMA user_version") == [(7,)]
        assert "schema only" in scratch.warnings[0]


@pytest.mark.parametrize("path", ["none.db", None], ids=["not there yet", "in memory"])
async def test_no_sqlite_file_gives_an_empty_one(servers, tmp_path, path):
    source = path and tmp_path / path
    async with servers.clone(sqlite_target(source), []) as scratch:
        assert look(scratch, "SELECT count(*) FROM sqlite_master") == [(0,)]
    assert source is None or not source.exists()


async def test_a_file_that_is_no_database_is_said(servers, tmp_path):
    (tmp_path / "no.db").write_bytes(b"no database" * 1000)
    with pytest.raises(ScratchUnavailable, match="could not be copied"):
        async with servers.clone(sqlite_target(tmp_path / "no.db"), []):
            pass


async def test_files_that_a_killed_process_left_are_swept(file, own_folders):
    folder = own_folders / "mine"
    left = folder / "scratch" / "files-left"
    left.mkdir(parents=True)
    (left / "owner.json").write_text(json.dumps(Owner(Owner.me().host, os.getpid(), "0").as_dict()))
    (folder / "scratch" / "of others").mkdir()
    async with ScratchServers(folder) as servers, servers.clone(sqlite_target(file), []):
        assert not left.exists()
    assert [each.name for each in (folder / "scratch").iterdir()] == ["of others"]
