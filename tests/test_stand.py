"""Where no database can be reached, a scratch database at head stands in for it, and every report says so."""

import re
from typing import NamedTuple

import pytest
from tiny_projects import make, on_sqlite

from alembic_mcp.errors import Failed, NotDone
from alembic_mcp.project import user_file
from alembic_mcp.report import Decision
from alembic_mcp.workflows import change, inspect
from alembic_mcp.workflows.change import Answer, Request
from alembic_mcp.workflows.generate import Wish, generate
from alembic_mcp.workflows.review import review
from alembic_mcp.workflows.stand import stand

pytestmark = pytest.mark.anyio

REFUSED = "postgresql+{driver}://ann:s3cret-word@127.0.0.1:1/shop"
DROP = '''"""drop email"""

import sqlalchemy as sa
from alembic import op

revision = "c3"
down_revision = "b2"


def upgrade():
    op.drop_column("person", "email")


def downgrade():
    op.add_column("person", sa.Column("email", sa.String(80)))
'''


def reads(folder, code):
    """Let env.py get its engine's URL by *code*."""
    env = folder / "alembic" / "env.py"
    text = env.read_text()
    old = "engine_from_config(config.get_section(config.config_ini_section), poolclass=pool.NullPool)"
    assert old in text
    env.write_text(
        text.replace(old, f"create_engine({code}, poolclass=pool.NullPool)").replace(
            "import engine_from_config, pool", "import create_engine, pool\nimport os"
        )
    )


def add_age(folder):
    models = folder / "models.py"
    models.write_text(
        models.read_text().replace("    email:", "    age: Mapped[int | None] = mapped_column()\n    email:")
    )


# Both look which variables there are, as pydantic-settings and its like do.
SETTINGS = (
    "type('Settings', (__import__('pydantic_settings').BaseSettings,), "
    "{'__annotations__': {'database_url': str}, '__module__': __name__})().database_url"
)
ONE_BY_ONE = (
    "'postgresql+psycopg://me@%s:%s/x' % tuple(dict(os.environ)[name] for name in ('SHOP_DB_HOST', 'SHOP_DB_PORT'))"
)


class Case(NamedTuple):
    """Why a database can't be reached, and what the report says about it.

    Attributes:
        why: pattern of the reason.
        url: in the ini.
        code: where env.py gets its URL instead.
        whole: go on with generate and review.
    """

    why: str
    url: str = ""
    layers: tuple[str, ...] = ()
    code: str | None = None
    whole: bool = False


PARTS = (
    '"postgresql+psycopg://%s:%s@%s:%d/%s" % (os.environ["POSTGRES_USER"], os.environ["POSTGRES_PASSWORD"], '
    'os.environ["POSTGRES_SERVER"], int(os.environ["POSTGRES_PORT"]), os.environ["POSTGRES_DB"])'
)
UNREACHABLE = {
    "psycopg": Case("refused", REFUSED.format(driver="psycopg"), whole=True),
    "psycopg2": Case("refused", REFUSED.format(driver="psycopg2")),
    "asyncpg": Case("refused|Connect", REFUSED.format(driver="asyncpg"), ("async_env",), whole=True),
    "no such host": Case("nowhere.invalid|resolve", "postgresql+psycopg://ann@nowhere.invalid/shop"),
    "env.py swallows it": Case("refused", REFUSED.format(driver="psycopg"), ("swallows_errors",)),
    "the ini as alembic init writes it": Case("driver", "driver://user:pass@localhost/dbname"),
    "a variable that is not set": Case("SHOP_DATABASE_URL", code='os.environ["SHOP_DATABASE_URL"]', whole=True),
    "None for a URL": Case("URL", code='os.getenv("SHOP_DATABASE_URL")'),
    "parts that are not set": Case("POSTGRES_USER", code=PARTS),
    "settings that lack their URL": Case("Field required", code=SETTINGS, whole=True),
    "settings that say one by one what they lack": Case("SHOP_DB_HOST", code=ONE_BY_ONE),
    "no folder for the SQLite file": Case("unable to open", "sqlite:///no/such/folder/app.db", whole=True),
    "no SQLite file": Case("there is no file .*app.db", "sqlite:///app.db", whole=True),
}


@pytest.mark.parametrize("case", UNREACHABLE.values(), ids=list(UNREACHABLE))
async def test_without_a_database_a_revision_is_generated_checked_and_reviewed(case, tmp_path, opened):
    folder = make(tmp_path / "shop", *case.layers, url=case.url)
    if case.code:
        reads(folder, case.code)
    kind = "SQLite file" if "sqlite" in case.url else r"embedded PostgreSQL \d+\.\d+"
    says = rf"The database could not be reached \(.*({case.why}).*\): a scratch database \({kind}\) that was upgraded"
    async with opened(folder) as app:
        checked = await inspect.check(app)
        assert (checked.status, checked.differences) == ("done", [])
        assert "could not be reached" in checked.summary
        [warning] = [each for each in checked.warnings if re.match(says, each)]
        assert "s3cret-word" not in checked.model_dump_json()
        if case.whole:
            await go_on_without_a_database(app, folder, warning)
    assert not (folder / "app.db").exists()


async def go_on_without_a_database(app, folder, warning):
    add_age(folder)
    written = await generate(app, Wish("add age"))
    assert (written.status, written.rehearsal.status, written.ready_to_commit) == ("done", "passed", True)
    assert written.files[0].down_revision == ["b2"]
    assert warning in written.warnings
    assert "stands in for it" not in "".join(each for each in written.warnings if each != warning)
    reviewed = await review(app)
    assert reviewed.rehearsal.status == "passed"
    if "there is no file" in warning:  # upgrade would make the file: to it, all revisions are pending
        assert reviewed.decision is Decision.RUN
    else:
        assert [line.revision for line in reviewed.revisions] == [written.files[0].revision]
        assert (reviewed.database.environment, reviewed.decision) == ("unknown", Decision.ASK)
        assert any("Which revisions are pending is not known" in each for each in reviewed.warnings)


