"""Published projects, each in an environment of its own: from an empty database to head, and back by one."""

import json
import os
import pwd
import re
import socket
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from own_environments import environment
from stdio_client import YES, serve

pytestmark = [pytest.mark.real, pytest.mark.anyio]

LONG = 1_800.0

# What Alembic itself says about the revisions, asked in the way in which the project calls it.
GRAPH = """
import json, sys, alembic.config, alembic.script
config = alembic.config.Config(sys.argv[1])
script = alembic.script.ScriptDirectory.from_config(config)
if len(sys.argv) > 2:
    script.version_locations = [sys.argv[2]]
print(json.dumps([[s.revision, sorted(s._versioned_down_revisions)] for s in script.walk_revisions()]))
"""

PREFECT_UPGRADE = """
import anyio, anyio.to_thread
from prefect.server.database.alembic_commands import alembic_upgrade
anyio.run(anyio.to_thread.run_sync, alembic_upgrade)
"""


@pytest.fixture(scope="session")
def optuna(tmp_path_factory):
    return environment(tmp_path_factory.mktemp("optuna") / ".venv", "optuna", "psycopg[binary]")


@pytest.fixture(scope="session")
def prefect(tmp_path_factory):
    return environment(tmp_path_factory.mktemp("prefect") / ".venv", "prefect")


@pytest.fixture(scope="session")
def full_postgres():
    """A PostgreSQL that has contrib (prefect needs pg_trgm, which the embedded one lacks); libpq's keywords."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.skip("no PostgreSQL with contrib is installed here")
    programs = found[-1].parent
    as_root = os.geteuid() == 0
    owner = pwd.getpwnam("nobody") if as_root else pwd.getpwuid(os.geteuid())
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="amcp-real-", dir="/tmp") as name:
        folder = Path(name)
        os.chown(folder, owner.pw_uid, owner.pw_gid)

        def run(program, *arguments):
            user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if as_root else {}
            command = [programs / program, "-D", folder / "data", *arguments]
            subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, **user)

        run("initdb", "-U", "postgres", "--auth=trust", "--no-sync")
        options = f"-c listen_addresses=127.0.0.1 -c fsync=off -p {port} -k {folder}"
        run("pg_ctl", "start", "-w", "-s", "-l", folder / "log", "-o", options)
        try:
            yield {"host": "127.0.0.1", "port": port, "user": "postgres", "dbname": "postgres"}
        finally:
            run("pg_ctl", "stop", "-w", "-s", "-m", "immediate")


@pytest.fixture
def full_database(full_postgres):
    """Make an empty database on it: ``full_database(name)`` -> URL for asyncpg."""

    def make(name):
        with psycopg.connect(**full_postgres, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql+asyncpg://postgres@127.0.0.1:{full_postgres['port']}/{name}"

    yield make
    with psycopg.connect(**full_postgres) as connection:
        names = {row[0] for row in connection.execute("SELECT datname FROM pg_database WHERE NOT datistemplate")}
    assert names <= {"postgres", "ours", "theirs"}


def graph(python, ini, folder=None):
    """Alembic's own view: [(revision, [down revisions])], newest first."""
    command = [python, "-c", GRAPH, ini, *([folder] if folder else [])]
    out = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(ini).parent).stdout
    return [(revision, downs) for revision, downs in json.loads(out.splitlines()[-1])]


def stock(command, **options):
    """Let the project's own program do it, for comparison."""
    subprocess.run(command, check=True, capture_output=True, **options)


def parts(create):
    """The columns and constraints of a CREATE TABLE; SQLAlchemy writes them in an order that may differ."""
    pieces = re.split(r"(?:^CREATE TABLE [^(]+\(|, (?![^(]*\))|\)$)", " ".join(create.split()))
    return [piece.strip() for piece in pieces]


def sqlite_schema(file):
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
        return sorted((kind, name, sorted(parts(sql or ""))) for kind, name, sql in rows)


POSTGRESQL_SCHEMA = """
SELECT 'column', table_name, column_name, data_type, is_nullable, column_default
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT 'index', tablename, indexname, indexdef, '', '' FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', ''
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
ORDER BY 1, 2, 3
"""


def postgresql_schema(**libpq):
    with psycopg.connect(**libpq) as connection:
        return connection.execute(POSTGRESQL_SCHEMA).fetchall()


