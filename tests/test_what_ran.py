"""What is approved is what ran in the rehearsal, byte by byte, and nothing else runs afterwards."""

import importlib.util
import os
import py_compile
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from approval_desk import PASSPHRASE, PRODUCTION, QUICK
from tiny_projects import make

from alembic_mcp import approvals
from alembic_mcp.errors import NotDone
from alembic_mcp.store import Outcome
from alembic_mcp.workflows import approve, change

pytestmark = pytest.mark.anyio

EVIL = 'op.execute("CREATE TABLE evil (id INTEGER)")'


@pytest.fixture
def folder(tmp_path, db):
    made = make(tmp_path / "shop", url=db.url)
    (made / "pyproject.toml").write_text(PRODUCTION)
    return made


def tables(db):
    return {row[0] for row in db.run("SELECT name FROM sqlite_master WHERE type = 'table'")}


async def upgrade(app):
    """The report, also where the call was refused."""
    try:
        return await change.change(app, change.Request("upgrade", "head"), change.Answer("not_asked"))
    except NotDone as error:
        return error


async def approved(app):
    """A plan that Ann has approved."""
    ann = await approve.add_approver(app, approvals.enroll("Ann", PASSPHRASE, scrypt=QUICK))
    report = await upgrade(app)
    assert await approve.approve(app, report.plan.id, ann.fingerprint, PASSPHRASE) is Outcome.APPROVED, report
    return report


def email(folder):
    return folder / "alembic" / "versions" / "b2_add_email.py"


def put(path, text, *, before=""):
    """Write lines into a file: at its end, or before a line that it has."""
    old, text = path.read_text(), dedent(text)
    assert before in old
    path.write_text(old.replace(before, text + before, 1) if before else old + text)


# While it is rehearsed


REWRITES_ITSELF = """
    from pathlib import Path
    Path(__file__).write_text(Path(__file__).read_text() + "# changed\\n")
"""
SWAPS_A_REVISION = """
    from pathlib import Path
    import atexit
    FILE = Path(__file__).parent / "versions" / "b2_add_email.py"
    OLD = FILE.read_text()
    FILE.write_text(OLD + "# another\\n")
    from alembic import context
    run_migrations = context.run_migrations
    def and_back(**kw):
        try:
            run_migrations(**kw)
        finally:
            FILE.write_text(OLD)
    context.run_migrations = and_back
"""


@pytest.mark.parametrize(
    ("where", "text", "named"),
    [
        pytest.param("alembic/versions/b2_add_email.py", REWRITES_ITSELF, "b2_add_email.py", id="a revision"),
        pytest.param("alembic/env.py", REWRITES_ITSELF, "env.py", id="env.py"),
        pytest.param("models.py", REWRITES_ITSELF, "models.py", id="the models"),
        pytest.param("alembic/env.py", SWAPS_A_REVISION, "b2_add_email.py", id="a revision, and back again"),
    ],
)
async def test_what_changes_while_it_is_rehearsed_becomes_no_plan(*, opened, where, text, named, folder, db):
    path = folder / where
    path.write_text(dedent(text) + path.read_text())
    async with opened(folder) as app:
        answer = await upgrade(app)
        assert answer.status in ("refused", "failed"), answer
        assert named in str(answer)
        assert "chang" in str(answer)
        assert await approve.waiting(app) == []
    assert tables(db) == set()


async def test_byte_code_that_claims_to_be_the_source_is_not_run(opened, folder, db, monkeypatch):
    async with opened(folder) as app:
        await approved(app)
    source, old = email(folder), email(folder).read_text()
    source.write_text(old.replace("def upgrade():", f"def upgrade():\n    {EVIL}", 1))
    assert EVIL in source.read_text()
    monkeypatch.setattr(sys, "pycache_prefix", str(Path(os.environ["ALEMBIC_MCP_CACHE_DIR"]) / "pycache"))
    cached = importlib.util.cache_from_source(str(source))
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(source), cfile=cached, invalidation_mode=unchecked)
    source.write_text(old)
    async with opened(folder) as app:
        assert (await upgrade(app)).applied is True
    assert "person" in tables(db)
    assert "evil" not in tables(db)


# Between the approval and the run


READS_SQL = """
    from pathlib import Path
    def upgrade():
        for line in (Path(__file__).parent / "b2.sql").read_text().split(";"):
            if line.strip():
                op.execute(line)
    def downgrade():
        op.drop_table("note")
"""


async def test_a_file_that_a_revision_reads_belongs_to_the_plan(opened, folder, db):
    put(email(folder), READS_SQL)
    read = email(folder).parent / "b2.sql"
    read.write_text("CREATE TABLE note (id INTEGER)")
    async with opened(folder) as app:
        first = await approved(app)
        read.write_text("CREATE TABLE note (id INTEGER); CREATE TABLE evil (id INTEGER)")
        second = await upgrade(app)
        assert (second.status, second.applied) == ("needs_approval", False)
        assert "alembic/versions/b2.sql has changed" in second.summary
        assert second.plan.id != first.plan.id
        assert tables(db) == set()
        read.write_text("CREATE TABLE note (id INTEGER)")
        assert (await upgrade(app)).applied is True
    assert "evil" not in tables(db)


async def test_the_configuration_belongs_to_the_plan(opened, folder, db):
    async with opened(folder) as app:
        await approved(app)
        put(folder / "alembic.ini", "\n[shop]\nmode = other\n")
        report = await upgrade(app)
        assert (report.status, report.applied) == ("needs_approval", False)
        assert "alembic.ini has changed" in report.summary
    assert tables(db) == set()


# In the run itself: env.py waits for the moment


LATER = """
    from pathlib import Path
    import sys
    HERE = Path(__file__).parent
    if Path({flag!r}).exists() and "upgrade" in sys.argv:
"""


@pytest.mark.parametrize(
    ("does", "said"),
    [
        pytest.param(
            'file = HERE / "versions" / "b2_add_email.py"; '
            f"file.write_text(file.read_text().replace('def upgrade():', 'def upgrade():\\n    {EVIL}'))",
            "b2_add_email.py is not what it was when the plan was made",
            id="swaps a revision",
        ),
        pytest.param(
            'file = HERE.parent / "models.py"; file.write_text(file.read_text() + "# x\\n")',
            "models.py is not what it was when the plan was made",
            id="swaps the models",
        ),
        pytest.param("import lurking", "lurking.py is loaded now, and was not in the rehearsal", id="brings a module"),
        pytest.param(
            "\n        try:\n            import lurking\n        except Exception:\n            pass",
            "lurking.py is loaded now, and was not in the rehearsal",
            id="brings a module and swallows the refusal",
        ),
    ],
)
async def test_what_the_run_loads_is_what_was_rehearsed(*, opened, does, said, folder, db, tmp_path):
    flag = tmp_path / "now"
    (folder / "lurking.py").write_text("x = 1\n")
    env = folder / "alembic" / "env.py"
    env.write_text(dedent(LATER).format(flag=str(flag)) + f"    {does}\n" + env.read_text())
    async with opened(folder) as app:
        await approved(app)
        call = app.call

        async def called(project, name, *args, **more):
            if name == "run":
                flag.touch()
            return await call(project, name, *args, **more)

        app.call = called
        report = await upgrade(app)
    assert (report.status, report.applied) == ("refused", False), report
    assert said in report.summary
    assert "evil" not in tables(db)
    assert "person" not in tables(db)
