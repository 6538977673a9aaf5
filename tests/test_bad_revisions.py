"""Whatever a revision does: the review ends in a report that says so, and the database is as it was."""

import sys

import pytest
from tiny_projects import AT_B2, Place, make

from alembic_mcp.operations import Direction
from alembic_mcp.preflight import postgresql as preflight
from alembic_mcp.report import Decision, Severity
from alembic_mcp.worker_client import WorkerFailed
from alembic_mcp.workflows import complete, examine, inspect, review

pytestmark = pytest.mark.anyio

TOP = "import os, subprocess, socket, sys, threading\nimport sqlalchemy as sa\nfrom alembic import op\n"
REVISION = 'revision = "c3"\ndown_revision = "b2"\ndef upgrade():\n    {upgrade}\ndef downgrade():\n    {downgrade}\n'


@pytest.fixture
def reviewed(app, tmp_path, monkeypatch):
    """Review a third revision of a database that has the first two; the report."""

    async def reviewed(place, upgrade, downgrade="pass", *, top=TOP, seconds=60.0):
        folder = app.start = make(tmp_path / "shop", url=place.url)
        file = folder / "alembic" / "versions" / "c3.py"
        head = top.encode() if isinstance(top, str) else top
        file.write_bytes(head + REVISION.format(upgrade=upgrade, downgrade=downgrade).encode())
        place.run(*AT_B2)
        monkeypatch.setattr(examine, "REHEARSE_SECONDS", seconds)
        monkeypatch.setattr(complete, "STATIC_SECONDS", min(seconds, complete.STATIC_SECONDS))
        report = await review.review(app)
        assert report.status == "done"
        assert report.summary
        assert place.run("SELECT * FROM person") == [(1, "Ada", "ada@example.org")]
        assert place.run("SELECT version_num FROM alembic_version") == [("b2",)]
        return report

    return reviewed


FORBIDDEN = "the process may not do that here"
ENDS = {
    "loops forever": ("while True: pass", "db", 1.0, "1 s"),
    "waits forever": ("threading.Event().wait()", "db", 1.0, "1 s"),
    "waits in the database": ("op.execute('SELECT pg_sleep(600)')", "postgresql", 1.5, "1.5 s"),
    "exits": ("sys.exit(0)", "db", 60, "SystemExit"),
    "exits at once": ("os._exit(7)", "db", 60, "exit status 7"),
    "is killed": ("os.kill(os.getpid(), 9)", "db", 60, "SIGKILL"),
    "interrupts": ("raise KeyboardInterrupt", "db", 60, "interrupted"),
    "raises what is no exception": ("raise type('Odd', (BaseException,), {})('own')", "db", 60, "own"),
    "recurses": ("upgrade()", "db", 60, "recursion"),
    "calls what is not there": ("op.no_such_operation('person')", "db", 60, "no_such_operation"),
    "is invalid SQL": ("op.execute('SELEKT 1 FROM (')", "postgresql", 60, "SELEKT"),
    "is SQL that is no text": ("op.execute(b'\\xff')", "db", 60, "fails"),
    "closes the connection": ("op.get_bind().connection.close(); op.execute('SELECT 1')", "db", 60, "fails"),
    "takes the descriptors away": ("[os.close(n) for n in range(3, 64)]", "db", 60, ""),
}


@pytest.mark.parametrize(("upgrade", "dialect", "seconds", "said"), ENDS.values(), ids=ENDS)
async def test_what_can_not_be_rehearsed_will_not_run(reviewed, request, *, upgrade, dialect, seconds, said):
    report = await reviewed(request.getfixturevalue(dialect), upgrade, seconds=seconds)
    assert report.decision is Decision.REFUSE
    assert report.rehearsal.status == "failed"
    [blocker] = [finding for finding in report.findings if finding.severity is Severity.BLOCKER]
    assert said in blocker.problem
    assert (blocker.rule, blocker.revision, blocker.direction) == ("fails-on-scratch", "c3", Direction.UPGRADE)


