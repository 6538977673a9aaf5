"""What the tests of MySQL and MariaDB share: a server, a database per test, projects on it, one app for a module."""

import os
import sys
import uuid
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from tiny_projects import Place

from alembic_mcp.workflows.app import App

sys.path.append(str(Path(__file__).parents[1] / "generate"))

URL = "ALEMBIC_MCP_TEST_MYSQL_URL"
WANTED = "ALEMBIC_MCP_TEST_MYSQL"
"""``required``: that there is no server is a failure, and no reason to leave the tests out."""


@dataclass(frozen=True)
class MysqlPlace(Place):
    """A database on the server; ``name`` is its name, ``server`` leads to the server without a database."""

    name: str = ""
    server: str = ""

    def columns(self, table):
        return [row[0] for row in self.run(
            "SELECT column_name FROM information_schema.columns "
            f"WHERE table_schema = DATABASE() AND table_name = '{table}' ORDER BY ordinal_position"
        )]  # fmt: skip


@pytest.fixture(scope="session")
def server():
    """URL of a MySQL or MariaDB server whose user may create databases: that of the variable, else one of our own."""
    if os.environ.get(URL):
        yield os.environ[URL]
        return
    from mariadb import missing, running  # noqa: PLC0415 - not where the tests are left out

    if missing() is not None:
        without = pytest.fail if os.environ.get(WANTED) == "required" else pytest.skip
        without(f"there is no {missing()} on this machine, and {URL} is not set: install mariadb-server, or set it")
    folder = Path(os.environ["ALEMBIC_MCP_TEST_FOLDER"]) / f"mysql-{uuid.uuid4().hex[:8]}"
    with running(folder) as socket:
        yield f"mysql+pymysql://root@localhost/?unix_socket={socket}"


@contextmanager
def _places(server):
    """What makes databases; they are dropped at the end."""
    made = []
    engine = sa.create_engine(server, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")

    def make(driver="pymysql"):
        name = f"test_{uuid.uuid4().hex[:12]}"
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        made.append(name)
        url = sa.make_url(server).set(database=name, drivername=f"mysql+{driver}")
        return MysqlPlace(url.render_as_string(hide_password=False), runner(url), name, server)

    yield make
    with engine.connect() as connection:
        for name in made:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")


def runner(url):
    """What runs statements on *url*, each committed; the rows of the last one."""
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")

    def run(*statements):
        with closing(engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    return run


@pytest.fixture
def make_place(server):
    """Make empty databases: ``make_place()`` -> `MysqlPlace`; they are dropped after the test."""
    with _places(server) as make:
        yield make


@pytest.fixture
def place(make_place):
    """An empty database (`MysqlPlace`)."""
    return make_place()


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
async def app(tmp_path_factory):
    """An open `App`; its worker processes serve the whole module."""
    async with App.open(tmp_path_factory.mktemp("nothing")) as opened:
        yield opened
