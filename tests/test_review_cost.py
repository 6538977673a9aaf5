"""What a review costs others: one scratch database, however much is pending, and no lock that anybody notices."""

import sys
import threading
from pathlib import Path

import pytest
from tiny_projects import make

from alembic_mcp.preflight import answer
from alembic_mcp.review.questions import Duplicates, Matching, NonNullCount, Nulls, Orphans, RowCount, Unfit, Violators
from alembic_mcp.scratch.databases import Databases
from alembic_mcp.workflows import review
from alembic_mcp.workflows.app import App

pytestmark = pytest.mark.anyio

REVISION = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = {revision!r}, {down!r}
def upgrade():
    op.add_column("person", sa.Column({revision!r}, sa.Integer()))
def downgrade():
    op.drop_column("person", {revision!r})
"""
LOCKS = """
SELECT l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_stat_activity a USING (pid)
WHERE c.relname IN ('large', 'other') AND a.datname = current_database() AND pid <> pg_backend_pid()
"""


async def test_twenty_pending_revisions_are_rehearsed_on_one_copy(tmp_path, database, monkeypatch):
    folder = make(tmp_path / "shop", url=database.url())
    down = "b2"
    for number in range(20):
        revision = f"c{number}"
        text = REVISION.format(revision=revision, down=down)
        (folder / "alembic" / "versions" / f"{revision}.py").write_text(text)
        down = revision
    database.run(
        "CREATE TABLE person (id serial PRIMARY KEY, name varchar(50) NOT NULL, email varchar(80))",
        "CREATE TABLE alembic_version (version_num varchar(32) NOT NULL PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('b2')",
    )
    copied, create = [], Databases.create

    def created(self, name, **options):
        copied.append(options.get("template", "template0"))
        create(self, name, **options)

    monkeypatch.setattr(Databases, "create", created)
    async with App.open(folder, interpreter=Path(sys.executable)) as app:
        report = await review.review(app)
    assert (len(report.revisions), report.rehearsal.status) == (20, "passed")
    assert report.rehearsal.restored
    # One is the template, which stays for the next review, and one the copy of it.
    assert len(copied) == 2
    assert copied[0] == "template0" != copied[1]


async def test_preflight_takes_no_lock_but_access_share(database):
    database.run(
        "CREATE TABLE other (id integer PRIMARY KEY)",
        "CREATE TABLE large (id integer PRIMARY KEY, ref integer, text text)",
        "INSERT INTO large SELECT n, n, n::text FROM generate_series(1, 200000) n",
    )
    questions = [
        RowCount("large"),
        NonNullCount("large", "text"),
        Nulls("large", "text"),
        Duplicates("large", ("text",)),
        Orphans("large", ("ref",), "other", ("id",)),
        Violators("large", "id > 0"),
        Unfit("large", "text", "integer"),
        Matching("large", "id > 5"),
    ]
    seen, over = set(), threading.Event()

    def watch():
        with database.connect() as connection:
            while not over.is_set():
                seen.update(mode for (mode,) in connection.execute(LOCKS))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        facts = await answer(database.target(), questions, budget=20)
    finally:
        over.set()
        watching.join()
    assert [facts.answers[question].problem for question in questions] == [None] * len(questions)
    assert seen == {"AccessShareLock"}