async def there_and_back(server, known):
    """Everything the tools say and do, against what Alembic says of the graph: *known*, newest first."""
    head, parent = known[0][0], known[0][1][0]
    oldest_first = [revision for revision, _ in reversed(known)]

    report = await server.call("current")
    assert (report["status"], report["heads"], report["script_heads"]) == ("done", [], [head]), report
    assert [line["revision"] for line in report["pending"]] == oldest_first
    assert report["unknown"] == []

    report = await server.call("history", limit=500)
    assert [(node["revision"], sorted(node["down_revisions"])) for node in report["revisions"]] == known
    assert (report["heads"], report["bases"], report["problems"]) == ([head], [oldest_first[0]], [])

    report = await server.call("upgrade", target="head")
    assert (report["status"], report["applied"], report["after"]) == ("done", True, [head]), report
    assert report["rehearsal"]["status"] == "passed", report["rehearsal"]
    assert report["verified"]["heads"] is True
    assert report["verified"]["schema"] is True, report["verified"]
    assert (await server.call("current"))["at_head"] is True

    report = await server.call("review", revisions="head")
    assert report["status"] == "done", report
    assert [line["revision"] for line in report["revisions"]] == [head]
    assert report["rehearsal"]["status"] == "passed", report["rehearsal"]
    assert report["statements"]

    report = await server.call("check")
    assert report["status"] == "done"
    # prefect filters the other database's indexes out, and is told so; no model is missing.
    assert (report["why_nothing"] or "env.py's include_object").startswith("env.py's include_object"), report

    report = await server.call("downgrade", target="-1")
    assert (report["status"], report["applied"], report["after"]) == ("done", True, [parent]), report
    assert report["verified"]["schema"] is True, report["verified"]
    report = await server.call("upgrade")
    assert (report["status"], report["applied"], report["after"]) == ("done", True, [head]), report
    report = await server.call("upgrade")
    assert (report["status"], report["applied"], report["after"]) == ("done", False, [head]), report


def optuna_project(folder, environment_, url):
    """What somebody who keeps an optuna database writes: an ini of their own over optuna's folder."""
    [packages] = environment_.glob("lib/python*/site-packages")
    theirs = (packages / "optuna" / "storages" / "_rdb" / "alembic.ini").read_text(encoding="utf-8")
    own = theirs.replace("script_location = alembic", "script_location = optuna:storages/_rdb/alembic")
    own = own.replace("sqlalchemy.url = sqlite:///alembic.db", f"sqlalchemy.url = {url}")
    assert url in own
    folder.mkdir()
    (folder / "alembic.ini").write_text(own, encoding="utf-8")
    python = environment_ / "bin" / "python"
    (folder / "pyproject.toml").write_text(f'[tool.alembic-mcp]\ninterpreter = "{python}"\n', encoding="utf-8")
    return folder


@pytest.mark.xdist_group("optuna")
async def test_optuna_on_sqlite(tmp_path, optuna):
    ours, theirs = tmp_path / "ours.db", tmp_path / "theirs.db"
    other = optuna_project(tmp_path / "other", optuna, f"sqlite:///{theirs}")
    stock([optuna / "bin" / "alembic", "upgrade", "head"], cwd=other)
    folder = optuna_project(tmp_path / "study", optuna, f"sqlite:///{ours}")
    async with serve(folder, answers=[YES], python=None, patience=LONG) as server:
        await there_and_back(server, graph(optuna / "bin" / "python", folder / "alembic.ini"))
    assert sqlite_schema(ours) == sqlite_schema(theirs)


@pytest.mark.xdist_group("optuna")
async def test_optuna_on_postgresql(tmp_path, optuna, make_database):
    ours, theirs = make_database(), make_database()
    other = optuna_project(tmp_path / "other", optuna, theirs.url())
    stock([optuna / "bin" / "alembic", "upgrade", "head"], cwd=other)
    folder = optuna_project(tmp_path / "study", optuna, ours.url())
    async with serve(folder, answers=[YES], python=None, patience=LONG) as server:
        await there_and_back(server, graph(optuna / "bin" / "python", folder / "alembic.ini"))
    assert postgresql_schema(**ours.libpq) == postgresql_schema(**theirs.libpq)


def prefect_ini(environment_):
    [packages] = environment_.glob("lib/python*/site-packages")
    return packages / "prefect" / "server" / "database" / "alembic.ini"


@pytest.mark.thorough
@pytest.mark.xdist_group("prefect")
@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
async def test_prefect(dialect, tmp_path, prefect, request):
    ini = prefect_ini(prefect)
    python = prefect / "bin" / "python"
    if dialect == "sqlite":
        urls = {name: f"sqlite+aiosqlite:///{tmp_path / name}.db" for name in ("ours", "theirs")}
    else:
        database = request.getfixturevalue("full_database")
        urls = {name: database(name) for name in ("ours", "theirs")}
    env = {
        name: {"PREFECT_API_DATABASE_CONNECTION_URL": url, "PREFECT_HOME": str(tmp_path / "prefect")}
        for name, url in urls.items()
    }
    stock([python, "-c", PREFECT_UPGRADE], env={**os.environ, **env["theirs"]})
    known = graph(python, ini, ini.parent / "_migrations" / "versions" / dialect)
    files = sorted(ini.parent.rglob("*.py"))
    async with serve(
        tmp_path, "--project", str(ini), answers=[YES], env=env["ours"], python=None, patience=LONG
    ) as server:
        await there_and_back(server, known)
    assert sorted(ini.parent.rglob("*.py")) == files
    if dialect == "sqlite":
        assert sqlite_schema(tmp_path / "ours.db") == sqlite_schema(tmp_path / "theirs.db")
    else:
        full = request.getfixturevalue("full_postgres")
        schemas = [postgresql_schema(**{**full, "dbname": name}) for name in urls]
        assert schemas[0] == schemas[1]
