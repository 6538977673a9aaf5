"""Which machine a database is on is what its connection says, not the name that leads there."""

import socket
import threading
from contextlib import contextmanager, suppress

import psycopg
import pytest
from tiny_projects import make

from alembic_mcp.target import Connect, Environment, Target
from alembic_mcp.worker import peer
from alembic_mcp.workflows import inspect, review
from alembic_mcp.workflows.app import App


@pytest.mark.parametrize(
    ("asked", "found", "host"),
    [
        pytest.param("localhost", "127.0.0.1", "localhost", id="this machine by name"),
        pytest.param("127.0.0.1", "127.0.0.1", "127.0.0.1", id="this machine by number"),
        pytest.param("localhost", "::1", "localhost", id="this machine, IPv6"),
        pytest.param("localhost", "::ffff:127.0.0.1", "localhost", id="this machine, mapped"),
        pytest.param("", "", "localhost", id="socket file"),
        pytest.param("/var/run/postgresql", "", "localhost", id="socket file in a folder"),
        pytest.param("@postgresql", "", "localhost", id="abstract socket"),
        pytest.param("localhost", "10.0.0.5", "10.0.0.5", id="hostaddr elsewhere"),
        pytest.param("", "10.0.0.5", "10.0.0.5", id="PGHOSTADDR elsewhere, no host"),
        pytest.param("/var/run/postgresql", "10.0.0.5", "10.0.0.5", id="PGHOSTADDR elsewhere, a folder"),
        pytest.param("::1", "fe80::1%eth0", "fe80::1%eth0", id="elsewhere, with a zone"),
        pytest.param("db", "10.0.0.5", "db", id="another machine"),
        pytest.param("db", "127.0.0.1", "db", id="a name of its own is not taken for this machine"),
        pytest.param("localhost", None, "localhost", id="a driver that does not tell"),
    ],
)
def test_a_name_for_this_machine_counts_only_where_the_other_end_is_on_it(asked, found, host):
    assert peer.machine(asked, found) == host


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("", True),
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("/run/postgresql", True),
        ("10.0.0.5", False),
        ("localhost,db", False),
        ("localhost.example.org", False),
        ("127.0.0.1.example.org", False),
        ("LOCALHOST", False),
        ("0.0.0.0", False),
    ],
)
def test_what_is_not_surely_this_machine_is_not(host, local):
    found = Target("default", "postgresql", "psycopg", "app", host, "18", "i", Connect())
    assert found.is_local is local


@contextmanager
def served_at(libpq):
    """A port of 127.0.0.1 that leads to the socket file of the tests' PostgreSQL."""
    listener = socket.create_server(("127.0.0.1", 0))
    file = f"{libpq['host']}/.s.PGSQL.{libpq['port']}"
    open_ = [listener]

    def pump(source, sink):
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def accept():
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(file)
                open_.extend((client, server))
                pumps.extend(threading.Thread(target=pump, args=ends) for ends in ((client, server), (server, client)))
                for thread in pumps[-2:]:
                    thread.start()

    pumps = []
    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
        for one in open_:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in pumps:
            thread.join()
        for one in open_:
            one.close()


@pytest.fixture
def port(database):
    with served_at(database.libpq) as port:
        yield port


ADDRESSES = [
    pytest.param("psycopg", "@/{name}?host=db.invalid&hostaddr=127.0.0.1&port={port}", {}, "db.invalid", id="hostaddr"),
    pytest.param("psycopg2", "@/{name}?host=db.invalid&hostaddr=127.0.0.1&port={port}", {}, "db.invalid",
                 id="hostaddr, psycopg2"),
    pytest.param("psycopg", "@db.invalid:{port}/{name}", {"PGHOSTADDR": "127.0.0.1"}, "db.invalid", id="PGHOSTADDR"),
    pytest.param("psycopg", "@/{name}", {"PGHOST": "127.0.0.1", "PGPORT": "{port}"}, "127.0.0.1", id="PGHOST"),
    pytest.param("psycopg", "@/{name}?host=127.0.0.1,localhost&port=9,{port}", {}, "localhost", id="a list of hosts"),
    pytest.param("psycopg2", "@/{name}?host=127.0.0.1,localhost&port=9,{port}", {}, "localhost",
                 id="a list of hosts, psycopg2"),
    pytest.param("psycopg", "@/?service=shop", {"PGSERVICEFILE": "{services}"}, "db.invalid", id="service file"),
    pytest.param("asyncpg", "@localhost:{port}/{name}", {"PGHOSTADDR": "127.0.0.9"}, "localhost",
                 id="asyncpg knows no PGHOSTADDR"),
]  # fmt: skip


@pytest.mark.anyio
@pytest.mark.parametrize(("driver", "address", "variables", "host"), ADDRESSES)
async def test_it_is_looked_at_judged_and_asked_where_the_project_connects(
    *, driver, address, variables, host, tmp_path, database, port, monkeypatch
):
    services = tmp_path / "services.conf"
    services.write_text(f"[shop]\nhost=db.invalid\nhostaddr=127.0.0.1\nport={port}\ndbname={database.name}\n")
    database.run("CREATE TABLE person (id int)", "INSERT INTO person VALUES (1)")
    values = {"name": database.name, "port": port, "services": services}
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(**values))
    url = f"postgresql+{driver}://{database.libpq['user']}{address.format(**values)}"
    folder = make(tmp_path / "shop", *(["async_env"] if driver == "asyncpg" else []), url=url)
    async with App.open(folder) as app:
        located = await app.look(app.project())
        assert located.target.host == host
        expected = Environment.DEVELOPMENT if host in ("localhost", "127.0.0.1") else Environment.UNKNOWN
        assert located.environment is expected
        assert (await inspect.current(app)).database.name == database.name
        with psycopg.connect(**located.target.connect.libpq) as own:
            assert own.execute("SELECT current_database()").fetchone() == (database.name,)
        reviewed = await review.review(app)
        assert reviewed.rehearsal.status == "failed", "person is there already, as only this database has it"
        assert any("already exists" in finding.problem for finding in reviewed.findings), reviewed.findings
