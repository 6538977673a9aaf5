"""Joining heads: every order of the branches on real databases, conflicts by their lines, and branches that move."""

import dataclasses
from textwrap import dedent, indent

import pytest
from tiny_projects import make, tree

from alembic_mcp.errors import NeedsAnswer, Refused
from alembic_mcp.project import load_settings, user_file
from alembic_mcp.workflows.app import App
from alembic_mcp.workflows.merge import merge_heads

pytestmark = pytest.mark.anyio

REVISION = '''\
"""{message}

Revision ID: {revision}
Revises: {down}
Create Date: 2026-01-0{day} 00:00:00
"""
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {down!r}
branch_labels = None
depends_on = None


def upgrade():
{upgrade}


def downgrade():
{downgrade}
'''


@pytest.fixture
def place(request):
    return request.getfixturevalue("db" if getattr(request, "param", "postgresql") == "sqlite" else "postgresql")


@dataclasses.dataclass
class Shop:
    """A project whose revision b2 (table person: id, name, email) has children that the test writes."""

    app: App
    folder: object

    @property
    def versions(self):
        return self.folder / "alembic" / "versions"

    def branch(self, revision, upgrade, downgrade="pass", *, down="b2"):
        text = REVISION.format(
            message=f"change {revision}",
            revision=revision,
            down=down,
            day=len(revision),
            upgrade=indent(dedent(upgrade).strip(), "    "),
            downgrade=indent(dedent(downgrade).strip(), "    "),
        )
        path = self.versions / f"{revision}_change.py"
        path.write_text(text, encoding="utf-8")
        return path

    def line(self, revision, words):
        lines = (self.versions / f"{revision}_change.py").read_text(encoding="utf-8").splitlines()
        return next(number for number, line in enumerate(lines, 1) if words in line)

    async def upgrade(self, *targets):
        """Bring the database there, as the project's own Alembic does it."""
        project = self.app.project()
        for target in targets:
            located = await self.app.look(project)
            index = await self.app.revisions(project)
            path = [one.revision for one in index.pending(located.target.heads, index.ids_of(target))]
            args = {"direction": "upgrade", "target": target, "expect_heads": list(located.target.heads)}
            await self.app.call(
                project,
                "run",
                {**args, "expect_path": path, "lock_timeout_ms": 1000, "lock_key": 1, "holder": "test"},
                timeout=60,
                revisions=index,
            )

    async def merge(self, *heads, **args):
        return await merge_heads(self.app, heads=heads, **args)


@pytest.fixture
def shop(app, place, tmp_path):
    folder = make(tmp_path / "shop", url=place.url)
    return Shop(dataclasses.replace(app, start=folder), folder)


ADD_AGE = 'op.add_column("person", sa.Column("age", sa.Integer()))'
DROP_AGE = 'op.drop_column("person", "age")'
ADD_CITY = 'op.add_column("person", sa.Column("city", sa.String(40)))'
DROP_CITY = 'op.drop_column("person", "city")'


# Branches that go together


@pytest.mark.parametrize("place", ["postgresql", "sqlite"], indirect=True)
async def test_branches_that_go_together_are_merged_after_both_orders(shop):
    shop.branch("c3", ADD_AGE, DROP_AGE)
    shop.branch("d4", ADD_CITY, DROP_CITY)
    report = await shop.merge()
    assert report.status == "done", report
    assert [(order.heads, order.status) for order in report.orders] == [
        (["c3", "d4"], "passed"),
        (["d4", "c3"], "passed"),
    ]
    assert report.rehearsal.status == "passed"
    assert report.heads_after == [report.file.revision]
    assert sorted(report.file.down_revision) == ["c3", "d4"]
    assert "Both orders" in report.summary
    assert (shop.folder / report.file.path).is_file()


@pytest.mark.parametrize("place", ["postgresql", "sqlite"], indirect=True)
async def test_what_the_database_has_already_is_taken_back_on_a_copy(shop, place):
    shop.branch("c3", ADD_AGE, DROP_AGE)
    shop.branch("d4", ADD_CITY, DROP_CITY)
    await shop.upgrade("c3")
    report = await shop.merge()
    assert report.status == "done", report
    assert [order.heads for order in report.orders] == [["c3", "d4"], ["d4", "c3"]]
    assert any("taken back" in warning for warning in report.warnings)
    assert place.columns("person") == ["id", "name", "email", "age"]


