"""Whatever is wrong: a report that says so, and files and database as they were, or as the report says."""

import os
import pwd
import socket
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import anyio
import psycopg
import pytest
from mcp.shared.exceptions import MCPError
from stdio_client import YES, serve
from tiny_projects import make, tree

from alembic_mcp.scratch.embedded import programs

pytestmark = pytest.mark.anyio

PASSWORD = "made-up-pass-4711"


async def assert_refused(server, tool, *words, status="refused", **arguments):
    """The call is refused (or failed); the report has all of *words* and says that nothing was done."""
    report = await server.call(tool, **arguments)
    assert report["status"] == status, report
    text = " ".join([report["summary"], *report["next_steps"]])
    for word in words:
        assert word in text, text
    assert not report.get("applied")
    return report


def assert_secret(server, secret=PASSWORD):
    assert secret not in server.stderr
    assert not [text for text in server.texts if secret in text]
    assert not [text for text in server.progress if secret in text]


# Revisions that are not there


async def test_a_revision_that_no_file_knows(tmp_path, db):
    folder = make(tmp_path / "shop", "odd_ids", url=db.url)
    async with serve(folder) as server:
        await server.call("upgrade", target="b2")
        for tool, argument in [("upgrade", "target"), ("downgrade", "target"), ("review", "revisions")]:
            report = await assert_refused(server, tool, "zzz9", **{argument: "zzz9"})
            assert "history" in " ".join(report["next_steps"])
        await assert_refused(server, "upgrade", "v3.2.0.a", target="v3.2.0.b")  # nearly right: suggested
        assert (await server.call("current"))["heads"] == ["b2"]


async def test_a_prefix_that_fits_two_revisions(tmp_path, db):
    folder = make(tmp_path / "shop", "odd_ids", url=db.url)
    (folder / "alembic" / "versions" / "f6.py").write_text('revision = "aa1299999999"\ndown_revision = "b2"\n')
    async with serve(folder) as server:
        await assert_refused(server, "upgrade", "aa1299999999", "aa1234567890", target="aa12")
        await assert_refused(server, "review", "aa1299999999", "aa1234567890", revisions="aa12")
        assert (await server.call("current"))["heads"] == []


NONSENSE = ["", " ", "a1; DROP TABLE person", "../../etc/passwd", "-1", "+99", "+0", "head@head"]


async def test_targets_that_mean_nothing_here(tmp_path, db, subtests):
    folder = make(tmp_path / "shop", url=db.url)
    before = tree(folder)
    async with serve(folder) as server:
        for target in NONSENSE:
            with subtests.test(target):
                report = await server.call("upgrade", target=target)
                assert report["status"] in ("refused", "failed"), report
                assert "alembic-mcp itself failed" not in report["summary"]
        assert (await server.call("current"))["heads"] == []
    assert tree(folder) == before
    assert db.columns("person") == []


async def test_an_upgrade_to_what_is_below_and_a_downgrade_to_what_is_above(tmp_path, db):
    folder = make(tmp_path / "shop", url=db.url)
    async with serve(folder) as server:
        await server.call("upgrade")
        await assert_refused(server, "upgrade", "downgrade", target="a1")
        await server.call("downgrade", target="a1")
        await assert_refused(server, "downgrade", "upgrade", target="b2")
        await assert_refused(server, "downgrade", target="-5")
        assert (await server.call("current"))["heads"] == ["a1"]


async def test_a_revision_in_the_database_that_no_file_knows(tmp_path, db):
    folder = make(tmp_path / "shop", url=db.url)
    async with serve(folder) as server:
        await server.call("upgrade")
        db.run("UPDATE alembic_version SET version_num = 'from_another_branch'")
        report = await server.call("current")
        assert (report["status"], report["unknown"], report["at_head"]) == ("done", ["from_another_branch"], False)
        before = tree(folder)
        for tool, arguments in [
            ("upgrade", {}),
            ("downgrade", {"target": "-1"}),
            ("review", {}),
            ("generate", {"message": "more"}),
        ]:
            await assert_refused(server, tool, "from_another_branch", **arguments)
        assert tree(folder) == before
        assert db.run("SELECT version_num FROM alembic_version") == [("from_another_branch",)]