OUTSIDE = {
    "forks": ("if os.fork() == 0: os._exit(0)", "forks"),
    "starts a process": ("subprocess.run(['touch', 'made.txt'])", "touch made.txt"),
    "opens a socket": ("socket.create_connection(('127.0.0.1', 9))", "127.0.0.1:9"),
    "asks for an address": ("socket.getaddrinfo('db.example.org', 5432)", "db.example.org"),
}


@pytest.mark.parametrize(("upgrade", "said"), OUTSIDE.values(), ids=OUTSIDE)
@pytest.mark.parametrize("swallowed", [False, True], ids=["", "and swallows the error"])
async def test_what_reaches_outside_is_stopped_and_told(reviewed, db, tmp_path, *, upgrade, said, swallowed):
    body = f"try: exec({upgrade!r})\n    except Exception: pass" if swallowed else upgrade
    report = await reviewed(db, body)
    [finding] = [finding for finding in report.findings if finding.rule == "acts-outside-database"]
    assert said in finding.problem
    assert finding.line == 7
    assert report.decision is not Decision.RUN
    assert not (tmp_path / "shop" / "made.txt").exists()


async def test_megabytes_of_output_are_no_part_of_the_report(reviewed, db):
    prints = "for _ in range(5000): print('x' * 1000); sys.stderr.write('y' * 1000)"
    report = await reviewed(db, f"{prints}\n    op.execute('UPDATE person SET name = name WHERE id = 1')")
    assert report.rehearsal.status == "passed"
    assert len(report.model_dump_json()) < 20_000


async def test_five_thousand_operations_are_all_looked_at(reviewed, db):
    lines = [f"op.execute('UPDATE person SET name = name WHERE id = {n}')" for n in range(4999)]
    report = await reviewed(db, "\n    ".join([*lines, "op.drop_column('person', 'email')"]))
    assert report.rehearsal.status == "passed"
    assert len([line for line in report.statements if line.direction is Direction.UPGRADE]) == 5000
    [lost] = [finding for finding in report.findings if finding.rule == "drop-column"]
    assert lost.line == 6 + 5000


ENCODINGS = {
    "another encoding, and it says so": b"# coding: latin-1\n# caf\xe9\n",
    "another encoding in a comment": b"# caf\xe9\n",
    "a byte order mark": b"\xef\xbb\xbf# text\n",
    "old line ends": b"# text\r",
}


@pytest.mark.parametrize("top", ENCODINGS.values(), ids=ENCODINGS)
async def test_a_file_that_is_no_utf_8_is_read_as_python_reads_it(reviewed, db, top):
    report = await reviewed(db, "op.drop_column('person', 'email')", top=top + TOP.encode())
    assert report.rehearsal.status == "passed"
    assert "drop-column" in {finding.rule for finding in report.findings}


@pytest.mark.parametrize("top", [b"'caf\xe9'\n", b"# \x00\n"], ids=["another encoding", "a null byte"])
async def test_a_file_that_python_can_not_read_is_named(reviewed, db, top):
    report = await reviewed(db, "op.drop_column('person', 'email')", top=top + TOP.encode())
    assert "c3.py" in " ".join(report.warnings)
    assert report.decision is Decision.REFUSE
    assert "could be read" in report.summary


CUSTOM = """
from alembic.operations import MigrateOperation, Operations
@Operations.register_operation("tidy_up")
class TidyUp(MigrateOperation):
    @classmethod
    def tidy_up(cls, operations, sql):
        self = cls()
        self.sql = sql
        return operations.invoke(self)
@Operations.implementation_for(TidyUp)
def tidy_up(operations, operation):
    operations.execute(operation.sql)
"""


async def test_a_custom_operation_is_judged_by_what_it_does(reviewed, postgresql):
    report = await reviewed(postgresql, "op.tidy_up('ALTER TABLE person DROP COLUMN email')", top=TOP + CUSTOM)
    [lost] = [finding for finding in report.findings if finding.rule == "drop-column"]
    assert (lost.table, lost.evidence["measured"]) == ("person", True)
    assert report.decision is Decision.ASK