async def test_where_a_branch_cannot_be_taken_back_only_the_possible_order_is_rehearsed(shop):
    shop.branch("c3", ADD_AGE, "pass")
    shop.branch("d4", ADD_CITY, DROP_CITY)
    await shop.upgrade("c3")
    report = await shop.merge()
    assert report.status == "done", report
    assert [order.heads for order in report.orders] == [["d4"]]
    assert any("only the orders that are still possible" in warning for warning in report.warnings)
    assert "one order that is still possible" in report.summary


async def test_four_branches_are_tried_in_a_bounded_number_of_orders(shop):
    for name in ("c3", "d4", "e5", "f6"):
        shop.branch(name, f'op.add_column("person", sa.Column("of_{name}", sa.Integer()))')
    report = await shop.merge()
    assert report.status == "done", report
    tried = [tuple(order.heads) for order in report.orders]
    assert len(tried) == len(set(tried)) == 6
    assert {("c3", "d4", "e5", "f6"), ("f6", "e5", "d4", "c3")} <= set(tried)
    assert any("6 of the 24 orders" in warning for warning in report.warnings)
    assert len(report.file.down_revision) == 4


async def test_branches_that_start_from_nothing_in_common_are_merged(shop):
    create = 'op.create_table("job", sa.Column("id", sa.Integer(), primary_key=True))'
    shop.branch("c3", ADD_AGE, DROP_AGE)
    shop.branch("j1", create, 'op.drop_table("job")', down=None)
    report = await shop.merge()
    assert report.status == "done", report
    assert [order.status for order in report.orders] == ["passed", "passed"]


# Branches that don't

CONFLICTS = [
    pytest.param(
        'op.drop_column("person", "email")',
        'op.create_index("ix_person_email", "person", ["email"])',
        "column person.email",
        "drops column person.email, which the other one uses",
        id="one drops the column that the other one indexes",
    ),
    pytest.param(
        'op.rename_table("person", "people")',
        ADD_CITY,
        "table person",
        "drops table person, which the other one uses",
        id="one renames the table that the other one changes",
    ),
    pytest.param(
        "op.execute(\"CREATE TYPE mood AS ENUM ('sad')\")",
        "op.execute(\"CREATE TYPE mood AS ENUM ('happy')\")",
        "type mood",
        "Both branches change",
        id="both make a type of one name",
    ),
    pytest.param(
        'op.execute("ALTER TABLE person ALTER COLUMN email SET NOT NULL")',
        "op.execute(\"ALTER TABLE person ALTER COLUMN email SET DEFAULT 'none'\")",
        "column person.email",
        "Both branches change",
        id="both change one column in SQL",
    ),
    pytest.param(
        'op.execute("DROP TABLE person CASCADE")',
        'op.create_table("pet", sa.Column("owner", sa.Integer(), sa.ForeignKey("person.id")))',
        "table person",
        "drops table person",
        id="one drops the table that the other one refers to",
    ),
]


@pytest.mark.parametrize(("left", "right", "thing", "problem"), CONFLICTS)
async def test_a_conflict_names_the_lines_of_both_sides_and_nothing_is_written(shop, left, right, thing, problem):
    shop.branch("c3", left)
    shop.branch("d4", right)
    before = tree(shop.folder)
    report = await shop.merge()
    assert (report.status, report.file) == ("refused", None), report
    conflict = next(one for one in report.conflicts if one.object == thing)
    assert problem in conflict.problem
    assert [(side.head, side.revision, side.path, side.line) for side in conflict.sides] == [
        ("c3", "c3", "alembic/versions/c3_change.py", shop.line("c3", "op.")),
        ("d4", "d4", "alembic/versions/d4_change.py", shop.line("d4", "op.")),
    ]
    assert all(side.does for side in conflict.sides)
    assert "c3_change.py:" in report.summary
    assert "d4_change.py:" in report.summary
    assert report.next_steps
    assert report.heads_after == report.heads_before
    assert tree(shop.folder) == before