# Databases that can't be used


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "asyncpg"])
async def test_a_database_that_cannot_be_reached(driver, tmp_path):
    layers = ["async_env"] if driver == "asyncpg" else []
    folder = make(tmp_path / "shop", *layers, url=f"postgresql+{driver}://shop:{PASSWORD}@127.0.0.1:9/shop")
    before = tree(folder)
    async with serve(folder) as server:
        assert (await server.call("history"))["heads"] == ["b2"]
        for tool, arguments in [
            ("current", {}),
            ("upgrade", {}),
            ("downgrade", {"target": "-1"}),
            ("stamp", {"target": "head"}),
        ]:
            report = await server.call(tool, **arguments)
            assert report["status"] == "failed", report
            assert "127.0.0.1" in report["summary"], report
        for tool, arguments in [("check", {}), ("review", {}), ("generate", {"message": "x"})]:
            report = await server.call(tool, **arguments)
            assert report["status"] == "done", report
            [warning] = [each for each in report["warnings"] if "stands in for it" in each]
            assert "127.0.0.1" in warning
        assert_secret(server)
    assert tree(folder) == before


@pytest.fixture(scope="module")
def guarded(quick_folder):
    """A PostgreSQL of its own that wants a password over TCP: its port. The right one is `PASSWORD`, for ``shop``."""
    nobody = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []} if nobody else {}
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="amcp-", dir=quick_folder) as name:
        folder = Path(name)
        (folder / "password").write_text(PASSWORD)
        folder.chmod(0o755)
        data = folder / "data"
        data.mkdir()
        if nobody:
            os.chown(data, nobody.pw_uid, nobody.pw_gid)

        def run(program, *arguments):
            command = [programs() / program, "-D", data, *arguments]
            subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, **user)

        secret = f"--pwfile={folder / 'password'}"
        run("initdb", "-U", "shop", "--auth=scram-sha-256", "--no-sync", "--no-locale", "-E", "UTF8", secret)
        options = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -p {port}"
        run("pg_ctl", "start", "-w", "-s", "-l", data / "log", "-o", options)
        try:
            yield port
        finally:
            run("pg_ctl", "stop", "-w", "-s", "-m", "immediate")


@pytest.mark.xdist_group("guarded")
@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "asyncpg"])
async def test_a_wrong_password_is_never_shown(driver, guarded, tmp_path):
    layers = ["async_env"] if driver == "asyncpg" else []
    wrong = PASSWORD[::-1]
    folder = make(tmp_path / "shop", *layers, url=f"postgresql+{driver}://shop:{wrong}@127.0.0.1:{guarded}/postgres")
    async with serve(folder) as server:
        for tool, arguments in [("current", {}), ("upgrade", {}), ("generate", {"message": "x"})]:
            report = await server.call(tool, **arguments)
            assert report["status"] == ("done" if tool == "generate" else "failed")
            said = report["warnings"] if tool == "generate" else [report["summary"]]
            assert any("password authentication failed" in each for each in said), report
        assert_secret(server, wrong)


@pytest.mark.xdist_group("guarded")
async def test_a_right_password_is_not_shown_either(guarded, tmp_path):
    folder = make(tmp_path / "shop", url=f"postgresql+psycopg://shop:{PASSWORD}@127.0.0.1:{guarded}/postgres")
    async with serve(folder) as server:
        await server.call("current")
        await server.call("review")
        await server.call("upgrade")
        report = await server.call("current")
        assert report["heads"] == ["b2"]
        assert_secret(server)
    url = f"postgresql://shop:{PASSWORD}@127.0.0.1:{guarded}/postgres"
    with psycopg.connect(url) as connection:
        names = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
    assert names == {"postgres", "template0", "template1"}


