"""Which MySQL database it is, what it counts as, and that a look changes nothing."""

import dataclasses

import pytest
import sqlalchemy as sa
from tiny_projects import make

from alembic_mcp.errors import NotDone, Refused
from alembic_mcp.target import Environment
from alembic_mcp.worker import identity, peer
from alembic_mcp.workflows import init, inspect, mark
from alembic_mcp.workflows.app import App

pytestmark = pytest.mark.anyio


@pytest.fixture
def looked(app, tmp_path):
    """Look at a database by its URL: ``await looked(url)`` -> `Located`."""

    async def look(url, text=None):
        folder = make(tmp_path / "shop", url=url)
        if text:
            env = folder / "alembic" / "env.py"
            env.write_text(text(env.read_text(encoding="utf-8")), encoding="utf-8")
        at = dataclasses.replace(app, start=folder, prepared={}, runs={})
        return await at.look(at.project(), schema=True)

    return look


async def test_a_server_of_this_machine_is_for_development(looked, place):
    located = await looked(place.url)
    target = located.target
    assert (located.environment, located.reason) == (Environment.DEVELOPMENT, "it is on this machine")
    assert (target.dialect, target.name, target.host) == ("mysql", place.name, "localhost")
    assert target.user == sa.make_url(place.url).username
    [[version]] = place.run("SELECT VERSION()")
    assert version.startswith(target.server_version)
    assert ("MariaDB" in target.server_version) is ("MariaDB" in version)


async def test_databases_of_a_server_are_told_apart_and_one_is_the_same_by_any_address(looked, make_place, tmp_path):
    one, other = make_place(), make_place()
    known = (await looked(one.url)).target
    assert known.identity.startswith("mysql:")
    assert known.identity.endswith(f":{one.name}")
    assert (await looked(other.url)).target.identity.replace(other.name, one.name) == known.identity
    # The same server, told by a file with options instead of the URL.
    socket = sa.make_url(one.url).query.get("unix_socket")
    if socket is None:
        pytest.skip("the server of the variable is not reached through a socket file")
    file = tmp_path / "my.cnf"
    file.write_text(f"[client]\nsocket = {socket}\nhost = db.example.org\n")
    again = await looked(f"mysql+pymysql://root@/{one.name}?read_default_file={file}")
    assert again.target.identity == known.identity
    assert (again.target.host, again.environment) == ("localhost", Environment.DEVELOPMENT)
    assert again.target.fingerprint == known.fingerprint


class Driver:
    """What a driver's connection says of its host."""

    def __init__(self, **said):
        self.__dict__.update(said)


@pytest.mark.parametrize(
    ("driver", "params", "host"),
    [
        pytest.param(Driver(get_host_info=lambda: "Localhost via UNIX socket"), {"host": "a"}, "localhost", id="file"),
        pytest.param(Driver(get_host_info=lambda: "db.example.org via TCP/IP"), {}, "db.example.org", id="mysqlclient"),
        pytest.param(Driver(get_host_info=lambda: "socket db:3306", host="db"), {}, "db", id="PyMySQL over TCP"),
        pytest.param(Driver(unix_socket="/run/s", host="db"), {}, "localhost", id="another driver's socket"),
        pytest.param(Driver(server_host="db"), {}, "db", id="mysql-connector"),
        pytest.param(Driver(), {"host": "db"}, None, id="what was asked for counts"),
        pytest.param(Driver(), {"read_default_file": "my.cnf"}, "a host that a file with options names", id="unknown"),
    ],
)  # fmt: skip
def test_the_host_is_the_one_that_the_driver_went_to(driver, params, host):
    assert peer.mysql(driver, params) == host


@pytest.mark.parametrize(
    ("server", "name", "expected"),
    [
        ({"server_uuid": "u-1", "datadir": "/d"}, "app", "mysql:u-1:app"),
        ({"server_uuid": "u-1", "lower_case_table_names": "1"}, "App", "mysql:u-1:app"),
        ({}, "app", "mysql:db:3306:app"),
        ({"hostname": "h"}, "app", "mysql:db:3306:app"),
    ],
)
def test_a_database_is_known_by_what_its_server_says_of_itself(server, name, expected):
    assert identity.mysql(server, "db", None, name) == expected