async def test_a_schema_that_the_order_decides_is_a_conflict(shop):
    shop.branch("c3", _stack("left"))
    shop.branch("d4", _stack("right"))
    report = await shop.merge()
    assert report.status == "refused", report
    assert [order.status for order in report.orders] == ["passed", "passed"]
    assert any("The order decides about view trail" in conflict.problem for conflict in report.conflicts), report
    assert {side.revision for conflict in report.conflicts for side in conflict.sides} == {"c3", "d4"}


def _stack(name):
    """A view that remembers what was there when it was made, in a way that no reader of SQL sees."""
    return f'''op.get_bind().exec_driver_sql("""DO $$ DECLARE old text; BEGIN
    SELECT string_agg(relname, ',') INTO old FROM pg_class WHERE starts_with(relname::text, 'mark_');
    EXECUTE 'CREATE OR REPLACE VIEW trail AS SELECT ' || quote_literal(coalesce(old, 'none')) || '::text AS was';
    EXECUTE 'CREATE TABLE mark_{name} (id int)';
    END $$""")'''


async def test_a_failure_in_one_order_alone_is_a_conflict(shop):
    shop.branch("c3", "op.execute(\"INSERT INTO person (id, name) VALUES (1, 'Ada')\")")
    shop.branch(
        "d4", "assert op.get_bind().exec_driver_sql('SELECT count(*) FROM person').scalar() == 0, 'rows are there'"
    )
    report = await shop.merge()
    assert report.status == "refused", report
    assert sorted(order.status for order in report.orders) == ["failed", "passed"]
    [conflict] = report.conflicts
    assert "d4 does not run after c3" in conflict.problem
    assert "rows are there" in conflict.problem
    assert any("style='rebase' and heads=['d4', 'c3']" in step for step in report.next_steps)


async def test_a_branch_that_fails_on_its_own_is_no_conflict(shop):
    shop.branch("c3", 'op.drop_column("person", "nowhere")')
    shop.branch("d4", ADD_CITY)
    report = await shop.merge()
    assert report.status == "refused"
    assert report.conflicts == []
    assert "fails on its own" in report.summary
    assert f"c3_change.py:{shop.line('c3', 'op.')}" in report.summary


# Rebase


async def test_where_merges_are_forbidden_a_rebase_is_offered(shop):
    shop.branch("c3", ADD_AGE, DROP_AGE)
    shop.branch("d4", ADD_CITY, DROP_CITY)
    (shop.folder / "pyproject.toml").write_text('[tool.alembic-mcp]\nmerges = "forbid"\n', encoding="utf-8")
    before = tree(shop.folder)
    with pytest.raises(Refused, match="forbid") as caught:
        await shop.merge()
    assert any("style='rebase'" in step for step in caught.value.next_steps)
    assert tree(shop.folder) == before


@pytest.mark.parametrize("place", ["postgresql", "sqlite"], indirect=True)
async def test_the_branch_that_no_database_has_moves_behind_the_other(shop, place):
    shop.branch("c3", ADD_AGE, DROP_AGE)
    path = shop.branch("d4", ADD_CITY, DROP_CITY)
    shop.branch("e5", 'op.create_index("ix_city", "person", ["city"])', 'op.drop_index("ix_city")', down="d4")
    await shop.upgrade("c3")
    before = path.read_text(encoding="utf-8")
    report = await shop.merge(style="rebase")
    assert report.status == "done", report
    assert (report.style, report.heads_before, report.heads_after) == ("rebase", ["c3", "e5"], ["e5"])
    assert (report.file.revision, report.file.down_revision) == ("d4", ["c3"])
    after = path.read_text(encoding="utf-8")
    assert after == before.replace("Revises: b2", "Revises: c3").replace("= 'b2'", "= 'c3'")
    assert "-down_revision = 'b2'" in report.diff
    assert "+down_revision = 'c3'" in report.diff
    assert report.rehearsal.status == "passed"
    await shop.upgrade("head")
    assert place.columns("person") == ["id", "name", "email", "age", "city"]


async def test_which_branch_moves_is_asked_where_either_can(shop):
    shop.branch("c3", ADD_AGE, DROP_AGE)
    shop.branch("d4", ADD_CITY, DROP_CITY)
    before = tree(shop.folder)
    with pytest.raises(NeedsAnswer) as caught:
        await shop.merge(style="rebase")
    assert len(caught.value.next_steps) == 2
    assert tree(shop.folder) == before
    report = await shop.merge("d4", "c3", style="rebase")
    assert (report.file.revision, report.file.down_revision, report.heads_after) == ("c3", ["d4"], ["c3"])