@pytest.fixture
def folder(tmp_path):
    """A project whose database refuses connections, with a third revision that drops a column."""
    made = make(tmp_path / "shop", url=REFUSED.format(driver="psycopg"))
    (made / "alembic" / "versions" / "c3_drop_email.py").write_text(DROP)
    return made


async def test_what_is_dropped_counts_as_data_where_nothing_is_known_of_rows(folder, opened):
    async with opened(folder) as app:
        reviewed = await review(app)
    [finding] = [each for each in reviewed.findings if each.rule == "drop-column"]
    assert finding.evidence.get("rows", finding.evidence.get("values")) is None
    assert {each.rule for each in reviewed.escalations} >= {"drops-data", "production-database"}
    assert reviewed.escalations[0].level == "person"
    assert [line.sql for line in reviewed.statements if line.direction == "upgrade"] == [
        "ALTER TABLE person DROP COLUMN email"
    ]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param("pending", ["c3"], id="the newest for pending"),
        pytest.param("a1", ["a1"], id="the first by its id"),
        pytest.param("b2", ["b2"], id="one in the middle"),
        pytest.param("b2:c3", ["b2", "c3"], id="a range"),
        pytest.param("all", ["a1", "b2", "c3"], id="all of them"),
    ],
)
async def test_a_review_without_a_database_starts_right_before_what_is_reviewed(folder, wanted, expected, opened):
    async with opened(folder) as app:
        reviewed = await review(app, revisions=wanted)
    assert [line.revision for line in reviewed.revisions] == expected
    assert reviewed.rehearsal.status == "passed"


async def test_what_changes_a_database_needs_one(folder, opened):
    async with opened(folder) as app:
        for action, target in (("upgrade", "head"), ("downgrade", "-1"), ("stamp", "head")):
            with pytest.raises(NotDone, match="can't be reached"):
                await change.change(app, Request(action, target), Answer("not_asked"))
        with pytest.raises(NotDone, match="can't be reached"):
            await inspect.current(app)
        assert app.prepared == {}


async def test_what_stands_in_has_no_identity_that_an_approval_could_be_bound_to(folder, opened):
    async with opened(folder) as app:
        index = await app.revisions(app.project())
        async with stand(app, app.project(), index) as located:
            assert not located.target.reachable
            assert located.target.identity == f"unreachable:{folder}"
            assert located.target.heads == ("c3",)
            assert located.report().environment == "unknown"


async def test_a_history_that_starts_in_the_middle_is_a_clear_failure(tmp_path, opened):
    folder = make(tmp_path / "shop", "not_from_empty", url=REFUSED.format(driver="psycopg"))
    async with opened(folder) as app:
        with pytest.raises(Failed, match=r"can't be replayed on an empty one. The upgrade of a1") as failed:
            await generate(app, Wish("more"))
    assert "s3cret-word" not in str(failed.value)
    assert any("Make the database reachable" in step for step in failed.value.next_steps)


async def test_an_error_of_env_py_itself_stays_what_it_is(tmp_path, opened):
    folder = make(tmp_path / "shop", url="sqlite://")
    env = folder / "alembic" / "env.py"
    env.write_text("raise KeyError('colour')\n" + env.read_text())
    async with opened(folder) as app:
        with pytest.raises(NotDone, match="colour"):
            await inspect.check(app)


async def test_models_are_compared_with_the_database_itself_as_soon_as_it_is_there(tmp_path, database, opened):
    folder = make(tmp_path / "shop", url=database.url())
    async with opened(folder) as app:
        await change.change(app, Request("upgrade", "head"), Answer("not_asked"))
        checked = await inspect.check(app)
        assert checked.database.name == database.name
        assert not [each for each in checked.warnings if "scratch" in each or "compared" in each]


async def test_an_approval_for_a_file_that_is_not_there_yet_holds_when_it_is_empty(tmp_path, opened):
    db = on_sqlite(tmp_path)
    folder = make(tmp_path / "shop", url=db.url)
    (folder / "pyproject.toml").write_text(
        '[tool.alembic-mcp]\nprotected_tables = ["person"]\nlevels = { protected-table = "person" }\n'
    )
    user_file().parent.mkdir(parents=True)
    user_file().write_text('levels = { protected-table = "client" }\n')
    async with opened(folder) as app:
        asked = await change.question(app, Request("upgrade", "head"))
        (tmp_path / "data" / "app.db").touch()
        report = await change.change(app, Request("upgrade", "head"), Answer("yes", asked.plan_id))
    assert (report.status, report.after) == ("done", ["b2"])


async def test_a_file_that_a_run_makes_stays_the_same_database(tmp_path, opened):
    db = on_sqlite(tmp_path)
    folder = make(tmp_path / "shop", url=db.url)
    async with opened(folder) as app:
        before = (await app.look(app.project())).target.identity
        file = tmp_path / "data" / "app.db"
        file.touch()
        assert (await app.look(app.project())).target.identity == before
        report = await change.change(app, Request("upgrade", "head"), Answer("not_asked"))
        assert report.status == "done"
        after = (await app.look(app.project())).target.identity
        assert after == f"sqlite:{file.stat().st_dev}:{file.stat().st_ino}"
        revision = folder / "alembic" / "versions" / "a1_create_person.py"
        revision.write_text(revision.read_text() + "# edited\n")
        reviewed = await review(app, revisions="a1")
        assert "edits-applied-revision" in {each.rule for each in reviewed.findings}
