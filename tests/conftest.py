"""What all tests share: one PostgreSQL server for the whole run, a database per test, folders of the tests' own."""

import os
import shutil
import sys
import tempfile
import uuid
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from tiny_projects import Place, on_sqlite

from alembic_mcp.scratch import keeper
from alembic_mcp.scratch.embedded import EmbeddedPostgres
from alembic_mcp.store import Store
from alembic_mcp.target import Connect, Target
from alembic_mcp.workflows.app import App

FOLDER = "ALEMBIC_MCP_TEST_FOLDER"
MEMORY, ENOUGH = Path("/dev/shm"), 4 * 2**30


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files")


def pytest_configure(config):
    if hasattr(config, "workerinput"):
        return
    # Not below pytest's own folder: that one is closed to the user that PostgreSQL runs as when we are root.
    folder = Path(tempfile.mkdtemp(prefix="amcp-", dir=_quick_folder()))
    folder.chmod(0o711)
    os.environ[FOLDER] = str(folder)
    # From here on, and in every process that a test starts, nothing of the user's own is read or written.
    os.environ["ALEMBIC_MCP_CACHE_DIR"] = str(folder / "cache")
    for variable in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[variable]


def _quick_folder():
    """Where the files of databases go: into memory where there is enough, for a database is made of 300 files."""
    usable = MEMORY.is_dir() and os.access(MEMORY, os.W_OK | os.X_OK)
    return str(MEMORY) if usable and shutil.disk_usage(MEMORY).free > ENOUGH else "/tmp"


def pytest_unconfigure(config):
    if hasattr(config, "workerinput"):
        return
    folder = Path(os.environ.pop(FOLDER))
    if keeper.running(str(folder / "cache" / "postgresql-18" / "data" / "postmaster.pid")):
        # A worker was killed: nobody else uses it now, and closing it waits until it has gone.
        EmbeddedPostgres(folder / "cache").__enter__().close()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def quick_folder():
    """A folder for databases that a test makes itself, open to the user that PostgreSQL runs as: its path."""
    return _quick_folder()


@pytest.fixture(scope="session")
def postgres():
    """The embedded PostgreSQL (`EmbeddedPostgres`), one for all workers of the run; connections are superuser's."""
    with EmbeddedPostgres() as server:
        yield server


@dataclass(frozen=True)
class Database:
    """A database of a test's own.

    Attributes:
        libpq: keyword arguments for psycopg.connect.
    """

    libpq: dict[str, str]

    @property
    def name(self):
        return self.libpq["dbname"]

    def url(self, driver="psycopg"):
        """For SQLAlchemy."""
        socket, port, user = self.libpq["host"], self.libpq["port"], self.libpq["user"]
        return f"postgresql+{driver}://{user}@/{self.name}?host={socket}&port={port}"

    def target(self, *, libpq=None, **changes):
        """As the worker would find it; *libpq* and *changes* say what is different."""
        values = {
            "database": "default",
            "dialect": "postgresql",
            "driver": "psycopg",
            "name": self.name,
            "host": "localhost",
            "user": self.libpq["user"],
            "server_version": "18.4",
            "identity": f"postgresql:1:{self.name}",
            "default_schema": "public",
            "connect": Connect(libpq={**self.libpq, **(libpq or {})}),
        }
        return Target(**{**values, **changes})

    def connect(self):
        return psycopg.connect(**self.libpq, autocommit=True)

    def run(self, *statements):
        """Run statements, each committed; the rows of the last one."""
        with self.connect() as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def _databases(postgres):
    """What makes databases; they are dropped at the end."""
    made = []

    def make(options=""):
        name = f"test_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(**postgres.params, dbname="postgres", autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} " + options).format(sql.Identifier(name)))
        made.append(name)
        return Database(libpq={**postgres.params, "dbname": name})

    yield make
    with psycopg.connect(**postgres.params, dbname="postgres", autocommit=True) as connection:
        for name in made:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def make_database(postgres):
    """Make databases: ``make_database()`` -> Database; they are dropped after the test."""
    with _databases(postgres) as make:
        yield make


@pytest.fixture(scope="module")
def shared_database(postgres):
    """A PostgreSQL database (`Database`) for all tests of a module that leave nothing in it."""
    with _databases(postgres) as make:
        yield make()


@pytest.fixture
def database(make_database):
    """An empty PostgreSQL database (`Database`), dropped after the test."""
    return make_database()


@pytest.fixture
def db(tmp_path):
    """A SQLite file that does not exist yet (`Place`)."""
    return on_sqlite(tmp_path)


@pytest.fixture
def postgresql(database):
    """An empty PostgreSQL database as a `Place`."""
    return Place(database.url(), database.run)


@pytest.fixture(scope="module")
async def app(tmp_path_factory):
    """An open `App`; its worker processes and scratch servers serve the whole module."""
    async with App.open(tmp_path_factory.mktemp("nothing"), interpreter=Path(sys.executable)) as opened:
        await opened.scratch()
        yield opened


@pytest.fixture
def opened(app):
    """Opens an app over a folder that remembers nothing: ``async with opened(folder, pins=()) as app``."""

    @asynccontextmanager
    async def open_(folder, **changes):
        own = {"prepared": {}, "runs": {}, "_blanks": {}, "_store": None, **changes}
        async with AsyncExitStack() as stack:
            yield replace(app, start=folder, _stack=stack, **own)

    return open_


@pytest.fixture
def store():
    """The store of this test alone."""
    store = Store()
    yield store
    store.close()


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory, monkeypatch):
    """Home, configuration, state and store of this test alone."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for variable, folder in {"CONFIG": "config", "STATE": "state", "DATA": "data", "CACHE": "cache"}.items():
        monkeypatch.setenv(f"XDG_{variable}_HOME", str(home / folder))
    monkeypatch.delenv("ALEMBIC_MCP_STATE_URL", raising=False)
    return home


@pytest.fixture
def golden(request):
    """Compare text with a golden file; ``--update-golden`` rewrites it instead."""

    def check(path, actual):
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(actual, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == actual

    return check


@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"
