"""The schema that the models define is found again from what has changed alone, and is the same as if all were made."""

import pytest
from generate_cases import CASES
from generating import HEADER, open_shop

from alembic_mcp.workflows.app import App
from alembic_mcp.workflows.models_schema import ModelsSchema
from alembic_mcp.workflows.stand import stand

pytestmark = pytest.mark.anyio

USERS = 'users = Table("users", metadata, Column("id", Integer, primary_key=True){})\n'
POSTS = (
    'posts = Table("posts", metadata, Column("id", Integer, primary_key=True),'
    ' Column("user_id", ForeignKey("users.id")), Column("state", Enum("new", "old", name="state")){})\n'
)
BOTH = USERS.format("") + POSTS.format("")
NAME = ', Column("name", String(20))'
LISTENER = 'event.listen(users, "after_create", DDL("CREATE INDEX ix_by_hand ON users (id)"))\n'


@pytest.fixture
def made(monkeypatch):
    """Calls of the worker that make models, and which tables they made: a list of sets, None for all of them."""
    seen = []
    call = App.call

    def note(said):
        if said:
            seen.append(set(said["tables"]) if said["partial"] else None)

    async def noting(self, project, name, args, on_waiting=None, **options):
        async def waiting(said):
            note(said.get("models"))
            return await on_waiting(said)

        reply = await call(self, project, name, args, on_waiting=on_waiting and waiting, **options)
        if name == "models":
            note(reply.result)
        return reply

    monkeypatch.setattr(App, "call", noting)
    return seen


async def schema_of(shop, models):
    """What is found for a project whose models are *models* now."""
    (shop.folder / "models.py").write_text(
        HEADER.replace("{naming}", "metadata = MetaData()") + models, encoding="utf-8"
    )
    project = shop.app.project(None)
    index = await shop.app.revisions(project)
    async with stand(shop.app, project, index) as located:
        return await (await ModelsSchema.of(shop.app, located, index)).read()


async def test_only_the_table_that_has_changed_is_made_by_the_rehearsal_that_runs_anyway(app, tmp_path, place, made):
    shop = open_shop(app, tmp_path / "shop", place, before=BOTH, after=BOTH)
    assert (await shop.generate()).files == []
    models = shop.folder / "models.py"
    text = models.read_text(encoding="utf-8")
    changed = USERS.format(f'{NAME}, Column("age", Integer, server_default="7"), CheckConstraint("id > 0", name="low")')
    models.write_text(text.replace(USERS.format(""), changed), encoding="utf-8")
    report = await shop.generate()
    assert report.ready_to_commit
    assert made == [None, {"users"}]
    assert "low" in shop.files[0]  # which autogenerate does not see


@pytest.mark.parametrize(
    "change",
    [
        pytest.param((BOTH, BOTH + "\n", [None, set()]), id="a comment"),
        pytest.param((BOTH, USERS.format(NAME) + POSTS.format(""), [None, {"users"}]), id="a column"),
        pytest.param((USERS.format(""), BOTH, [None, None]), id="a table with a type of its own"),
        pytest.param((BOTH, USERS.format(""), [None, None]), id="a table less"),
        pytest.param((BOTH, BOTH.replace('"old"', '"old", "gone"'), [None, None]), id="a value of an enum"),
        pytest.param((BOTH, BOTH + LISTENER, [None, None]), id="code that runs when a table is made"),
        pytest.param(
            (BOTH + LISTENER, USERS.format(NAME) + POSTS.format("") + LISTENER, [None, None]), id="still there"
        ),
    ],
)
async def test_all_are_made_where_more_than_tables_has_changed(app, tmp_path, postgresql, made, change):
    before, after, expected = change
    shop = open_shop(app, tmp_path / "shop", postgresql, before=before, after=after)
    await schema_of(shop, before)
    found, warnings = await schema_of(shop, after)
    assert (made, warnings) == (expected, [])
    shop.app.models.clear()
    assert (await schema_of(shop, after))[0] == found


async def test_a_change_that_can_not_be_made_alone_is_made_with_all(app, tmp_path, place, made):
    shop = open_shop(app, tmp_path / "shop", place, before="", after="")
    other = 'other = Table("other", metadata, Column("id", Integer, primary_key=True))\n'
    await schema_of(shop, USERS.format(""))
    await schema_of(shop, USERS.format("") + other)  # the database has none of them
    found, warnings = await schema_of(shop, USERS.format(', Column("other_id", ForeignKey("other.id"))') + other)
    assert warnings == []
    assert made == [None, {"other"}, None if place.is_postgresql else {"users"}]  # SQLite takes any reference
    assert any("other" in f"{key} {definition}" for key, definition in found.items() if " on users" in key)


@pytest.mark.thorough
@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES[::4] if "postgresql" in case.on])
async def test_it_is_as_if_all_were_made(app, tmp_path, postgresql, case):
    shop = open_shop(app, tmp_path / "shop", postgresql, before=case.before, after="", options=case.options)
    await schema_of(shop, case.before)
    found = await schema_of(shop, case.after)
    shop.app.models.clear()
    assert apart_from_sequences(found) == apart_from_sequences(await schema_of(shop, case.after))


def apart_from_sequences(found):
    """Those that SERIAL columns had may still be there; nothing looks at them."""
    schema, warnings = found
    return {key: schema[key] for key in schema if not key.startswith("sequence ")}, warnings