def test_two_servers_of_one_machine_are_not_the_same():
    one, other = ({"server_uid": "m", "datadir": folder} for folder in ("/a/", "/b/"))
    assert identity.mysql(one, "localhost", None, "app") != identity.mysql(other, "localhost", None, "app")
    assert identity.mysql(one, "localhost", None, "app") == identity.mysql(one, "127.0.0.1", 3306, "app")


@pytest.mark.parametrize("statement", ["INSERT INTO t VALUES (1)", "DELETE FROM t", "TRUNCATE t"])
async def test_env_py_can_not_write_while_it_is_only_looked_at(statement, looked, place):
    place.run("CREATE TABLE t (id INT)", "INSERT INTO t VALUES (7)")
    with pytest.raises(NotDone, match="READ ONLY transaction"):
        await looked(place.url, _sending(statement))
    assert place.run("SELECT id FROM t") == [(7,)]


async def test_what_env_py_creates_by_habit_is_left_out_of_a_look(looked, place):
    located = await looked(place.url, _sending("CREATE TABLE IF NOT EXISTS habit (id INT)"))
    assert any("it was left out here: CREATE TABLE IF NOT EXISTS habit" in line for line in located.target.warnings)
    assert place.run("SHOW TABLES") == []


def _sending(statement):
    """What env.py becomes when it sends *statement* right after it has connected."""

    def changed(text):
        before, with_, rest = text.partition("as connection:\n")
        assert with_
        indent = rest[: len(rest) - len(rest.lstrip())]
        return f"{before}{with_}{indent}connection.exec_driver_sql({statement!r})\n{rest}"

    return changed


async def test_mysql_carries_no_marks_and_says_what_to_do_instead(app, place, tmp_path):
    at = dataclasses.replace(app, start=make(tmp_path / "shop", url=place.url), prepared={}, runs={})
    with pytest.raises(Refused, match="is a mysql database, which cannot carry marks") as refused:
        await mark.prepare(at, Environment.PRODUCTION)
    assert 'environment = "production"' in refused.value.next_steps[0]


async def test_settings_make_it_production(app, place, tmp_path):
    folder = make(tmp_path / "shop", url=place.url)
    (folder / "pyproject.toml").write_text('[tool.alembic-mcp.databases.default]\nenvironment = "production"\n')
    at = dataclasses.replace(app, start=folder, prepared={}, runs={})
    assert (await inspect.current(at)).database.environment == "production"


async def test_a_variable_that_leads_to_mysql_is_refused_in_plain_words(app, place, tmp_path, monkeypatch):
    """Only we could look at it without telling the project's code where it is, and we have no driver for it."""
    monkeypatch.setenv("PRODUCTION_URL", place.url)
    folder = make(tmp_path / "shop", url=place.url)
    (folder / "pyproject.toml").write_text(
        '[tool.alembic-mcp.databases.production]\nenv = { DATABASE_URL = "PRODUCTION_URL" }\n'
    )
    at = dataclasses.replace(app, start=folder, prepared={}, runs={})
    with pytest.raises(Refused, match="does not hold the URL of a PostgreSQL or SQLite database") as refused:
        await inspect.current(at, database="production")
    assert any("shown_to_code" in step for step in refused.value.next_steps)


MODELS = """\
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
"""


async def test_alembic_is_set_up(place, tmp_path, monkeypatch):
    """For a database without tables, and for one that was begun without Alembic."""
    monkeypatch.setenv("DATABASE_URL", place.url)
    async with App.open(tmp_path) as app:
        folder, report = await set_up(app, tmp_path / "new")
        assert "It was not rehearsed (There are no scratch databases for MySQL)" in report.summary
        assert "op.create_table('book'" in (folder / report.revision.path).read_text(encoding="utf-8")

        place.run("CREATE TABLE book (id INT PRIMARY KEY AUTO_INCREMENT)")
        folder, report = await set_up(app, tmp_path / "old")
        assert report.revision is None
        assert "There is no first revision yet: There are no scratch databases for MySQL." in report.summary
        assert "lead to an empty database of the same server" in report.next_steps[0]
        assert list(folder.rglob("versions/*.py")) == []


async def set_up(app, folder):
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[project]\nname = "library"\nversion = "1"\n')
    (folder / "models.py").write_text(MODELS)
    at = dataclasses.replace(app, start=folder, prepared={}, runs={})
    report = await init.init(at)
    assert report.status == "done", report
    assert {"alembic.ini", "migrations/env.py"} <= set(report.files)
    assert report.database.dialect == "mysql"
    assert (await inspect.current(at)).status == "done"
    return folder, report