async def test_a_password_that_env_py_prints_in_its_error(tmp_path):
    url = f"postgresql+psycopg://shop:{PASSWORD}@127.0.0.1:9/shop"
    folder = make(tmp_path / "shop", url=url)
    env = folder / "alembic" / "env.py"
    env.write_text(f"print({url!r})\n{env.read_text()}\nraise RuntimeError({url!r})\n")
    async with serve(folder) as server:
        assert (await server.call("current"))["status"] == "failed"
        assert_secret(server)


async def test_a_password_in_an_error_of_a_revision(tmp_path, db):
    folder = make(tmp_path / "shop", url=db.url)
    (folder / "alembic" / "versions" / "c3.py").write_text(
        'revision = "c3"\ndown_revision = "b2"\n'
        f"def upgrade():\n    raise RuntimeError('cannot log in with password={PASSWORD} at https://x:{PASSWORD}@h/')\n"
    )
    async with serve(folder) as server:
        report = await server.call("upgrade")
        assert report["status"] in ("refused", "failed")
        assert "cannot log in" in repr(report)
        assert_secret(server)
        assert (await server.call("current"))["heads"] == []


async def test_an_upgrade_waits_for_a_table_that_another_session_writes_to(tmp_path, postgresql):
    folder = make(tmp_path / "shop", url=postgresql.url)
    async with serve(folder) as server:
        await server.call("upgrade", target="a1")
        reports = []

        async def upgrade():
            reports.append(await server.call("upgrade"))

        with psycopg.connect(**pg_libpq(postgresql)) as other:
            other.execute("LOCK TABLE person IN ROW EXCLUSIVE MODE")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(upgrade)
                await server.wait_for_progress("waits for a lock")
                other.rollback()
        [report] = reports
        assert_applied(report, ["b2"])


async def test_a_table_that_another_session_has_locked_from_the_start(tmp_path, postgresql):
    folder = make(tmp_path / "shop", url=postgresql.url)
    async with serve(folder, patience=60) as server:
        await server.call("upgrade", target="a1")
        with psycopg.connect(**pg_libpq(postgresql)) as other:
            other.execute("LOCK TABLE person IN ACCESS EXCLUSIVE MODE")
            assert (await server.call("current"))["heads"] == ["a1"]
            report = await server.call("upgrade")
            assert report["status"] in ("failed", "refused"), report
            assert "lock" in report["summary"]
            assert not report["applied"]
        assert (await server.call("current"))["heads"] == ["a1"]
        assert_applied(await server.call("upgrade"), ["b2"])


def assert_applied(report, after):
    assert (report["status"], report["applied"], report["after"]) == ("done", True, after), report


def pg_libpq(postgresql):
    return postgresql.run.__self__.libpq