async def test_an_operation_that_only_another_environment_knows(reviewed, postgresql):
    report = await reviewed(postgresql, "op.create_hypertable('person', 'id')")
    assert report.decision is Decision.REFUSE
    assert "create_hypertable" in report.summary


async def test_a_role_without_rights_on_a_table_leaves_unknown_what_it_may_not_read(reviewed, database):
    role = f"deployer_of_{database.name}"
    database.run(
        f"CREATE ROLE {role} LOGIN",
        f"GRANT CREATE, USAGE ON SCHEMA public TO {role}",
        "CREATE TABLE secret (id integer PRIMARY KEY, name text)",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {role}",
    )
    try:
        report = await reviewed(
            Place(database.url().replace("postgres@", f"{role}@"), database.run), "op.drop_table('secret')"
        )
    finally:
        database.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")
    [lost] = [finding for finding in report.findings if finding.rule == "drop-table"]
    assert lost.evidence["rows"] is None
    assert "permission denied" in repr(lost.evidence) + report.rehearsal.where
    assert report.decision is Decision.ASK


async def test_statistics_that_were_never_gathered_are_not_believed(reviewed, postgresql, monkeypatch):
    monkeypatch.setattr(preflight, "COUNT_BELOW", 1)
    postgresql.run("CREATE TABLE log (id integer PRIMARY KEY, at text) WITH (autovacuum_enabled = off)")
    postgresql.run("INSERT INTO log SELECT n, n FROM generate_series(1, 3000) n")
    report = await reviewed(postgresql, "op.drop_table('log')")
    [lost] = [finding for finding in report.findings if finding.rule == "drop-table"]
    assert lost.evidence["rows"] == 3000


async def test_a_library_that_is_not_there_is_told_with_the_python_that_lacks_it(opened, db, tmp_path):
    folder = make(tmp_path / "shop", url=db.url)
    env = folder / "alembic" / "env.py"
    env.write_text("import no_such_library\n" + env.read_text())
    async with opened(folder) as app:
        with pytest.raises(WorkerFailed, match="No module named 'no_such_library'") as failed:
            await inspect.current(app)
    assert sys.executable in failed.value.next_steps[0]


async def test_what_batch_mode_can_not_add_is_told_once_where_it_is_asked_for(reviewed, db):
    adds = "batch.add_column(sa.Column('n', sa.Text, nullable=False))"
    report = await reviewed(db, f"with op.batch_alter_table('person') as batch:\n        {adds}")
    [blocker] = [finding for finding in report.findings if finding.severity is Severity.BLOCKER]
    assert (blocker.rule, blocker.line) == ("not-null-without-default", 8)


MERGES = [
    ("c4", "'b2'", "op.create_table('c4', sa.Column('id', sa.BigInteger, primary_key=True))", "op.drop_table('c4')"),
    ("d5", "('c3', 'c4')", "pass", "pass"),
]


async def test_below_a_downgrade_that_raises_what_is_applied_is_reviewed_on_what_is_replayed(app, tmp_path, postgresql):
    folder = app.start = make(tmp_path / "shop", "downgrade_raises", url=postgresql.url)
    for id_, before, upgrade, downgrade in MERGES:
        text = REVISION.format(upgrade=upgrade, downgrade=downgrade).replace('"c3"', f'"{id_}"').replace('"b2"', before)
        (folder / "alembic" / "versions" / f"{id_}.py").write_text(TOP + text)
    postgresql.run(*AT_B2, "ALTER TABLE person ADD age integer", "CREATE TABLE c4 (id bigint PRIMARY KEY)")
    postgresql.run("UPDATE alembic_version SET version_num = 'd5'")
    for wanted in ("d5", "b2:c3"):
        report = await review.review(app, revisions=wanted)
        assert (report.status, report.rehearsal.status) == ("done", "passed"), wanted
        assert ("upgraded to what comes before" in report.rehearsal.where) is (wanted != "d5"), wanted