async def test_a_branch_that_a_named_database_has_does_not_move(shop, make_database, monkeypatch):
    other = make_database()
    shop.branch("c3", ADD_AGE, DROP_AGE)
    shop.branch("d4", ADD_CITY, DROP_CITY)
    ini = shop.folder / "alembic.ini"
    env = shop.folder / "alembic" / "env.py"
    env.write_text(
        env.read_text().replace(
            "config = context.config",
            "import os\nconfig = context.config\nif 'SHOP_URL' in os.environ:\n"
            "    config.set_main_option('sqlalchemy.url', os.environ['SHOP_URL'])",
        )
    )
    assert "sqlalchemy.url" in ini.read_text()
    (shop.folder / "pyproject.toml").write_text(
        '[tool.alembic-mcp.databases.staging]\nenv = { SHOP_URL = "STAGING_URL" }\n'
        '[tool.alembic-mcp.databases.away]\nenv = { SHOP_URL = "NOT_SET_HERE" }\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("STAGING_URL", other.url())
    other.run(
        "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('d4')",
    )
    before = tree(shop.folder)
    with pytest.raises(Refused, match="'staging' has d4 already"):
        await shop.merge("c3", "d4", style="rebase")
    assert tree(shop.folder) == before
    report = await shop.merge(style="rebase")
    assert (report.file.revision, report.heads_after) == ("c3", ["c3"])
    assert any("'away' could not be asked" in warning for warning in report.warnings)


async def test_a_branch_that_does_not_run_behind_the_other_stays_where_it_is(shop):
    shop.branch("c3", 'op.drop_column("person", "email")')
    shop.branch("d4", 'op.create_index("ix_email", "person", ["email"])')
    before = tree(shop.folder)
    with pytest.raises(Refused, match="d4 does not run behind c3"):
        await shop.merge("c3", "d4", style="rebase")
    assert tree(shop.folder) == before


async def test_a_rebase_is_about_two_heads(shop):
    for name in ("c3", "d4", "e5"):
        shop.branch(name, f'op.add_column("person", sa.Column("of_{name}", sa.Integer()))')
    with pytest.raises(Refused, match="about two"):
        await shop.merge(style="rebase")


async def test_a_branch_that_starts_from_nothing_does_not_move(shop):
    shop.branch("c3", ADD_AGE)
    shop.branch("j1", 'op.create_table("job", sa.Column("id", sa.Integer()))', down=None)
    with pytest.raises(Refused, match="j1 revises nothing"):
        await shop.merge("c3", "j1", style="rebase")


# Settings, and no database


async def test_without_a_database_the_orders_run_on_a_scratch_one(app, tmp_path):
    folder = make(tmp_path / "shop", url="postgresql+psycopg://nobody@127.0.0.1:1/nowhere")
    shop = Shop(dataclasses.replace(app, start=folder), folder)
    shop.branch("c3", ADD_AGE, DROP_AGE)
    shop.branch("d4", ADD_CITY, DROP_CITY)
    report = await shop.merge()
    assert report.status == "done", report
    assert [order.status for order in report.orders] == ["passed", "passed"]
    assert any("could not be reached" in warning for warning in report.warnings)


def test_only_the_users_own_file_allows_merges_that_the_project_forbids(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "pyproject.toml").write_text('[tool.alembic-mcp]\nmerges = "forbid"\n', encoding="utf-8")
    (inner / "pyproject.toml").write_text('[tool.alembic-mcp]\nmerges = "allow"\n', encoding="utf-8")
    assert load_settings([inner, tmp_path]).merges == "forbid"
    user_file().parent.mkdir(parents=True)
    user_file().write_text('merges = "allow"\n', encoding="utf-8")
    assert load_settings([inner, tmp_path]).merges == "allow"
    (inner / "pyproject.toml").write_text('[tool.alembic-mcp]\nmerges = "never"\n', encoding="utf-8")
    with pytest.raises(Refused, match="merges"):
        load_settings([inner, tmp_path])