async def test_a_sqlite_file_that_another_session_has_locked(tmp_path, db):
    folder = make(tmp_path / "shop", url=db.url + "?timeout=0.2")
    async with serve(folder) as server:
        await server.call("upgrade", target="a1")
        with closing(sqlite3.connect(tmp_path / "data" / "app.db", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            report = await server.call("upgrade")
            assert report["status"] in ("failed", "refused"), report
            assert "locked" in repr(report)
            assert not report["applied"]
            other.execute("ROLLBACK")
        assert (await server.call("current"))["heads"] == ["a1"]
        assert (await server.call("upgrade"))["after"] == ["b2"]


async def test_two_upgrades_at_once_run_one_after_the_other_or_one_is_refused(tmp_path, postgresql):
    folder = make(tmp_path / "shop", url=postgresql.url)
    async with serve(folder) as one, serve(folder) as two:
        reports = []

        async def upgrade(server):
            reports.append(await server.call("upgrade"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(upgrade, one)
            tasks.start_soon(upgrade, two)
        assert sum(report["applied"] for report in reports) == 1, reports
        assert {report["status"] for report in reports} <= {"done", "refused"}
        assert (await one.call("current"))["heads"] == ["b2"]


# Interpreters


async def test_an_interpreter_that_is_missing(tmp_path, db):
    folder = make(tmp_path / "shop", url=db.url)
    (folder / "pyproject.toml").write_text('[tool.alembic-mcp]\ninterpreter = "/nowhere/bin/python"\n')
    async with serve(folder, python=None) as server:
        report = await server.call("current")
        assert report["status"] in ("refused", "failed")
        assert "/nowhere/bin/python" in report["summary"]


@pytest.fixture(scope="module")
def bare_environment(tmp_path_factory):
    """An environment without Alembic."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return folder


async def test_an_interpreter_without_alembic(tmp_path, db, bare_environment):
    folder = make(tmp_path / "shop", url=db.url)
    async with serve(folder, python=str(bare_environment / "bin" / "python")) as server:
        report = await server.call("current")
        assert report["status"] in ("refused", "failed")
        assert "alembic" in report["summary"].lower()
        assert str(bare_environment) in repr(report)


async def test_an_alembic_that_is_too_old(tmp_path, db, bare_environment):
    [packages] = bare_environment.glob("lib/python*/site-packages")
    old = tmp_path / "old"
    for package, version in {"alembic": "1.4.3", "sqlalchemy": "1.3.24"}.items():
        (old / package).mkdir(parents=True)
        (old / package / "__init__.py").write_text(f'__version__ = "{version}"\n')
    (packages / "old.pth").write_text(f"{old}\n")
    folder = make(tmp_path / "shop", url=db.url)
    async with serve(folder, python=str(bare_environment / "bin" / "python")) as server:
        report = await server.call("current")
        assert report["status"] in ("refused", "failed")
        assert "1.4.3" in report["summary"]
        assert "1.11" in repr(report)
    (packages / "old.pth").unlink()


# Code that is wrong


async def test_a_syntax_error_in_a_model(tmp_path, db):
    folder = make(tmp_path / "shop", url=db.url)
    models = folder / "models.py"
    async with serve(folder) as server:
        await server.call("upgrade")
        good = models.read_text()
        models.write_text(good + "    age: Mapped[int | None = mapped_column(\n")
        before = tree(folder)
        for tool, arguments in [("check", {}), ("generate", {"message": "add age"})]:
            report = await server.call(tool, **arguments)
            assert report["status"] == "failed"
            assert "models.py" in report["summary"], report
        assert tree(folder) == before
        models.write_text(good)
        assert (await server.call("check"))["differences"] == []


async def test_a_project_that_is_not_there(tmp_path):
    (tmp_path / "empty").mkdir()
    async with serve(tmp_path / "empty") as server:
        report = await assert_refused(server, "current", "alembic.ini")
        assert "call init" in " ".join(report["next_steps"])


async def test_a_project_that_has_no_such_name(tmp_path, db):
    folder = make(tmp_path / "shop", url=db.url)
    async with serve(folder) as server:
        await assert_refused(server, "current", "nonsense", "alembic.ini", project="nonsense")
        await assert_refused(server, "current", "elsewhere", "default", database="elsewhere")


# Messages

MESSAGES = {
    "quotes": ("say \"hi\" and 'bye' \"\"\" and '''", "done"),
    "a backslash at the end": ("ends in \\", "done"),
    "newlines": ("first line\nsecond line\r\nrevision = 'forged'", "done"),
    "a path": ("../../../escape", "done"),
    "an absolute path": ("/etc/passwd", "done"),
    "a template": ("${1/0} <% raise SystemExit %> {{x}} %(here)s", "done"),
    "other alphabets": ("добавить 表 🚀", "done"),
    "a null byte": ("a\x00b", "done"),
    "10,000 characters": ("x" * 10_000, "refused"),
    "nothing": ("", "refused"),
    "blanks": (" \n\t ", "refused"),
}


async def test_messages_that_are_no_file_names(tmp_path, db, subtests):
    folder = make(tmp_path / "shop", url=db.url)
    async with serve(folder) as server:
        await server.call("upgrade")
        for name, (text, status) in MESSAGES.items():
            with subtests.test(name):
                before, outside = tree(folder), sorted(tmp_path.iterdir())
                report = await server.call("generate", message=text, kind="empty")
                assert report["status"] == status, report
                after = tree(folder)
                new = set(after) - set(before)
                assert sorted(tmp_path.iterdir()) == outside
                assert {file: after[file] for file in before} == before
                if status == "refused":
                    assert not new
                    continue
                [file] = new
                assert file.startswith("alembic/versions/")
                compile(after[file], file, "exec")
                history = await server.call("history")
                assert history["problems"] == []
                assert history["heads"] == [report["files"][0]["revision"]]
                assert_applied(await server.call("upgrade"), history["heads"])


# Stops

SLOW = """
revision = "c3"
down_revision = "b2"


def upgrade():
    from alembic import op
    op.execute("ALTER TABLE person ADD COLUMN half integer")
    if op.get_bind().exec_driver_sql("SELECT current_database()").scalar() == {name!r} and {stops}:
        open({reached!r}, "w").close()
        open({held!r}).close()


def downgrade():
    from alembic import op
    op.execute("ALTER TABLE person DROP COLUMN half")
"""


@pytest.mark.parametrize("whom", ["server", "worker"])
async def test_a_process_killed_in_the_middle_of_an_upgrade(whom, tmp_path, postgresql):
    folder = make(tmp_path / "shop", url=postgresql.url)
    reached, held = tmp_path / "reached", tmp_path / "held"
    os.mkfifo(reached)
    os.mkfifo(held)
    file = folder / "alembic" / "versions" / "c3.py"
    slow = {"name": pg_libpq(postgresql)["dbname"], "reached": str(reached), "held": str(held)}
    file.write_text(SLOW.format(**slow, stops=True))
    reports = []
    async with serve(folder, answers=[YES]) as server:

        async def upgrade():
            try:
                reports.append(await server.call("upgrade"))
            except MCPError:
                assert whom == "server"  # it is gone: there is nobody to answer

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(upgrade)
            with anyio.fail_after(60):
                await anyio.to_thread.run_sync(reached.read_text, abandon_on_cancel=True)
            if whom == "server":
                server.process.kill()
            else:
                max(server.workers, key=lambda process: process.create_time()).kill()
        if whom == "worker":
            [report] = reports
            assert report["status"] == "failed", report
            assert (report["applied"], report["after"]) == (False, [])
            assert (await server.call("current"))["heads"] == []
    file.write_text(SLOW.format(**slow, stops=False))
    assert postgresql.columns("person") == []
    async with serve(folder) as server:
        report = await server.call("current")
        assert (report["status"], report["heads"]) == ("done", [])
        assert_applied(await server.call("upgrade"), ["c3"])
        assert postgresql.columns("person") == ["id", "name", "email", "half"]


async def test_a_revision_that_ends_its_process_is_a_failure_and_no_more(tmp_path, db):
    folder = make(tmp_path / "shop", url=db.url)
    (folder / "alembic" / "versions" / "c3.py").write_text(
        'import os\nrevision = "c3"\ndown_revision = "b2"\n'
        "def upgrade():\n    print('going down')\n    os._exit(7)\n\ndef downgrade():\n    pass\n"
    )
    async with serve(folder) as server:
        report = await server.call("upgrade")
        assert report["status"] in ("refused", "failed")
        assert not report["applied"]
        assert (await server.call("current"))["heads"] == []
        assert (await server.call("upgrade", target="b2"))["after"] == ["b2"]


async def test_unknown_arguments_are_named(tmp_path, db):
    folder = make(tmp_path / "shop", url=db.url)
    async with serve(folder) as server:
        await assert_refused(server, "upgrade", "force", target="head", force=True)
        await assert_refused(server, "upgrade", "approve", approve="yes, run it")
        assert (await server.call("current"))["heads"] == []
